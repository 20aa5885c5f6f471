//! Entries from others: verified, admitted, stored. And entries for others: read in the order they arrived.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sheaf_access::{Binding, DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::{
    Admitted, Entry, EntryRef, Frontier, Held, HeldEntry, Needed, NotAdmitted, Range, Refusal, Unverified, admit,
};
use sheaf_store::{Arrival, Store, StoreError};
use sheaf_sync::branches::suspect;
use sheaf_sync::{EntryBytes, Item, NotNow, Outcome, Verdict};

use crate::core::{Core, READ};
use crate::document::Message;
use crate::forks::{Forks, Suspicion};
use crate::network::{Input, item};
use crate::space::{Space, State};
use crate::view::NodeEvent;

/// How much of what points to forks is followed up, of one delivery.
const SUSPICIONS: usize = 64;

impl Core {
    /// Takes in entries that a peer has sent, and says what became of each. Blocks.
    pub fn accept(&self, id: SpaceId, from: DeviceId, entries: &[EntryBytes]) -> Vec<Outcome> {
        let Some(space) = self.space(id) else {
            return vec![Outcome::Refused(sheaf_sync::Refusal::NotNow(NotNow::Busy)); entries.len()];
        };
        let mut found = Vec::new();
        let (outcomes, first) = self.accept_into(&space, from, entries, &mut found);
        self.refused_of(from, &outcomes);
        self.open_new(&space, first);
        for suspicion in found.into_iter().take(SUSPICIONS) {
            self.suspect(&space, from, suspicion);
        }
        if first.is_some() {
            self.ask_again(&space);
        }
        outcomes
    }

    fn accept_into(
        &self,
        space: &Space,
        from: DeviceId,
        entries: &[EntryBytes],
        found: &mut Vec<Suspicion>,
    ) -> (Vec<Outcome>, Option<Arrival>) {
        // Signatures are checked before the space is locked, for that is what takes long.
        let verified: Vec<_> = entries.iter().map(verify).collect();
        if verified.iter().flatten().any(takes_something) {
            // What was typed before this was heard is sealed as that (A6).
            self.seal_what_is_typed(space.id);
        }
        let mut outcomes = Vec::with_capacity(entries.len());
        let (mut new, mut access, mut first) = (Vec::new(), false, None);
        {
            let me = self.me().ok();
            let mut state = space.lock();
            let before = me.as_ref().and_then(|me| state.before_hearing(me));
            let mut held = match HeldHere::new(&*self.store, &state, space) {
                Ok(held) => held,
                Err(error) => return (vec![not_now(&error); entries.len()], None),
            };
            let own_log = state.log.id;
            for entry in verified {
                let outcome = match entry {
                    Ok(entry) => match self.unwelcome(&state, from, &entry) {
                        Some(refused) => refused,
                        None => judge(&mut state, &mut held, space.id, entry, (&mut new, found), &mut access),
                    },
                    Err(outcome) => outcome,
                };
                outcomes.push(outcome);
            }
            if state.log.id != own_log
                && let Err(error) = self.put_log(space.id, state.log.id)
            {
                tracing::error!(%error, "that a new log was opened is not written down");
            }
            // An own entry can build on the changes in these only when they have been stored and opened. But it names the
            // access entries that are known, so if there are some the space stays locked until they are stored.
            let mut locked = access.then_some(state);
            if !new.is_empty() {
                match self.store_entries(space, Some(from), &new) {
                    Ok(arrivals) => first = arrivals.into_iter().min(),
                    Err(error) => {
                        tracing::error!(%error, "received entries are not stored");
                        // The access state is ahead of the store now, by entries that will come again; adding them twice
                        // is harmless.
                        return (vec![not_now(&error); entries.len()], None);
                    }
                }
            }
            if let (Some(state), Some(me)) = (&mut locked, me) {
                state.take_keys(&me);
                state.heard(&me, before);
            }
        }
        if access {
            self.access_changed(space);
        }
        if !new.is_empty() {
            let (space, device) = (space.id.to_string(), from.to_string());
            self.say(NodeEvent::Received { space, device, entries: new.len() });
        }
        (outcomes, first)
    }

    /// Whether an entry is a redemption that its own device brings, and comes too late or is one too many (I3a).
    fn unwelcome(&self, state: &State, from: DeviceId, entry: &Entry) -> Option<Outcome> {
        if entry.log().device != from {
            return None;
        }
        let (Some(Ok(operation)), Some(history)) = (entry.access_entry(), &state.access) else { return None };
        let verdict = match self.check_redemption(&operation, history.now()).err()? {
            Binding::Expired => Verdict::INVITATION_EXPIRED,
            Binding::UsedUp => Verdict::INVITATION_USED_UP,
            Binding::Closed => Verdict::INVITATION_CLOSED,
        };
        Some(Outcome::Refused(sheaf_sync::Refusal::Never(verdict)))
    }

