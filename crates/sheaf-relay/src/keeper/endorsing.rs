//! Members' words on checkpoints: who has checked which (C2).
//!
//! A relay cannot check a checkpoint itself, so it goes by those who can. One word of each person on a checkpoint is enough,
//! and a few persons. A word may come before what it is about; of such a member has one at a time, so that nobody's words on
//! what does not exist keep out those on what does.

use sheaf_access::{AccessState, DeviceId, EntryHash, PersonId, SpaceId};
use sheaf_log::{Endorsement, Entry, Kind};
use sheaf_store::{StoreError, Table};

use super::checkpoints::{Checkpoints, held_key};
use super::{Keeper, Space};

/// Somebody's word on one: space, checkpoint, device.
pub(super) const ENDORSED: &[u8] = b"endorsed/";
/// How many persons' words on one checkpoint are kept.
const PERSONS: usize = 8;
/// How many words on what is not here are remembered of a space.
const EARLY: usize = 256;

/// The words that are known.
#[derive(Default)]
pub struct Endorsements {
    /// On checkpoints that are here: one of each person.
    known: Vec<Endorsement>,
    /// On what is not here yet: the last of each person, or of each device, where nobody's person is known yet.
    early: Vec<Endorsement>,
}

impl Endorsements {
    /// The words on checkpoints that are here, to be passed on.
    pub fn known(&self) -> &[Endorsement] {
        &self.known
    }

    fn on(&self, checkpoint: EntryHash) -> impl Iterator<Item = &Endorsement> {
        self.known.iter().chain(&self.early).filter(move |one| one.checkpoint == checkpoint)
    }

    /// Takes in a word on something that is here. Answers whether it is news.
    fn know(&mut self, one: Endorsement, access: Option<&AccessState>) -> bool {
        let of_it = self.known.iter().filter(|other| other.checkpoint == one.checkpoint);
        let news = of_it.clone().count() < PERSONS && !of_it.clone().any(|other| same(access, other, &one));
        if news {
            self.known.push(one);
        }
        news
    }

    /// Remembers a word on something that is not here. Answers whether it is news, and those that gave way to it.
    fn hear_early(&mut self, one: Endorsement, access: Option<&AccessState>) -> (bool, Vec<Endorsement>) {
        if self.early.contains(&one) {
            return (false, Vec::new());
        }
        let (mut gone, kept): (Vec<_>, _) =
            std::mem::take(&mut self.early).into_iter().partition(|other| same(access, other, &one));
        self.early = kept;
        gone.extend(self.early.drain(..self.early.len().saturating_sub(EARLY - 1)));
        self.early.push(one);
        (true, gone)
    }

    /// A checkpoint is here now: what was said on it before is known. Answers that.
    fn arrived(&mut self, checkpoint: EntryHash, access: Option<&AccessState>) -> Vec<Endorsement> {
        let (on_it, others) = std::mem::take(&mut self.early).into_iter().partition(|one| one.checkpoint == checkpoint);
        self.early = others;
        let on_it: Vec<Endorsement> = on_it;
        on_it.into_iter().filter(|one| self.know(*one, access)).collect()
    }

    fn forget(&mut self, checkpoint: EntryHash) -> Vec<Endorsement> {
        let (gone, kept) = std::mem::take(&mut self.known).into_iter().partition(|one| one.checkpoint == checkpoint);
        self.known = kept;
        gone
    }
}

/// Whether two words are one person's.
fn same(access: Option<&AccessState>, one: &Endorsement, other: &Endorsement) -> bool {
    let person = |of: &Endorsement| access.and_then(|access| access.person_of(&of.device));
    one.device == other.device || person(one).is_some_and(|person_of_one| Some(person_of_one) == person(other))
}

impl Checkpoints {
    /// Whether somebody other than its author's person has endorsed a checkpoint, or there is nobody else (C2).
    pub fn is_endorsed(&self, entry: EntryHash, by: DeviceId, access: &AccessState) -> bool {
        let author = access.person_of(&by);
        let other = |person: Option<PersonId>| person.is_some() && person != author;
        access.members().len() <= 1 || self.endorsements.on(entry).any(|one| other(access.person_of(&one.device)))
    }
}

impl Keeper {
    /// Somebody's word on a checkpoint of a space, if it is one and theirs to give.
    fn word(space: &Space, bytes: &[u8]) -> Option<Endorsement> {
        let one = Endorsement::verify(bytes).ok().filter(|one| one.space == space.id)?;
        // Of a space that is still to come, it is not known yet who is a member; it is asked when it matters.
        let stranger = space.access().is_some_and(|access| access.role_of(&one.device).is_none());
        (!stranger).then_some(one)
    }

    /// A checkpoint's entry, if that is here and the checkpoint is not held: whoever says something on it may have what it lacks.
    fn not_held(&self, space: &Space, checkpoint: EntryHash) -> Result<Option<Entry>, StoreError> {
        if space.checkpoints().held.iter().any(|kept| kept.entry == checkpoint) {
            return Ok(None);
        }
        let Some((log, seq)) = self.store.by_hash(space.id, checkpoint)? else { return Ok(None) };
        let entry = self.store.entry(space.id, log, seq)?;
        Ok(entry.filter(|entry| entry.header().kind == Kind::Checkpoint))
    }

