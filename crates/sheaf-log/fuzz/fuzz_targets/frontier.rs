//! Whatever decodes as a frontier is one: a second reading of what it is written as has the same digest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_log::Frontier;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frontier) = postcard::from_bytes::<Frontier>(bytes) {
        let again: Frontier = postcard::from_bytes(&postcard::to_allocvec(&frontier).unwrap()).unwrap();
        assert_eq!(again.digest(), frontier.digest());
    }
});
