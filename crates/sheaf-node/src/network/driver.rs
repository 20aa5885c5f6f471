//! The network task: events from the network and the node go into the sync machine, and what it asks for is done.

mod beside;
mod hearing;
mod membership;
mod relays;
mod sending;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sheaf_access::{DeviceId, DocumentId, InvitationSecret, SpaceId};
use sheaf_net::{CloseCode, ConnectionState, Net, NetConfig, NetEvent, Stream, StreamKey};
use sheaf_sync::{
    Action, Config, EntryBytes, Event, Hosting, Item, Machine, Nonce, NotNow, Outcome, Refusal, Tag, Ticket,
};
use tokio::sync::{mpsc, oneshot, watch};

use self::hearing::Words;
use super::inbox::Inbox;
use super::reach::Reach;
use super::{Input, Network};
use crate::checkpoint::FetcherMessage;
use crate::core::{Core, locked};
use crate::devices::{Direct, DirectStep};
use crate::error::NodeError;
use crate::presence::{REPEAT, Word};
use crate::refusals::Refused;
use crate::view::NodeEvent;

/// How long what is queued may take to leave when the network is closed.
const FLUSH: Duration = Duration::from_secs(2);
/// How many bytes may wait for a device that takes nothing: twice what the sync machine lets be on its way.
const WAITING: usize = 8 << 20;
/// How often receipts are signed at most.
const SIGNING: Duration = Duration::from_secs(1);
/// How often a relay is asked again that could not take a space just then, and whoever did not have a checkpoint.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How often it is looked whether a checkpoint is due (C4).
const CHECKPOINTS: Duration = Duration::from_mins(1);
/// How many addresses of its own a device tells others.
const ADDRESSES: usize = 16;

/// What is sent beside the entries: sealed, signed, never stored, dropped first (N4).
#[derive(Serialize, Deserialize)]
pub enum Beside {
    /// Where a session's caret is.
    Caret(Word),
    /// Where this device can be called.
    Addresses(Vec<SocketAddr>),
}

/// A connection as the task knows it.
struct Peer {
    /// Known to both ends of the connection, and to nobody else.
    nonce: [u8; 32],
    /// Frames that found the network's queue full.
    waiting: VecDeque<(Stream, Bytes)>,
    /// How many bytes wait there.
    waiting_bytes: usize,
    /// Receipts it has signed, to be checked.
    receipts: Inbox,
    /// The spaces that both have had the same of, on this connection.
    met: BTreeSet<SpaceId>,
    /// What it has said, to be dealt with.
    words: Words,
}

/// An invitation of ours that waits for its inviter.
struct Redeeming {
    secret: InvitationSecret,
    device: DeviceId,
}

/// Entries that a peer has sent.
struct Delivery {
    peer: DeviceId,
    ticket: Ticket,
    entries: Vec<EntryBytes>,
}

struct Driver {
    core: Arc<Core>,
    net: Net,
    machine: Machine<DeviceId>,
    started: Instant,
    peers: HashMap<DeviceId, Peer>,
    redeeming: BTreeMap<SpaceId, Redeeming>,
    /// What has been delivered of a space and is not taken in yet; a space is in here while some of it is being taken in.
    deliveries: BTreeMap<SpaceId, VecDeque<Delivery>>,
    carets: BTreeMap<(DocumentId, u64), (SpaceId, Word)>,
    /// Who has asked for a signed receipt since the last were signed.
    asked: BTreeMap<SpaceId, BTreeSet<DeviceId>>,
    /// Devices that any space has named as a relay since the network started.
    relays: BTreeSet<DeviceId>,
    /// Those of them whose names are being looked up.
    looking_up: BTreeSet<DeviceId>,
    /// Those that may be left: others are to stand in for them.
    leaving: BTreeSet<DeviceId>,
    /// Which meeting points are to be kept to.
    meetings: watch::Sender<Vec<String>>,
    reach: watch::Sender<Reach>,
    /// Where blocking threads put their answers.
    answers: mpsc::UnboundedSender<Event<DeviceId>>,
    wake: Option<u64>,
}

