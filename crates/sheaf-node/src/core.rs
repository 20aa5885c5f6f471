//! What every part of the node shares: the home, the spaces, the documents that are open, and who is to be told what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use sheaf_access::{AccessEntry, AccessHistory, DeviceId, DocumentId, EntryHash, InvitationLink, LogId, SpaceId};
use sheaf_log::{Entry, Kind, Mine, MineKey, Part};
use sheaf_store::{Arrival, Home, Journal, Store, StoreError, Table};
use tokio::sync::broadcast;

use crate::checkpoint::{Fetcher, FetcherMessage};
use crate::devices::Devices;
use crate::document::{Handle, Message};
use crate::error::NodeError;
use crate::forks::Searches;
use crate::identity::Identity;
use crate::invitations::Guests;
use crate::keeping::generation::{self, Generation, Standing};
use crate::keeping::vault::Vault;
use crate::keeping::{Start, Surroundings};
use crate::network::{self, Input, Network};
use crate::opening::Arrived;
use crate::presence::Presence;
use crate::receipts::Receipts;
use crate::refusals::{Refusals, Refused};
use crate::space::{OwnLog, Space, State};
use crate::upkeep::Upkeep;
use crate::view::{Failing, NodeEvent};
use crate::writer::{Work, Writer};

/// The record of this device's own log in a space.
const LOG: &[u8] = b"log/";
/// An actor's latest change in this device's own log.
const MINE: &[u8] = b"mine/";
/// How far a space's entries have been opened.
const OPENED: &[u8] = b"opened/";
/// A log that an invalid entry has closed.
const CLOSED: &[u8] = b"closed/";
/// An invitation that is being redeemed.
const JOINING: &[u8] = b"joining/";
/// The file that says where other devices can be called. Not in the store: whoever has lost that needs the others.
pub const PEERS: &str = "peers";
/// How many devices it names at most.
const MAX_PEERS: usize = 1_000;
/// A number drawn with the store, so that what speaks of its arrivals is known to speak of this one.
const STORE: &[u8] = b"store";
/// How many bytes of entries are read at a time.
pub const READ: usize = 1 << 20;

/// A document in its space. Never the document alone: another space may name the same one, honestly or not.
pub type Place = (SpaceId, DocumentId);

/// What every part of the node shares.
pub struct Core {
    home: Home,
    /// The key of what is sealed in the home, and where it lies.
    pub vault: Mutex<Vault>,
    /// What lies outside of the home.
    pub surroundings: Surroundings,
    generation: Generation,
    /// Everything that is stored.
    pub store: Arc<dyn Store>,
    identity: RwLock<Option<Arc<Identity>>>,
    spaces: RwLock<BTreeMap<SpaceId, Arc<Space>>>,
    /// The documents that are open, each with its thread.
    pub documents: Mutex<HashMap<Place, Handle>>,
    /// Held while the network is being opened, so that it is opened once.
    pub going_online: tokio::sync::Mutex<()>,
    writer: Writer,
    /// Takes checkpoints in.
    pub fetcher: Fetcher,
    network: Mutex<Option<Network>>,
    /// Who is where.
    pub presence: Mutex<Presence>,
    /// Which messages of presence have been seen.
    pub heard: Mutex<sheaf_log::Counters>,
    /// Who has confirmed what.
    pub receipts: Mutex<Receipts>,
    /// What is known of the person's devices beside what is stored.
    pub devices: Devices,
    /// What was not taken from others.
    pub refusals: Mutex<Refusals>,
    /// Who is let in by an invitation, and has not joined.
    pub guests: Mutex<Guests>,
    /// What is to be looked after in the background.
    pub upkeep: Upkeep,
    /// When own words were last saved, by space.
    pub saved_at: Mutex<HashMap<SpaceId, u64>>,
    failing: Mutex<Option<Failing>>,
    peers: Mutex<BTreeMap<DeviceId, Vec<SocketAddr>>>,
    events: broadcast::Sender<NodeEvent>,
    /// Where peers' logs are found to differ from the ones here, and it is being asked where they part.
    pub searches: Searches,
    /// This node, for what is begun here and outlives a call.
    pub this: OnceLock<Weak<Self>>,
}