    /// Someone came, or a key did: finish a redemption that waits, and show the space to whoever may see it now.
    pub fn access_changed(&self, space: &Space) {
        // What was written to join is stored before it is looked for, to be passed on.
        if self.finish_joining(space)
            && let Err(error) = self.flush()
        {
            tracing::warn!(%error, space = %space.id, "that this person has joined is not stored yet");
        }
        self.note_removal(space);
        self.devices.wake();
        if let Err(error) = self.say_floors(space) {
            tracing::warn!(%error, space = %space.id, "checkpoints cannot be offered");
        }
        self.tell_documents(space.id, |_| Message::Access);
        self.let_destroyed_go(space);
        self.tell_network(Input::Members { space: space.id });
        self.upkeep.touch(space.id);
        self.say(NodeEvent::Spaces);
    }

    /// Reads stored entries; a store that is being put in order is asked again.
    fn read_patiently(&self, space: SpaceId, after: Arrival) -> Option<Vec<(Arrival, Entry)>> {
        for _ in 0..4 {
            match self.store.since(space, after, READ) {
                Ok(batch) => return Some(batch),
                Err(error) => tracing::error!(%error, "entries cannot be read for another device"),
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        None
    }

    /// Entries for a peer, in the order they arrived here. Blocks.
    pub fn read_for(
        &self,
        space: SpaceId,
        from_arrival: u64,
        lacking: &[Range],
        max_bytes: usize,
        max_entries: usize,
    ) -> (Vec<Item>, bool) {
        let wanted: HashMap<LogId, &Range> = lacking.iter().map(|range| (range.log, range)).collect();
        let (mut items, mut bytes) = (Vec::new(), 0);
        let mut after = from_arrival.saturating_sub(1);
        loop {
            let Some(batch) = self.read_patiently(space, after) else { return (items, true) };
            let Some((last, _)) = batch.last() else { return (items, true) };
            after = *last;
            for (arrival, entry) in &batch {
                if wanted.get(&entry.log()).is_none_or(|range| entry.seq() < range.from || entry.seq() > range.to) {
                    continue;
                }
                let size = entry.encoded().len();
                if !items.is_empty() && (bytes + size > max_bytes || items.len() >= max_entries) {
                    return (items, false);
                }
                bytes += size;
                items.push(item(*arrival, entry));
            }
        }
    }
}

/// Judges one entry with the space locked. What is to be stored goes to `new`.
fn judge(
    state: &mut State,
    held: &mut HeldHere<'_>,
    space: SpaceId,
    entry: Entry,
    (new, found): (&mut Vec<Entry>, &mut Vec<Suspicion>),
    access: &mut bool,
) -> Outcome {
    let place = Outcome::Held { log: entry.log(), seq: entry.seq() };
    if let Some(forked) = state.forks.get(&entry.log()).filter(|forked| entry.seq() >= forked.at) {
        if forked.is_main(&entry.hash()) {
            return place;
        }
        // The log takes no more; the branch does.
        found.push(Suspicion::Branch(Box::new(entry)));
        return Outcome::Refused(sheaf_sync::Refusal::Never(Verdict::LOG_FORKED));
    }
    let is_access = entry.access_op().is_some();
    match &state.access {
        // The first entry of a space is its name: the hash says whether it is the right one.
        None if entry.space() == space && entry.header().is_creation() => {}
        None => return Outcome::Refused(sheaf_sync::Refusal::Missing { entries: Vec::new() }),
        Some(history) => match admit(&entry, held, history) {
            Ok(Admitted::New) => {}
            Ok(Admitted::Duplicate) => return place,
            Err(NotAdmitted::Refused(refusal)) => {
                if matches!(refusal, Refusal::Fork { log, .. } if log == state.log.id) {
                    state.leave_log(&held.frontier);
                }
                return refused(state, &entry, &refusal, found);
            }
            Err(NotAdmitted::Unreadable(error)) => return not_now(&error),
        },
    }
    if is_access {
        if let Err(refusal) = state.admit_access(&entry) {
            return Outcome::from(&refusal);
        }
        *access = true;
    }
    if entry.log() == state.log.id {
        state.leave_log(&held.frontier);
    }
    held.add(&entry);
    state.builds_on(&entry);
    new.push(entry);
    place
}

/// An entry is not admitted. Where that points to a fork it is said so; and what only waits for a branch comes again.
fn refused(state: &mut State, entry: &Entry, refusal: &Refusal, found: &mut Vec<Suspicion>) -> Outcome {
    if let Some(lacking) = refusal.lacking() {
        Arc::make_mut(&mut state.needed).note(entry, lacking);
    }
    let Some((suspicion, waits)) = suspect(&state.forks, entry, refusal) else { return Outcome::from(refusal) };
    found.push(suspicion);
    if waits { Outcome::Refused(sheaf_sync::Refusal::NotNow(NotNow::Busy)) } else { Outcome::from(refusal) }
}

/// Whether an entry may take something from someone: then what they typed before counts as typed before.
fn takes_something(entry: &Entry) -> bool {
    use sheaf_access::AccessOp::{Create, Invite, Redeem};
    matches!(entry.access_op(), Some(Ok(op)) if !matches!(op, Create { .. } | Invite { .. } | Redeem { .. }))
}

fn verify(bytes: &EntryBytes) -> Result<Entry, Outcome> {
    let verified = Unverified::decode(bytes.as_slice()).and_then(Unverified::verify);
    verified.map_err(|error| Outcome::from(&Refusal::from(error)))
}

fn not_now(error: &StoreError) -> Outcome {
    let why = if matches!(error, StoreError::DiskFull { .. }) { NotNow::DiskFull } else { NotNow::Busy };
    Outcome::Refused(sheaf_sync::Refusal::NotNow(why))
}

/// What is held of a space: the store, and what this batch has added to it.
pub struct HeldHere<'s> {
    store: &'s dyn Store,
    space: SpaceId,
    forks: Arc<Forks>,
    /// What others have built on that was not here.
    needed: Arc<Needed>,
    frontier: Frontier,
    floors: Frontier,
    /// The last headers of covered logs, which stand for the entries (C3).
    headers: HashMap<(LogId, u64), HeldEntry>,
    added: HashMap<(LogId, u64), HeldEntry>,
}

impl<'s> HeldHere<'s> {
    /// As it is now.
    pub fn new(store: &'s dyn Store, state: &State, space: &Space) -> Result<Self, StoreError> {
        let id = space.id;
        let (forks, needed) = (Arc::clone(&state.forks), Arc::clone(&state.needed));
        let headers = space.checkpoints().headers();
        let (frontier, floors) = (store.frontier(id)?, store.floors(id)?);
        Ok(Self { store, space: id, forks, needed, frontier, floors, headers, added: HashMap::new() })
    }

