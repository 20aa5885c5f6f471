//! Letting an entry in: everything that its header shows to be right or wrong, before anything is opened.
//!
//! The verdict is the same on every device that holds what the entry names, whenever it arrives: it is made from the
//! entry's own past alone (L2, A4, A5). What fails for want of something is refused with what is missing, and offered
//! again; what fails for good names its rule.
//!
//! After [`admit`] says yes, the entry is stored; and if it is an access entry, it is added to the access history.

use std::collections::BTreeSet;
use std::sync::Arc;

use sheaf_access::{AccessHistory, AccessState, DeviceId, EntryHash, EpochId, LogId, Missing};

use crate::entry::Entry;
use crate::frontier::Range;
use crate::header::{EntryRef, Header, Kind};
use crate::refusal::{Lacking, Refusal};
use crate::room;

/// What admission wants to know of an entry that is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldEntry {
    /// Its hash.
    pub hash: EntryHash,
    /// What it is for.
    pub kind: Kind,
    /// The access entries that its author knew.
    pub access_heads: Arc<[EntryHash]>,
}

impl From<&Entry> for HeldEntry {
    fn from(entry: &Entry) -> Self {
        let header = entry.header();
        Self { hash: entry.hash(), kind: header.kind, access_heads: header.access_heads.as_slice().into() }
    }
}

impl HeldEntry {
    /// The access entries that were known once this entry was there.
    fn access_after(&self) -> Vec<EntryHash> {
        let mut heads = self.access_heads.to_vec();
        if self.kind == Kind::Access {
            heads.push(self.hash);
        }
        heads
    }
}

/// What is held of a space: a store, or an index of one. Reading may fail, and that is not a verdict.
pub trait Held {
    /// Why reading failed.
    type Error;

    /// How far a log is held: its highest sequence number, 0 for none.
    fn height(&self, log: &LogId) -> Result<u64, Self::Error>;

    /// The entry in a place of a log, if it is held.
    fn at(&self, log: &LogId, seq: u64) -> Result<Option<HeldEntry>, Self::Error>;

    /// An entry of a branch of a forked log that is kept beside it (L6), if this is one.
    fn branch(&self, _on: &EntryRef) -> Result<Option<HeldEntry>, Self::Error> {
        Ok(None)
    }

    /// Whether a place of a log is covered by a held checkpoint (C3): it counts as held, whether or not the entry is.
    fn covered(&self, _log: &LogId, _seq: u64) -> Result<bool, Self::Error> {
        Ok(false)
    }

    /// How many logs there are in the space.
    fn logs(&self) -> Result<usize, Self::Error>;

    /// How many logs these devices have in the space.
    fn logs_of(&self, devices: &BTreeSet<DeviceId>) -> Result<usize, Self::Error>;

    /// Whether something that was not let in builds on this entry, or on others of its log (see [`Needed`](crate::Needed)).
    fn is_needed(&self, _entry: &Entry) -> bool {
        false
    }
}

/// How an entry stands that nothing speaks against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admitted {
    /// It is the next of its log: store it.
    New,
    /// It is here already: nothing to do (N3).
    Duplicate,
}

/// Why an entry is not let in.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum NotAdmitted<E> {
    /// A verdict.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No verdict: what is held could not be read. Try again.
    #[error("what is held could not be read")]
    Unreadable(E),
}

/// Whether an entry may be held: it is of this space, it follows what is held (L2), it knows no less than its own past
/// (A4, A5), its epoch was writable (E3), and its author might write it, all as its own past alone has it (A2, A5).
pub fn admit<H: Held>(entry: &Entry, held: &H, access: &AccessHistory) -> Result<Admitted, NotAdmitted<H::Error>> {
    let header = entry.header();
    if entry.space() != access.space() {
        return Err(Refusal::OtherSpace.into());
    }
    if let Some(Err(error)) = entry.checkpoint() {
        return Err(Refusal::from(error).into());
    }
    if header.seq == 1 && !room::is_place(&header.log) {
        return Err(Refusal::NoSuchPlace.into());
    }
    let height = held.height(&header.log).map_err(NotAdmitted::Unreadable)?;
    if header.seq <= height {
        return already(entry, held);
    }
    let is_content = header.kind != Kind::Access;
    // Before anything else is read: this verdict needs the access heads alone, and it is for good.
    if is_content && header.access_heads.iter().all(|head| access.contains(head)) {
        check_role(header, &*state_at(header, access)?)?;
    }
    let past = Past::read(header, height, held, access)?;
    past.check(header, access)?;
    if let Some(operation) = entry.access_entry() {
        access.check(&operation.map_err(Refusal::from)?).map_err(Refusal::from)?;
    }
    check_epoch(header, &*state_at(header, access)?)?;
    // Last, for this is no verdict: nothing waits for room that has no right to it.
    if height == 0 {
        room::check(entry, held, access)?;
    }
    Ok(Admitted::New)
}

/// Whether the author of a checkpoint might write it, as its own past has it (A5). Its entry is not admitted like others:
/// what it follows in its log may be what it stands for.
pub fn may_checkpoint(entry: &Entry, access: &AccessHistory) -> Result<(), Refusal> {
    match admit(entry, &Alone(entry.seq()), access) {
        Ok(_) => Ok(()),
        Err(NotAdmitted::Refused(refusal)) => Err(refusal),
        Err(NotAdmitted::Unreadable(never)) => match never {},
    }
}

/// Someone who holds every log up to an entry with this number, and no entry of it: all that it follows is covered.
struct Alone(u64);

impl Held for Alone {
    type Error = std::convert::Infallible;

