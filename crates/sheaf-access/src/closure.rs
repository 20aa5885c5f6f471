//! Parts of a set of entries that are closed under what the entries name.

/// A set of entries, by the order in which this device got them: an ancestor's bit comes before its descendants'.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// The first so many.
    pub fn first(count: usize) -> Self {
        let mut words = vec![u64::MAX; count / 64];
        if !count.is_multiple_of(64) {
            words.push((1 << (count % 64)) - 1);
        }
        Self(words)
    }

    pub fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    pub fn insert(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}

/// A part of the set that is closed under access heads.
#[derive(Clone, Default)]
pub(crate) struct Closure {
    /// What is in it.
    pub members: Bits,
    /// How far from the creation an entry stands that knows this much, by the longest way.
    pub depth: u32,
}
