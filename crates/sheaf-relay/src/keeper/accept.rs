//! Entries from devices: verified, let in, passed on, made durable (R1).
//!
//! All that has gathered of a space is taken in at once, so that however many write, they share one sync of the disk. What a
//! header shows to be wrong is refused here: a signature, a role, a past that is not held (L2), an epoch that was not
//! writable. What is in an entry nobody here can see.
//!
//! What is let in is passed on at once and made durable meanwhile; it is acknowledged when it is. The journal is what makes it
//! durable, and the store is where it is looked up: a relay journals what others wrote as a device journals its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sheaf_access::{Binding, DeviceId};
use sheaf_log::{Admitted, Entry, NotAdmitted, Refusal, Unverified, admit};
use sheaf_store::StoreError;
use sheaf_sync::branches::{Suspicion, suspect};
use sheaf_sync::{EntryBytes, HostingRefusal, Item, NotNow, Outcome, Ticket, Verdict};

use super::accounts::Pending;
use super::held::HeldHere;
use super::read::item;
use super::space::{Space, State};
use super::{Keeper, devices};
use crate::admission::{Ask, Decision};

/// How much of what points to forks is followed up, of one delivery.
const SUSPICIONS: usize = 64;

/// Entries that a device has sent, as the sync machine gave them out.
pub struct Delivered {
    /// Who sent them.
    pub from: DeviceId,
    /// To be given back with the answer. None: another relay passed them on, through the cluster.
    pub ticket: Option<Ticket>,
    /// The entries, unverified.
    pub entries: Vec<EntryBytes>,
}

/// What became of one delivery.
pub struct Accepted {
    /// Who sent it.
    pub from: DeviceId,
    /// As it came.
    pub ticket: Option<Ticket>,
    /// What is durable now and was not before, in order of arrival.
    pub stored: Vec<Item>,
    /// What became of each entry.
    pub outcomes: Vec<Outcome>,
    /// Whether who may do what has changed.
    pub access: bool,
    /// Whether the space is kept here, and why not, if that turned out.
    pub hosted: Option<Result<(), HostingRefusal>>,
    /// What points to forks.
    pub found: Vec<Suspicion>,
}

/// One delivery, judged.
struct Judged {
    from: DeviceId,
    ticket: Option<Ticket>,
    new: Vec<Entry>,
    outcomes: Vec<Outcome>,
    access: bool,
    hosted: Option<Result<(), HostingRefusal>>,
    found: Vec<Suspicion>,
}

impl Judged {
    fn suspects(&mut self, suspicion: Suspicion) {
        if self.found.len() < SUSPICIONS {
            self.found.push(suspicion);
        }
    }
}

impl Keeper {
    /// Takes in what was delivered of a space, in order. `pass_on` is told of what each delivery brought before it is durable.
    pub fn accept(
        &self,
        space: &Space,
        deliveries: Vec<Delivered>,
        mut pass_on: impl FnMut(DeviceId, Vec<Item>),
    ) -> Vec<Accepted> {
        // Signatures first: that is what takes long, and nothing is held up by it.
        let verified: Vec<_> = deliveries
            .into_iter()
            .map(|delivery| {
                let entries: Vec<_> = delivery.entries.iter().map(verify).collect();
                (delivery.from, delivery.ticket, entries)
            })
            .collect();
        let mut judged = Vec::with_capacity(verified.len());
        let mut pending = Pending::new(self, space.id);
        {
            let mut state = space.lock();
            let mut held = HeldHere::new(&*self.store, &state, space.id);
            for (from, ticket, entries) in verified {
                let one = self.judge_all(&mut state, &mut held, &mut pending, from, ticket, entries);
                if !one.new.is_empty() {
                    pass_on(from, one.new.iter().map(|entry| item(0, entry)).collect());
                }
                judged.push(one);
            }
        }
        match self.keep_and_mark(space, &judged) {
            Ok(arrivals) => {
                let mut arrivals = arrivals.into_iter();
                judged
                    .into_iter()
                    .map(|one| {
                        let Judged { from, ticket, new, outcomes, access, hosted, found } = one;
                        let stored = new.iter().zip(&mut arrivals).map(|(entry, at)| item(at, entry)).collect();
                        Accepted { from, ticket, stored, outcomes, access, hosted, found }
                    })
                    .collect()
            }
            Err(error) => {
                tracing::error!(%error, space = %space.id.short(), "what was sent cannot be kept");
                judged.into_iter().map(|one| not_kept(one, &error)).collect()
            }
        }
    }

