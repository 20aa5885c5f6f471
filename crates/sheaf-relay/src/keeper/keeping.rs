//! What was let in, made durable: then, and not before, it is acknowledged (R1).
//!
//! All that was let in of a space while the disk was busy becomes durable at once, so that however many write, they share one sync.
//! The journal is what makes it durable, and the store is where it is looked up: a relay journals what others wrote as a device
//! journals its own.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sheaf_access::{AccessState, DeviceId};
use sheaf_log::Entry;
use sheaf_store::{Arrival, StoreError};
use sheaf_sync::branches::Suspicion;
use sheaf_sync::{HostingRefusal, Item, NotNow, Outcome, Refusal, Ticket};

use super::accept::{Judged, LetIn, not_now, now};
use super::read::item;
use super::space::Space;
use super::{Keeper, devices};

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

impl Keeper {
    /// Makes durable what was let in of a space, in order, and says what became of it. All that was let in before it has been
    /// dealt with. Blocks.
    pub fn keep(&self, space: &Space, let_in: Vec<LetIn>) -> Vec<Accepted> {
        let busy = Outcome::Refused(Refusal::NotNow(NotNow::Busy));
        let attempt = space.lock().coming.attempt();
        let (mut accepted, mut to_keep, mut under_way) = (Vec::new(), Vec::new(), Vec::new());
        let mut access = None;
        for LetIn { judged, access: then, attempt: at, pending, began } in let_in {
            if at == attempt {
                access = then.or(access);
                to_keep.extend(judged);
            } else {
                // It may rest on what is not kept. Whatever came later does not.
                accepted.extend(judged.into_iter().map(|one| one.not_kept(&busy)));
            }
            under_way.push((pending, began));
        }
        let kept = catch_unwind(AssertUnwindSafe(|| self.keep_and_mark(space, &to_keep, access.as_deref())));
        match kept {
            Ok(Ok(arrivals)) => {
                if !arrivals.is_empty() {
                    self.board.store_fails(false);
                }
                let mut arrivals = arrivals.into_iter();
                accepted.extend(to_keep.into_iter().map(|one| one.kept(&mut arrivals)));
            }
            failed => {
                Arc::make_mut(&mut space.lock().coming).give_up();
                let why = if let Ok(Err(error)) = failed {
                    tracing::error!(%error, space = %space.id.short(), "what was sent cannot be kept");
                    self.board.store_fails(true);
                    not_now(&error)
                } else {
                    busy
                };
                accepted.extend(to_keep.into_iter().map(|one| one.not_kept(&why)));
            }
        }
        for (_, began) in under_way {
            self.board.meters().storing.took(began.elapsed());
        }
        accepted
    }

    /// Keeps what was let in; in a cluster, what devices brought is marked first as not published yet.
    fn keep_and_mark(
        &self,
        space: &Space,
        judged: &[Judged],
        access: Option<&AccessState>,
    ) -> Result<Vec<Arrival>, StoreError> {
        let brought = |one: &Judged| one.ticket.is_some() && !one.new.is_empty();
        if !self.is_clustered() || !judged.iter().any(brought) {
            return self.make_durable(space, judged, access);
        }
        self.will_keep(space)?;
        let kept = self.make_durable(space, judged, access);
        // Those that other relays passed on are in the cluster already.
        let publish = judged.iter().flat_map(|one| one.new.iter().map(|_| one.ticket.is_some()));
        let arrivals = kept.iter().flatten().zip(publish);
        space.has_kept(arrivals.filter(|(_, publish)| *publish).map(|(arrival, _)| *arrival).last());
        kept
    }

    /// Makes what was let in durable, and findable. Answers its arrivals, in order.
    fn make_durable(
        &self,
        space: &Space,
        judged: &[Judged],
        access: Option<&AccessState>,
    ) -> Result<Vec<Arrival>, StoreError> {
        let new: Vec<Entry> = judged.iter().flat_map(|one| one.new.iter().cloned()).collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let journal = self.home.journal();
        if journal.stopped().is_some() {
            journal.recover()?;
        }
        // A checkpoint may have been taken over, which stands for what came in between and was never here.
        let durable = journal.append_after(space.id, &new, &space.frontier())?;
        let gone = self.index(space, &new, access)?;
        durable.wait()?;
        let arrivals = self.store.append(space.id, &new)?;
        self.book(space.id, access, &new, &arrivals)?;
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
            Arc::make_mut(&mut state.coming).durable(new.iter());
        }
        for device in gone {
            self.drop_member(device, space.id)?;
        }
        // Whoever brought it, here or to another relay, somebody writes in the space.
        self.note_seen(space.id, now())?;
        Ok(arrivals)
    }

    /// Brings the indexes up to what these entries say. Answers the devices that are in the space no more.
    fn index(&self, space: &Space, new: &[Entry], access: Option<&AccessState>) -> Result<Vec<DeviceId>, StoreError> {
        let mut changed = false;
        for entry in new.iter().filter(|entry| entry.access_op().is_some()) {
            self.put_access(space.id, entry.hash())?;
            changed = true;
        }
        if !changed {
            return Ok(Vec::new());
        }
        let Some(access) = access else { return Ok(Vec::new()) };
        let devices: BTreeSet<DeviceId> = devices(access);
        let before = space.lock().indexed.clone();
        for device in devices.difference(&before) {
            self.put_member(*device, space.id)?;
        }
        let gone = before.difference(&devices).copied().collect();
        space.lock().indexed = devices;
        Ok(gone)
    }
}

impl Judged {
    /// What was let in of it is durable, and arrived at these places.
    fn kept(self, arrivals: &mut impl Iterator<Item = Arrival>) -> Accepted {
        let Self { from, ticket, new, outcomes, access, hosted, found } = self;
        let stored = new.iter().zip(arrivals).map(|(entry, at)| item(at, entry)).collect();
        Accepted { from, ticket, stored, outcomes, access, hosted, found }
    }

    /// What was let in could not be kept: its senders keep it, and try again. The access history is ahead of the disk now, by
    /// entries that come again; adding them twice is harmless.
    fn not_kept(self, why: &Outcome) -> Accepted {
        let Self { from, ticket, outcomes, access, hosted, found, .. } = self;
        let instead = |outcome| if matches!(outcome, Outcome::Held { .. }) { why.clone() } else { outcome };
        let outcomes = outcomes.into_iter().map(instead).collect();
        Accepted { from, ticket, stored: Vec::new(), outcomes, access, hosted, found }
    }
}
