//! Checkpoints, as far as someone can keep them who cannot read them (C2, C3).
//!
//! A checkpoint's entry comes like any other; its blobs are fetched from whoever sent it, each checked by its name. When all
//! are here, the checkpoint is *held*, and its bundle lies beside the blobs: what a newcomer needs who is told to fetch it.
//!
//! A device that has pruned offers a bundle instead of entries. What is in the blobs a relay cannot check, so it takes such
//! a checkpoint over only when somebody has who can: another member has endorsed it, or there is no other member. Then the
//! relay's frontier is the checkpoint's, as everyone's would be; and each member who fetches it checks it again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sheaf_access::{AccessEntry, AccessHistory, AccessState, DeviceId, EntryHash, LogId, PersonId, SpaceId};
use sheaf_log::{BlobId, BlobLink, Checkpoint, Entry, Frontier, Kind, SignedHeader, may_checkpoint};
use sheaf_store::{BlobStore, StoreError, Table, branch_entry, bundle_ends, decode_bundle, encode_bundle};

use super::accept::now;
use super::endorsing::Endorsements;
use super::{Keeper, Space};

/// A checkpoint that is held: space, checkpoint. Its value: since when.
pub(super) const HELD: &[u8] = b"checkpoint/";
/// How many checkpoints of one person's are held that nobody else has endorsed: the oldest give way.
const UNENDORSED: usize = 4;

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
    /// What members have said on them.
    pub endorsements: Endorsements,
    /// What is offered to those who are behind: a bundle for each that is held.
    offers: Vec<(BlobLink, Frontier, Arc<[u8]>)>,
}

