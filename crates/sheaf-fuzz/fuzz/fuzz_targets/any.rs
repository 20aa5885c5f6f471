//! One target of sheaf-fuzz, the one that `SHEAF_FUZZ` names: one program for all, so that it is built once.
#![no_main]

use std::panic::catch_unwind;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use sheaf_fuzz::Target;

static TARGET: OnceLock<&Target> = OnceLock::new();

fn chosen() -> &'static Target {
    let name = std::env::var("SHEAF_FUZZ").unwrap_or_default();
    let Some(target) = sheaf_fuzz::target(&name) else {
        let names: Vec<&str> = sheaf_fuzz::targets().map(|target| target.name).collect();
        eprintln!("SHEAF_FUZZ must name one of: {}", names.join(" "));
        std::process::exit(2);
    };
    // libFuzzer's own hook would take panics for findings that are caught and answered.
    sheaf_fuzz::be_quiet();
    target
}

fuzz_target!(|bytes: &[u8]| {
    let target = TARGET.get_or_init(chosen);
    if let Err(panic) = catch_unwind(|| (target.run)(bytes)) {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        eprintln!("{}: {}", target.name, words.or_else(|| panic.downcast_ref().copied()).unwrap_or_default());
        std::process::abort();
    }
});
