//! What is durable on a simulated node: entries, admitted in causal order only (L2).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sheaf_access::EntryHash;
use sheaf_access::{LogId, SpaceId};
use sheaf_log::{BlobId, BlobLink, EntryRef, Frontier, Range, Unverified};
use sheaf_sync::{EntryBytes, Item, Refusal};

use crate::forking::Beside;

/// An entry of the simulation. The machine sees its bytes; stores look inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub space: SpaceId,
    pub log: LogId,
    pub seq: u64,
    /// Entries of other logs that must be held before this one.
    pub builds_on: Vec<(LogId, u64)>,
    /// An entry of a log of real ones that it builds on besides (see [`crate::forking`]).
    pub names: Option<EntryRef>,
    /// It makes this node a member.
    pub grants: Option<usize>,
    /// It is a checkpoint, and this is its bundle.
    pub checkpoint: Option<BlobLink>,
    /// It is a real entry: its hash, and itself.
    pub signed: Option<(EntryHash, Vec<u8>)>,
    pub padding: Vec<u8>,
}

impl Entry {
    /// Around a real one.
    fn around(real: &sheaf_log::Entry) -> Self {
        let builds_on = real.header().builds_on.iter().map(|on| (on.log, on.seq)).collect();
        let signed = Some((real.hash(), real.encoded().to_vec()));
        let (space, log, seq) = (real.space(), real.log(), real.seq());
        Self { space, log, seq, builds_on, names: None, grants: None, checkpoint: None, signed, padding: Vec::new() }
    }

    /// The real one in it.
    pub fn real(&self) -> Option<sheaf_log::Entry> {
        let (_, bytes) = self.signed.as_ref()?;
        Some(Unverified::decode(bytes).and_then(Unverified::verify).expect("a signed entry arrives as it was sent"))
    }

    /// What it is called.
    fn hash(&self, bytes: &EntryBytes) -> EntryHash {
        let plain = || EntryHash::from_bytes(*BlobId::of(bytes.as_slice()).as_bytes());
        self.signed.as_ref().map_or_else(plain, |(hash, _)| *hash)
    }

    pub fn encode(&self) -> EntryBytes {
        postcard::to_stdvec(self).unwrap().into()
    }

    pub fn decode(bytes: &EntryBytes) -> Self {
        postcard::from_bytes(bytes.as_slice()).expect("an entry arrives as it was sent")
    }
}

/// What makes sense of a checkpoint in the simulation: what it covers, who is a member by then, and its one blob.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bundle {
    pub covers: Frontier,
    /// Entries that make members: never pruned.
    pub grants: Vec<Entry>,
    /// Who wrote it.
    pub author: usize,
    pub blob: BlobLink,
}

/// One space on one node.
#[derive(Default)]
pub struct Store {
    /// By arrival.
    entries: BTreeMap<u64, (Entry, EntryBytes)>,
    last: u64,
    /// How far each log is held.
    tips: BTreeMap<LogId, u64>,
    members: BTreeSet<usize>,
    /// Up to where entries may be missing.
    pub floors: Frontier,
    pub bundles: Vec<(BlobLink, Frontier)>,
    /// Blobs that a held checkpoint names, and its bundle.
    pub blobs: BTreeMap<BlobId, Vec<u8>>,
    /// Checkpoints that were checked here, by the names of their bundles, with their authors.
    pub held: BTreeMap<BlobId, (Bundle, usize)>,
    /// Checkpoints whose entries are here and that were not checked yet.
    pub pending: BTreeMap<BlobId, BlobLink>,
    /// Who vouches for those that are held.
    pub words: BTreeSet<Vec<u8>>,
    /// What is known of forked logs.
    pub beside: Beside,
}

impl Store {
    /// Everything but what is beside logs.
    pub fn without_beside(&self) -> Self {
        Self {
            entries: self.entries.clone(),
            last: self.last,
            tips: self.tips.clone(),
            members: self.members.clone(),
            floors: self.floors.clone(),
            bundles: self.bundles.clone(),
            blobs: self.blobs.clone(),
            held: self.held.clone(),
            pending: self.pending.clone(),
            words: self.words.clone(),
            beside: Beside::default(),
        }
    }

