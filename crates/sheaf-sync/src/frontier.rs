//! Stand-in for the frontier of sheaf-log until it is there.
#![allow(missing_docs)]
use std::collections::BTreeMap;

use sheaf_access::LogId;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier(BTreeMap<LogId, u64>);

impl Frontier {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn get(&self, log: &LogId) -> u64 {
        self.0.get(log).copied().unwrap_or(0)
    }
    pub fn advance(&mut self, log: LogId, seq: u64) {
        let held = self.0.entry(log).or_default();
        *held = seq.max(*held);
    }
    pub fn iter(&self) -> impl Iterator<Item = (LogId, u64)> + '_ {
        self.0.iter().map(|(log, seq)| (*log, *seq))
    }
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("sheaf frontier");
        for (log, seq) in &self.0 {
            hasher.update(log.device.as_bytes());
            hasher.update(&log.nonce.to_le_bytes());
            hasher.update(&seq.to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}
