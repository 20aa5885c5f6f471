//! A node whose home was put back to an older copy, and who writes on (L6).
//!
//! It writes a log of real entries, signed, beside its simulated one. When it is put back, it goes on in that log where the
//! copy stands, as a home does that notices nothing; so two entries stand in one place, and whoever it meets gets the one
//! or the other. Everyone has to find that out, hold both sides and the same proof, and come to the same side.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngExt;
use sheaf_access::{ContentKey, DeviceId, DeviceKeys, DocumentId, EntryHash, EpochId, LogId, PersonId, SpaceId};
use sheaf_log::{Content, Draft, Entry as Real, EntryRef, ForkProof, Forked, Forks, Frontier, Mine, Part, Taken};
use sheaf_sync::branches::{self, Branched, End, Said, Searches, Suspicion, Talk};
use sheaf_sync::{Event, NotNow, Refusal};

use crate::node::device;
use crate::store::{Entry, Store};
use crate::world::{Happening, World};

/// Logs from this number on are of real entries.
const REAL: u64 = 100;

/// Whether a log is of real entries.
pub fn is_real(log: &LogId) -> bool {
    log.nonce >= REAL
}

/// Who is put back.
pub struct Forger {
    pub node: usize,
    pub space: SpaceId,
    keys: DeviceKeys,
    log: LogId,
    /// What will be put back.
    copy: Option<Store>,
    /// What it held when it was put back.
    before: Frontier,
}

/// What a store has beside its logs.
#[derive(Default)]
pub struct Beside {
    pub forks: Arc<Forks>,
    entries: BTreeMap<EntryHash, Real>,
    talk: Talk,
}

impl Beside {
    /// What of it is on the disk.
    fn copied(&self) -> Self {
        Self { forks: Arc::clone(&self.forks), entries: self.entries.clone(), talk: Talk::default() }
    }

    /// What was only remembered is forgotten.
    pub fn crash(&mut self) {
        self.talk = Talk::default();
    }
}

/// What is to be told once a word has been dealt with.
enum News {
    Forked(LogId, u64),
    Grew(Said),
}

/// A space as a node has it, while it deals with something that concerns forks.
struct Here<'a> {
    space: SpaceId,
    store: RefCell<&'a mut Store>,
    talk: Mutex<Talk>,
    searches: &'a Searches,
    forger: DeviceId,
    news: RefCell<Vec<News>>,
}

