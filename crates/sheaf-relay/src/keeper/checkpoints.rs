//! Checkpoints, as far as someone can keep them who cannot read them (C2, C3).
//!
//! A checkpoint's entry comes like any other; its blobs are fetched from whoever sent it, each checked by its name. When all
//! are here, the checkpoint is *held*, and its bundle lies beside the blobs: what a newcomer needs who is told to fetch it.
//!
//! A device that has pruned offers a bundle instead of entries. What is in the blobs a relay cannot check, so it takes such
//! a checkpoint over only when somebody has who can: another member has endorsed it, or there is no other member. Then the
//! relay's frontier is the checkpoint's, as everyone's would be; and each member who fetches it checks it again.

use std::collections::BTreeSet;
use std::sync::Arc;

use sheaf_access::{AccessEntry, AccessHistory, AccessState, DeviceId, EntryHash, PersonId, SpaceId};
use sheaf_log::{BlobId, BlobLink, Checkpoint, Endorsement, Entry, Frontier, Kind, may_checkpoint};
use sheaf_store::{BlobStore, StoreError, Table, decode_bundle, encode_bundle};

use super::accept::now;
use super::{Keeper, Space};

/// A checkpoint that is held: space, checkpoint. Its value: since when.
const HELD: &[u8] = b"checkpoint/";
/// Somebody's word on one: space, checkpoint, device.
const ENDORSED: &[u8] = b"endorsed/";

/// A checkpoint all of whose blobs are here.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its entry.
    pub entry: EntryHash,
    /// Whose device wrote it.
    pub by: DeviceId,
    /// What it stands for.
    pub covers: Frontier,
    /// Its blobs.
    pub blobs: Vec<BlobLink>,
    /// Since when it is held, in milliseconds since 1970.
    pub since: u64,
}

/// What is known of a space's checkpoints.
#[derive(Default)]
pub struct Checkpoints {
    /// Those that are held, the one that covers most last.
    pub held: Vec<Kept>,
    /// Everyone's word on them.
    pub endorsements: Vec<Endorsement>,
    /// What is offered to those who are behind: a bundle for each that is held.
    offers: Vec<(BlobLink, Frontier, Arc<[u8]>)>,
}

