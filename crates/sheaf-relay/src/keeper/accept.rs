//! Entries from devices: verified, let in, and passed on (R1).
//!
//! What a header shows to be wrong is refused here: a signature, a role, a past that is not held (L2), an epoch that was not
//! writable. What is in an entry nobody here can see.
//!
//! What is let in is passed on at once. That it is made durable meanwhile, and acknowledged then, is said in
//! [`keeping`](super::keeping); what comes next is let in without waiting for that.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sheaf_access::{AccessOp, AccessState, Binding, DeviceId};
use sheaf_log::{Admitted, Entry, Kind, NotAdmitted, Refusal, Unverified, admit};
use sheaf_store::StoreError;
use sheaf_sync::branches::{Suspicion, suspect};
use sheaf_sync::{EntryBytes, HostingRefusal, Item, NotNow, Outcome, Ticket, Verdict};

use super::Keeper;
use super::accounts::Pending;
use super::held::HeldHere;
use super::read::item;
use super::space::{Space, State};
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

/// One delivery, judged.
pub(super) struct Judged {
    pub from: DeviceId,
    pub ticket: Option<Ticket>,
    /// What is to be kept.
    pub new: Vec<Entry>,
    pub outcomes: Vec<Outcome>,
    /// Whether who may do what has changed.
    pub access: bool,
    /// Whether the space is kept here, and why not, if that turned out.
    pub hosted: Option<Result<(), HostingRefusal>>,
    /// What points to forks.
    pub found: Vec<Suspicion>,
}

/// Deliveries of a space that were let in one after the other, and passed on: to be made durable, and answered then.
pub struct LetIn {
    pub(super) judged: Vec<Judged>,
    /// Who may do what with these.
    pub(super) access: Option<Arc<AccessState>>,
    /// What of it was let in before something failed is not kept (see [`Coming`](super::coming::Coming)).
    pub(super) attempt: u64,
    /// Room for it.
    pub(super) pending: Pending,
    /// Since when it is under way.
    pub(super) began: Instant,
}

impl LetIn {
    /// How many bytes of entries are to be kept.
    pub fn bytes(&self) -> usize {
        self.judged.iter().flat_map(|one| &one.new).map(|entry| entry.encoded().len()).sum()
    }
}

impl Judged {
    /// A delivery that nothing can be said of now.
    fn busy(from: DeviceId, ticket: Option<Ticket>, entries: usize) -> Self {
        let outcomes = vec![Outcome::Refused(sheaf_sync::Refusal::NotNow(NotNow::Busy)); entries];
        Self { from, ticket, new: Vec::new(), outcomes, access: true, hosted: None, found: Vec::new() }
    }

    fn suspects(&mut self, suspicion: Suspicion) {
        if self.found.len() < SUSPICIONS {
            self.found.push(suspicion);
        }
    }
}

impl Keeper {
    /// Lets in what was delivered of a space, in order. `pass_on` is told of what each delivery brought. Whatever one entry does,
    /// the next delivery is let in. Blocks, and not for the disk to be done with what was let in before.
    pub fn let_in(&self, space: &Space, deliveries: Vec<Delivered>, pass_on: impl FnMut(DeviceId, Vec<Item>)) -> LetIn {
        let began = Instant::now();
        let told: Vec<_> = deliveries.iter().map(|one| (one.from, one.ticket, one.entries.len())).collect();
        let judged = catch_unwind(AssertUnwindSafe(|| self.judge_deliveries(space, deliveries, pass_on)));
        judged.map_or_else(
            |_| {
                let busy = told.into_iter().map(|(from, ticket, entries)| Judged::busy(from, ticket, entries));
                LetIn { judged: busy.collect(), access: None, attempt: 0, pending: Pending::new(self, space.id), began }
            },
            |let_in| LetIn { began, ..let_in },
        )
    }

    fn judge_deliveries(
        &self,
        space: &Space,
        deliveries: Vec<Delivered>,
        mut pass_on: impl FnMut(DeviceId, Vec<Item>),
    ) -> LetIn {
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
        let mut state = space.lock();
        let mut held = HeldHere::new(&*self.store, &state, space.id);
        for (from, ticket, entries) in verified {
            let one = self.judge_all(&mut state, &mut held, &mut pending, from, ticket, entries);
            if !one.new.is_empty() {
                pass_on(from, one.new.iter().map(|entry| item(0, entry)).collect());
            }
            judged.push(one);
        }
        let added = held.into_added();
        let coming = Arc::make_mut(&mut state.coming);
        coming.let_in(added);
        let attempt = coming.attempt();
        let access = state.access.as_ref().map(|history| Arc::clone(history.now()));
        LetIn { judged, access, attempt, pending, began: Instant::now() }
    }

    fn judge_all(
        &self,
        state: &mut State,
        held: &mut HeldHere<'_>,
        pending: &mut Pending,
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
        let carries = carries(&entries);
        for (entry, carries) in entries.into_iter().zip(carries) {
            let outcome = match entry {
                // At whichever relay a newcomer came is it decided whether they come too late; the others follow (I3a).
                Ok(entry) => match ticket.and_then(|_| self.unwelcome(state, from, &entry)) {
                    Some(refused) => refused,
                    None => self.judge(state, held, pending, (entry, carries), &mut judged),
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
        pending: &mut Pending,
        (entry, carries): (Entry, bool),
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
        if let Err(reason) = self.charge(access.as_deref(), &entry, pending, (judged.ticket.is_none(), carries)) {
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
}

/// Which of these entries something comes after in the same log that takes a role away, or is a checkpoint: that could not be let in
/// without them (L2).
fn carries(entries: &[Result<Entry, Outcome>]) -> Vec<bool> {
    let mut logs = BTreeSet::new();
    let mut carries = vec![false; entries.len()];
    for (entry, carries) in entries.iter().zip(&mut carries).rev() {
        let Ok(entry) = entry else { continue };
        *carries = logs.contains(&entry.log());
        if entry.header().kind == Kind::Checkpoint || takes_away(entry) {
            logs.insert(entry.log());
        }
    }
    carries
}

/// Whether an access entry ends something that others could fill a space by.
fn takes_away(entry: &Entry) -> bool {
    use AccessOp::{Close, Remove, RemoveDevice};
    matches!(entry.access_op(), Some(Ok(Remove { .. } | RemoveDevice { .. } | Close { .. })))
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn verify(bytes: &EntryBytes) -> Result<Entry, Outcome> {
    let verified = Unverified::decode(bytes.as_slice()).and_then(Unverified::verify);
    verified.map_err(|error| Outcome::from(&Refusal::from(error)))
}

pub(super) fn not_now(error: &StoreError) -> Outcome {
    let why = if matches!(error, StoreError::DiskFull { .. }) { NotNow::DiskFull } else { NotNow::Busy };
    Outcome::Refused(sheaf_sync::Refusal::NotNow(why))
}
