//! Any text is HTML; what was read can be written in every format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_document::{export, import};

fuzz_target!(|text: &str| {
    let read = import::html(text);
    export::markdown(&read);
    export::plain(&read);
    import::html(&export::html("", &read));
});