    /// Whether somebody's word on a checkpoint is one that is to be said to all relays of a cluster; and the checkpoint's entry, if
    /// that is here and it is not held.
    pub fn weigh(&self, space: &Space, bytes: &[u8]) -> Result<(bool, Option<Entry>), StoreError> {
        let Some(one) = Self::word(space, bytes) else { return Ok((false, None)) };
        let known = space.checkpoints().endorsements.on(one.checkpoint).any(|known| *known == one);
        Ok((!known, self.not_held(space, one.checkpoint)?))
    }

    /// Takes in somebody's word on a checkpoint. Answers whether it is news, to be passed on; and the checkpoint's entry, if
    /// that is here and it is not held.
    pub fn endorsed(&self, space: &Space, bytes: &[u8]) -> Result<(bool, Option<Entry>), StoreError> {
        let Some(one) = Self::word(space, bytes) else { return Ok((false, None)) };
        let access = space.access();
        let entry = self.not_held(space, one.checkpoint)?;
        let mut checkpoints = space.checkpoints();
        let here = entry.is_some() || checkpoints.held.iter().any(|kept| kept.entry == one.checkpoint);
        let words = &mut checkpoints.endorsements;
        let (news, gone) = if here {
            (words.know(one, access.as_deref()), Vec::new())
        } else {
            words.hear_early(one, access.as_deref())
        };
        drop(checkpoints);
        if news {
            // An early one too: it may have come from a stream, which does not say it again.
            self.put_endorsement(&one)?;
        }
        gone.iter().try_for_each(|gone| self.store.delete(Table::Spaces, &key(gone)))?;
        Ok((news && here, entry))
    }

    /// What is known of what members have said on a checkpoint.
    pub(super) fn words_on(space: &Space, checkpoint: EntryHash) -> Vec<Vec<u8>> {
        space.checkpoints().endorsements.on(checkpoint).take(PERSONS).map(Endorsement::encode).collect()
    }

    /// A checkpoint is here: what was said on it before counts from now on. Answers whether anything was.
    pub fn endorsed_before(&self, space: &Space, checkpoint: EntryHash) -> Result<bool, StoreError> {
        let access = space.access();
        let known = space.checkpoints().endorsements.arrived(checkpoint, access.as_deref());
        known.iter().try_for_each(|one| self.put_endorsement(one))?;
        Ok(!known.is_empty())
    }

    /// A checkpoint is held no more.
    pub(super) fn forget_endorsements(&self, space: &Space, checkpoint: EntryHash) -> Result<(), StoreError> {
        let gone = space.checkpoints().endorsements.forget(checkpoint);
        gone.iter().try_for_each(|one| self.store.delete(Table::Spaces, &key(one)))
    }

    fn put_endorsement(&self, one: &Endorsement) -> Result<(), StoreError> {
        self.store.put(Table::Spaces, &key(one), &one.encode())
    }

    /// The words that are kept of a space.
    pub(super) fn load_endorsements(&self, id: SpaceId) -> Result<Endorsements, StoreError> {
        let rows = self.store.scan(Table::Spaces, &[ENDORSED, id.as_bytes()].concat())?;
        let mut words = Endorsements::default();
        for one in rows.iter().filter_map(|(_, bytes)| Endorsement::verify(bytes).ok()) {
            // What is held has a row; so has its entry, where that is here.
            let held = self.store.get(Table::Spaces, &held_key(id, one.checkpoint))?.is_some();
            let here = held || self.store.by_hash(id, one.checkpoint)?.is_some();
            if here { &mut words.known } else { &mut words.early }.push(one);
        }
        Ok(words)
    }
}

fn key(one: &Endorsement) -> Vec<u8> {
    [ENDORSED, one.space.as_bytes(), one.checkpoint.as_bytes(), one.device.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use sheaf_access::DeviceKeys;

    use super::*;

    const SPACE: SpaceId = SpaceId::from_bytes([1; 32]);

    fn word(on: u16, device: &DeviceKeys) -> Endorsement {
        let hash = blake3::hash(&on.to_le_bytes());
        Endorsement::sign(SPACE, EntryHash::from_bytes(*hash.as_bytes()), device)
    }

    #[test]
    fn words_on_what_is_not_here_keep_out_no_others() {
        let [liar, honest] = [(); 2].map(|()| DeviceKeys::generate(&mut rand::rng()));
        let mut words = Endorsements::default();
        words.hear_early(word(7, &honest), None);
        for on in 100..1_000 {
            words.hear_early(word(on, &liar), None);
        }
        assert_eq!(words.early.len(), 2, "the last of each");
        let seven = word(7, &honest).checkpoint;
        assert_eq!(words.arrived(seven, None), [word(7, &honest)]);
        assert_eq!(words.known(), [word(7, &honest)]);
        assert!(words.arrived(seven, None).is_empty());
        assert!(!words.know(word(7, &honest), None), "it is known");
        assert_eq!(words.forget(seven).len(), 1);
        assert!(words.known().is_empty());
    }

    #[test]
    fn a_few_words_on_each_checkpoint_are_enough() {
        let mut words = Endorsements::default();
        for on in 0..40 {
            for _ in 0..PERSONS + 4 {
                words.know(word(on, &DeviceKeys::generate(&mut rand::rng())), None);
            }
        }
        assert_eq!(words.known().len(), 40 * PERSONS);
        for _ in 0..EARLY + 50 {
            words.hear_early(word(1, &DeviceKeys::generate(&mut rand::rng())), None);
        }
        assert_eq!(words.early.len(), EARLY);
    }
}
