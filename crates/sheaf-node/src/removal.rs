//! Being removed, and telling somebody that they were (A6).
//!
//! Whoever is no member is offered the space no more, so the removal itself would never reach them. Their own devices
//! still offer it; to those a member's node says farewell: the access entries that led to the removal, which they were
//! entitled to see when it was written, and nothing that came after. They are kept beside the log, for what precedes them
//! there does not come.
//!
//! Then the device knows. What is stored stays, and can be read and exported; what was typed before it heard is sealed as
//! that; and nothing more can be written.

use std::sync::{Arc, Weak};

use sheaf_access::{AccessEntry, AccessHistory, AccessOp, DeviceId, EntryHash, PersonId, SpaceId};
use sheaf_document::{Genesis, index};
use sheaf_log::{Entry, Membership, Unverified, index_document};
use sheaf_store::{StoreError, Table};
use sheaf_sync::EntryBytes;

use crate::core::Core;
use crate::document::{Job, Message};
use crate::identity::Identity;
use crate::network::{ROOM, Said};
use crate::space::{Space, State};

/// An access entry that came as a farewell.
const FAREWELL: &[u8] = b"farewell/";

impl Core {
    /// Whether a device was a member's, and is not any more; nor that of somebody who is being let in again.
    pub fn was_removed(&self, device: DeviceId, space: SpaceId) -> bool {
        let access = self.space(space).and_then(|space| space.access());
        let gone =
            access.is_some_and(|access| access.role_of(&device).is_none() && access.person_of(&device).is_some());
        gone && !self.is_guest(space, device)
    }

    /// What to say to a device that was removed from a space; nothing, if it was not.
    pub fn farewell(&self, id: SpaceId, device: DeviceId) -> Option<Said> {
        if !self.was_removed(device, id) {
            return None;
        }
        let space = self.space(id)?;
        let hashes: Vec<EntryHash> = {
            let state = space.lock();
            let history = state.access.as_ref()?;
            // A device's removal concerns each of its logs alike, whatever they are called.
            let log = sheaf_access::LogId { device, nonce: 0 };
            let by: Vec<EntryHash> = history.challenges(&log).iter().map(|challenge| challenge.by).collect();
            history.entries().map(|entry| entry.hash).filter(|hash| history.knows(&by, hash)).collect()
        };
        let mut entries = Vec::new();
        let mut size = 0;
        // The latest first, in case not all of them fit: the earlier ones they have.
        for hash in hashes.into_iter().rev() {
            let entry = match self.entry_of(id, hash) {
                Ok(entry) => entry?,
                Err(error) => {
                    tracing::warn!(%error, "a removal cannot be read, to be told");
                    return None;
                }
            };
            size += entry.encoded().len();
            if size > ROOM {
                break;
            }
            entries.push(EntryBytes::from(entry.encoded()));
        }
        entries.reverse();
        Some(Said::Farewell(entries))
    }

    /// An access entry, from the log or from a farewell.
    fn entry_of(&self, space: SpaceId, hash: EntryHash) -> Result<Option<Entry>, StoreError> {
        if let Some((log, seq)) = self.store.by_hash(space, hash)? {
            return self.store.entry(space, log, seq);
        }
        let kept = self.store.get(Table::Spaces, &farewell_key(space, Some(hash)))?;
        Ok(kept.and_then(|bytes| Unverified::decode(&bytes).ok()?.verified_before().ok()))
    }

    /// Somebody says that this device was removed. Believed if it follows from what is held and what they show. Blocks.
    pub fn hear_farewell(&self, id: SpaceId, entries: &[EntryBytes]) {
        let (Some(space), Ok(me)) = (self.space(id), self.me()) else { return };
        let verify = |bytes: &EntryBytes| Unverified::decode(bytes.as_slice()).and_then(Unverified::verify).ok();
        let entries: Vec<Entry> = entries.iter().filter_map(verify).filter(|entry| entry.space() == id).collect();
        self.seal_what_is_typed(id);
        let taken = {
            let mut state = space.lock();
            take_farewell(&mut state, &me, &entries)
        };
        if taken.is_empty() {
            return;
        }
        for entry in taken {
            let key = farewell_key(id, Some(entry.hash()));
            if let Err(error) = self.store.put(Table::Spaces, &key, entry.encoded()) {
                tracing::warn!(%error, "that this device was removed is not written down; it will be told again");
            }
        }
        self.open_new(&space, None);
        self.access_changed(&space);
        // It may be the person who removed this device of theirs, from everywhere.
        if let (Some(core), Some(revocation)) = (self.this(), self.revocation_of(me.keys.device.id())) {
            core.learn_removal(revocation);
        }
    }

    /// A peer says something about a space. Answers what to say to that. Blocks.
    pub fn hear_word(&self, from: DeviceId, id: SpaceId, word: Said) -> Vec<Said> {
        let Some(space) = self.space(id) else { return Vec::new() };
        let answers = match word {
            Said::Farewell(entries) => {
                self.hear_farewell(id, &entries);
                Ok(Vec::new())
            }
            word => self.hear_of_forks(&space, from, word),
        };
        answers.unwrap_or_else(|error| {
            tracing::warn!(%error, device = %from, space = %id, "a word is not followed up");
            Vec::new()
        })
    }

