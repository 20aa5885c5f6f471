//! Whatever verifies is kept as the bytes it came in. Start it from `tests/fixtures`: `cargo fuzz run entry ../tests/fixtures`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_log::Unverified;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(unverified) = Unverified::decode(bytes) {
        assert_eq!(unverified.size(), bytes.len());
        // The signature cannot be guessed, so what comes after it is reached without.
        if let Ok(entry) = unverified.verified_before() {
            assert_eq!(entry.encoded(), bytes);
            let _ = entry.access_entry();
        }
    }
});