/// Why a bundle is not taken over, or not now.
pub enum NotTaken {
    /// This is lacking.
    Lacks(BlobLink),
    /// It is not what it should be, or nobody who can read vouches for it.
    Refused(&'static str),
    /// The disk.
    Store(StoreError),
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Checkpoints {
    /// Whether somebody other than its author's person has endorsed a checkpoint, or there is nobody else (C2).
    pub fn is_endorsed(&self, entry: EntryHash, by: DeviceId, access: &AccessState) -> bool {
        let author = access.person_of(&by);
        let other = |person: Option<PersonId>| person.is_some() && person != author;
        access.members().len() <= 1
            || self.endorsements.iter().any(|one| one.checkpoint == entry && other(access.person_of(&one.device)))
    }

    /// Whether a checkpoint that is held names a blob.
    pub(super) fn names(&self, blob: BlobId) -> bool {
        self.held.iter().any(|kept| kept.blobs.iter().any(|one| one.id == blob))
    }

    fn hold(&mut self, kept: Kept) {
        if self.held.iter().any(|one| one.entry == kept.entry) {
            return;
        }
        self.held.push(kept);
        self.held.sort_by_key(|kept| kept.covers.entries());
        self.offers.clear();
    }
}

impl Keeper {
    /// The first of a checkpoint's blobs that is not here whole, and how much of it is.
    pub fn lacking(&self, blobs: &[BlobLink]) -> Result<Option<(BlobLink, u64)>, StoreError> {
        let store = self.home.blobs();
        for blob in blobs {
            if store.has(blob.id)? {
                continue;
            }
            let here = store.partial(blob.id)?;
            if here < blob.size {
                return Ok(Some((*blob, here)));
            }
            // More than there can be: it begins anew.
            store.delete(blob.id)?;
            return Ok(Some((*blob, 0)));
        }
        Ok(None)
    }

    /// Holds a checkpoint whose entry and blobs are here.
    pub fn hold(&self, space: &Space, entry: &Entry) -> Result<(), StoreError> {
        let Some(Ok(checkpoint)) = entry.checkpoint() else { return Ok(()) };
        let access = self.access_entries(space, &entry.header().access_heads)?;
        let bundle = encode_bundle(&[access.as_slice(), std::slice::from_ref(entry)].concat());
        self.home.blobs().put_bundle(space.id, entry.hash(), &bundle)?;
        self.note_held(space, entry, &checkpoint)
    }

    fn note_held(&self, space: &Space, entry: &Entry, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let since = now();
        self.store.put(Table::Spaces, &held_key(space.id, entry.hash()), &since.to_le_bytes())?;
        space.checkpoints().hold(kept(entry, checkpoint, since));
        Ok(())
    }

    /// Holds a checkpoint no more.
    pub(super) fn forget_held(&self, space: &Space, entry: EntryHash) -> Result<(), StoreError> {
        {
            let mut checkpoints = space.checkpoints();
            checkpoints.held.retain(|kept| kept.entry != entry);
            checkpoints.endorsements.retain(|one| one.checkpoint != entry);
            checkpoints.offers.clear();
        }
        self.store.delete(Table::Spaces, &held_key(space.id, entry))
    }

    /// Takes over the checkpoint of a bundle whose entries are not here, if all of it is, and someone vouches for it. Answers
    /// what it covers.
    pub fn take_over(&self, space: &Space, bundle: BlobLink) -> Result<Frontier, NotTaken> {
        let blobs = self.home.blobs();
        let bytes = blobs.get(bundle.id)?.ok_or(NotTaken::Lacks(bundle))?;
        let (access_entries, entry) = read_bundle(&bytes, space.id)?;
        let history = history(space, &access_entries)?;
        may_checkpoint(&entry, &history).map_err(|_| NotTaken::Refused("its author might not write it"))?;
        let Some(Ok(checkpoint)) = entry.checkpoint() else { return Err(NotTaken::Refused("it is none")) };
        if let Some((blob, _)) = self.lacking(&checkpoint.blobs)? {
            return Err(NotTaken::Lacks(blob));
        }
        if !space.checkpoints().is_endorsed(entry.hash(), entry.log().device, history.now()) {
            return Err(NotTaken::Refused("no other member has endorsed it yet"));
        }
        // Blobs and bundle first, then the floor: a crash in between is made good when the folder is opened (C5).
        blobs.put_bundle(space.id, entry.hash(), &bytes)?;
        for one in &access_entries {
            self.put_access(space.id, one.hash())?;
        }
        self.store.cover(space.id, &checkpoint.covers, &access_entries)?;
        self.note_held(space, &entry, &checkpoint)?;
        for device in super::devices(history.now()) {
            self.put_member(device, space.id)?;
        }
        space.take_over(history, self.store.frontier(space.id)?, self.store.floors(space.id)?);
        blobs.delete(bundle.id)?;
        Ok(checkpoint.covers)
    }

    /// Takes in somebody's word on a checkpoint. Answers whether it is news.
    pub fn endorsed(&self, space: &Space, bytes: &[u8]) -> Result<bool, StoreError> {
        let Ok(one) = Endorsement::verify(bytes) else { return Ok(false) };
        // Of a space that is still to come, it is not known yet who is a member; it is asked when it matters.
        let stranger = space.access().is_some_and(|access| access.role_of(&one.device).is_none());
        if one.space != space.id || stranger {
            return Ok(false);
        }
        {
            let mut checkpoints = space.checkpoints();
            let known = |other: &Endorsement| (other.checkpoint, other.device) == (one.checkpoint, one.device);
            if checkpoints.endorsements.len() >= sheaf_sync::MAX_ENDORSEMENTS
                || checkpoints.endorsements.iter().any(known)
            {
                return Ok(false);
            }
            checkpoints.endorsements.push(one);
        }
        self.store.put(Table::Spaces, &endorsed_key(space.id, &one), &one.encode())?;
        Ok(true)
    }

    /// A piece of a blob for a member; empty, if no checkpoint that is held names it.
    pub fn read_blob(&self, space: &Space, blob: BlobId, from: u64, length: usize) -> Result<Vec<u8>, StoreError> {
        let (named, offer) = {
            let checkpoints = space.checkpoints();
            let offer = checkpoints.offers.iter().find(|(link, ..)| link.id == blob);
            (checkpoints.names(blob), offer.map(|(.., bytes)| Arc::clone(bytes)))
        };
        if let Some(bytes) = offer {
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            return Ok(bytes.iter().skip(from).take(length).copied().collect());
        }
        if !named {
            return Ok(Vec::new());
        }
        Ok(self.home.blobs().read(blob, from, length)?.unwrap_or_default())
    }

    /// What to offer to those who lack what is pruned: bundles with the access entries of now. None, where nothing is.
    pub fn offers(&self, space: &Space) -> Result<Vec<(BlobLink, Frontier)>, StoreError> {
        let held = space.checkpoints().held.clone();
        if held.is_empty() || space.floors().is_empty() {
            return Ok(Vec::new());
        }
        let heads = space.access().map(|access| access.heads().to_vec()).unwrap_or_default();
        let access = self.access_entries(space, &heads)?;
        let mut offers = Vec::new();
        let bundles = self.home.blobs().bundles(space.id)?;
        for kept in &held {
            let Some((_, bytes)) = bundles.iter().find(|(entry, _)| *entry == kept.entry) else { continue };
            let Some(entry) = decode_bundle(bytes).and_then(|mut entries| entries.pop()?.verified_before().ok()) else {
                continue;
            };
            let bytes: Arc<[u8]> = encode_bundle(&[access.as_slice(), &[entry]].concat()).into();
            let link = BlobLink { id: BlobId::of(&bytes), size: bytes.len() as u64 };
            offers.push((link, kept.covers.clone(), bytes));
        }
        let links = offers.iter().map(|(link, covers, _)| (*link, covers.clone())).collect();
        space.checkpoints().offers = offers;
        Ok(links)
    }

    /// What is known of a space's checkpoints, from the disk.
    pub(super) fn load_checkpoints(&self, id: SpaceId) -> Result<Checkpoints, StoreError> {
        let mut checkpoints = Checkpoints::default();
        for (_, bytes) in self.store.scan(Table::Spaces, &[ENDORSED, id.as_bytes()].concat())? {
            checkpoints.endorsements.extend(Endorsement::verify(&bytes).ok());
        }
        let prefix = [HELD, id.as_bytes()].concat();
        let rows = self.store.scan(Table::Spaces, &prefix)?;
        if rows.is_empty() {
            return Ok(checkpoints);
        }
        for (hash, bundle) in self.home.blobs().bundles(id)? {
            let row = rows.iter().find(|(key, _)| key[prefix.len()..] == *hash.as_bytes());
            let since = row.and_then(|(_, since)| since.as_slice().try_into().ok()).map(u64::from_le_bytes);
            // It was verified when it came, and is kept under a checksum.
            let last = decode_bundle(&bundle).and_then(|mut entries| entries.pop()?.verified_before().ok());
            let (Some(since), Some(entry)) = (since, last) else { continue };
            if let Some(Ok(checkpoint)) = entry.checkpoint()
                && self.lacking(&checkpoint.blobs)?.is_none()
            {
                checkpoints.hold(kept(&entry, &checkpoint, since));
            }
        }
        Ok(checkpoints)
    }

    /// The access entries that some heads rest on, in the order in which they arrived.
    fn access_entries(&self, space: &Space, heads: &[EntryHash]) -> Result<Vec<Entry>, StoreError> {
        let mut wanted: BTreeSet<EntryHash> = BTreeSet::new();
        {
            let state = space.lock();
            let Some(history) = &state.access else { return Ok(Vec::new()) };
            let mut next = heads.to_vec();
            while let Some(hash) = next.pop() {
                if wanted.insert(hash) {
                    next.extend(history.get(&hash).into_iter().flat_map(|entry| entry.access_heads.iter().copied()));
                }
            }
        }
        let mut found = Vec::with_capacity(wanted.len());
        for hash in wanted {
            let Some((log, seq)) = self.store.by_hash(space.id, hash)? else { continue };
            let Some(entry) = self.store.entry(space.id, log, seq)? else { continue };
            found.push((self.store.arrival_of(space.id, log, seq)?.unwrap_or(0), entry));
        }
        found.sort_by_key(|(arrival, _)| *arrival);
        Ok(found.into_iter().map(|(_, entry)| entry).collect())
    }
}

fn kept(entry: &Entry, checkpoint: &Checkpoint, since: u64) -> Kept {
    Kept {
        entry: entry.hash(),
        by: entry.log().device,
        covers: checkpoint.covers.clone(),
        blobs: checkpoint.blobs.clone(),
        since,
    }
}

/// Reads a bundle from a device, and checks every signature in it: the access entries, and the checkpoint's.
fn read_bundle(bytes: &[u8], space: SpaceId) -> Result<(Vec<Entry>, Entry), NotTaken> {
    let bad = || NotTaken::Refused("what was sent for it is damaged");
    let mut entries = Vec::new();
    for entry in decode_bundle(bytes).ok_or_else(bad)? {
        let entry = entry.verify().map_err(|_| bad())?;
        if entry.space() != space {
            return Err(NotTaken::Refused("it is of another space"));
        }
        entries.push(entry);
    }
    let checkpoint = entries.pop().filter(|entry| entry.header().kind == Kind::Checkpoint).ok_or_else(bad)?;
    if entries.iter().any(|entry| entry.header().kind != Kind::Access) {
        return Err(bad());
    }
    Ok((entries, checkpoint))
}

/// The access history with what a bundle brings: a copy, for nothing of it takes effect before all is here.
fn history(space: &Space, access: &[Entry]) -> Result<AccessHistory, NotTaken> {
    let bad = || NotTaken::Refused("its access entries are not good");
    let mut entries: Vec<AccessEntry> = Vec::with_capacity(access.len());
    for entry in access {
        entries.extend(entry.access_entry().transpose().map_err(|_| bad())?);
    }
    let known = space.lock().access.clone();
    let mut history = if let Some(known) = known {
        known
    } else {
        let creation = EntryHash::from_bytes(*space.id.as_bytes());
        let first = entries.iter().position(|entry| entry.hash == creation).ok_or_else(bad)?;
        AccessHistory::found(entries.swap_remove(first)).map_err(|_| bad())?
    };
    entries.retain(|entry| !history.contains(&entry.hash));
    if super::space::add_what_fits(&mut history, entries).is_empty() { Ok(history) } else { Err(bad()) }
}

fn held_key(space: SpaceId, entry: EntryHash) -> Vec<u8> {
    [HELD, space.as_bytes(), entry.as_bytes()].concat()
}

fn endorsed_key(space: SpaceId, one: &Endorsement) -> Vec<u8> {
    [ENDORSED, space.as_bytes(), one.checkpoint.as_bytes(), one.device.as_bytes()].concat()
}
