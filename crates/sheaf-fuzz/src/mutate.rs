//! Small harms to bytes, the same for the same seed.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Numbers that lengths and counts go wrong at.
const EDGES: [&[u8]; 6] =
    [&[0], &[0x7f], &[0xff; 4], &[0x80, 0x80, 0x80, 0x80, 0x08], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0xff; 10]];

/// Makes new inputs of given ones.
pub struct Mutator(ChaCha20Rng);

impl Mutator {
    /// With its own row of random numbers.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    /// One of the inputs, harmed in one to four ways.
    pub fn next(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = inputs.get(self.below(inputs.len())).cloned().unwrap_or_default();
        for _ in 0..=self.below(4) {
            self.harm(&mut bytes, inputs);
        }
        bytes
    }

    fn harm(&mut self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        match self.below(7) {
            0 => bytes.truncate(at),
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (self.0.next_u32() % 8);
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.0.next_u32() as u8;
                }
            }
            3 => {
                let end = (at + 1 + self.below(8)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let length = 1 + self.below(8);
                let more: Vec<u8> = (0..length).map(|_| self.0.next_u32() as u8).collect();
                bytes.splice(at..at, more);
            }
            5 => {
                let edge = EDGES[self.below(EDGES.len())];
                let end = (at + edge.len()).min(bytes.len());
                bytes.splice(at..end, edge.iter().copied());
            }
            _ => {
                let Some(other) = inputs.get(self.below(inputs.len())) else { return };
                let from = self.below(other.len() + 1);
                let to = (from + self.below(64)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
}