    /// The access entries that came as farewells.
    pub fn farewells(&self, space: SpaceId) -> Result<Vec<AccessEntry>, StoreError> {
        let records = self.store.scan(Table::Spaces, &farewell_key(space, None))?;
        let read = |bytes: Vec<u8>| Unverified::decode(&bytes).ok()?.verified_before().ok()?.access_entry()?.ok();
        Ok(records.into_iter().filter_map(|(_, bytes)| read(bytes)).collect())
    }

    /// Notes whether this person is still a member, and if not, who removed them, for whoever asks why they cannot write.
    pub fn note_removal(&self, space: &Space) {
        let Ok(me) = self.me() else { return };
        let by = {
            let mut state = space.lock();
            let by = removed_by(&state, &me);
            let known = state.removed.is_some();
            state.removed = by.map(|by| state.removed.take().unwrap_or(Removed { by: by.0, name: None, late: by.1 }));
            by.map(|by| by.0).filter(|_| !known)
        };
        let Some(by) = by else { return };
        let (Some(held), Some(core)) = (self.space(space.id), self.this()) else { return };
        let (told, teller) = (Arc::clone(&held), Arc::clone(&core));
        let job: Job = Box::new(move |task| {
            let people = index::Index::of(task.document()).people();
            let name = people.into_iter().find(|person| person.id == by.to_string()).map(|person| person.name);
            if let Some(removed) = &mut told.lock().removed {
                removed.name = name.filter(|name| !name.is_empty());
            }
            teller.tell_documents(told.id, |_| Message::Access);
        });
        if let Err(error) = core.tell(&held, index_document(&held.id), Genesis::Index, Message::Run(job)) {
            tracing::warn!(%error, "by whom this device was removed is not looked up");
        }
    }

    /// This node, for what outlives a call.
    fn this(&self) -> Option<Arc<Self>> {
        self.this.get().and_then(Weak::upgrade)
    }
}

/// What to tell whoever came too late.
const TOO_LATE: &str = "Your invitation to this space had been closed before anyone heard that you had joined by it. What you \
wrote is still here to read and export; ask an owner for a new invitation, or take the space off your list with \
`sheaf space forget`.";

/// By whom this person, or this device of theirs, was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Who.
    pub by: PersonId,
    /// What they are called, if that is known.
    pub name: Option<String>,
    /// Whether they only closed the invitation, not having heard that this person had joined by it (I3).
    pub late: bool,
}

impl Removed {
    /// What to tell the person, who is `me`.
    pub fn sentence(&self, me: &Identity) -> String {
        if self.late {
            return TOO_LATE.to_owned();
        }
        let what = match &self.name {
            _ if self.by == me.person() => "You left this space, or removed this device from it.".to_owned(),
            Some(name) => format!("You were removed from this space by {name}."),
            None => "You were removed from this space.".to_owned(),
        };
        format!("{what} What you wrote before is still here to read and export.")
    }
}

/// By whom, and whether that was by closing the invitation.
fn removed_by(state: &State, me: &Identity) -> Option<(PersonId, bool)> {
    let history = state.access.as_ref()?;
    let access = history.now();
    let device = me.keys.device.id();
    if access.role_of(&device).is_some() || access.person_of(&device).is_none() {
        return None;
    }
    let author = |entry: EntryHash| {
        let entry = history.get(&entry)?;
        Some((access.person_of(&entry.log.device)?, matches!(entry.operation, AccessOp::Close { .. })))
    };
    let by = access.was_removed_by(&me.person()).or_else(|| Some(history.challenges(&state.log.id).first()?.by));
    by.and_then(author).or(Some((me.person(), false)))
}

/// Takes in what leads to this device's removal; nothing, if it does not.
fn take_farewell(state: &mut State, me: &Identity, entries: &[Entry]) -> Vec<Entry> {
    let device = me.keys.device.id();
    let before = state.before_hearing(me);
    let Some(history) = &state.access else { return Vec::new() };
    let is_member = |history: &AccessHistory| history.now().role_of(&device).is_some();
    if !is_member(history) {
        return Vec::new();
    }
    let mut after = history.clone();
    let mut new = Vec::new();
    for entry in entries {
        let Some(Ok(operation)) = entry.access_entry() else { return Vec::new() };
        if after.contains(&operation.hash) {
            continue;
        }
        if after.add(operation).is_err() {
            return Vec::new();
        }
        new.push(entry.clone());
    }
    if is_member(&after) {
        return Vec::new();
    }
    state.access = Some(after);
    state.heard(me, before);
    new
}

fn farewell_key(space: SpaceId, entry: Option<EntryHash>) -> Vec<u8> {
    let entry = entry.as_ref().map_or(&[][..], |entry| entry.as_bytes());
    [FAREWELL, space.as_bytes(), entry].concat()
}