    /// Every entry that is here.
    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().map(|(entry, _)| entry)
    }

    /// Stores an own real entry, which follows what is here.
    pub fn append_real(&mut self, real: &sheaf_log::Entry) -> Item {
        let entry = Entry::around(real);
        let bytes = entry.encode();
        self.append(entry, bytes).expect("own entries build on what is here").expect("and are new")
    }

    pub fn frontier(&self) -> Frontier {
        self.tips.iter().map(|(log, seq)| (*log, *seq)).collect()
    }

    pub fn held(&self, log: &LogId) -> u64 {
        self.tips.get(log).copied().unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.tips.is_empty()
    }

    /// How many entries are held, or stood for by a checkpoint.
    pub fn len(&self) -> usize {
        self.tips.values().sum::<u64>() as usize
    }

    /// The members, as far as is known here.
    pub fn members(&self) -> &BTreeSet<usize> {
        &self.members
    }

    pub fn logs(&self) -> impl Iterator<Item = (LogId, u64)> + '_ {
        self.tips.iter().map(|(log, seq)| (*log, *seq))
    }

    /// Stores an entry if all it builds on is here; `None` if it is here itself.
    pub fn append(&mut self, entry: Entry, bytes: EntryBytes) -> Result<Option<Item>, Refusal> {
        if entry.seq <= self.held(&entry.log) {
            return Ok(None);
        }
        let previous = (entry.seq > 1).then_some((entry.log, entry.seq - 1));
        let missing: Vec<_> = previous
            .into_iter()
            .chain(entry.builds_on.iter().copied())
            .filter(|(log, seq)| self.held(log) < *seq)
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::Missing { entries: missing });
        }
        self.tips.insert(entry.log, entry.seq);
        Ok(Some(self.keep(entry, bytes)))
    }

    fn keep(&mut self, entry: Entry, bytes: EntryBytes) -> Item {
        self.last += 1;
        self.members.extend(entry.grants);
        let news = entry.checkpoint.filter(|link| !self.held.contains_key(&link.id));
        self.pending.extend(news.map(|link| (link.id, link)));
        let (log, seq, hash) = (entry.log, entry.seq, entry.hash(&bytes));
        let item = Item { arrival: self.last, log, seq, hash, bytes: bytes.clone() };
        self.entries.insert(self.last, (entry, bytes));
        item
    }

    /// The entry in a place, if it was not pruned.
    pub fn at(&self, log: &LogId, seq: u64) -> Option<EntryHash> {
        let found = self.entries.values().find(|(entry, _)| (entry.log, entry.seq) == (*log, seq));
        found.map(|(entry, bytes)| entry.hash(bytes))
    }

    /// The same, itself.
    pub fn entry_at(&self, log: &LogId, seq: u64) -> Option<&Entry> {
        self.all().find(|entry| (entry.log, entry.seq) == (*log, seq))
    }

    /// How each log ends, where that is known.
    pub fn ends(&self) -> Vec<(LogId, u64, EntryHash)> {
        self.logs().filter_map(|(log, seq)| Some((log, seq, self.at(&log, seq)?))).collect()
    }

    /// Makes a checkpoint of everything here, and prunes what it stands for.
    pub fn prune(&mut self, author: usize, content: Vec<u8>) {
        let blob = BlobLink { id: BlobId::of(&content), size: content.len() as u64 };
        let bundle = Bundle { covers: self.frontier(), grants: self.grants(), author, blob };
        self.stand_for(&bundle, content);
        self.drop_pruned();
    }

    /// The entries that make members.
    pub fn grants(&self) -> Vec<Entry> {
        let grants = self.entries.values().filter(|(entry, _)| entry.grants.is_some());
        grants.map(|(entry, _)| entry.clone()).collect()
    }

    pub fn drop_pruned(&mut self) {
        let floors = &self.floors;
        self.entries.retain(|_, (entry, _)| entry.grants.is_some() || !floors.holds(&entry.log, entry.seq));
    }

    pub fn stand_for(&mut self, bundle: &Bundle, content: Vec<u8>) {
        self.floors.merge(&bundle.covers);
        if self.bundles.iter().any(|(_, covers)| covers.covers(&bundle.covers)) {
            return;
        }
        let bytes = postcard::to_stdvec(bundle).unwrap();
        let link = BlobLink { id: BlobId::of(&bytes), size: bytes.len() as u64 };
        // One that stands for less is not needed any more, and its blob is not served.
        let gone: Vec<BlobId> =
            self.bundles.extract_if(.., |(_, covers)| bundle.covers.covers(covers)).map(|(link, _)| link.id).collect();
        // What was checked, others may still be checking.
        for id in gone.into_iter().filter(|id| !self.held.contains_key(id)) {
            if let Some(old) = self.blobs.remove(&id) {
                self.blobs.remove(&postcard::from_bytes::<Bundle>(&old).unwrap().blob.id);
            }
        }
        self.blobs.insert(link.id, bytes);
        self.blobs.insert(bundle.blob.id, content);
        self.bundles.push((link, bundle.covers.clone()));
    }

    /// Takes a checkpoint over. Merging never lowers a frontier.
    pub fn cover(&mut self, bundle: &Bundle, content: Vec<u8>) {
        for (log, seq) in bundle.covers.iter() {
            let tip = self.tips.entry(*log).or_default();
            *tip = seq.max(*tip);
        }
        for grant in &bundle.grants {
            let here = self.entries.values().any(|(entry, _)| (entry.log, entry.seq) == (grant.log, grant.seq));
            if !here {
                let bytes = grant.encode();
                self.keep(grant.clone(), bytes);
            }
        }
        self.stand_for(bundle, content);
    }

    /// What a node answers to [`Action::Read`](sheaf_sync::Action::Read).
    pub fn read(&self, from: u64, lacking: &[Range], max_bytes: usize, max_entries: usize) -> (Vec<Item>, bool) {
        let lacking: BTreeMap<LogId, Range> = lacking.iter().map(|lacking| (lacking.log, *lacking)).collect();
        let mut items: Vec<Item> = Vec::new();
        let mut size = 0;
        for (arrival, (entry, bytes)) in self.entries.range(from..) {
            if lacking.get(&entry.log).is_none_or(|range| entry.seq < range.from || entry.seq > range.to) {
                continue;
            }
            if !items.is_empty() && (size + bytes.len() > max_bytes || items.len() == max_entries) {
                return (items, false);
            }
            size += bytes.len();
            items.push(Item {
                arrival: *arrival,
                log: entry.log,
                seq: entry.seq,
                hash: entry.hash(bytes),
                bytes: bytes.clone(),
            });
        }
        (items, true)
    }
}