/// Locks something whose changes are complete before anything can panic.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

impl Core {
    /// Opens what a home holds, and starts the writer.
    pub fn open(start: Start) -> Result<Arc<Self>, NodeError> {
        let new_logs = start.needs_new_logs();
        let Start { home, opened: _, vault, generation, standing, surroundings } = start;
        let store: Arc<dyn Store> = Arc::clone(home.store()) as Arc<dyn Store>;
        let peers = read_peers(&home)?;
        let mut identity = Identity::read(&home)?;
        if let Some(identity) = &mut identity {
            identity.copied = standing == Standing::Copied;
        }
        let (writer, start) = Writer::new();
        let (fetcher, start_fetcher) = Fetcher::start();
        let core = Arc::new(Self {
            home,
            vault: Mutex::new(vault),
            surroundings,
            generation,
            store,
            identity: RwLock::new(identity.map(Arc::new)),
            spaces: RwLock::default(),
            documents: Mutex::default(),
            going_online: tokio::sync::Mutex::default(),
            writer,
            fetcher,
            network: Mutex::default(),
            presence: Mutex::default(),
            heard: Mutex::default(),
            receipts: Mutex::default(),
            devices: Devices::default(),
            refusals: Mutex::default(),
            guests: Mutex::default(),
            upkeep: Upkeep::default(),
            saved_at: Mutex::default(),
            failing: Mutex::default(),
            peers: Mutex::new(peers),
            events: broadcast::channel(1024).0,
            searches: Searches::default(),
            this: OnceLock::new(),
        });
        // It is new: nobody has set this.
        let _ = core.this.set(Arc::downgrade(&core));
        start(Arc::downgrade(&core))
            .map_err(|error| NodeError::CannotWrite(format!("the system gives no thread to save with: {error}")))?;
        start_fetcher(Arc::downgrade(&core)).map_err(|error| {
            NodeError::CannotWrite(format!("the system gives no thread to take checkpoints in: {error}"))
        })?;
        if core.me().is_ok() {
            core.load_spaces(new_logs)?;
            core.settle_device(new_logs)?;
            core.recall_removal()?;
        }
        // Only now: whoever stops before this finds out again that there have to be new logs.
        core.renew_generation(new_logs)?;
        Ok(core)
    }

    /// A copy becomes a device of its own if the root key is here, and so does a device that may open no more logs; what was
    /// interrupted of that is gone on with.
    fn settle_device(&self, new_logs: bool) -> Result<(), NodeError> {
        let me = self.me()?;
        if !me.copied && new_logs && self.has_used_up_its_logs(&me)? {
            let mut me = (*me).clone();
            me.copied = true;
            self.set_identity(me);
        }
        let me = self.me()?;
        match (me.copied, &me.keys.root) {
            (true, Some(_)) => self.renew_device(None).map(drop),
            (true, None) => Ok(()),
            (false, _) => self.add_myself_everywhere(),
        }
    }

    /// This home's number, outside and inside.
    pub fn generation(&self) -> &Generation {
        &self.generation
    }

    /// Draws a new number for this home (L5). A copy keeps the old one: it stays a copy until it is a device of its own.
    pub fn renew_generation(&self, anew: bool) -> Result<(), NodeError> {
        if self.me().is_ok_and(|me| me.copied) {
            return Ok(());
        }
        self.generation.renew(anew, |bytes| Ok(self.home.put_file(generation::FILE, bytes)?))
    }

    /// The home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The journal of own entries.
    pub fn journal(&self) -> &Arc<Journal> {
        self.home.journal()
    }

    /// Who this is.
    pub fn me(&self) -> Result<Arc<Identity>, NodeError> {
        let identity = self.identity.read().unwrap_or_else(PoisonError::into_inner);
        identity.clone().ok_or(NodeError::NotInitialised)
    }

    /// Writes down who this is.
    pub fn set_me(&self, identity: Identity) -> Result<Arc<Identity>, NodeError> {
        identity.write(&self.home)?;
        Ok(self.set_identity(identity))
    }

