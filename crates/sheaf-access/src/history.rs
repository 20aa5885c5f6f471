//! The access entries of a space, and what any causally closed part of them amounts to.
//!
//! The access state is a *pure function of the set* of access entries (A1). [`AccessHistory`] holds the set, adds to it
//! in any causal order, and evaluates it in the one order that all devices agree on: (longest distance from the creation
//! in the access graph, hash) (A3). What an entry's author could know when writing it is a subset, closed under access
//! heads; [`AccessHistory::state_at`] evaluates that, in the same order, for the question whether an entry is *founded*
//! (A5): whether its author might write it as far as its own past says.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::alone::check_alone;
use crate::closure::{Bits, Closure};
use crate::evaluate::{Part, evaluate};
use crate::keys::SealingKey;
use crate::operation::{AccessEntry, AccessOp};
use crate::state::AccessState;
use crate::verdict::Void;
use crate::{EntryHash, SpaceId};

/// How many past states are remembered: entries arrive in runs that name the same access heads.
const REMEMBERED: usize = 16;

/// Access entries that are not held, and would have to be first (L2).
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
#[error("{} access entries are not here yet", .0.len())]
pub struct Missing(pub Vec<EntryHash>);

/// Why an access entry is not let into the set.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum Denied {
    /// What it names is not held yet (L2).
    #[error(transparent)]
    Missing(#[from] Missing),
    /// It belongs to another space.
    #[error("this entry belongs to another space")]
    OtherSpace,
    /// In its own past alone it already has no right to be (A5).
    #[error(transparent)]
    Unfounded(#[from] Void),
}

/// An entry of the set, with what follows from its own past, which never changes.
#[derive(Clone)]
pub(crate) struct Node {
    pub entry: Arc<AccessEntry>,
    /// The longest distance from the creation.
    pub depth: u32,
    /// Everything before it; not itself.
    pub past: Bits,
    /// Whom the epoch that it begins is for, in the order of its wraps (E1).
    pub readers: Arc<[SealingKey]>,
    /// What opened the invitation that it redeems.
    pub invite: Option<usize>,
}

type Remembered = Vec<(Vec<EntryHash>, Arc<AccessState>)>;

/// The access entries of one space.
pub struct AccessHistory {
    space: SpaceId,
    nodes: Vec<Node>,
    index: HashMap<EntryHash, usize>,
    /// The nodes in the order of A3.
    order: Vec<usize>,
    heads: BTreeSet<EntryHash>,
    /// What the set amounts to; found when asked for, so that adding many entries costs one pass.
    now: OnceLock<Arc<AccessState>>,
    /// Past states never change, for the past of an entry does not: so what was found once stays true.
    remembered: Mutex<Remembered>,
}

impl std::fmt::Debug for AccessHistory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessHistory")
            .field("entries", &self.nodes.len())
            .field("heads", &self.heads)
            .finish_non_exhaustive()
    }
}

impl Clone for AccessHistory {
    fn clone(&self) -> Self {
        Self {
            space: self.space,
            nodes: self.nodes.clone(),
            index: self.index.clone(),
            order: self.order.clone(),
            heads: self.heads.clone(),
            now: self.now.clone(),
            remembered: Mutex::default(),
        }
    }
}

/// What someone knew of who may do what: some access entries and everything before them.
pub struct Known<'a> {
    history: &'a AccessHistory,
    closure: Closure,
}

impl Known<'_> {
    /// Whether these entries, and with them everything before them, were known.
    pub fn includes(&self, entries: &[EntryHash]) -> Result<bool, Missing> {
        let places = self.history.places(entries)?;
        Ok(places.into_iter().all(|at| self.closure.members.has(at)))
    }
}

impl AccessHistory {
    /// Begins with the entry that creates a space.
    pub fn found(creation: AccessEntry) -> Result<Self, Denied> {
        if !matches!(creation.operation, AccessOp::Create { .. }) {
            return Err(Void::NotTheCreation.into());
        }
        let space = SpaceId::from(creation.hash);
        check_alone(space, &creation)?;
        let readers = creation.operation.certificate().map(|founder| founder.sealing_key);
        let mut history = Self {
            space,
            nodes: Vec::new(),
            index: HashMap::new(),
            order: Vec::new(),
            heads: BTreeSet::new(),
            now: OnceLock::new(),
            remembered: Mutex::default(),
        };
        let (past, readers) = (Bits::default(), readers.into_iter().collect());
        history.insert(Node { entry: Arc::new(creation), depth: 0, past, readers, invite: None });
        Ok(history)
    }