/// Opens the network and starts the task.
pub async fn start(core: Arc<Core>, config: NetConfig) -> Result<Network, NodeError> {
    let (net, mut events) = Net::bind(config).await.map_err(|error| NodeError::Network(error.to_string()))?;
    let addresses: Arc<[SocketAddr]> = net.addresses().into();
    let (inputs, mut incoming) = mpsc::unbounded_channel();
    let (answers, mut answered) = mpsc::unbounded_channel();
    let (reach, reached) = watch::channel(Reach::default());
    let (meetings, met_at) = watch::channel(Vec::new());
    tokio::spawn(relays::keep_to(net.clone(), met_at));
    let mut driver = Driver {
        core,
        net,
        machine: Machine::new(Config::default()),
        started: Instant::now(),
        peers: HashMap::new(),
        redeeming: BTreeMap::new(),
        deliveries: BTreeMap::new(),
        carets: BTreeMap::new(),
        asked: BTreeMap::new(),
        relays: BTreeSet::new(),
        looking_up: BTreeSet::new(),
        leaving: BTreeSet::new(),
        meetings,
        reach,
        answers,
        wake: None,
    };
    tokio::spawn(async move {
        let mut repeat = tokio::time::interval(Duration::from_millis(REPEAT));
        repeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut checkpoints = tokio::time::interval(CHECKPOINTS);
        checkpoints.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut asking = tokio::time::interval(ASK_AGAIN);
        asking.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut signing = tokio::time::interval(SIGNING);
        signing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wake = driver.next_wake();
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => driver.network_event(event),
                    None => return,
                },
                input = incoming.recv() => match input {
                    Some(Input::Stop { done }) => return driver.stop(done).await,
                    Some(input) => driver.input(input),
                    None => return,
                },
                Some(answer) = answered.recv() => driver.answer(answer),
                () = tokio::time::sleep_until(wake) => {
                    driver.wake = None;
                    driver.feed(Event::Tick);
                }
                _ = checkpoints.tick() => {
                    for space in driver.core.spaces() {
                        driver.core.checkpoint_when_due(&space);
                    }
                }
                _ = repeat.tick() => driver.repeat(),
                _ = asking.tick() => driver.ask_again(),
                _ = signing.tick() => driver.exchange_receipts(),
            }
        }
    });
    Ok(Network { addresses, inputs, reach: reached })
}

impl Driver {
    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    fn next_wake(&self) -> tokio::time::Instant {
        let wait = self.wake.map_or(Duration::from_hours(1), |at| Duration::from_millis(at.saturating_sub(self.now())));
        tokio::time::Instant::now() + wait
    }

    fn feed(&mut self, event: Event<DeviceId>) {
        for action in self.machine.handle(event, self.now()) {
            self.act(action);
        }
    }

    fn answer(&mut self, event: Event<DeviceId>) {
        if let Event::Delivered { space, .. } = &event {
            let space = *space;
            match self.deliveries.get_mut(&space).and_then(VecDeque::pop_front) {
                Some(next) => self.take_in(space, next),
                None => {
                    self.deliveries.remove(&space);
                }
            }
        }
        self.feed(event);
    }

    /// Takes in what was delivered of a space: one delivery after the other, for a later one may build on an earlier one.
    fn take_in(&self, space: SpaceId, delivery: Delivery) {
        let core = Arc::clone(&self.core);
        self.blocking(move || {
            let Delivery { peer, ticket, entries } = delivery;
            // Whatever one entry does, the next delivery is taken in.
            let outcomes = catch_unwind(AssertUnwindSafe(|| core.accept(space, peer, &entries)))
                .unwrap_or_else(|_| vec![Outcome::Refused(Refusal::NotNow(NotNow::Busy)); entries.len()]);
            Event::Delivered { peer, space, ticket, outcomes }
        });
    }

