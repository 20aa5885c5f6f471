//! No bytes are a presence message that nobody signed, and none are too strange to say so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_access::ContentKey;
use sheaf_log::Presence;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(presence) = Presence::verify(bytes) {
        let _ = presence.open(&ContentKey::from_bytes(&[7; 32]));
    }
});