    /// From a whole set, in any order. The set must be closed, with its creation in it, and hold nothing unfounded.
    pub fn evaluate(space: SpaceId, entries: impl IntoIterator<Item = AccessEntry>) -> Result<Self, Denied> {
        let mut waiting: Vec<AccessEntry> = entries.into_iter().collect();
        let creation = EntryHash::from_bytes(*space.as_bytes());
        let at = waiting.iter().position(|entry| entry.hash == creation).ok_or_else(|| Missing(vec![creation]))?;
        let mut history = Self::found(waiting.swap_remove(at))?;
        loop {
            let before = waiting.len();
            let mut missing = Vec::new();
            let mut later = Vec::new();
            for entry in waiting {
                let absent: Vec<_> = entry.access_heads.iter().filter(|head| !history.contains(head)).collect();
                if absent.is_empty() {
                    history.add(entry)?;
                } else {
                    missing.extend(absent);
                    later.push(entry);
                }
            }
            if later.is_empty() {
                return Ok(history);
            }
            if later.len() == before {
                let here: BTreeSet<_> = later.iter().map(|entry| entry.hash).collect();
                missing.retain(|hash| !here.contains(hash));
                missing.sort_unstable();
                missing.dedup();
                return Err(Missing(missing).into());
            }
            waiting = later;
        }
    }

    /// Whether an entry may join the set: it belongs here, all it names is held, and in its own past alone it counts (A5).
    pub fn check(&self, entry: &AccessEntry) -> Result<(), Denied> {
        if self.contains(&entry.hash) {
            return Ok(());
        }
        self.check_node(entry.clone()).map(|_| ())
    }

    /// Adds an entry that [`Self::check`] lets in. Adding one twice changes nothing. Whether it counts in the whole is for
    /// [`AccessState::verdict`] to say.
    pub fn add(&mut self, entry: AccessEntry) -> Result<(), Denied> {
        if !self.contains(&entry.hash) {
            let node = self.check_node(entry)?;
            self.insert(node);
        }
        Ok(())
    }

    /// The space.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The state that the whole set amounts to.
    pub fn now(&self) -> &Arc<AccessState> {
        self.now.get_or_init(|| {
            let all = Bits::first(self.nodes.len());
            Arc::new(self.evaluate_over(&all, None, self.heads.iter().copied().collect()))
        })
    }

    /// The state as someone saw it who knew these access entries and what came before them.
    pub fn state_at(&self, heads: &[EntryHash]) -> Result<Arc<AccessState>, Missing> {
        let mut heads = heads.to_vec();
        heads.sort_unstable();
        heads.dedup();
        if heads.len() == self.heads.len() && heads.iter().all(|head| self.heads.contains(head)) {
            return Ok(Arc::clone(self.now()));
        }
        // A panic elsewhere while this was held cannot have left it half changed: it is only pushed to and removed from.
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = remembered.iter().position(|(known, _)| *known == heads) {
            let found = remembered.remove(at);
            let state = Arc::clone(&found.1);
            remembered.push(found);
            return Ok(state);
        }
        let closure = self.closure(&heads)?;
        let state = Arc::new(self.evaluate_over(&closure.members, None, heads.clone()));
        if remembered.len() >= REMEMBERED {
            remembered.remove(0);
        }
        remembered.push((heads, Arc::clone(&state)));
        Ok(state)
    }