    fn network_event(&mut self, event: NetEvent) {
        match event {
            NetEvent::Connected { device, nonce, .. } => self.connected(device, nonce),
            NetEvent::Frame { device, stream: Stream::Control, bytes } if Hosting::is_one(&bytes) => {
                self.heard_hosting(device, &bytes);
            }
            NetEvent::Frame { device, stream: Stream::Control, bytes } if Direct::is_one(&bytes) => {
                self.heard_directly(device, &bytes);
            }
            NetEvent::Frame { device, bytes, .. } => self.feed(Event::Frame { peer: device, bytes: bytes.to_vec() }),
            NetEvent::Presence { device, bytes } => self.hear(device, &bytes),
            NetEvent::Drained { device } => self.drain(device),
            NetEvent::Disconnected { device, reason } => {
                if let Some(refused) = Refused::connection(reason) {
                    self.core.refused(device, &refused);
                }
                self.peers.remove(&device);
                self.feed(Event::Disconnected { peer: device });
                self.fetcher(FetcherMessage::Gone { peer: device });
                self.core.left(device);
                self.core.searches.forget(device);
                self.core.guest_left(device);
                self.core.direct_gone(device);
                self.stand(device, |standing| {
                    standing.connected = false;
                    standing.synced.clear();
                });
                self.core.say(NodeEvent::Disconnected { device: device.to_string(), reason: reason.to_string() });
                self.relay_changed(device);
            }
            NetEvent::Found { device, addresses } => {
                if self.core.is_known(device) {
                    self.dial(device, addresses);
                }
            }
            NetEvent::State { device, state } => self.state(device, state),
        }
    }

    fn connected(&mut self, device: DeviceId, nonce: [u8; 32]) {
        self.peers.insert(
            device,
            Peer {
                nonce,
                waiting: VecDeque::new(),
                waiting_bytes: 0,
                receipts: Inbox::default(),
                met: BTreeSet::new(),
                words: Words::default(),
            },
        );
        let shares = self.core.shared_with(device);
        self.stand(device, |standing| {
            standing.connected = true;
            standing.dialing = false;
            standing.failed = false;
            standing.synced = shares.iter().map(|space| (*space, false)).collect();
        });
        if !shares.is_empty() {
            self.net.admit(device);
        }
        // Before anything is said of them, so that a relay has opened them by then.
        self.ask_relay(device);
        self.core.say(NodeEvent::Connected { device: device.to_string() });
        self.feed(Event::Connected { peer: device, nonce: Nonce::from_bytes(nonce), shares: shares.clone() });
        for space in shares {
            self.introduce(device, space);
        }
        for space in self.core.spaces() {
            if self.core.was_removed(device, space.id) {
                self.part(device, space.id);
            }
        }
        for space in self.redeeming.keys().copied().collect::<Vec<_>>() {
            self.redeem(space, device);
        }
        self.core.direct_connected(device, &nonce);
        self.relay_changed(device);
    }

    /// A device has said something beside the spaces that are shared with it.
    fn heard_directly(&mut self, device: DeviceId, bytes: &[u8]) {
        let Some(nonce) = self.peers.get(&device).map(|peer| peer.nonce) else { return };
        if let Some(direct) = Direct::decode(bytes) {
            self.core.direct_heard(device, &nonce, direct);
        } else {
            self.core.refused(device, &Refused::direct());
            self.net.close(device, CloseCode::Protocol);
        }
    }

    fn do_directly(&mut self, step: DirectStep) {
        match step {
            DirectStep::Send(device, direct) => self.send_bytes(device, Stream::Control, Bytes::from(direct.encode())),
            DirectStep::Admit(device) => self.net.admit(device),
            DirectStep::Share(device, space) => {
                let known = self.reach.borrow().devices.get(&device).is_some_and(|s| s.synced.contains_key(&space));
                if self.peers.contains_key(&device) && !known {
                    self.share(device, space);
                }
            }
        }
    }