impl Branched for Here<'_> {
    type Error = Infallible;

    fn space(&self) -> SpaceId {
        self.space
    }

    fn entry(&self, log: LogId, seq: u64) -> Result<Option<Real>, Infallible> {
        Ok(self.store.borrow().real(&log, seq))
    }

    fn beside(&self, _: LogId, hash: EntryHash) -> Result<Option<Real>, Infallible> {
        Ok(self.store.borrow().beside.entries.get(&hash).cloned())
    }

    fn height(&self, log: &LogId) -> Result<u64, Infallible> {
        Ok(self.store.borrow().held(log))
    }

    fn forks(&self) -> Arc<Forks> {
        Arc::clone(&self.store.borrow().beside.forks)
    }

    fn counts(&self, _: &LogId, _: &Forked, end: &End) -> bool {
        self.store.borrow().chosen().contains(&end.hash)
    }

    fn knows(&self, device: &DeviceId) -> bool {
        *device == self.forger
    }

    fn may_see(&self, device: &DeviceId) -> bool {
        self.store.borrow().members().iter().any(|node| crate::node::device(*node) == *device)
    }

    fn fork_proved(&self, proof: &ForkProof) -> Result<(), Infallible> {
        let mut store = self.store.borrow_mut();
        let (log, at) = (proof.log(), proof.seq());
        if store.beside.forks.at(&log).is_none_or(|known| at < known) {
            let main: Vec<Real> = (at..=store.held(&log)).filter_map(|seq| store.real(&log, seq)).collect();
            Arc::make_mut(&mut store.beside.forks).begin(proof, &main);
            self.news.borrow_mut().push(News::Forked(log, at));
        }
        Ok(())
    }

    fn take(&self, entry: &Real, _: bool) -> Result<Taken, Infallible> {
        Ok(self.store.borrow_mut().take(entry))
    }

    fn grew(&self, log: &LogId) {
        self.news.borrow_mut().extend(branches::word(self, log).map(News::Grew));
    }

    fn searches(&self) -> &Searches {
        self.searches
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// What a backup of it holds.
    fn copied(&self) -> Self {
        let mut copy = self.without_beside();
        copy.beside = self.beside.copied();
        copy
    }

    /// The real entry in a place.
    fn real(&self, log: &LogId, seq: u64) -> Option<Real> {
        if !is_real(log) {
            return None;
        }
        self.entry_at(log, seq).and_then(Entry::real)
    }

    /// Whether an entry is held, in the log proper or beside it.
    fn has(&self, on: &EntryRef) -> bool {
        self.beside.forks.beside(on).is_some() || self.at(&on.log, on.seq) == Some(on.hash)
    }

    /// What speaks against an entry before it is known whether all is here: it is held already, or it points to a fork.
    pub fn suspect(&self, entry: &Entry) -> Option<Result<(), (Refusal, Option<Suspicion>)>> {
        let busy = |suspicion| Some(Err((Refusal::NotNow(NotNow::Busy), Some(suspicion))));
        let (log, seq) = (entry.log, entry.seq);
        if let Some(real) = entry.real() {
            let never = |refusal: &sheaf_log::Refusal, suspicion| Some(Err((Refusal::from(refusal), Some(suspicion))));
            if let Some(forked) = self.beside.forks.get(&log).filter(|forked| seq >= forked.at) {
                if forked.is_main(&real.hash()) {
                    return Some(Ok(()));
                }
                let refusal = Refusal::Never(sheaf_sync::Verdict::LOG_FORKED);
                return Some(Err((refusal, Some(Suspicion::Branch(Box::new(real))))));
            }
            if let Some(held) = self.at(&log, seq) {
                if held == real.hash() {
                    return Some(Ok(()));
                }
                let refusal = sheaf_log::Refusal::Fork { log, seq, held, other: real.hash() };
                return never(&refusal, Suspicion::Twice(Box::new(real)));
            }
            if seq == self.held(&log) + 1 && real.header().prev != self.at(&log, seq - 1) {
                return busy(Suspicion::Differs(log, seq - 1));
            }
        }
        let on = entry.names.filter(|on| !self.has(on))?;
        let differs = self.held(&on.log) >= on.seq || self.beside.forks.at(&on.log).is_some_and(|at| on.seq >= at);
        if differs {
            return busy(Suspicion::BuiltOn(on));
        }
        Some(Err((Refusal::Missing { entries: vec![(on.log, on.seq)] }, None)))
    }

    /// Keeps an entry of a branch beside its log, if what it names is here.
    fn take(&mut self, entry: &Real) -> Taken {
        let (log, seq, prev) = (entry.log(), entry.seq(), entry.header().prev);
        let Some(forked) = self.beside.forks.get(&log).filter(|forked| seq >= forked.at) else { return Taken::Refused };
        if forked.tree.contains(&entry.hash()) {
            return Taken::Known;
        }
        let follows = prev.is_none_or(|hash| self.has(&EntryRef { log, seq: seq - 1, hash }));
        let builds = entry.header().builds_on.iter().all(|on| self.held(&on.log) >= on.seq);
        if !follows || !builds {
            return Taken::Lacking;
        }
        Arc::make_mut(&mut self.beside.forks).add(entry);
        self.beside.entries.insert(entry.hash(), entry.clone());
        Taken::New
    }

    /// The branches that count, by all that is held.
    pub fn chosen(&self) -> BTreeSet<EntryHash> {
        let mut forks = Forks::clone(&self.beside.forks);
        for (entry, on) in self.all().filter_map(|entry| Some((entry, entry.names?))) {
            if forks.at(&on.log).is_some_and(|at| on.seq >= at) {
                forks.vote(&on, PersonId::from_bytes(*entry.log.device.as_bytes()));
            }
        }
        forks.chosen()
    }

    /// An entry of a real log to build on: of the side that counts, if it is forked.
    pub fn tip_to_name(&self) -> Option<EntryRef> {
        let (log, seq) = self.logs().find(|(log, _)| is_real(log))?;
        let Some(forked) = self.beside.forks.get(&log) else {
            return Some(EntryRef { log, seq, hash: self.at(&log, seq)? });
        };
        let of = |hash: EntryHash| Some(EntryRef { log, seq: forked.tree.seq_of(&hash)?, hash });
        self.chosen().into_iter().filter_map(of).max_by_key(|on| on.seq)
    }

    /// How far each log is held, up to where it is forked.
    pub fn unforked(&self) -> Frontier {
        self.but_for_forks(&self.frontier())
    }

    /// What of a frontier is before the forks that are known here.
    pub fn but_for_forks(&self, frontier: &Frontier) -> Frontier {
        let before = |log: &LogId| self.beside.forks.at(log).map_or(u64::MAX, |at| at - 1);
        frontier.iter().map(|(log, seq)| (*log, seq.min(before(log)))).collect()
    }

    /// Everything of forked logs from the fork on, wherever it is kept; and what proves each.
    pub fn branches(&self) -> BTreeMap<LogId, (u64, Vec<EntryHash>, Vec<u8>)> {
        let all = self.beside.forks.iter().map(|(log, forked)| {
            let mut held: Vec<EntryHash> = forked.main().copied().chain(forked.in_order()).collect();
            held.sort_unstable();
            (*log, (forked.at, held, forked.proof.clone()))
        });
        all.collect()
    }
}