/// Why a bundle is not taken over, or not now.
pub enum NotTaken {
    /// This is lacking.
    Lacks(BlobLink),
    /// It is not what it should be, or nobody who can read vouches for it.
    Refused(&'static str),
    /// A quota leaves no room for its blobs.
    OverQuota,
    /// The disk.
    Store(StoreError),
}

/// Whether quotas decide whether there is room: a device's checkpoint is refused beyond them, one that is in the cluster is not.
#[derive(Clone, Copy)]
pub(super) enum By {
    /// A device brings it.
    Device,
    /// Another relay has let it in.
    Relay,
}

/// A checkpoint that may be taken over.
pub(super) struct Vouched {
    /// Its bundle.
    bytes: Vec<u8>,
    /// The access entries in it.
    access: Vec<Entry>,
    /// The space's, with these.
    history: AccessHistory,
    /// Its entry.
    pub entry: Entry,
    /// What that says.
    pub checkpoint: Checkpoint,
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Checkpoints {
    /// Whether a checkpoint that is held names a blob.
    pub(super) fn names(&self, blob: BlobId) -> bool {
        self.held.iter().any(|kept| kept.blobs.iter().any(|one| one.id == blob))
    }

    /// How many bytes their blobs have, each counted once.
    pub fn bytes(&self) -> u64 {
        let blobs: BTreeMap<BlobId, u64> =
            self.held.iter().flat_map(|kept| kept.blobs.iter().map(|blob| (blob.id, blob.size))).collect();
        blobs.values().fold(0, |sum, size| sum.saturating_add(*size))
    }

    /// The same by the persons whose checkpoints name them: once for each.
    pub fn bytes_by(&self, access: Option<&AccessState>) -> BTreeMap<PersonId, u64> {
        let mut blobs: BTreeMap<PersonId, BTreeMap<BlobId, u64>> = BTreeMap::new();
        for kept in &self.held {
            if let Some(person) = access.and_then(|access| access.person_of(&kept.by)) {
                blobs.entry(person).or_default().extend(kept.blobs.iter().map(|blob| (blob.id, blob.size)));
            }
        }
        let sum = |blobs: BTreeMap<BlobId, u64>| blobs.into_values().fold(0, u64::saturating_add);
        blobs.into_iter().map(|(person, blobs)| (person, sum(blobs))).collect()
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

    /// What is to be kept beside the blobs of a checkpoint whose entry is here, if they all are here. It builds on all that it
    /// covers (C1), so one that covers more than is here says what is not so.
    pub(super) fn bundle_of(
        &self,
        space: &Space,
        entry: &Entry,
        checkpoint: &Checkpoint,
        brought: By,
    ) -> Result<Vec<u8>, NotTaken> {
        if !space.frontier().covers(&checkpoint.covers) {
            return Err(NotTaken::Refused("it covers what it does not build on"));
        }
        self.check_room(space, entry.log().device, space.access().as_deref(), (checkpoint, brought))?;
        if let Some((blob, _)) = self.lacking(&checkpoint.blobs)? {
            return Err(NotTaken::Lacks(blob));
        }
        let access = self.access_entries(space, &entry.header().access_heads)?;
        let ends = self.ends(space, &checkpoint.covers)?;
        Ok(encode_bundle(&[access.as_slice(), std::slice::from_ref(entry)].concat(), &ends))
    }

    /// Holds a checkpoint whose entry is here, if its blobs are too.
    pub fn hold(&self, space: &Space, entry: &Entry) -> Result<(), NotTaken> {
        let Some(Ok(checkpoint)) = entry.checkpoint() else { return Ok(()) };
        let bundle = self.bundle_of(space, entry, &checkpoint, self.by_whom())?;
        self.home.blobs().put_bundle(space.id, entry.hash(), &bundle)?;
        self.note_held(space, entry, &checkpoint)?;
        Ok(self.make_room(space, entry.log().device)?)
    }

    /// Whether there is room for the blobs of one more checkpoint, whose author's limits these are too.
    fn check_room(
        &self,
        space: &Space,
        by: DeviceId,
        access: Option<&AccessState>,
        (checkpoint, brought): (&Checkpoint, By),
    ) -> Result<(), NotTaken> {
        let person = access.and_then(|access| access.person_of(&by));
        let (held, new, own) = {
            let checkpoints = space.checkpoints();
            let named_by_them = |blob: &BlobLink| {
                let theirs = |kept: &&Kept| access.and_then(|access| access.person_of(&kept.by)) == person;
                checkpoints.held.iter().filter(theirs).any(|kept| kept.blobs.iter().any(|one| one.id == blob.id))
            };
            let sum = |known: &dyn Fn(&BlobLink) -> bool| {
                let new = checkpoint.blobs.iter().filter(|blob| !known(blob));
                new.map(|blob| blob.size).fold(0, u64::saturating_add)
            };
            (checkpoints.bytes(), sum(&|blob| checkpoints.names(blob.id)), sum(&named_by_them))
        };
        let fit = self.ledger().blobs_fit(space.id, held, new, person.map(|person| (person, own)));
        match (fit, brought) {
            (Ok(()), _) => Ok(()),
            (Err(_), By::Relay) => {
                self.board.meters().cluster_over_quota.add(1);
                Ok(())
            }
            (Err(exceeded), By::Device) => {
                self.board.meters().over_quota.add(1);
                tracing::info!(%exceeded, space = %space.id.short(), "a quota is used up");
                Err(NotTaken::OverQuota)
            }
        }
    }

    /// Who brings what is held, or taken over: in a cluster every checkpoint has been let in by the relay that shared it.
    fn by_whom(&self) -> By {
        if self.is_clustered() { By::Relay } else { By::Device }
    }

    /// The headers in which covered logs end, as far as they are here: in the store, or with a checkpoint.
    fn ends(&self, space: &Space, covers: &Frontier) -> Result<Vec<SignedHeader>, StoreError> {
        let bundles = self.home.blobs().bundles(space.id)?;
        let shown = shown(space.id, bundles.iter().flat_map(|(_, bytes)| bundle_ends(bytes)));
        let mut ends = Vec::with_capacity(covers.len());
        for (log, seq) in covers.iter() {
            match self.store.entry(space.id, *log, seq)? {
                Some(entry) => ends.push(entry.signed_header()),
                None => ends.extend(shown.get(&(*log, seq)).cloned()),
            }
        }
        Ok(ends)
    }

    /// Of the checkpoints of one person that nobody else has endorsed, the oldest give way.
    fn make_room(&self, space: &Space, author: DeviceId) -> Result<(), StoreError> {
        let Some(access) = space.access() else { return Ok(()) };
        let mut alone: Vec<Kept> = {
            let checkpoints = space.checkpoints();
            let of_author = |kept: &&Kept| access.person_of(&kept.by) == access.person_of(&author);
            let unendorsed = |kept: &&Kept| !checkpoints.is_endorsed(kept.entry, kept.by, &access);
            checkpoints.held.iter().filter(of_author).filter(unendorsed).cloned().collect()
        };
        alone.sort_by_key(|kept| kept.since);
        alone.truncate(alone.len().saturating_sub(UNENDORSED));
        alone.iter().try_for_each(|kept| self.give_up(space, kept))
    }

    /// Gives up a checkpoint, its bundle, and the blobs that no other names.
    pub(super) fn give_up(&self, space: &Space, gone: &Kept) -> Result<(), StoreError> {
        self.home.blobs().delete_bundle(space.id, gone.entry)?;
        self.forget_held(space, gone.entry)?;
        let unnamed = gone.blobs.iter().filter(|blob| !space.checkpoints().names(blob.id));
        let unnamed: Vec<BlobLink> = unnamed.copied().collect();
        // Another space may name it too: what the plain part of a checkpoint says of blobs is its author's word alone.
        unnamed.iter().try_for_each(|blob| self.home.blobs().delete_unneeded(blob.id, None).map(drop))?;
        self.discard(space.id, gone.entry, unnamed)
    }

    fn note_held(&self, space: &Space, entry: &Entry, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let since = now();
        self.store.put(Table::Spaces, &held_key(space.id, entry.hash()), &since.to_le_bytes())?;
        space.checkpoints().hold(kept(entry, checkpoint, since));
        self.count_blobs(space)?;
        self.endorsed_before(space, entry.hash()).map(drop)
    }

    /// Holds a checkpoint no more.
    fn forget_held(&self, space: &Space, entry: EntryHash) -> Result<(), StoreError> {
        {
            let mut checkpoints = space.checkpoints();
            checkpoints.held.retain(|kept| kept.entry != entry);
            checkpoints.offers.clear();
        }
        self.count_blobs(space)?;
        self.forget_endorsements(space, entry)?;
        self.store.delete(Table::Spaces, &held_key(space.id, entry))
    }

    /// The checkpoint of a bundle whose entries are not here, if all of it is, and someone vouches for it.
    pub(super) fn vouched(&self, space: &Space, bundle: BlobLink, brought: By) -> Result<Vouched, NotTaken> {
        let bytes = self.home.blobs().get(bundle.id)?.ok_or(NotTaken::Lacks(bundle))?;
        let (access, entry) = read_bundle(&bytes, space.id)?;
        let history = history(space, &access)?;
        may_checkpoint(&entry, &history).map_err(|_| NotTaken::Refused("its author might not write it"))?;
        let Some(Ok(checkpoint)) = entry.checkpoint() else { return Err(NotTaken::Refused("it is none")) };
        self.check_room(space, entry.log().device, Some(history.now()), (&checkpoint, brought))?;
        if let Some((blob, _)) = self.lacking(&checkpoint.blobs)? {
            return Err(NotTaken::Lacks(blob));
        }
        if !space.checkpoints().is_endorsed(entry.hash(), entry.log().device, history.now()) {
            return Err(NotTaken::Refused("no other member has endorsed it yet"));
        }
        check_ends(space, &checkpoint.covers, &bytes)?;
        Ok(Vouched { bytes, access, history, entry, checkpoint })
    }

    /// Takes over the checkpoint of a bundle whose entries are not here, if all of it is, and someone vouches for it. Answers
    /// what it covers.
    pub fn take_over(&self, space: &Space, bundle: BlobLink) -> Result<Frontier, NotTaken> {
        let Vouched { bytes, access, history, entry, checkpoint } = self.vouched(space, bundle, self.by_whom())?;
        let blobs = self.home.blobs();
        // Blobs and bundle first, then the floor: a crash in between is made good when the folder is opened (C5).
        blobs.put_bundle(space.id, entry.hash(), &bytes)?;
        for one in &access {
            self.put_access(space.id, one.hash())?;
        }
        self.store.cover(space.id, &checkpoint.covers, &access)?;
        self.note_held(space, &entry, &checkpoint)?;
        for device in super::devices(history.now()) {
            self.put_member(device, space.id)?;
        }
        space.take_over(history, &self.store.frontier(space.id)?, &self.store.floors(space.id)?);
        self.count_blobs(space)?;
        blobs.delete_unneeded(bundle.id, None)?;
        Ok(checkpoint.covers)
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
            let ends = bundle_ends(bytes);
            let bytes: Arc<[u8]> = encode_bundle(&[access.as_slice(), &[entry]].concat(), &ends).into();
            let link = BlobLink { id: BlobId::of(&bytes), size: bytes.len() as u64 };
            offers.push((link, kept.covers.clone(), bytes));
        }
        let links = offers.iter().map(|(link, covers, _)| (*link, covers.clone())).collect();
        space.checkpoints().offers = offers;
        Ok(links)
    }

    /// What is known of a space's checkpoints, from the disk.
    pub(super) fn load_checkpoints(&self, id: SpaceId) -> Result<Checkpoints, StoreError> {
        let mut checkpoints = Checkpoints { endorsements: self.load_endorsements(id)?, ..Checkpoints::default() };
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
        let mut wanted: BTreeMap<EntryHash, LogId> = BTreeMap::new();
        {
            let state = space.lock();
            let Some(history) = &state.access else { return Ok(Vec::new()) };
            let mut next = heads.to_vec();
            while let Some(hash) = next.pop() {
                let Some(entry) = history.get(&hash) else { continue };
                if wanted.insert(hash, entry.log).is_none() {
                    next.extend(entry.access_heads.iter().copied());
                }
            }
        }
        let mut found = Vec::with_capacity(wanted.len());
        for (hash, log) in wanted {
            let Some((log, seq)) = self.store.by_hash(space.id, hash)? else {
                // Of a fork both sides are in the history.
                let beside = branch_entry(&*self.store, space.id, log, hash)?;
                found.extend(beside.map(|entry| (u64::MAX, entry)));
                continue;
            };
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
pub(super) fn read_bundle(bytes: &[u8], space: SpaceId) -> Result<(Vec<Entry>, Entry), NotTaken> {
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

/// What is covered is held from then on, so a log is covered no further than it is known to go: it is here so far, or its
/// device's own signature shows it. Two members who make common cause can vouch for anything else.
fn check_ends(space: &Space, covers: &Frontier, bundle: &[u8]) -> Result<(), NotTaken> {
    let (held, shown) = (space.frontier(), shown(space.id, bundle_ends(bundle)));
    let known = |(log, seq): (&LogId, u64)| held.holds(log, seq) || shown.contains_key(&(*log, seq));
    if covers.iter().all(known) {
        Ok(())
    } else {
        Err(NotTaken::Refused("it covers what nobody is shown to have written"))
    }
}

/// The headers of a space that their devices have signed, by place.
fn shown(space: SpaceId, ends: impl IntoIterator<Item = SignedHeader>) -> HashMap<(LogId, u64), SignedHeader> {
    let verified = |end: SignedHeader| {
        let (header, _) = end.verify().ok()?;
        (header.space == space).then_some(((header.log, header.seq), end))
    };
    ends.into_iter().filter_map(verified).collect()
}

pub(super) fn held_key(space: SpaceId, entry: EntryHash) -> Vec<u8> {
    [HELD, space.as_bytes(), entry.as_bytes()].concat()
}
