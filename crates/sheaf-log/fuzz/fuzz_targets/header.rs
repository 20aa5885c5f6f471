//! See `sheaf_log::fuzzing::header`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| sheaf_log::fuzzing::header(bytes));
