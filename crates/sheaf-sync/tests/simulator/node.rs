//! A simulated node: a machine, a store, and between them a storage that takes its time.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_log::{BlobId, BlobLink, Frontier};
use sheaf_sync::branches::Searches;
use sheaf_sync::{Config, Machine, Ticket, Window};

use crate::forking::is_real;
use crate::scenario::Scenario;
use crate::store::{Bundle, Entry, Store};

/// The device of a node.
pub fn device(node: usize) -> DeviceId {
    DeviceId::from_bytes([node as u8 + 1; 32])
}

/// What survives a crash is `stores` and `tokens`; everything else begins anew.
pub struct Node {
    pub index: usize,
    pub log: LogId,
    pub config: Config,
    pub stores: BTreeMap<SpaceId, Store>,
    /// Spaces for which this node was given an invitation.
    pub tokens: BTreeSet<SpaceId>,

    /// Counts the starts: what was under way before the last one is void.
    pub boot: u64,
    pub machine: Option<Machine<usize>>,
    /// The connection to each peer, by its number, as far as this node has heard.
    pub connected: BTreeMap<usize, u64>,
    /// Invitations accepted on the present connections.
    pub accepted: BTreeSet<(usize, SpaceId)>,
    /// Reads that are out.
    pub reads: BTreeMap<(usize, SpaceId), Ticket>,
    /// What has been fetched so far of blobs: it survives a crash.
    pub parts: BTreeMap<BlobId, Vec<u8>>,
    /// Checkpoints that are being fetched: from whom, the bundle's name, and the bundle once it is here.
    pub merging: BTreeMap<(usize, SpaceId), (BlobId, Option<Bundle>)>,
    /// Checkpoints that are being fetched to be checked: from whom, the bundle's name, and the bundle once it is here.
    pub endorsing: BTreeMap<(usize, SpaceId), (BlobLink, Option<Bundle>)>,
    /// Who has said that they do not have the blobs of a checkpoint, on the present connections.
    pub without: BTreeSet<(usize, SpaceId, BlobId)>,
    /// What the machine was last told to offer in place of what is pruned.
    pub offers: BTreeMap<SpaceId, Vec<(BlobLink, Frontier)>>,
    /// Looking for where the logs of others part from those here.
    pub searches: Searches,
    /// Who has been told which logs are forked since they were in step, on the present connections.
    pub met: BTreeSet<(usize, SpaceId)>,
    /// What is durable with whom, as far as receipts on the present connections say.
    pub receipts: BTreeMap<(usize, SpaceId), Frontier>,
    /// Connections on which "not now" has been said, so that "missing" may follow.
    pub excused: BTreeSet<u64>,

    /// How long storing takes at most.
    pub storage: u64,
    pub full: bool,
    /// When the storage has done what it was given so far, and when its answers are in.
    pub stored_by: u64,
    pub answered_by: u64,
}

impl Node {
    pub fn new(index: usize, rng: &mut ChaCha8Rng, scenario: &Scenario) -> Self {
        let mut config = if scenario.tight {
            // Real entries have headers and signatures.
            let entry = if scenario.forks { 1_500 } else { 200 };
            Config {
                max_entry_bytes: entry,
                batch_bytes: rng.random_range(50..600),
                batch_entries: rng.random_range(1..8),
                window: Window { bytes: rng.random_range(entry..entry + 1_000), entries: rng.random_range(1..12) },
                inline_offers: rng.random_range(0..3),
                search_pause: rng.random_range(0..300),
                max_redemptions: 3,
                receipt_delay: rng.random_range(0..60),
                retry_first: 20,
                retry_most: 160,
                piece_bytes: rng.random_range(20..400),
                pieces: rng.random_range(1..4),
                ..Config::default()
            }
        } else {
            Config { retry_most: 2_000, ..Config::default() }
        };
        if scenario.crowds {
            // Two are a crowd, or three, or everyone.
            config.crowd = index as u32 % 3;
            config.crowd_pause = [50, 7, 400][index % 3];
        }
        let device = device(index);
        Self {
            index,
            log: LogId { device, nonce: 7 },
            config,
            stores: BTreeMap::new(),
            tokens: BTreeSet::new(),
            boot: 0,
            machine: None,
            connected: BTreeMap::new(),
            accepted: BTreeSet::new(),
            reads: BTreeMap::new(),
            parts: BTreeMap::new(),
            merging: BTreeMap::new(),
            endorsing: BTreeMap::new(),
            without: BTreeSet::new(),
            offers: BTreeMap::new(),
            excused: BTreeSet::new(),
            searches: Searches::default(),
            met: BTreeSet::new(),
            receipts: BTreeMap::new(),
            storage: 5,
            full: false,
            stored_by: 0,
            answered_by: 0,
        }
    }

    /// Whether this node, as far as it knows, may show a space to a peer.
    pub fn may_show(&self, space: &SpaceId, peer: usize) -> bool {
        self.stores.get(space).is_some_and(|store| store.members().contains(&peer))
            || self.accepted.contains(&(peer, *space))
    }

    /// Spaces of which a peer is a member, as far as this node knows.
    pub fn shared_with(&self, peer: usize) -> Vec<SpaceId> {
        self.stores.iter().filter(|(_, store)| store.members().contains(&peer)).map(|(space, _)| *space).collect()
    }

    /// Those of its peers who are shown a space.
    pub fn sharing(&self, space: &SpaceId) -> Vec<usize> {
        self.connected.keys().copied().filter(|peer| self.may_show(space, *peer)).collect()
    }

    pub fn is_member(&self, space: &SpaceId) -> bool {
        self.stores.get(space).is_some_and(|store| store.members().contains(&self.index))
    }

    /// Writes an entry that builds on some of what is here, and makes it durable.
    pub fn write(
        &mut self,
        space: SpaceId,
        grants: Option<usize>,
        checkpoint: Option<BlobLink>,
        rng: &mut ChaCha8Rng,
    ) -> sheaf_sync::Item {
        let store = self.stores.entry(space).or_default();
        let mut builds_on = Vec::new();
        for (log, seq) in store.logs() {
            if log != self.log && !is_real(&log) && rng.random_bool(0.6) {
                builds_on.push((log, if rng.random_bool(0.7) { seq } else { rng.random_range(1..=seq) }));
            }
        }
        builds_on.truncate(2);
        let names = store.tip_to_name().filter(|_| rng.random_bool(0.4));
        let entry = Entry {
            space,
            log: self.log,
            seq: store.held(&self.log) + 1,
            builds_on,
            names,
            grants,
            checkpoint,
            signed: None,
            padding: vec![7; if rng.random_bool(0.2) { rng.random_range(0..20) } else { 3 }],
        };
        let bytes = entry.encode();
        assert!(
            bytes.len() <= if names.is_some() { 400 } else { 200 },
            "entries fit the tight limits: {}",
            bytes.len()
        );
        store.append(entry, bytes).expect("own entries build on what is here").expect("and are new")
    }
}
