//! Any bytes as a segment of the journal. See `sheaf_store::fuzzing::segment`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| sheaf_store::fuzzing::segment(bytes));
