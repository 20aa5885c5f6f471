//! A file that is not an Automerge document is an error, and nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_document::import;

fuzz_target!(|bytes: &[u8]| {
    let _ = import::file("a.automerge", bytes);
});