    fn height(&self, _log: &LogId) -> Result<u64, Self::Error> {
        Ok(self.0.saturating_sub(1))
    }

    fn at(&self, _log: &LogId, _seq: u64) -> Result<Option<HeldEntry>, Self::Error> {
        Ok(None)
    }

    fn covered(&self, _log: &LogId, _seq: u64) -> Result<bool, Self::Error> {
        Ok(true)
    }

    fn logs(&self) -> Result<usize, Self::Error> {
        Ok(0)
    }

    fn logs_of(&self, _devices: &BTreeSet<DeviceId>) -> Result<usize, Self::Error> {
        Ok(0)
    }
}

/// The place is taken: by this very entry, or by another.
fn already<H: Held>(entry: &Entry, held: &H) -> Result<Admitted, NotAdmitted<H::Error>> {
    match held.at(&entry.log(), entry.seq()).map_err(NotAdmitted::Unreadable)? {
        Some(there) if there.hash != entry.hash() => {
            Err(Refusal::Fork { log: entry.log(), seq: entry.seq(), held: there.hash, other: entry.hash() }.into())
        }
        // Below the height and not there: pruned under a checkpoint, which stands for it (C3).
        Some(_) | None => Ok(Admitted::Duplicate),
    }
}

/// The entries that an entry names, as they are held.
struct Past {
    prev: Option<HeldEntry>,
    builds_on: Vec<HeldEntry>,
}

impl Past {
    /// Reads them, or says all that is lacking at once, so that one answer is enough.
    fn read<H: Held>(
        header: &Header,
        height: u64,
        held: &H,
        access: &AccessHistory,
    ) -> Result<Self, NotAdmitted<H::Error>> {
        let mut lacking = Lacking::default();
        let mut past = Self { prev: None, builds_on: Vec::with_capacity(header.builds_on.len()) };
        if header.seq > height + 1 {
            lacking.earlier = Some(Range { log: header.log, from: height + 1, to: header.seq - 1 });
        } else if let Some(named) = header.prev {
            past.prev = held.at(&header.log, header.seq - 1).map_err(NotAdmitted::Unreadable)?;
            if let Some(there) = past.prev.as_ref().filter(|there| there.hash != named) {
                let (log, seq) = (header.log, header.seq - 1);
                return Err(Refusal::Fork { log, seq, held: there.hash, other: named }.into());
            }
        }
        for on in &header.builds_on {
            let there = read_one(on, held)?;
            let named = there.as_ref().is_some_and(|there| there.hash == on.hash);
            let beside = if named { None } else { held.branch(on).map_err(NotAdmitted::Unreadable)? };
            match beside.or(there) {
                Some(there) if there.hash != on.hash => {
                    return Err(Refusal::OtherBranch { on: *on, held: there.hash }.into());
                }
                Some(there) => past.builds_on.push(there),
                // What stands there is vouched for by the checkpoint; its hash is not known any more.
                None if held.covered(&on.log, on.seq).map_err(NotAdmitted::Unreadable)? => {}
                None => lacking.builds_on.push(*on),
            }
        }
        lacking.access = header.access_heads.iter().filter(|head| !access.contains(head)).copied().collect();
        if header.epoch != EpochId::UNBORN && !access.contains(&EntryHash::from_bytes(*header.epoch.as_bytes())) {
            lacking.epoch = Some(header.epoch);
        }
        if lacking.is_empty() { Ok(past) } else { Err(Refusal::Lacking(Box::new(lacking)).into()) }
    }

    /// Access heads never go back: along the log (A4), and over what is built on (A5).
    fn check(&self, header: &Header, access: &AccessHistory) -> Result<(), Refusal> {
        let author = access.known_at(&header.access_heads).map_err(lacking_access)?;
        let knows = |earlier: &HeldEntry| author.includes(&earlier.access_after()).map_err(lacking_access);
        if let Some(prev) = &self.prev
            && !knows(prev)?
        {
            return Err(Refusal::Backwards);
        }
        for on in &self.builds_on {
            if !knows(on)? {
                return Err(Refusal::BelowItsPast);
            }
        }
        Ok(())
    }
}

fn read_one<H: Held>(on: &EntryRef, held: &H) -> Result<Option<HeldEntry>, NotAdmitted<H::Error>> {
    held.at(&on.log, on.seq).map_err(NotAdmitted::Unreadable)
}

fn lacking_access(missing: Missing) -> Refusal {
    Refusal::Lacking(Box::new(Lacking { access: missing.0, ..Lacking::default() }))
}

fn state_at(header: &Header, access: &AccessHistory) -> Result<Arc<AccessState>, Refusal> {
    access.state_at(&header.access_heads).map_err(lacking_access)
}

fn check_role(header: &Header, state: &AccessState) -> Result<(), Refusal> {
    let role = state.role_of(&header.log.device).ok_or(Refusal::NotAMember)?;
    if role < header.kind.wants() { Err(Refusal::Role { role, kind: header.kind }) } else { Ok(()) }
}

/// Nothing is sealed in an access entry, so its epoch need only be one that is known: where no epoch is writable, the way out
/// is an access entry.
fn check_epoch(header: &Header, state: &AccessState) -> Result<(), Refusal> {
    let fits = if header.is_creation() {
        header.epoch == EpochId::UNBORN
    } else if header.kind == Kind::Access {
        header.epoch == EpochId::UNBORN || state.epoch(&header.epoch).is_some()
    } else {
        state.is_writable(&header.epoch)
    };
    if fits { Ok(()) } else { Err(Refusal::Epoch) }
}
