//! What each space holds, counted from what is durable (see [`crate::quota`]).
//!
//! An account is written down now and then; what arrived since is counted when the space is opened. So counting costs no
//! sync of the disk, and a crash loses none of it.

use std::sync::{Arc, Mutex, MutexGuard};

use sheaf_access::{AccessState, PersonId, SpaceId};
use sheaf_log::{Entry, Kind};
use sheaf_store::{StoreError, Table};
use sheaf_sync::NotNow;

use super::checkpoints::Checkpoints;
use super::{Keeper, Space, locked};
use crate::quota::{Account, Amount, Beside, Ledger, Room};

/// An account: space.
pub(super) const ACCOUNT: &[u8] = b"account/";
/// What a space has beside its entries: space.
pub(super) const BESIDE: &[u8] = b"beside/";
/// How many entries may arrive before an account is written down again: what opening a space may have to count.
const UNWRITTEN: u64 = 256;
/// How many bytes of entries are read at a time.
const READ: usize = 1 << 20;

/// What is on its way to the disk of a space. When it is let go of, it is durable and booked, or will not be.
pub(super) struct Pending {
    ledger: Arc<Mutex<Ledger>>,
    space: SpaceId,
    reserved: Account,
}

impl Pending {
    /// Nothing yet.
    pub(super) fn new(keeper: &Keeper, space: SpaceId) -> Self {
        Self { ledger: Arc::clone(&keeper.ledger), space, reserved: Account::default() }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        locked(&self.ledger).settle(self.space, &self.reserved);
    }
}

