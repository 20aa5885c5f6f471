//! A segment that was written and then harmed. See `sheaf_store::fuzzing::harmed_segment`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| sheaf_store::fuzzing::harmed_segment(bytes));
