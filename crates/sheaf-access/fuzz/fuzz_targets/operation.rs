//! Whatever decodes as an operation has one encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_access::AccessOp;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(operation) = AccessOp::decode(bytes) {
        assert_eq!(operation.encode(), bytes);
    }
});
