//! Whatever is read from a link is written as one that reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_access::InvitationLink;

fuzz_target!(|text: &str| {
    for text in [text.to_owned(), format!("sheaf://join/{text}")] {
        if let Ok(link) = text.parse::<InvitationLink>() {
            assert_eq!(link.to_text().unwrap().parse(), Ok(link));
        }
    }
});
