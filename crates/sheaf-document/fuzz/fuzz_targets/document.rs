//! A whole document from outside: it opens within its limits, or not at all.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use sheaf_document::{Document, limits::LoadLimits};

fuzz_target!(|data: &[u8]| {
    std::panic::set_hook(Box::new(|_| {}));
    let mut bytes = data.to_vec();
    if bytes.len() > 9 {
        let hash = Sha256::digest(&bytes[8..]);
        bytes[4..8].copy_from_slice(&hash[..4]);
    }
    let limits = LoadLimits { bytes: 1 << 20, inflated: 1 << 22, operations: 50_000 };
    if let Ok(document) = Document::load_with(&bytes, &limits) {
        let _ = (document.text(), document.items());
    }
});