    fn state(&mut self, device: DeviceId, state: ConnectionState) {
        self.stand(device, |standing| match state {
            ConnectionState::Dialing => standing.dialing = true,
            ConnectionState::Backoff { .. } => {
                standing.dialing = false;
                standing.failed = true;
            }
            ConnectionState::Idle | ConnectionState::Syncing | ConnectionState::Live => standing.dialing = false,
        });
        self.core.placement_changed(device);
        if let ConnectionState::Backoff { .. } = state {
            self.relay_changed(device);
        }
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::SpaceAdded { space, frontier } => {
                self.feed(Event::SpaceAdded { space, frontier });
                self.members(space);
            }
            Input::SpaceRemoved { space } => self.space_removed(space),
            Input::Stored { space, from, items } => {
                if let Some(from) = from {
                    self.reach.send_modify(|reach| {
                        reach.received += items.len();
                        reach.met.insert(from, Instant::now());
                    });
                }
                self.feed(Event::Stored { space, from, items });
                for peer in self.peers.keys().copied().collect::<Vec<_>>() {
                    let in_step = self.machine.is_synced(peer, &space);
                    self.stand(peer, |standing| {
                        if let Some(synced) = standing.synced.get_mut(&space) {
                            *synced = in_step;
                        }
                    });
                }
            }
            Input::Covered { space, covers } => self.feed(Event::Covered { space, covers }),
            Input::Floors { space, floors, bundles } => self.feed(Event::Floors { space, floors, bundles }),
            Input::Endorsements { space, endorsements } => self.feed(Event::Endorsements { space, endorsements }),
            Input::Machine(event) => self.feed(event),
            Input::Tips { space, tips } => self.feed(Event::Tips { space, tips }),
            Input::Forked { space, log, at } => self.feed(Event::Forked { space, log, at }),
            Input::Word { device, space, word } => {
                self.feed(Event::Say { peer: device, space, word: word.encode() });
            }
            Input::Heard { device } => self.heard(device),
            Input::Words { space, word } => {
                let bytes = word.encode();
                for device in self.sharing(space) {
                    self.feed(Event::Say { peer: device, space, word: bytes.clone() });
                }
            }
            Input::Members { space } => self.members(space),
            Input::Redeem { space, secret, device, addresses } => {
                self.redeeming.insert(space, Redeeming { secret, device });
                // Whoever invited may be asleep, and any other member will do: everyone known is asked.
                let connected: Vec<DeviceId> = self.peers.keys().copied().collect();
                if !connected.contains(&device) {
                    self.dial(device, addresses);
                }
                self.meet();
                self.call_relays(space);
                for peer in connected {
                    self.ask_relay(peer);
                    self.redeem(space, peer);
                }
            }
            Input::Say { space, document, session, word } => {
                if word.gone {
                    self.carets.remove(&(document, session));
                } else {
                    self.carets.insert((document, session), (space, word.clone()));
                }
                self.tell_members(space, &Beside::Caret(word));
            }
            Input::Call { device, addresses } => {
                self.dial(device, addresses);
                self.net.wake_device(device);
                if let Some(nonce) = self.peers.get(&device).map(|peer| peer.nonce) {
                    self.core.direct_connected(device, &nonce);
                }
            }
            Input::AskRelay { relay } => {
                // What it answered before was about another token, perhaps.
                self.stand(relay, |standing| standing.hosting.clear());
                self.ask_relay(relay);
            }
            Input::LookedUp { relay, addresses } => self.looked_up(relay, addresses),
            Input::Leaving { relay, leaving } => {
                if leaving {
                    self.leaving.insert(relay);
                } else {
                    self.leaving.remove(&relay);
                }
                self.relay_changed(relay);
            }
            Input::Direct(steps) => steps.into_iter().for_each(|step| self.do_directly(step)),
            Input::TryNow => {
                self.reach.send_modify(|reach| {
                    for standing in reach.devices.values_mut() {
                        standing.failed = false;
                    }
                });
                self.net.wake();
            }
            // The loop takes this one itself, because it ends it.
            Input::Stop { .. } => {}
        }
    }

    fn act(&mut self, action: Action<DeviceId>) {
        match action {
            Action::Send { peer, frame } => self.send(peer, &frame),
            Action::Read { peer, space, ticket, from_arrival, lacking, max_bytes, max_entries } => {
                let core = Arc::clone(&self.core);
                self.blocking(move || {
                    let (items, end) = core.read_for(space, from_arrival, &lacking, max_bytes, max_entries);
                    Event::ReadDone { peer, space, ticket, items, end }
                });
            }
            Action::Deliver { peer, space, ticket, entries } => {
                let delivery = Delivery { peer, ticket, entries };
                if let Some(waiting) = self.deliveries.get_mut(&space) {
                    waiting.push_back(delivery);
                } else {
                    self.deliveries.insert(space, VecDeque::new());
                    self.take_in(space, delivery);
                }
            }
            Action::Compare { peer, space, ticket, tips } => {
                let core = Arc::clone(&self.core);
                self.blocking(move || {
                    // Whatever one log does, the others go on.
                    if catch_unwind(AssertUnwindSafe(|| core.compare(space, peer, &tips))).is_err() {
                        tracing::error!(%peer, %space, "comparing how logs end broke off");
                    }
                    Event::Compared { peer, space, ticket }
                });
            }
            Action::CheckRedemption { peer, space, proof } => self.check_redemption(peer, space, &proof),
            Action::RedemptionRefused { peer, space, reason } => self.refused(peer, space, reason),
            Action::Receipt { peer, space, frontier } => {
                self.core.receipt(peer, space, &frontier);
                // It may have told of entries that are not here yet, or never will be.
                if !self.machine.is_synced(peer, &space) {
                    self.out_of_step(peer, space);
                }
            }
            Action::Sign { peer, space } => {
                self.asked.entry(space).or_default().insert(peer);
            }
            Action::Signed { peer, space, receipt } => {
                let Some(receipts) = self.peers.get(&peer).map(|peer| peer.receipts.clone()) else { return };
                if receipts.put(space, receipt) {
                    let core = Arc::clone(&self.core);
                    tokio::task::spawn_blocking(move || {
                        while let Some((space, receipt)) = receipts.take() {
                            core.signed_receipt(peer, space, &receipt);
                        }
                    });
                }
            }
            Action::Synced { peer, space, withheld } => {
                if withheld > 0 {
                    tracing::warn!(%peer, %space, withheld, "in step but for logs that one side refuses");
                }
                self.net.synced(peer);
                self.fetcher(FetcherMessage::Synced { peer, space });
                // Only now is it certain that the redemption has arrived; until then it is offered on every connection.
                let theirs = self.machine.peer_frontier(peer, &space).unwrap_or_default();
                if self.redeeming.contains_key(&space) && self.core.joining_is_done(space, |log| theirs.get(log)) {
                    self.redeeming.remove(&space);
                }
                self.reach.send_modify(|reach| {
                    reach.devices.entry(peer).or_default().synced.insert(space, true);
                    reach.met.insert(peer, Instant::now());
                });
                if self.peers.get_mut(&peer).is_some_and(|peer| peer.met.insert(space)) {
                    // Whoever had not heard of the other as a member, or had no key yet, has not understood this before.
                    self.introduce(peer, space);
                }
                self.takes_again(peer, space);
                self.core.upkeep.touch(space);
                self.core.say(NodeEvent::Synced { space: space.to_string(), device: peer.to_string() });
                self.core.placement_changed(peer);
            }
            Action::Said { peer, space, word } => self.said(peer, space, word),
            Action::Delayed { peer, space, reason } => self.delayed(peer, space, reason),
            Action::Unrecognised { peer, space } => tracing::debug!(%peer, %space, "not known there as a member yet"),
            Action::EntryRefused { peer, space, log, seq, refusal } => {
                tracing::warn!(%peer, %space, %log, seq, ?refusal, "an entry was refused");
                self.entry_refused(space, log, &refusal);
            }
            Action::Close { peer, reason } => {
                if let Some(refused) = Refused::session(reason) {
                    self.core.refused(peer, &refused);
                }
                tracing::debug!(%peer, %reason, "the connection is closed");
                self.net.close(peer, CloseCode::Protocol);
            }
            Action::Behind { peer, space, bundle } => self.fetcher(FetcherMessage::Behind { peer, space, bundle }),
            Action::Piece { peer, space, blob, from, piece } => {
                self.fetcher(FetcherMessage::Piece { peer, space, blob, from, piece });
            }
            Action::NoBlob { peer, space, .. } => self.fetcher(FetcherMessage::NoBlob { peer, space }),
            Action::ReadBlob { peer, space, ticket, blob, from, length } => {
                self.fetcher(FetcherMessage::Read { peer, space, ticket, blob, from, length });
            }
            Action::Endorsed { space, endorsement, .. } => {
                self.fetcher(FetcherMessage::Endorsed { space, endorsement });
            }
            Action::WakeAt { at } => self.wake = Some(self.wake.map_or(at, |wake| wake.min(at))),
        }
    }

    /// Asks those who have confirmed more than they have signed, and signs for those who have asked: one signature for each
    /// space, however many asked.
    fn exchange_receipts(&mut self) {
        let unsigned = locked(&self.core.receipts).take_unsigned(|_, device| self.peers.contains_key(device));
        for (space, peer) in unsigned {
            self.feed(Event::WantsSigned { peer, space });
        }
        for (space, peers) in std::mem::take(&mut self.asked) {
            let Some(held) = self.machine.frontier(&space) else { continue };
            let Some(receipt) = self.core.sign_receipt(space, held, &peers) else { continue };
            for peer in peers {
                self.feed(Event::Signed { peer, space, receipt: receipt.clone() });
            }
        }
    }

    /// Tells the thread that takes checkpoints in.
    fn fetcher(&self, message: FetcherMessage) {
        self.core.fetcher.tell(message);
    }

    /// Runs what blocks on another thread; its answer comes back as an event.
    fn blocking(&self, work: impl FnOnce() -> Event<DeviceId> + Send + 'static) {
        let answers = self.answers.clone();
        tokio::task::spawn_blocking(move || {
            // The task may have ended meanwhile; then nobody waits for the answer.
            let _ = answers.send(work());
        });
    }

    fn stand(&self, device: DeviceId, change: impl FnOnce(&mut super::Standing)) {
        self.reach.send_modify(|reach| change(reach.devices.entry(device).or_default()));
    }

    fn out_of_step(&self, device: DeviceId, space: SpaceId) {
        self.stand(device, |standing| {
            if let Some(synced) = standing.synced.get_mut(&space) {
                *synced = false;
            }
        });
    }

    async fn stop(self, done: oneshot::Sender<()>) {
        self.net.shutdown(FLUSH).await;
        // Whoever asked may have stopped waiting.
        let _ = done.send(());
    }
}

fn stream_key(tag: Tag) -> StreamKey {
    let mut key = [0; 32];
    key[..16].copy_from_slice(tag.as_bytes());
    StreamKey::from_bytes(key)
}

/// An entry as the sync machine wants it.
pub fn item(arrival: u64, entry: &sheaf_log::Entry) -> Item {
    Item {
        arrival,
        log: entry.header().log,
        seq: entry.header().seq,
        hash: entry.hash(),
        bytes: EntryBytes::from(entry.encoded().to_vec()),
    }
}
