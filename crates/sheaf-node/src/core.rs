//! What every part of the node shares: the home, the spaces, the documents that are open, and who is to be told what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use sheaf_access::{DeviceId, DocumentId, InvitationLink, LogId, SpaceId};
use sheaf_log::{Entry, MineKey, Part};
use sheaf_store::{Arrival, Home, Journal, Store, StoreError, Table};
use tokio::sync::broadcast;

use crate::addresses::read_peers;
use crate::backlinks::Backlinks;
use crate::checkpoint::{Fetcher, FetcherMessage};
use crate::devices::Devices;
use crate::document::{Handle, Message};
use crate::error::NodeError;
use crate::finder::Finder;
use crate::forks::Searches;
use crate::identity::Identity;
use crate::invitations::Guests;
use crate::keeping::generation::{self, Generation, Standing};
use crate::keeping::vault::Vault;
use crate::keeping::{Start, Surroundings};
use crate::network::{self, Input, Network};
use crate::opening::Arrived;
use crate::own_log::OwnLog;
use crate::presence::Presence;
use crate::receipts::Receipts;
use crate::refusals::{Refusals, Refused};
use crate::space::{Space, State};
use crate::upkeep::Upkeep;
use crate::view::{Failing, NodeEvent};
use crate::writer::{Work, Writer};

/// The record of this device's own log in a space.
pub const LOG: &[u8] = b"log/";
/// An actor's latest change in this device's own log.
pub const MINE: &[u8] = b"mine/";
/// How far a space's entries have been opened.
pub const OPENED: &[u8] = b"opened/";
/// Under which epochs entries wait for a key, and from where.
pub const UNOPENED: &[u8] = b"unopened/";
/// A log that an invalid entry has closed.
pub const CLOSED: &[u8] = b"closed/";
/// An invitation that is being redeemed.
pub const JOINING: &[u8] = b"joining/";
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
    /// Which documents link to which, as far as that was asked.
    pub backlinks: Backlinks,
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
    /// Where other devices can be called.
    pub peers: Mutex<BTreeMap<DeviceId, Vec<SocketAddr>>>,
    events: broadcast::Sender<NodeEvent>,
    /// Where peers' logs are found to differ from the ones here, and it is being asked where they part.
    pub searches: Searches,
    /// Finds documents by their words.
    pub finder: Finder,
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
            backlinks: Backlinks::default(),
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
            finder: Finder::default(),
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

    /// Puts a space on the list.
    pub fn list(&self, space: &Arc<Space>) {
        self.spaces.write().unwrap_or_else(PoisonError::into_inner).insert(space.id, Arc::clone(space));
    }

    /// Takes a space in, and tells the network of it.
    pub fn add_space(&self, space: &Arc<Space>) -> Result<(), NodeError> {
        self.list(space);
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
        let log = OwnLog::first(me.keys.device.id(), &self.store.frontier(id)?);
        self.put_log(id, log.id)?;
        Ok(State {
            access: None,
            log,
            keys: BTreeMap::new(),
            closed: BTreeMap::new(),
            void: Arc::default(),
            forks: Arc::default(),
            typed_under: None,
            removed: None,
            pending_access: Vec::new(),
            joining: None,
            needed: Arc::default(),
        })
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
        let record = closed_key(space.id, &log);
        let value = [seq.to_le_bytes().as_slice(), reason.as_bytes()].concat();
        if let Err(error) = self.store.put(Table::Spaces, &record, &value) {
            tracing::warn!(%error, "that a log was closed is not written down");
        }
        self.refused(log.device, &Refused::content(reason));
        let (space, device) = (space.id.to_string(), log.device.to_string());
        self.say(NodeEvent::Quarantined { space, device, reason: reason.to_owned() });
    }

    /// Forgets which logs are closed, so that they are judged anew. Answers the arrival of the first entry that was not valid.
    pub fn reopen_logs(&self, space: &Space) -> Result<Option<Arrival>, StoreError> {
        let closed = std::mem::take(&mut space.lock().closed);
        let mut first = None;
        for (log, seq) in closed {
            self.store.delete(Table::Spaces, &closed_key(space.id, &log))?;
            let arrival = self.store.arrival_of(space.id, log, seq)?;
            first = first.into_iter().chain(arrival).min();
        }
        Ok(first)
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

    /// The space that a document is of: the one that its id was made for, if that is here; else the one in which it was first
    /// seen. A second space that names the same one does so on purpose; it is not believed.
    pub fn home_of(&self, document: DocumentId) -> Result<Option<SpaceId>, StoreError> {
        let made_for = self.spaces().into_iter().find(|space| sheaf_log::is_document_of(&space.id, &document));
        if let Some(space) = made_for {
            return Ok(Some(space.id));
        }
        let space = self.store.get(Table::Documents, document.as_bytes())?;
        Ok(space.and_then(|bytes| bytes.try_into().ok()).map(SpaceId::from_bytes))
    }

    /// Remembers where a document was first seen.
    pub fn put_home_of(&self, document: DocumentId, space: SpaceId) -> Result<(), StoreError> {
        if self.store.get(Table::Documents, document.as_bytes())?.is_none() {
            self.store.put(Table::Documents, document.as_bytes(), space.as_bytes())?;
        }
        Ok(())
    }
}

/// The key of a space's record.
pub fn key(prefix: &[u8], space: SpaceId) -> Vec<u8> {
    [prefix, space.as_bytes()].concat()
}

/// The name of the record that a log is closed.
fn closed_key(space: SpaceId, log: &LogId) -> Vec<u8> {
    let mut record = key(CLOSED, space);
    record.extend_from_slice(log.device.as_bytes());
    record.extend_from_slice(&log.nonce.to_le_bytes());
    record
}
