//! Any bytes are a frame or an error; and what was read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_sync::Frame;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(frame) = Frame::decode(bytes) {
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
    }
});
