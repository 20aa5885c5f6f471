//! Every decoder that bytes from outside reach, as a function of bytes that panics when something is wrong.
//!
//! A [`Target`] is such a function, with seeds: real encodings, made here, from which a fuzzer starts. The same functions are
//! run in two ways:
//!
//! - `cargo test -p sheaf-fuzz`: the corpus and a few thousand mutations of it, on any toolchain, in every test run. So no
//!   target can rot.
//! - `cargo xtask test --fuzz`: libFuzzer on each, for as long as wanted. `fuzz/` is the program, a workspace of its own,
//!   because everything in it is built with the coverage that libFuzzer steers by. `cargo fuzz` works on it too: the target
//!   is named by the variable `SHEAF_FUZZ`.
//!
//! What holds of a decoder is said in its target: that it reads back what it writes, that it has one encoding, that what
//! comes out is within its limits. That it does not panic, hang or take much memory holds of all.

mod access;
mod document;
mod log;
mod mutate;
mod node;
mod relay;
mod store;
mod sync;

use std::path::{Path, PathBuf};

pub use mutate::Mutator;

/// Something that reads bytes from outside.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it is called: the crate, and what is read.
    pub name: &'static str,
    /// Reads these bytes.
    pub run: fn(&[u8]),
    /// Real encodings.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub fn targets() -> impl Iterator<Item = &'static Target> {
    [access::TARGETS, log::TARGETS, store::TARGETS, sync::TARGETS, document::TARGETS, node::TARGETS, relay::TARGETS]
        .into_iter()
        .flatten()
}

/// One of them.
pub fn target(name: &str) -> Option<&'static Target> {
    targets().find(|target| target.name == name)
}

/// Where a target's corpus is kept.
pub fn corpus(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// Panics are caught and answered by some of what is tested here; those that get out are told of by whoever runs a target.
pub fn be_quiet() {
    std::panic::set_hook(Box::new(|_| {}));
}

/// Randomness that is the same each time.
fn rng() -> rand_chacha::ChaCha20Rng {
    rand_chacha::rand_core::SeedableRng::seed_from_u64(1)
}

/// Runs something that reads text, on bytes that are.
fn text(bytes: &[u8], read: impl FnOnce(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
}