    fn judge_all(
        &self,
        state: &mut State,
        held: &mut HeldHere<'_>,
        pending: &mut Pending<'_>,
        from: DeviceId,
        ticket: Option<Ticket>,
        entries: Vec<Result<Entry, Outcome>>,
    ) -> Judged {
        let mut judged = Judged {
            from,
            ticket,
            new: Vec::new(),
            outcomes: Vec::with_capacity(entries.len()),
            access: false,
            hosted: None,
            found: Vec::new(),
        };
        for entry in entries {
            let outcome = match entry {
                // At whichever relay a newcomer came is it decided whether they come too late; the others follow (I3a).
                Ok(entry) => match ticket.and_then(|_| self.unwelcome(state, from, &entry)) {
                    Some(refused) => refused,
                    None => self.judge(state, held, pending, entry, &mut judged),
                },
                Err(outcome) => outcome,
            };
            judged.outcomes.push(outcome);
        }
        if state.waits {
            self.ask_for_person(state, &mut judged);
        }
        judged
    }

    /// A space that is not kept yet may be, if whoever sends it is on the list. What is sent before that can be told is not.
    fn ask_for_person(&self, state: &mut State, judged: &mut Judged) {
        let Some(history) = &state.access else { return };
        let (space, person) = (history.space(), history.now().person_of(&judged.from));
        match self.admission().decide(&Ask { space, person, token: None }) {
            Decision::Admitted => {
                state.waits = false;
                judged.hosted = Some(Ok(()));
                return;
            }
            Decision::Refused(reason) => judged.hosted = Some(Err(reason.into())),
            // It is not a member's, or not as far as this goes.
            Decision::WhoAsks => judged.hosted = Some(Err(HostingRefusal::NotListed)),
        }
        state.access = None;
        judged.new.clear();
        judged.found.clear();
        judged.access = false;
        for outcome in &mut judged.outcomes {
            *outcome = Outcome::Refused(sheaf_sync::Refusal::NotNow(NotNow::Quota));
        }
    }

    /// Whether an entry is a redemption that its own device brings, and comes too late or is one too many (I3a).
    fn unwelcome(&self, state: &State, from: DeviceId, entry: &Entry) -> Option<Outcome> {
        if entry.log().device != from {
            return None;
        }
        let (Some(Ok(operation)), Some(history)) = (entry.access_entry(), &state.access) else { return None };
        let verdict = match self.guests().binds(&operation, history.now(), now()).err()? {
            Binding::Expired => Verdict::INVITATION_EXPIRED,
            Binding::UsedUp => Verdict::INVITATION_USED_UP,
            Binding::Closed => Verdict::INVITATION_CLOSED,
        };
        Some(Outcome::Refused(sheaf_sync::Refusal::Never(verdict)))
    }

    /// Judges one entry. What is to be kept goes to `judged`.
    fn judge(
        &self,
        state: &mut State,
        held: &mut HeldHere<'_>,
        pending: &mut Pending<'_>,
        entry: Entry,
        judged: &mut Judged,
    ) -> Outcome {
        let place = Outcome::Held { log: entry.log(), seq: entry.seq() };
        if let Some(forked) = state.forks.get(&entry.log()).filter(|forked| entry.seq() >= forked.at) {
            if forked.is_main(&entry.hash()) {
                return place;
            }
            // The log takes no more; the branch does.
            judged.suspects(Suspicion::Branch(Box::new(entry)));
            return Outcome::Refused(sheaf_sync::Refusal::Never(Verdict::LOG_FORKED));
        }
        match &state.access {
            // The first entry of a space is its name: the hash says whether it is the right one.
            None if entry.space() == held.space && entry.header().is_creation() => {}
            None => return Outcome::Refused(sheaf_sync::Refusal::Missing { entries: Vec::new() }),
            Some(history) => match admit(&entry, held, history) {
                Ok(Admitted::New) => {}
                Ok(Admitted::Duplicate) => return place,
                Err(NotAdmitted::Refused(refusal)) => {
                    if let Some(lacking) = refusal.lacking() {
                        Arc::make_mut(&mut state.needed).note(&entry, lacking);
                    }
                    let Some((suspicion, waits)) = suspect(&state.forks, &entry, &refusal) else {
                        return Outcome::from(&refusal);
                    };
                    judged.suspects(suspicion);
                    let later = Outcome::Refused(sheaf_sync::Refusal::NotNow(NotNow::Busy));
                    return if waits { later } else { Outcome::from(&refusal) };
                }
                Err(NotAdmitted::Unreadable(error)) => return not_now(&error),
            },
        }
        let access = state.access.as_ref().map(|history| Arc::clone(history.now()));
        if let Err(reason) = self.charge(access.as_deref(), &entry, pending) {
            return Outcome::Refused(sheaf_sync::Refusal::NotNow(reason));
        }
        if entry.access_op().is_some() {
            if let Err(refusal) = state.admit_access(&entry) {
                return Outcome::from(&refusal);
            }
            judged.access = true;
        }
        held.add(&entry);
        if state.forks.lets_go_of(&entry.header().builds_on) {
            Arc::make_mut(&mut state.forks).builds_on(&entry.header().builds_on);
        }
        judged.new.push(entry);
        place
    }

