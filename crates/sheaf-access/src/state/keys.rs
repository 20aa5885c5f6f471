//! Who can read, and by which keys (E).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::AccessState;
use crate::epoch::{Commitment, ContentKey, MAX_READERS, ParentKey, UnwrapError, WrapContext};
use crate::keys::{SealingKey, SealingSecret};
use crate::operation::AccessEntry;
use crate::{EpochId, PersonId};

/// A generation of the content key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Epoch {
    /// The commitment to its key.
    pub commitment: Commitment,
    /// Who began it: to be named if a wrap of theirs does not open (E4).
    pub by: Option<PersonId>,
    /// Whether the entry that began it counts. If not, nobody writes under it; what was written can still be opened.
    pub counts: bool,
    /// What the wraps in that entry are bound to.
    pub(super) context: WrapContext,
    pub(super) start: Arc<AccessEntry>,
    /// For whom they are, in order.
    pub(super) readers: Arc<[SealingKey]>,
    /// For whom it was wrapped later, and where.
    pub(super) later: Vec<(SealingKey, Arc<AccessEntry>, usize)>,
}

impl Epoch {
    /// The sealing keys that its key has been wrapped for.
    pub fn readers(&self) -> impl Iterator<Item = SealingKey> + '_ {
        self.readers.iter().copied().chain(self.later.iter().map(|(reader, ..)| *reader))
    }

    /// The epochs that it carries on from.
    pub fn parents(&self) -> impl ExactSizeIterator<Item = EpochId> + '_ {
        self.parent_keys().iter().map(|parent| parent.epoch)
    }

    fn parent_keys(&self) -> &[ParentKey] {
        self.start.operation.epoch_start().map_or(&[], |start| &start.parents)
    }

    fn carries(&self) -> impl Iterator<Item = EpochId> + '_ {
        self.parent_keys().iter().filter(|parent| parent.sealed.is_some()).map(|parent| parent.epoch)
    }

    fn is_wrapped_for(&self, reader: &SealingKey) -> bool {
        self.readers.binary_search(reader).is_ok() || self.later.iter().any(|(later, ..)| later == reader)
    }
}

impl AccessState {
    /// The epochs, by id.
    pub fn epochs(&self) -> impl ExactSizeIterator<Item = (&EpochId, &Epoch)> {
        self.epochs.iter()
    }

    /// One of them.
    pub fn epoch(&self, id: &EpochId) -> Option<&Epoch> {
        self.epochs.get(id)
    }

    /// Everything that may read: the members' devices and the open invitations (I1), sorted. A new epoch is wrapped for
    /// exactly these (E1).
    ///
    /// There are [`MAX_READERS`] at most, so that a new key always fits into an entry and nobody can keep a removal from
    /// happening by adding devices: everyone's first device comes before anyone's second.
    pub fn readers(&self) -> &[SealingKey] {
        self.readers.0.get_or_init(|| {
            let devices = self.members.values().flat_map(|member| {
                member.devices.values().enumerate().map(|(rank, certificate)| (rank, certificate.sealing_key))
            });
            let links = self.invitations().map(|(_, invitation)| (0, invitation.sealing_key));
            let mut ranked: Vec<(usize, SealingKey)> = devices.chain(links).collect();
            if ranked.len() > MAX_READERS {
                ranked.sort_unstable();
                ranked.truncate(MAX_READERS);
            }
            let mut readers: Vec<SealingKey> = ranked.into_iter().map(|(_, reader)| reader).collect();
            readers.sort_unstable();
            readers.dedup();
            readers
        })
    }

    /// Whether a sealing key is a reader's.
    pub fn is_reader(&self, key: &SealingKey) -> bool {
        self.readers().binary_search(key).is_ok()
    }

    /// The epochs whose keys no other epoch carries on: who has these keys has all.
    pub fn leaf_epochs(&self) -> Vec<EpochId> {
        let carried: BTreeSet<EpochId> = self.epochs.values().flat_map(Epoch::carries).collect();
        self.epochs.keys().filter(|epoch| !carried.contains(epoch)).copied().collect()
    }

    /// Whether content may be sealed under this epoch here (E3): it counts, and nobody who was given its key has lost
    /// reading: neither directly, nor with the key of an epoch that carries it on.
    pub fn is_writable(&self, epoch: &EpochId) -> bool {
        self.writable().contains(epoch)
    }

    /// The epoch to write under (E3): of the writable ones that no other writable one carries on from, the lowest.
    pub fn writable_epoch(&self) -> Option<EpochId> {
        let writable = self.writable();
        let superseded: BTreeSet<EpochId> =
            writable.iter().filter_map(|epoch| self.epochs.get(epoch)).flat_map(Epoch::parents).collect();
        writable.iter().find(|epoch| !superseded.contains(epoch)).copied()
    }

    fn writable(&self) -> &BTreeSet<EpochId> {
        self.writable.0.get_or_init(|| {
            let lost = |epoch: &Epoch| epoch.readers().any(|reader| !self.is_reader(&reader));
            let mut known_to_others: BTreeSet<EpochId> = BTreeSet::new();
            let mut open: Vec<EpochId> =
                self.epochs.iter().filter(|(_, epoch)| lost(epoch)).map(|(id, _)| *id).collect();
            while let Some(id) = open.pop() {
                if known_to_others.insert(id) {
                    open.extend(self.epochs.get(&id).into_iter().flat_map(Epoch::carries));
                }
            }
            let is_writable = |(id, epoch): &(&EpochId, &Epoch)| epoch.counts && !known_to_others.contains(id);
            self.epochs.iter().filter(is_writable).map(|(id, _)| *id).collect()
        })
    }