impl World {
    /// Who will be put back, and when: a member of a space that somebody else has founded.
    pub fn plan_forks(&mut self) {
        let space = self.spaces[self.rng.random_range(0..self.spaces.len())];
        let others = self.members[&space].iter().copied().filter(|node| self.founders[&space] != *node);
        let others: Vec<usize> = others.collect();
        if others.is_empty() {
            return;
        }
        let node = others[self.rng.random_range(0..others.len())];
        let keys = DeviceKeys::generate(&mut self.rng);
        let log = LogId { device: keys.id(), nonce: REAL };
        self.forger = Some(Forger { node, space, keys, log, copy: None, before: Frontier::new() });
        let duration = self.scenario.duration;
        for _ in 0..self.rng.random_range(4..16) {
            let at = self.rng.random_range(0..duration);
            self.at(at, Happening::Forge);
        }
        let (copied, restored) = (self.rng.random_range(0..duration), self.rng.random_range(0..duration));
        self.at(copied.min(restored), Happening::Copy);
        self.at(copied.max(restored), Happening::Restore);
    }

    /// The next real entry of who will be put back.
    pub fn forge(&mut self) {
        let Some(Forger { node, space, keys, log, .. }) = &self.forger else { return };
        let (node, space, mut log) = (*node, *space, *log);
        let state = &self.nodes[node];
        if state.machine.is_none() || !state.is_member(&space) {
            return;
        }
        let store = &state.stores[&space];
        while store.beside.forks.at(&log).is_some() {
            // Whoever finds their own log forked begins another.
            log.nonce += 1;
        }
        let seq = store.held(&log) + 1;
        let on = store.logs().find(|(log, _)| !is_real(log)).filter(|_| seq.is_multiple_of(2));
        let builds_on = on.and_then(|(log, seq)| Some(EntryRef { log, seq, hash: store.at(&log, seq)? }));
        let content = Content { document: DocumentId::from_bytes([1; 32]), part: Part::Body, changes: vec![vec![5]] };
        let draft = Draft {
            space,
            log,
            seq,
            prev: store.at(&log, seq - 1),
            access_heads: Vec::new(),
            epoch: EpochId::from_bytes([2; 32]),
            // Two in one place differ.
            time: self.rng.random_range(0..u64::from(u32::MAX)),
            builds_on: builds_on.into_iter().collect(),
            mine: Mine::new().root(),
        };
        let real = draft.seal(&ContentKey::from_bytes(&[3; 32]), &content, &[4; 24], keys).expect("an entry");
        let item = self.nodes[node].stores.get_mut(&space).expect("it is a member").append_real(&real);
        self.answer(node, Event::Stored { space, from: None, items: vec![item] });
    }

    /// The forger's home is copied.
    pub fn copy(&mut self) {
        let Some(forger) = &mut self.forger else { return };
        forger.copy = self.nodes[forger.node].stores.get(&forger.space).map(Store::copied);
    }

    /// And put back: its simulated log is left (L5), the real one is written on.
    pub fn restore(&mut self) {
        let Some(forger) = &mut self.forger else { return };
        let (node, space) = (forger.node, forger.space);
        let Some(copy) = forger.copy.take() else { return };
        self.crash(node);
        let state = &mut self.nodes[node];
        let held = state.stores[&space].frontier();
        state.stores.insert(space, copy);
        state.log.nonce += 1;
        self.told.restored += 1;
        if let Some(forger) = &mut self.forger {
            forger.before = held;
        }
        // It goes on writing, before and after it has met anyone.
        for _ in 0..3 {
            self.after(self.scenario.duration, Happening::Forge);
        }
    }