    /// Keeps what was let in; in a cluster, what devices brought is marked first as not published yet.
    fn keep_and_mark(&self, space: &Space, judged: &[Judged]) -> Result<Vec<u64>, StoreError> {
        let brought = |one: &Judged| one.ticket.is_some() && !one.new.is_empty();
        if !self.is_clustered() || !judged.iter().any(brought) {
            return self.keep(space, judged);
        }
        self.will_keep(space)?;
        let kept = self.keep(space, judged);
        // Those that other relays passed on are in the cluster already.
        let publish = judged.iter().flat_map(|one| one.new.iter().map(|_| one.ticket.is_some()));
        let arrivals = kept.iter().flatten().zip(publish);
        space.has_kept(arrivals.filter(|(_, publish)| *publish).map(|(arrival, _)| *arrival).last());
        kept
    }

    /// Makes what was let in durable, and findable. Answers its arrivals, in order.
    fn keep(&self, space: &Space, judged: &[Judged]) -> Result<Vec<u64>, StoreError> {
        let new: Vec<Entry> = judged.iter().flat_map(|one| one.new.iter().cloned()).collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let journal = self.home.journal();
        if journal.stopped().is_some() {
            journal.recover()?;
        }
        let durable = journal.append(space.id, &new)?;
        let gone = self.index(space, &new)?;
        durable.wait()?;
        let arrivals = self.store.append(space.id, &new)?;
        self.book(space.id, space.access().as_deref(), &new, &arrivals)?;
        let meters = self.board.meters();
        meters.entries_stored.add(new.len() as u64);
        if new.iter().any(|entry| entry.header().is_creation()) {
            meters.hosted.add(1);
            meters.spaces.set(meters.spaces.get() + 1);
        }
        {
            let mut state = space.lock();
            for entry in &new {
                state.frontier.advance(entry.log(), entry.seq());
                state.tips.insert(entry.log(), (entry.seq(), entry.hash()));
            }
        }
        for device in gone {
            self.drop_member(device, space.id)?;
        }
        Ok(arrivals)
    }

    /// Brings the indexes up to what these entries say. Answers the devices that are in the space no more.
    fn index(&self, space: &Space, new: &[Entry]) -> Result<Vec<DeviceId>, StoreError> {
        let mut changed = false;
        for entry in new.iter().filter(|entry| entry.access_op().is_some()) {
            self.put_access(space.id, entry.hash())?;
            changed = true;
        }
        if !changed {
            return Ok(Vec::new());
        }
        let Some(access) = space.access() else { return Ok(Vec::new()) };
        let devices: BTreeSet<DeviceId> = devices(&access);
        let before = space.lock().indexed.clone();
        for device in devices.difference(&before) {
            self.put_member(*device, space.id)?;
        }
        let gone = before.difference(&devices).copied().collect();
        space.lock().indexed = devices;
        Ok(gone)
    }
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn verify(bytes: &EntryBytes) -> Result<Entry, Outcome> {
    let verified = Unverified::decode(bytes.as_slice()).and_then(Unverified::verify);
    verified.map_err(|error| Outcome::from(&Refusal::from(error)))
}

fn not_now(error: &StoreError) -> Outcome {
    let why = if matches!(error, StoreError::DiskFull { .. }) { NotNow::DiskFull } else { NotNow::Busy };
    Outcome::Refused(sheaf_sync::Refusal::NotNow(why))
}

/// What was let in could not be kept: its senders keep it, and try again. The access history is ahead of the disk now, by
/// entries that come again; adding them twice is harmless.
fn not_kept(judged: Judged, error: &StoreError) -> Accepted {
    let Judged { from, ticket, outcomes, access, hosted, found, .. } = judged;
    let outcomes = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Outcome::Held { .. } => not_now(error),
            other => other,
        })
        .collect();
    Accepted { from, ticket, stored: Vec::new(), outcomes, access, hosted, found }
}
