//! No bytes are a receipt that nobody signed, and one that is reads as it was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_log::Receipt;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(receipt) = Receipt::verify(bytes) {
        assert_eq!(receipt.encoded(), bytes);
    }
});