    /// What a node held of a space that was put back: nobody else can know yet that it does not hold it any more.
    pub fn held_before(&self, node: usize, space: &SpaceId) -> Frontier {
        let forger = self.forger.as_ref().filter(|who| (who.node, &who.space) == (node, space));
        forger.map(|who| who.before.clone()).unwrap_or_default()
    }

    /// Whether a log of a space may be forked: one was, for its home was put back.
    pub fn may_fork(&self, space: &SpaceId) -> bool {
        self.told.restored > 0 && self.forger.as_ref().is_some_and(|who| who.space == *space)
    }

    /// Something was found that points to forks.
    pub fn suspicions(&mut self, node: usize, peer: usize, space: SpaceId, found: Vec<Suspicion>) {
        for suspicion in found {
            let said = self.here(node, space, |here| branches::follow_up(here, device(peer), suspicion));
            self.say(node, said.into_iter().map(|said| (peer, space, said)).collect());
        }
    }

    /// How a peer's logs end is compared with what is here.
    pub fn compare(&mut self, node: usize, peer: usize, space: SpaceId, tips: &[(LogId, u64, sheaf_sync::Tip)]) {
        let found = self.here(node, space, |here| branches::differing(here, tips));
        self.suspicions(node, peer, space, found);
    }

    /// More of a space is here.
    pub fn ask_again(&mut self, node: usize, space: SpaceId) {
        let said = self.here(node, space, |here| branches::ask_again(here));
        let peer = |of: DeviceId| (0..self.nodes.len()).find(|node| device(*node) == of);
        let said = said.into_iter().filter_map(|(of, said)| Some((peer(of)?, space, said))).collect();
        self.say(node, said);
    }

    /// A peer says something of forks.
    pub fn said(&mut self, node: usize, peer: usize, space: SpaceId, word: &[u8]) {
        let said = Said::decode(word).expect("a word arrives as it was said");
        if !self.nodes[node].stores.contains_key(&space) {
            return;
        }
        let said = self.here(node, space, |here| branches::hear(here, device(peer), said));
        self.say(node, said.into_iter().map(|said| (peer, space, said)).collect());
    }

    /// Two are in step: each says which logs are forked.
    pub fn say_forks(&mut self, node: usize, peer: usize, space: SpaceId) {
        let said = self.here(node, space, |here| Ok(branches::words(here)));
        self.say(node, said.into_iter().map(|said| (peer, space, said)).collect());
    }

    /// The machine of a node that has started learns which logs are forked.
    pub fn forked(&mut self, node: usize, space: SpaceId) {
        let forks = Arc::clone(&self.nodes[node].stores[&space].beside.forks);
        for (log, forked) in forks.iter() {
            self.tell(node, Event::Forked { space, log: *log, at: forked.at });
        }
    }

    fn say(&mut self, node: usize, said: Vec<(usize, SpaceId, Said)>) {
        for (peer, space, said) in said {
            if self.nodes[node].connected.contains_key(&peer) {
                self.tell(node, Event::Say { peer, space, word: said.encode() });
            }
        }
    }

    /// Deals with something that concerns forks, and tells what came of it.
    fn here<R>(&mut self, node: usize, space: SpaceId, run: impl FnOnce(&Here<'_>) -> Result<R, Infallible>) -> R {
        let forger = self.forger.as_ref().map_or(DeviceId::from_bytes([0; 32]), |forger| forger.keys.id());
        let state = &mut self.nodes[node];
        let store = state.stores.get_mut(&space).expect("only of what is held something is said");
        let talk = Mutex::new(std::mem::take(&mut store.beside.talk));
        let here = Here {
            space,
            store: RefCell::new(store),
            talk,
            searches: &state.searches,
            forger,
            news: RefCell::default(),
        };
        let Ok(answer) = run(&here);
        let Here { store, talk, news, .. } = here;
        store.into_inner().beside.talk = talk.into_inner().unwrap_or_else(PoisonError::into_inner);
        for news in news.into_inner() {
            match news {
                News::Forked(log, at) => {
                    self.told.forked += 1;
                    self.tell(node, Event::Forked { space, log, at });
                }
                News::Grew(said) => {
                    for peer in self.nodes[node].sharing(&space) {
                        self.tell(node, Event::Say { peer, space, word: said.encode() });
                    }
                }
            }
        }
        answer
    }
}
