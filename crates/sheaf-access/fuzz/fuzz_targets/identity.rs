//! Whatever is read as an identity is stored as one that reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_access::Identity;

fuzz_target!(|text: &str| {
    if let Ok(identity) = Identity::from_secret_text(text) {
        let back = Identity::from_secret_text(&identity.to_secret_text()).unwrap();
        assert_eq!(back.certificate, identity.certificate);
    }
});
