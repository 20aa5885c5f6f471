//! Where Automerge may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs something that may panic on hostile input, and gives the panic's message if it does.
///
/// What the closure was changing must be thrown away after a panic: it may be in any state.
pub(crate) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "no reason given".to_owned());
        text.lines().next().unwrap_or_default().chars().take(300).collect()
    })
}
