//! Whatever decodes as an operation has one encoding: the same bytes, or, of the first version, others that say the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_access::AccessOp;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(operation) = AccessOp::decode(bytes) {
        let again = operation.encode();
        if bytes[0] == again[0] {
            assert_eq!(again, bytes);
        } else {
            assert_eq!(AccessOp::decode(&again), Ok(operation));
        }
    }
});