    /// Readers who have not been given the key of a leaf epoch, with that epoch: for any reader who has it to repair (E2).
    pub fn missing_wraps(&self) -> Vec<(EpochId, SealingKey)> {
        let missing = |id: EpochId| {
            let given: BTreeSet<SealingKey> = self.epochs.get(&id).into_iter().flat_map(Epoch::readers).collect();
            self.readers().iter().filter(move |reader| !given.contains(reader)).map(move |reader| (id, *reader))
        };
        self.leaf_epochs().into_iter().flat_map(missing).collect()
    }

    /// An epoch's content key, opened by a device's or an invitation's sealing secret: by a wrap, or through an epoch that
    /// carries it on.
    pub fn content_key(&self, epoch: &EpochId, secret: &SealingSecret) -> Result<ContentKey, UnwrapError> {
        match self.unwrap(epoch, secret) {
            Ok(key) => Ok(key),
            Err(error) => {
                let keys = self.content_keys(secret);
                keys.into_iter().find(|(id, _)| id == epoch).map(|(_, key)| key).ok_or(error)
            }
        }
    }

    /// Every content key that a sealing secret opens, by epoch.
    pub fn content_keys(&self, secret: &SealingSecret) -> Vec<(EpochId, ContentKey)> {
        let mut keys = BTreeMap::new();
        self.open_further(secret, &mut keys);
        keys.into_iter().collect()
    }

    /// Adds to some keys those that a sealing secret opens and that these carry; opens nothing that is there.
    pub fn open_further(&self, secret: &SealingSecret, keys: &mut BTreeMap<EpochId, ContentKey>) {
        let reader = secret.public();
        for (id, epoch) in &self.epochs {
            if !keys.contains_key(id) && epoch.is_wrapped_for(&reader) {
                keys.extend(self.unwrap(id, secret).ok().map(|key| (*id, key)));
            }
        }
        self.open_carried(keys);
    }

    /// Adds to some keys all that these carry.
    fn open_carried(&self, keys: &mut BTreeMap<EpochId, ContentKey>) {
        let mut open: Vec<EpochId> = keys.keys().copied().collect();
        while let Some(id) = open.pop() {
            let (Some(epoch), Some(key)) = (self.epochs.get(&id), keys.get(&id).cloned()) else { continue };
            for parent in epoch.parent_keys() {
                let (Some(sealed), Some(known)) = (&parent.sealed, self.epochs.get(&parent.epoch)) else { continue };
                let Entry::Vacant(place) = keys.entry(parent.epoch) else { continue };
                if let Ok(opened) = sealed.open(self.space, parent.epoch, &known.commitment, &key) {
                    place.insert(opened);
                    open.push(parent.epoch);
                }
            }
        }
    }

    /// What of some keys to give to a newcomer, so that they have them all: those of the leaf epochs, and any that these do
    /// not really carry, whatever whoever began them claims.
    pub fn keys_to_give(&self, keys: &[(EpochId, ContentKey)]) -> Vec<(EpochId, ContentKey)> {
        let leaves = self.leaf_epochs();
        let known: BTreeMap<EpochId, ContentKey> =
            keys.iter().filter(|(id, _)| self.epochs.contains_key(id)).cloned().collect();
        let mut given: BTreeMap<EpochId, ContentKey> = known
            .iter()
            .filter(|(id, _)| leaves.binary_search(id).is_ok())
            .map(|(id, key)| (*id, key.clone()))
            .collect();
        let mut carried = given.clone();
        self.open_carried(&mut carried);
        for (id, key) in known {
            if let Entry::Vacant(place) = carried.entry(id) {
                given.insert(id, key.clone());
                place.insert(key);
                self.open_carried(&mut carried);
            }
        }
        given.into_iter().collect()
    }

    /// By a wrap alone.
    fn unwrap(&self, id: &EpochId, secret: &SealingSecret) -> Result<ContentKey, UnwrapError> {
        let epoch = self.epochs.get(id).ok_or(UnwrapError::NotForYou)?;
        let reader = secret.public();
        let mut failure = UnwrapError::NotForYou;
        if let (Ok(at), Some(start)) = (epoch.readers.binary_search(&reader), epoch.start.operation.epoch_start())
            && let Some(sealed) = start.wraps.get(at)
        {
            match sealed.open(&epoch.context, secret) {
                Ok(key) => return Ok(key),
                Err(error) => failure = error,
            }
        }
        // There may be several: one that was damaged, and one that repairs it (E2).
        let context = WrapContext { space: self.space, epoch: *id, commitment: epoch.commitment };
        for (_, entry, at) in epoch.later.iter().filter(|(later, ..)| *later == reader) {
            let Some(wrap) = entry.operation.wraps().get(*at) else { continue };
            match wrap.key.open(&context, secret) {
                Ok(key) => return Ok(key),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}
