//! Whatever decodes as a map has one encoding, and the same root as if set step by step.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_log::Mine;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mine) = Mine::decode(bytes) {
        assert_eq!(mine.encode(), bytes);
        let mut steps = Mine::new();
        for (key, seq, change) in mine.iter() {
            steps.set(key, seq, change);
        }
        assert_eq!(steps.root(), mine.root());
    }
});
