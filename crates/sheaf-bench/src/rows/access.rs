//! Who may do what, in a space with a thousand access entries: evaluated from nothing, and one more added.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sheaf_access::{
    AccessEntry, AccessHistory, AccessOp, ContentKey, EntryHash, EpochId, Identity, InvitationSecret, LogId, Removal,
    Role, SpaceId,
};

use super::Context;
use crate::figures::Figures;
use crate::report::Row;

/// How many access entries the space has.
const ENTRIES: usize = 1_000;
/// One of so many newcomers is removed again, which begins an epoch and wraps its key for everyone.
const REMOVED: usize = 25;
/// One of so many is given another role.
const RAISED: usize = 10;

pub fn rows(context: &Context) -> Result<Vec<Row>> {
    let space = Growing::new()?.grown()?;
    let mut entries = space.entries;
    let (members, total) = (space.history.now().members().len(), entries.len());
    let last = entries.pop().context("a thousand entries")?;
    let before = AccessHistory::evaluate(space.id, entries.iter().cloned())?;
    entries.push(last.clone());

    let (mut whole, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..context.samples(20) {
        let cloned = entries.clone();
        let start = Instant::now();
        let history = AccessHistory::evaluate(space.id, cloned)?;
        ensure!(history.now().members().len() == members, "it amounts to the same");
        whole.push(start.elapsed());
        bare.push(signatures(&space.founder, total)?);
    }
    let (mut one, mut bare_one) = (Vec::new(), Vec::new());
    for _ in 0..context.samples(100) {
        let mut history = before.clone();
        let last = last.clone();
        let start = Instant::now();
        history.add(last)?;
        ensure!(history.now().members().len() == members, "it amounts to the same");
        one.push(start.elapsed());
        bare_one.push(signatures(&space.founder, 1)?);
    }
    Ok(vec![
        Row::new("access", format!("{total} access entries, {members} members, from nothing"), Figures::of(&whole))
            .against_p50(format!("Ed25519 verifying {total} signatures"), Figures::of(&bare)),
        Row::new("access-one", "one more access entry in that space", Figures::of(&one))
            .against_p50("Ed25519 verifying one signature", Figures::of(&bare_one)),
    ])
}

/// How long it takes to verify so many signatures, and nothing else.
fn signatures(by: &Identity, count: usize) -> Result<Duration> {
    let message = [7; 32];
    let signature = by.device.sign(&message);
    let start = Instant::now();
    for _ in 0..count {
        by.device.id().verify(&message, &signature)?;
    }
    Ok(start.elapsed())
}

/// A space that someone founded and many join, some of whom are given another role, or removed.
struct Growing {
    id: SpaceId,
    founder: Identity,
    log: LogId,
    seq: u64,
    history: AccessHistory,
    entries: Vec<AccessEntry>,
    keys: Vec<(EpochId, ContentKey)>,
    rng: ChaCha20Rng,
}

impl Growing {
    fn new() -> Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(crate::SEED);
        let founder = Identity::generate(&mut rng);
        let log = LogId { device: founder.device.id(), nonce: 1 };
        let key = ContentKey::generate(&mut rng);
        let creation = AccessEntry {
            hash: hash(0),
            space: SpaceId::UNBORN,
            log,
            seq: 1,
            access_heads: Vec::new(),
            time: 0,
            operation: AccessOp::create(founder.certificate, &key, &mut rng)?,
        };
        let id = SpaceId::from_bytes(*creation.hash.as_bytes());
        let keys = vec![(EpochId::from_bytes(*creation.hash.as_bytes()), key)];
        let history = AccessHistory::found(creation.clone())?;
        Ok(Self { id, founder, log, seq: 1, history, entries: vec![creation], keys, rng })
    }

    fn grown(mut self) -> Result<Self> {
        let mut joined = 0;
        while self.entries.len() < ENTRIES {
            let secret = InvitationSecret::generate(&mut self.rng);
            let under = self.entries[0].hash;
            let op = AccessOp::invite(self.id, under, &secret, Role::Editor, &self.leaves(), &mut self.rng)?;
            self.by_founder(op)?;
            let newcomer = Identity::generate(&mut self.rng);
            let heads = self.history.now().heads().to_vec();
            let keys = self.leaves();
            let op = AccessOp::redeem(self.id, &secret, newcomer.certificate, &heads, &keys, &mut self.rng)?;
            let log = LogId { device: newcomer.device.id(), nonce: 1 };
            self.add(log, 1, op)?;
            joined += 1;
            let founder = self.founder.device.id();
            if joined % REMOVED == 0 {
                let removal = Removal { person: newcomer.certificate.person, leaves: None, watermarks: vec![(log, 1)] };
                let op = AccessOp::remove(&self.history, &founder, removal, &self.keys, &mut self.rng)?;
                self.by_founder(op)?;
                let opened = self.history.now().content_keys(self.founder.device.sealing_secret());
                self.keys = opened;
            } else if joined % RAISED == 0 {
                let (now, person) = (self.history.now(), newcomer.certificate.person);
                let op = AccessOp::grant(now, &founder, person, Role::Owner, &self.keys, &mut self.rng)?;
                self.by_founder(op)?;
            }
        }
        Ok(self)
    }

    /// The keys that a newcomer is given: those of the epochs nothing follows.
    fn leaves(&self) -> Vec<(EpochId, ContentKey)> {
        let leaves = self.history.now().leaf_epochs();
        self.keys.iter().filter(|(epoch, _)| leaves.contains(epoch)).cloned().collect()
    }

    fn by_founder(&mut self, op: AccessOp) -> Result<()> {
        self.seq += 1;
        self.add(self.log, self.seq, op)
    }

    fn add(&mut self, log: LogId, seq: u64, operation: AccessOp) -> Result<()> {
        let heads = self.history.now().heads().to_vec();
        let hash = hash(self.entries.len());
        let entry = AccessEntry { hash, space: self.id, log, seq, access_heads: heads, time: 0, operation };
        self.history.add(entry.clone())?;
        self.entries.push(entry);
        Ok(())
    }
}

/// A name for an entry: its bytes are not looked at here.
fn hash(number: usize) -> EntryHash {
    let mut bytes = [0x5e; 32];
    bytes[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    EntryHash::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_has_a_thousand_entries_that_all_count() {
        let space = Growing::new().unwrap().grown().unwrap();
        assert!(space.entries.len() >= ENTRIES);
        let again = AccessHistory::evaluate(space.id, space.entries.iter().cloned()).unwrap();
        assert_eq!(again.now().members().len(), space.history.now().members().len());
        assert!(again.now().members().len() > 400);
    }
}