impl Keeper {
    /// What is held, by space and by person.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        locked(&self.ledger)
    }

    /// Takes up what was written down of every space.
    pub(super) fn read_accounts(&self) -> Result<(), StoreError> {
        for (key, value) in self.store.scan(Table::Progress, ACCOUNT)? {
            let Some(space) = key[ACCOUNT.len()..].try_into().ok().map(SpaceId::from_bytes) else { continue };
            match Account::decode(&value) {
                Ok(account) => self.ledger().open(space, account),
                Err(error) => tracing::warn!(%error, space = %space.short(), "an account"),
            }
        }
        for (key, value) in self.store.scan(Table::Progress, BESIDE)? {
            let Some(space) = key[BESIDE.len()..].try_into().ok().map(SpaceId::from_bytes) else { continue };
            match Beside::decode(&value) {
                Ok(beside) => self.ledger().set_beside(space, beside),
                Err(error) => tracing::warn!(%error, space = %space.short(), "what there is beside its entries"),
            }
        }
        Ok(())
    }

    /// Counts what there is of a space beside its entries, which is being opened.
    pub(super) fn count_beside(
        &self,
        space: SpaceId,
        access: Option<&AccessState>,
        branches: &[Entry],
        checkpoints: &Checkpoints,
    ) -> Result<(), StoreError> {
        let mut beside = Beside { blobs: checkpoints.bytes_by(access), ..Beside::default() };
        for entry in branches {
            if let Some(person) = payer(access, entry) {
                let by = beside.branches.entry(person).or_default();
                *by = by.with(Amount::entry(entry.encoded().len() as u64));
            }
        }
        self.set_beside(space, &beside)
    }

    /// Other checkpoints of a space are held than before.
    pub(super) fn count_blobs(&self, space: &Space) -> Result<(), StoreError> {
        let access = space.access();
        let blobs = space.checkpoints().bytes_by(access.as_deref());
        let beside = Beside { blobs, ..self.ledger().beside(&space.id) };
        self.set_beside(space.id, &beside)
    }

    fn set_beside(&self, space: SpaceId, beside: &Beside) -> Result<(), StoreError> {
        let key = [BESIDE, space.as_bytes()].concat();
        let before = {
            let mut ledger = self.ledger();
            let before = ledger.beside(&space);
            ledger.set_beside(space, beside.clone());
            before
        };
        match (before == *beside, *beside == Beside::default()) {
            (true, _) => Ok(()),
            (false, true) => self.store.delete(Table::Progress, &key),
            (false, false) => self.store.put(Table::Progress, &key, &beside.encode()),
        }
    }

    /// Whether an entry of a branch fits, which is counted from now on. It is its author's, as in the log.
    pub(super) fn charge_branch(&self, access: Option<&AccessState>, entry: &Entry) -> Result<(), NotNow> {
        let room = room(access, entry, false);
        self.check_disk(room)?;
        let Some(person) = payer(access, entry) else { return Ok(()) };
        self.ledger().add_branch(entry.space(), person, entry.encoded().len() as u64, room).map_err(|exceeded| {
            self.board.meters().over_quota.add(1);
            tracing::info!(%exceeded, space = %entry.space().short(), person = %person.short(), "a quota is used up");
            exceeded.into()
        })
    }

    /// An entry of a branch is not kept, or no more.
    pub(super) fn give_back_branch(&self, access: Option<&AccessState>, entry: &Entry) {
        if let Some(person) = payer(access, entry) {
            self.ledger().drop_branch(entry.space(), person, entry.encoded().len() as u64);
        }
    }

    /// Counts what arrived in a space since its account was written down.
    pub(super) fn count(&self, space: SpaceId, access: &AccessState) -> Result<(), StoreError> {
        let mut after = self.ledger().account(&space).map_or(0, Account::counted);
        loop {
            let batch = self.store.since(space, after, READ)?;
            let Some((last, _)) = batch.last() else { return Ok(()) };
            after = *last;
            let mut ledger = self.ledger();
            for (arrival, entry) in &batch {
                if let Some(person) = payer(Some(access), entry) {
                    ledger.entry(space, person, *arrival, entry.encoded().len() as u64);
                }
            }
        }
    }

    /// Counts a space from the beginning, as something of it was deleted.
    pub(super) fn count_anew(&self, space: SpaceId) -> Result<(), StoreError> {
        let Some(access) = self.open(space)?.access() else { return Ok(()) };
        let (mut account, mut after) = (Account::default(), 0);
        let mut more = |account: &mut Account| {
            let batch = self.store.since(space, after, READ)?;
            for (arrival, entry) in &batch {
                after = *arrival;
                if let Some(person) = payer(Some(&access), entry) {
                    account.entry(person, *arrival, entry.encoded().len() as u64);
                }
            }
            Ok::<_, StoreError>(!batch.is_empty())
        };
        while more(&mut account)? {}
        // What has arrived meanwhile, with the door shut: what comes later is booked into the new account.
        let mut ledger = self.ledger();
        while more(&mut account)? {}
        ledger.open(space, account);
        Ok(())
    }

    /// Whether the disk has room: what puts a space in order again has a part of what is to stay free on it.
    fn check_disk(&self, room: Room) -> Result<(), NotNow> {
        let full = if room == Room::Words { self.board.is_full() } else { self.board.is_packed() };
        if full { Err(NotNow::DiskFull) } else { Ok(()) }
    }

    /// Whether an entry fits, beside those on their way to the disk, of which it is one from now on. `carries`: what puts the space
    /// in order rests on it, and came with it. One that another relay has
    /// passed on is in the cluster, and safe there: it has its place here whatever the quotas are, and only the disk can lack room.
    pub(super) fn charge(
        &self,
        access: Option<&AccessState>,
        entry: &Entry,
        pending: &mut Pending,
        (passed_on, carries): (bool, bool),
    ) -> Result<(), NotNow> {
        let room = room(access, entry, carries);
        self.check_disk(room)?;
        let Some(person) = payer(access, entry) else { return Ok(()) };
        let (space, amount) = (pending.space, Amount::entry(entry.encoded().len() as u64));
        if passed_on {
            if self.ledger().reserve_anyway(space, person, amount).is_some() {
                self.board.meters().cluster_over_quota.add(1);
            }
        } else if let Err(exceeded) = self.ledger().reserve(space, person, amount, room) {
            self.board.meters().over_quota.add(1);
            tracing::info!(%exceeded, space = %space.short(), person = %person.short(), "a quota is used up");
            return Err(exceeded.into());
        }
        pending.reserved.add(person, amount);
        Ok(())
    }

    /// Entries are durable.
    pub(super) fn book(
        &self,
        space: SpaceId,
        access: Option<&AccessState>,
        entries: &[Entry],
        arrivals: &[u64],
    ) -> Result<(), StoreError> {
        let due = {
            let mut ledger = self.ledger();
            for (entry, arrival) in entries.iter().zip(arrivals) {
                if let Some(person) = payer(access, entry) {
                    ledger.entry(space, person, *arrival, entry.encoded().len() as u64);
                }
            }
            let account = ledger.account(&space);
            let first = arrivals.first().copied().unwrap_or(0);
            account
                .filter(|account| first == 1 || account.counted() / UNWRITTEN != (first - 1) / UNWRITTEN)
                .map(Account::encode)
        };
        match due {
            Some(account) => self.store.put(Table::Progress, &[ACCOUNT, space.as_bytes()].concat(), &account),
            None => Ok(()),
        }
    }
}

/// Who wrote an entry. Someone who has not joined by what is held pays nothing yet; their redemption does, once it is.
fn payer(access: Option<&AccessState>, entry: &Entry) -> Option<PersonId> {
    let own = || entry.access_op()?.ok()?.certificate().map(|certificate| certificate.person);
    access.and_then(|access| access.person_of(&entry.log().device)).or_else(own)
}

/// How far beyond the quotas an entry may go.
fn room(access: Option<&AccessState>, entry: &Entry, carries: bool) -> Room {
    match entry.header().kind {
        Kind::Access | Kind::Checkpoint => Room::of(access, entry.log().device),
        _ if carries => Room::of(access, entry.log().device),
        _ => Room::Words,
    }
}