    fn set_identity(&self, identity: Identity) -> Arc<Identity> {
        let identity = Arc::new(identity);
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&identity));
        identity
    }

    /// The spaces, by id.
    pub fn spaces(&self) -> Vec<Arc<Space>> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// One of them.
    pub fn space(&self, id: SpaceId) -> Option<Arc<Space>> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Takes a space in, and tells the network of it.
    pub fn add_space(&self, space: &Arc<Space>) -> Result<(), NodeError> {
        let id = space.id;
        self.spaces.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(space));
        self.show_network(space)?;
        self.devices.wake();
        self.say(NodeEvent::Spaces);
        Ok(())
    }

    /// Tells the network of a space and what is held of it; what is stored after that it hears of as it comes.
    pub fn show_network(&self, space: &Space) -> Result<(), NodeError> {
        let _storing = locked(&space.storing);
        let frontier = self.store.frontier(space.id)?;
        let tips = self.tips(space, &frontier)?;
        self.tell_network(Input::SpaceAdded { space: space.id, frontier });
        self.tell_network(Input::Tips { space: space.id, tips });
        let forks = Arc::clone(&space.lock().forks);
        for (log, forked) in forks.iter() {
            self.tell_network(Input::Forked { space: space.id, log: *log, at: forked.at });
        }
        self.say_floors(space)?;
        Ok(())
    }

    /// Forgets a space of which nothing ever came.
    pub fn drop_unborn_space(&self, id: SpaceId) -> Result<(), NodeError> {
        if self.space(id).is_some_and(|space| space.access().is_none()) {
            self.put_joining(id, None)?;
            self.let_go(id)?;
        }
        Ok(())
    }

    /// Takes a space off the list. If it comes back, this device begins another log in it.
    pub fn let_go(&self, id: SpaceId) -> Result<(), NodeError> {
        self.store.delete(Table::Logs, &key(LOG, id))?;
        self.spaces.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.say(NodeEvent::Spaces);
        Ok(())
    }

    /// A state for a space of which nothing is here yet.
    pub fn new_state(&self, id: SpaceId, me: &Identity) -> Result<State, NodeError> {
        let log = LogId { device: me.keys.device.id(), nonce: rand::random() };
        self.put_log(id, log)?;
        Ok(State {
            access: None,
            log: OwnLog { id: log, seq: 0, tip: None, mine: Mine::new() },
            keys: BTreeMap::new(),
            closed: BTreeMap::new(),
            void: Arc::default(),
            forks: Arc::default(),
            typed_under: None,
            removed: None,
            pending_access: Vec::new(),
            joining: None,
        })
    }

    /// Remembers which log is this device's own in a space.
    pub fn put_log(&self, space: SpaceId, log: LogId) -> Result<(), NodeError> {
        Ok(self.store.put(Table::Logs, &key(LOG, space), &log.nonce.to_le_bytes())?)
    }

    /// Remembers, or forgets, the invitation by which a space is being joined.
    pub fn put_joining(&self, space: SpaceId, link: Option<&InvitationLink>) -> Result<(), NodeError> {
        let key = key(JOINING, space);
        match link.map(InvitationLink::to_text) {
            Some(Ok(text)) => Ok(self.store.put(Table::Spaces, &key, text.as_bytes())?),
            Some(Err(error)) => Err(NodeError::NotAnInvitation(error.to_string())),
            None => Ok(self.store.delete(Table::Spaces, &key)?),
        }
    }

    /// Begins a new log of this device's own: what is written from now on goes there.
    pub fn begin_log(&self, space: SpaceId, state: &mut State) {
        let id = LogId { device: state.log.id.device, nonce: rand::random() };
        state.log = OwnLog { id, seq: 0, tip: None, mine: Mine::new() };
        if let Err(error) = self.put_log(space, id) {
            tracing::error!(%error, "that a new log was opened is not written down");
        }
    }

    /// Closes a log from an invalid entry on (L3). What came before it stands.
    pub fn close_log(&self, space: &Space, log: LogId, seq: u64, reason: &str) {
        {
            let mut state = space.lock();
            if state.closed.get(&log).is_some_and(|known| *known <= seq) {
                return;
            }
            state.closed.insert(log, seq);
            if state.log.id == log {
                self.begin_log(space.id, &mut state);
            }
        }
        let mut record = key(CLOSED, space.id);
        record.extend_from_slice(log.device.as_bytes());
        record.extend_from_slice(&log.nonce.to_le_bytes());
        let value = [seq.to_le_bytes().as_slice(), reason.as_bytes()].concat();
        if let Err(error) = self.store.put(Table::Spaces, &record, &value) {
            tracing::warn!(%error, "that a log was closed is not written down");
        }
        self.refused(log.device, &Refused::content(reason));
        let (space, device) = (space.id.to_string(), log.device.to_string());
        self.say(NodeEvent::Quarantined { space, device, reason: reason.to_owned() });
    }

    /// Opens a new log of this device's own in a space: nothing is written to the one before any more (L5).
    pub fn new_log(&self, space: &Space) -> Result<(), NodeError> {
        let mut state = space.lock();
        let id = LogId { device: state.log.id.device, nonce: rand::random() };
        self.put_log(space.id, id)?;
        state.log = OwnLog { id, seq: 0, tip: None, mine: Mine::new() };
        Ok(())
    }

    /// The own log's last entry may be one that a checkpoint stands for: then that says its hash.
    fn mend_own_tip(space: &Space) {
        let log = space.lock().log.id;
        let covered = space.checkpoints().covered(&log).map(|covered| (covered.seq, covered.held.hash));
        let mut state = space.lock();
        if let Some((seq, hash)) = covered
            && state.log.tip.is_none()
            && state.log.seq == seq
        {
            state.log.tip = Some(hash);
        }
    }

    /// Remembers up to where a space's entries have been opened, and which own changes they held.
    pub fn put_opened(
        &self,
        space: &Space,
        arrival: Arrival,
        own: &[(MineKey, u64, [u8; 32])],
    ) -> Result<(), StoreError> {
        for (mine, seq, hash) in own {
            let log = {
                // After a crash, entries that were journaled and not opened are news to the log's map too.
                let mut state = space.lock();
                if state.log.mine.get(mine).is_some_and(|(known, _)| known > *seq) {
                    continue;
                }
                state.log.mine.set(*mine, *seq, *hash);
                state.log.id.nonce
            };
            let mut name = key(MINE, space.id);
            name.extend_from_slice(mine.document.as_bytes());
            name.push(u8::from(mine.part == Part::Talk));
            name.extend_from_slice(&mine.slot.to_le_bytes());
            let value = [log.to_le_bytes().as_slice(), &seq.to_le_bytes(), hash].concat();
            self.store.put(Table::Logs, &name, &value)?;
        }
        self.store.put(Table::Progress, &key(OPENED, space.id), &arrival.to_le_bytes())
    }

    fn load_spaces(self: &Arc<Self>, new_logs: bool) -> Result<(), NodeError> {
        let me = self.me()?;
        if new_logs || self.store_number()?.is_none() {
            // Arrivals may be others than they were: nothing that speaks of the old ones is believed.
            for (name, _) in self.store.scan(Table::Progress, OPENED)? {
                self.store.delete(Table::Progress, &name)?;
            }
            self.store.put(Table::Progress, STORE, &rand::random::<u64>().to_le_bytes())?;
        }
        let mut ids: BTreeSet<SpaceId> = self.store.spaces()?.into_iter().collect();
        for (name, _) in self.store.scan(Table::Spaces, JOINING)? {
            ids.extend(name.get(JOINING.len()..).and_then(|id| id.try_into().ok()).map(SpaceId::from_bytes));
        }
        for id in self.forgotten()? {
            ids.remove(&id);
        }
        // The private space may still have to come from another of the person's devices.
        ids.extend(self.first_space_id());
        for id in ids {
            self.load(id, &me, new_logs)?;
        }
        Ok(())
    }

    /// Takes up a space that is stored.
    pub fn load(&self, id: SpaceId, me: &Identity, new_log: bool) -> Result<Arc<Space>, NodeError> {
        let space = self.load_space(id, me, new_log)?;
        self.load_receipts(&space)?;
        self.spaces.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&space));
        self.load_checkpoints(&space)?;
        Self::mend_own_tip(&space);
        self.open_new(&space, None);
        self.note_removal(&space);
        Ok(space)
    }

    /// The number that was drawn with the store.
    pub fn store_number(&self) -> Result<Option<u64>, StoreError> {
        let number = self.store.get(Table::Progress, STORE)?;
        Ok(number.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes))
    }

    fn load_space(&self, id: SpaceId, me: &Identity, new_log: bool) -> Result<Arc<Space>, NodeError> {
        let device = me.keys.device.id();
        let known = self.store.get(Table::Logs, &key(LOG, id))?.and_then(|bytes| bytes.try_into().ok());
        // After a repair that may have lost numbers which had left this device, none of them is used again (L5).
        let log = if let Some(nonce) = known.map(u64::from_le_bytes).filter(|_| !new_log) {
            LogId { device, nonce }
        } else {
            let log = LogId { device, nonce: rand::random() };
            self.put_log(id, log)?;
            log
        };
        let seq = self.store.frontier(id)?.get(&log);
        let tip = if seq == 0 { None } else { self.store.entry(id, log, seq)?.map(|entry| entry.hash()) };
        let joining = self.store.get(Table::Spaces, &key(JOINING, id))?;
        let joining = joining.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        let (forks, beside) = self.load_forks(id)?;
        let (access, pending_access) = self.load_access(id, &beside)?;
        let mut state = State {
            access,
            pending_access,
            log: OwnLog { id: log, seq, tip, mine: self.load_mine(id, log)? },
            keys: BTreeMap::new(),
            closed: self.load_closed(id)?,
            void: Arc::default(),
            forks: Arc::new(forks),
            typed_under: None,
            removed: None,
            joining,
        };
        state.take_keys(me);
        let opened = self.store.get(Table::Progress, &key(OPENED, id))?.and_then(|bytes| bytes.try_into().ok());
        Ok(Space::new(id, state, opened.map_or(0, u64::from_le_bytes)))
    }

    /// The access history, and the access entries that wait for others: after a loss, some may have to come again.
    fn load_access(
        &self,
        id: SpaceId,
        beside: &[Entry],
    ) -> Result<(Option<AccessHistory>, Vec<AccessEntry>), NodeError> {
        let mut entries = Vec::new();
        let mut from = 0;
        loop {
            let batch = self.store.since(id, from, READ)?;
            let Some((last, _)) = batch.last() else { break };
            from = *last;
            entries.extend(
                batch
                    .iter()
                    .filter(|(_, entry)| entry.header().kind == Kind::Access)
                    .filter_map(|(_, entry)| entry.access_entry()?.ok()),
            );
        }
        entries.extend(self.farewells(id)?);
        entries.extend(beside.iter().filter_map(|entry| entry.access_entry()?.ok()));
        let creation = EntryHash::from_bytes(*id.as_bytes());
        let Some(first) = entries.iter().position(|entry| entry.hash == creation) else { return Ok((None, entries)) };
        let mut history = AccessHistory::found(entries.swap_remove(first))
            .map_err(|error| NodeError::Damaged(format!("the first entry of space {id} is not one: {error}")))?;
        let waiting = crate::space::add_what_fits(&mut history, entries);
        Ok((Some(history), waiting))
    }

    fn load_mine(&self, id: SpaceId, log: LogId) -> Result<Mine, NodeError> {
        let mut mine = Mine::new();
        let prefix = key(MINE, id);
        for (name, value) in self.store.scan(Table::Logs, &prefix)? {
            let name = &name[prefix.len()..];
            let (Some((document, rest)), Some((nonce, value))) =
                (name.split_first_chunk::<32>(), value.split_first_chunk::<8>())
            else {
                continue;
            };
            let (Some((part, slot)), Some((seq, hash))) = (rest.split_first(), value.split_first_chunk::<8>()) else {
                continue;
            };
            let (Ok(slot), Ok(hash)) = (slot.try_into(), hash.try_into()) else { continue };
            if u64::from_le_bytes(*nonce) == log.nonce {
                let part = if *part == 0 { Part::Body } else { Part::Talk };
                let key = MineKey { document: DocumentId::from_bytes(*document), part, slot: u32::from_le_bytes(slot) };
                mine.set(key, u64::from_le_bytes(*seq), hash);
            }
        }
        Ok(mine)
    }

    fn load_closed(&self, id: SpaceId) -> Result<BTreeMap<LogId, u64>, NodeError> {
        let prefix = key(CLOSED, id);
        let records = self.store.scan(Table::Spaces, &prefix)?;
        let log = |(name, value): &(Vec<u8>, Vec<u8>)| {
            let (device, nonce) = name[prefix.len()..].split_first_chunk::<32>()?;
            let nonce = u64::from_le_bytes(nonce.try_into().ok()?);
            let seq = value.first_chunk::<8>().map_or(1, |seq| u64::from_le_bytes(*seq));
            Some((LogId { device: DeviceId::from_bytes(*device), nonce }, seq))
        };
        Ok(records.iter().filter_map(log).collect())
    }

    /// Hands an own entry to the writer. Called with the space locked.
    pub fn write(&self, work: Work) {
        self.writer.write(work);
    }

    /// Waits until all own entries so far are stored. Blocks.
    pub fn flush(&self) -> Result<(), NodeError> {
        self.writer.flush()
    }

    /// Lets the writer's thread end.
    pub fn stop_writer(&self) {
        self.writer.stop();
    }

    /// Stores entries, own or received, and tells the network of them in the order of their arrival.
    pub fn store_entries(
        &self,
        space: &Space,
        from: Option<DeviceId>,
        entries: &[Entry],
    ) -> Result<Vec<Arrival>, StoreError> {
        let _storing = locked(&space.storing);
        let arrivals = self.store.append(space.id, entries)?;
        space.checkpoints().tail += entries.iter().map(|entry| entry.encoded().len() as u64).sum::<u64>();
        // All are looked at, whichever of them is the first.
        let wanted = entries.iter().filter(|entry| Self::checkpoint_came(space, entry)).count() > 0;
        if let (Some(peer), true) = (from, wanted) {
            self.fetcher.tell(FetcherMessage::Came { peer, space: space.id });
        }
        let items = arrivals.iter().zip(entries).map(|(arrival, entry)| network::item(*arrival, entry)).collect();
        self.tell_network(Input::Stored { space: space.id, from, items });
        Ok(arrivals)
    }

    /// An own entry is in the journal: whoever has its document open hears that it is saved (S1).
    pub fn saved(&self, space: SpaceId, document: DocumentId, changes: &[[u8; 32]]) {
        locked(&self.saved_at).insert(space, now());
        self.tell_document((space, document), Message::Journaled(changes.to_vec()));
        self.say(NodeEvent::Placement { space: space.to_string() });
    }

    /// The last attempt to save went well.
    pub fn saving_works(&self) {
        if locked(&self.failing).take().is_some() {
            self.say_placement_everywhere();
        }
    }

    /// The last attempt to save failed, for these documents among others.
    pub fn saving_fails(&self, error: &StoreError, places: impl Iterator<Item = Place>) {
        tracing::error!(%error, "nothing can be saved");
        let reason = error.to_string();
        {
            let mut failing = locked(&self.failing);
            let since = failing.as_ref().map_or_else(now, |failing| failing.since);
            *failing = Some(Failing { since, reason: reason.clone() });
        }
        for place in places.collect::<BTreeSet<_>>() {
            self.tell_document(place, Message::SaveFailed(reason.clone()));
        }
        self.say_placement_everywhere();
    }

    /// Since when saving fails, if it does.
    pub fn failing(&self) -> Option<Failing> {
        locked(&self.failing).clone()
    }

    /// Tells a document's thread of what came for it, if it is open.
    pub fn arrived(&self, place: Place, arrived: Vec<Arrived>) {
        if let Some(handle) = locked(&self.documents).get(&place) {
            handle.arrived(arrived);
        }
    }

    /// Tells a document's thread something, if it is open.
    pub fn tell_document(&self, place: Place, message: Message) {
        if let Some(handle) = locked(&self.documents).get(&place) {
            // A thread that has ended has nothing open to tell.
            let _ = handle.tell(message);
        }
    }

    /// Tells all open documents of a space something.
    pub fn tell_documents(&self, space: SpaceId, message: impl Fn(DocumentId) -> Message) {
        for (place, handle) in locked(&self.documents).iter() {
            if place.0 == space {
                // A thread that has ended has nothing open to tell.
                let _ = handle.tell(message(place.1));
            }
        }
    }

    /// The network, if it is up.
    pub fn network(&self) -> Option<Network> {
        locked(&self.network).clone()
    }

    /// Puts the network in its place, or takes it away.
    pub fn set_network(&self, network: Option<Network>) {
        *locked(&self.network) = network;
    }

    /// Tells the network something, if it is up.
    pub fn tell_network(&self, input: Input) {
        if let Some(network) = &*locked(&self.network) {
            network.tell(input);
        }
    }

    /// Tells whoever listens.
    pub fn say(&self, event: NodeEvent) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    /// Everything that is said from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<NodeEvent> {
        self.events.subscribe()
    }

    fn say_placement_everywhere(&self) {
        for space in self.spaces() {
            self.say(NodeEvent::Placement { space: space.id.to_string() });
        }
    }

    /// The space in which a document was first seen. Ids are random, so a second space that names the same one does so on
    /// purpose; it is not believed.
    pub fn home_of(&self, document: DocumentId) -> Result<Option<SpaceId>, StoreError> {
        let space = self.store.get(Table::Documents, document.as_bytes())?;
        Ok(space.and_then(|bytes| bytes.try_into().ok()).map(SpaceId::from_bytes))
    }

    /// Remembers where a document was first seen.
    pub fn put_home_of(&self, document: DocumentId, space: SpaceId) -> Result<(), StoreError> {
        if self.home_of(document)?.is_none() {
            self.store.put(Table::Documents, document.as_bytes(), space.as_bytes())?;
        }
        Ok(())
    }

    /// Where a device can be called, as far as is known.
    pub fn addresses_of(&self, device: DeviceId) -> Vec<SocketAddr> {
        locked(&self.peers).get(&device).cloned().unwrap_or_default()
    }

    /// Every device whose address is known.
    pub fn peers(&self) -> Vec<(DeviceId, Vec<SocketAddr>)> {
        locked(&self.peers).iter().map(|(device, addresses)| (*device, addresses.clone())).collect()
    }

    /// Remembers where a device can be called.
    pub fn put_addresses(&self, device: DeviceId, addresses: &[SocketAddr]) {
        let mut peers = locked(&self.peers);
        let full = peers.len() >= MAX_PEERS && !peers.contains_key(&device);
        if addresses.is_empty() || full || peers.get(&device).is_some_and(|known| known == addresses) {
            return;
        }
        peers.insert(device, addresses.to_vec());
        let written = postcard::to_allocvec(&*peers)
            .map_err(|error| error.to_string())
            .and_then(|bytes| self.home.put_sealed_file(PEERS, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(%error, %device, "its addresses are not remembered");
        }
    }
}

/// Where other devices can be called. What cannot be read is as if it were empty: devices tell their addresses again.
fn read_peers(home: &Home) -> Result<BTreeMap<DeviceId, Vec<SocketAddr>>, NodeError> {
    match home.sealed_file(PEERS) {
        Ok(bytes) => Ok(bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok()).unwrap_or_default()),
        // From before it was sealed, or damaged.
        Err(StoreError::Damaged { .. }) => {
            let peers = home.file(PEERS)?.and_then(|bytes| postcard::from_bytes(&bytes).ok()).unwrap_or_default();
            home.put_sealed_file(PEERS, &postcard::to_allocvec(&peers).unwrap_or_default())?;
            Ok(peers)
        }
        Err(error) => Err(error.into()),
    }
}

fn key(prefix: &[u8], space: SpaceId) -> Vec<u8> {
    [prefix, space.as_bytes()].concat()
}
