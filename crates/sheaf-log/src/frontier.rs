//! Frontiers: how much of each log of a space is held. A version vector.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sheaf_access::{EntryHash, LogId};

use crate::domain;
use crate::header::MAX_SEQ;
use crate::room::MAX_LOGS;

/// For each log of a space, the highest sequence number held; a log that is not in it is not held at all.
///
/// Encoded as a map in the order of the logs; one that is out of order, has a zero or a number beyond [`MAX_SEQ`], or more logs than a space may have,
/// does not decode.
#[derive(Clone, Default)]
pub struct Frontier {
    logs: BTreeMap<LogId, u64>,
    digest: OnceLock<FrontierDigest>,
}

/// A hash of a frontier: equal for equal frontiers, however they came about (N2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrontierDigest([u8; 32]);

impl FrontierDigest {
    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Of logs in their order, each with how far it is held and, where that is known, the entry there: so two devices that
    /// hold two branches of one log see that they differ, though they hold as much of it (L6).
    pub fn with_tips(logs: impl IntoIterator<Item = (LogId, u64, Option<EntryHash>)>) -> Self {
        let mut bytes = Vec::new();
        for (log, seq, tip) in logs {
            bytes.extend_from_slice(log.device.as_bytes());
            bytes.extend_from_slice(&log.nonce.to_le_bytes());
            bytes.extend_from_slice(&seq.to_le_bytes());
            bytes.extend_from_slice(&tip.map_or([0; 32], |tip| *tip.as_bytes()));
        }
        Self(domain::hash(domain::TIPS, &[&bytes]))
    }
}

impl fmt::Debug for FrontierDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrontierDigest(")?;
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// Entries of one log, from one place to another, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Range {
    /// The log.
    pub log: LogId,
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

impl Frontier {
    /// The frontier of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The highest sequence number held of a log; 0 for none.
    pub fn get(&self, log: &LogId) -> u64 {
        self.logs.get(log).copied().unwrap_or(0)
    }

    /// Raises a log to a sequence number. It never lowers one. True if that changed anything.
    pub fn advance(&mut self, log: LogId, seq: u64) -> bool {
        if seq <= self.get(&log) {
            return false;
        }
        self.logs.insert(log, seq);
        self.digest = OnceLock::new();
        true
    }

    /// Raises every log to what the other has. True if that changed anything.
    pub fn merge(&mut self, other: &Self) -> bool {
        other.logs.iter().fold(false, |changed, (log, seq)| self.advance(*log, *seq) | changed)
    }

    /// Whether all that the other holds is held here.
    pub fn covers(&self, other: &Self) -> bool {
        other.logs.iter().all(|(log, seq)| self.get(log) >= *seq)
    }

    /// Whether an entry is held.
    pub fn holds(&self, log: &LogId, seq: u64) -> bool {
        self.get(log) >= seq
    }

    /// What is held here and not there, log by log.
    pub fn beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Range> + 'a {
        self.logs.iter().filter_map(|(log, seq)| {
            let held = other.get(log);
            (held < *seq).then_some(Range { log: *log, from: held + 1, to: *seq })
        })
    }

    /// How many entries are held here and not there.
    pub fn entries_beyond(&self, other: &Self) -> u64 {
        self.beyond(other).map(|range| range.to - range.from + 1).fold(0, u64::saturating_add)
    }

    /// How many entries it stands for, of all logs.
    pub fn entries(&self) -> u128 {
        self.logs.values().map(|seq| u128::from(*seq)).sum()
    }

    /// The logs, in order, with the highest sequence number held of each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&LogId, u64)> {
        self.logs.iter().map(|(log, seq)| (log, *seq))
    }

    /// How many logs there are.
    pub fn len(&self) -> usize {
        self.logs.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// A hash by which two devices see at once that they hold the same.
    pub fn digest(&self) -> FrontierDigest {
        *self.digest.get_or_init(|| {
            let mut bytes = Vec::with_capacity(self.logs.len() * 48);
            for (log, seq) in &self.logs {
                bytes.extend_from_slice(log.device.as_bytes());
                bytes.extend_from_slice(&log.nonce.to_le_bytes());
                bytes.extend_from_slice(&seq.to_le_bytes());
            }
            FrontierDigest(domain::hash(domain::FRONTIER, &[&bytes]))
        })
    }
}

impl PartialEq for Frontier {
    fn eq(&self, other: &Self) -> bool {
        self.logs == other.logs
    }
}

impl Eq for Frontier {}

impl fmt::Debug for Frontier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.logs.iter()).finish()
    }
}

impl FromIterator<(LogId, u64)> for Frontier {
    fn from_iter<I: IntoIterator<Item = (LogId, u64)>>(logs: I) -> Self {
        let mut frontier = Self::new();
        for (log, seq) in logs {
            frontier.advance(log, seq);
        }
        frontier
    }
}

impl Serialize for Frontier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.logs)
    }
}

impl<'de> Deserialize<'de> for Frontier {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Logs;

        impl<'de> Visitor<'de> for Logs {
            type Value = Frontier;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_LOGS} logs in order, each with a sequence number from 1 to {MAX_SEQ}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Frontier, A::Error> {
                if map.size_hint().is_some_and(|logs| logs > MAX_LOGS) {
                    return Err(de::Error::custom("more logs than a space may have"));
                }
                let mut logs: BTreeMap<LogId, u64> = BTreeMap::new();
                while let Some((log, seq)) = map.next_entry::<LogId, u64>()? {
                    let in_order = logs.last_key_value().is_none_or(|(last, _)| *last < log);
                    if !in_order || !(1..=MAX_SEQ).contains(&seq) || logs.len() >= MAX_LOGS {
                        return Err(de::Error::custom("not a frontier in its canonical form"));
                    }
                    logs.insert(log, seq);
                }
                Ok(Frontier { logs, digest: OnceLock::new() })
            }
        }

        deserializer.deserialize_map(Logs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sheaf_access::DeviceId;

    #[test]
    fn numbers_beyond_the_last_place_are_no_frontier_and_the_highest_can_be_added_up() {
        let log = |nonce| LogId { device: DeviceId::from_bytes([1; 32]), nonce };
        let of = |seq| -> Frontier { (0..MAX_LOGS as u64).map(|nonce| (log(nonce), seq)).collect() };
        let bytes = |seq| postcard::to_stdvec(&of(seq)).expect("memory can be written");
        let most: Frontier = postcard::from_bytes(&bytes(MAX_SEQ)).expect("the highest place there is");
        assert_eq!(most.entries(), u128::from(MAX_SEQ) * MAX_LOGS as u128);
        for seq in [MAX_SEQ + 1, u64::MAX] {
            assert!(postcard::from_bytes::<Frontier>(&bytes(seq)).is_err());
        }
    }
}
