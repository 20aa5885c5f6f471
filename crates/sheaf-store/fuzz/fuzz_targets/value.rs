//! Any bytes as a value of the store. See `sheaf_store::fuzzing::value`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| sheaf_store::fuzzing::value(bytes));