    fn add(&mut self, entry: &Entry) {
        self.frontier.advance(entry.log(), entry.seq());
        self.added.insert((entry.log(), entry.seq()), HeldEntry::from(entry));
    }
}

impl Held for HeldHere<'_> {
    type Error = StoreError;

    fn height(&self, log: &LogId) -> Result<u64, StoreError> {
        Ok(self.frontier.get(log))
    }

    fn at(&self, log: &LogId, seq: u64) -> Result<Option<HeldEntry>, StoreError> {
        if let Some(added) = self.added.get(&(*log, seq)) {
            return Ok(Some(added.clone()));
        }
        // What a checkpoint stands for comes before what is here: where a log is forked, that may be another branch.
        if let Some(covered) = self.headers.get(&(*log, seq)) {
            return Ok(Some(covered.clone()));
        }
        Ok(self.store.entry(self.space, *log, seq)?.as_ref().map(HeldEntry::from))
    }

    fn branch(&self, on: &EntryRef) -> Result<Option<HeldEntry>, StoreError> {
        Ok(self.forks.beside(on).cloned())
    }

    fn covered(&self, log: &LogId, seq: u64) -> Result<bool, StoreError> {
        Ok(self.floors.holds(log, seq))
    }

    fn logs(&self) -> Result<usize, StoreError> {
        Ok(self.frontier.len())
    }

    fn logs_of(&self, devices: &BTreeSet<DeviceId>) -> Result<usize, StoreError> {
        Ok(self.frontier.iter().filter(|(log, _)| devices.contains(&log.device)).count())
    }

    fn is_needed(&self, entry: &Entry) -> bool {
        self.needed.is(entry)
    }
}

/// The reference to an entry that is held.
pub fn reference(store: &dyn Store, space: SpaceId, log: LogId, seq: u64) -> Option<EntryHash> {
    match store.entry(space, log, seq) {
        Ok(entry) => entry.map(|entry| entry.hash()),
        Err(error) => {
            tracing::warn!(%error, "an entry cannot be read");
            None
        }
    }
}
