//! Any text is Markdown; written and read again it says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_document::{export, import};

fuzz_target!(|text: &str| {
    let read = import::markdown(text);
    assert_eq!(import::markdown(&export::markdown(&read)), read);
});
