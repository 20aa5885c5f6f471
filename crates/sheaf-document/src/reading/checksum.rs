//! The checksum of the model (W11): the same number here and in the window, or one of them is wrong.
//!
//! FNV-1a over UTF-16 code units, one hash a block, so that an edit costs the block it touches and a fold over the
//! others. It tells honest copies apart; it is no defence against anybody.

use crate::model::{Block, Item, Scalar};

/// What an empty document folds to.
pub const EMPTY: u32 = 2_166_136_261;
const PRIME: u32 = 16_777_619;

/// Whole numbers up to here are exact in a double, and written as decimals.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

struct Fnv(u32);

impl Fnv {
    fn unit(&mut self, unit: u16) {
        self.0 = (self.0 ^ u32::from(unit)).wrapping_mul(PRIME);
    }

    fn text(&mut self, text: &str) {
        if text.is_ascii() {
            for byte in text.bytes() {
                self.unit(u16::from(byte));
            }
        } else {
            for unit in text.encode_utf16() {
                self.unit(unit);
            }
        }
    }

    fn scalar(&mut self, scalar: &Scalar) {
        match scalar {
            Scalar::Null => self.text("n"),
            Scalar::Bool(true) => self.text("t"),
            Scalar::Bool(false) => self.text("f"),
            Scalar::Text(text) => {
                self.text("s");
                self.text(text);
            }
            Scalar::Number(number) if number.fract() == 0.0 && number.abs() <= MAX_EXACT => {
                self.text(&format!("#{}", *number as i64));
            }
            Scalar::Number(number) => self.text(&format!("d{:016x}", number.to_bits())),
        }
    }

    /// The pairs of a map in the order of their keys' UTF-16 units, which is what JavaScript sorts by.
    fn pairs<'a>(&mut self, pairs: impl Iterator<Item = (&'a String, &'a Scalar)>) {
        let mut pairs: Vec<_> = pairs.collect();
        if !pairs.iter().all(|(key, _)| key.is_ascii()) {
            pairs.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        }
        for (key, value) in pairs {
            self.text(key);
            self.unit(2);
            self.scalar(value);
            self.unit(0);
        }
    }

    fn block(&mut self, block: &Block) {
        self.text(&block.kind);
        self.unit(0);
        for (at, parent) in block.parents.iter().enumerate() {
            if at > 0 {
                self.unit(1);
            }
            self.text(parent);
        }
        self.unit(0);
        self.pairs(block.attrs.iter());
    }
}

/// The hash of one block: its marker, if it has one, and what is inside.
pub fn block_hash(marker: Option<&Block>, inside: &[Item]) -> u32 {
    let mut hash = Fnv(EMPTY);
    match marker {
        None => hash.text("-"),
        Some(block) => {
            hash.text("B");
            hash.block(block);
        }
    }
    for item in inside {
        match item {
            Item::Text { text, marks } => {
                hash.text("T");
                hash.pairs(marks.iter());
                hash.unit(3);
                hash.text(text);
            }
            Item::Block { block } | Item::Embed { block } => {
                hash.text("E");
                hash.block(block);
            }
        }
    }
    hash.0
}

/// The checksum of a document from the hashes of its blocks.
pub fn fold(hashes: impl Iterator<Item = u32>) -> u32 {
    hashes.fold(EMPTY, |hash, block| (hash ^ block).wrapping_mul(PRIME))
}

/// The checksum of a row of items. They must be merged as a reading has them; a [`super::Reading`] does both.
pub fn checksum(items: &[Item]) -> u32 {
    super::Reading::from_items(items.iter().cloned()).checksum()
}