    /// All that someone knew who knew these access entries: to ask whether access heads have gone back (A4).
    pub fn known_at(&self, heads: &[EntryHash]) -> Result<Known<'_>, Missing> {
        Ok(Known { history: self, closure: self.closure(heads)? })
    }

    /// Whether an access entry is one of these, or comes before one of them.
    pub fn in_past(&self, of: &[EntryHash], entry: &EntryHash) -> bool {
        let Some(at) = self.place(entry) else { return false };
        let holds = |head: &EntryHash| self.place(head).is_some_and(|head| head == at || self.nodes[head].past.has(at));
        of.iter().any(holds)
    }

    /// Whether an access entry is in the set.
    pub fn contains(&self, entry: &EntryHash) -> bool {
        self.index.contains_key(entry)
    }

    /// An access entry of the set.
    pub fn get(&self, entry: &EntryHash) -> Option<&AccessEntry> {
        self.index.get(entry).map(|at| &*self.nodes[*at].entry)
    }

    /// The set, each entry after those it names.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &AccessEntry> {
        self.nodes.iter().map(|node| &*node.entry)
    }

    /// What the set, or what someone knew of it, would amount to with one more entry on top, whether or not that may be added.
    pub(crate) fn state_with(&self, node: &Node) -> AccessState {
        self.evaluate_over(&node.past, Some(node), vec![node.entry.hash])
    }

    /// An entry on top of what it says was known, judged by nothing yet.
    pub(crate) fn node(&self, entry: AccessEntry) -> Result<Node, Missing> {
        let Closure { members: past, depth } = self.closure(&entry.access_heads)?;
        let (entry, readers) = (Arc::new(entry), Arc::default());
        Ok(Node { entry, depth, past, readers, invite: None })
    }

    fn check_node(&self, entry: AccessEntry) -> Result<Node, Denied> {
        if entry.space != self.space {
            return Err(Denied::OtherSpace);
        }
        let mut node = self.node(entry)?;
        check_alone(self.space, &node.entry)?;
        let founded = self.founded(&node)?;
        node.readers = founded.readers;
        node.invite = founded.invite;
        Ok(node)
    }

    /// The place of an entry of the set.
    pub(crate) fn place(&self, entry: &EntryHash) -> Option<usize> {
        self.index.get(entry).copied()
    }

    fn places(&self, entries: &[EntryHash]) -> Result<Vec<usize>, Missing> {
        let missing: Vec<EntryHash> = entries.iter().filter(|hash| !self.contains(hash)).copied().collect();
        if !missing.is_empty() {
            return Err(Missing(missing));
        }
        Ok(entries.iter().map(|hash| self.index[hash]).collect())
    }

    fn closure(&self, heads: &[EntryHash]) -> Result<Closure, Missing> {
        let mut closure = Closure { members: Bits::default(), depth: 0 };
        for at in self.places(heads)? {
            let node = &self.nodes[at];
            closure.members.join(&node.past);
            closure.members.insert(at);
            closure.depth = closure.depth.max(node.depth + 1);
        }
        Ok(closure)
    }

    /// The pass of A3 over a part of the set.
    fn evaluate_over(&self, past: &Bits, extra: Option<&Node>, heads: Vec<EntryHash>) -> AccessState {
        let mut order: Vec<usize> = self.order.iter().copied().filter(|at| past.has(*at)).collect();
        // It knows of all the others, so it comes after them.
        order.extend(extra.map(|_| self.nodes.len()));
        let whole = Part { nodes: &self.nodes, extra, index: &self.index, order };
        AccessState::of(self.space, &whole, &evaluate(&whole), heads)
    }

    fn insert(&mut self, node: Node) {
        let at = self.nodes.len();
        let key = (node.depth, node.entry.hash);
        let place = self.order.partition_point(|before| {
            let before = &self.nodes[*before];
            (before.depth, before.entry.hash) < key
        });
        for head in &node.entry.access_heads {
            self.heads.remove(head);
        }
        // What knows of all the others and takes nothing away comes on top. For anything else the pass is made again.
        let on_top = self.heads.is_empty() && AccessState::only_adds(&node.entry.operation);
        self.heads.insert(node.entry.hash);
        self.index.insert(node.entry.hash, at);
        if let Some(mut now) = self.now.take().filter(|_| on_top) {
            Arc::make_mut(&mut now).append(&node, self.heads.iter().copied().collect());
            self.now = now.into();
        }
        self.nodes.push(node);
        self.order.insert(place, at);
    }
}
