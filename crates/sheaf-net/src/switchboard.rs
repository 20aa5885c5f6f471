//! The one task that decides: whom to dial when, which of two connections is used, who gets in.
//!
//! It does no input or output that could block. Dials, handshakes and connections are tasks of their own that report
//! back here; what there is to tell the node waits here in a form that cannot grow (the latest state of each device).

mod connected;
mod meet;
mod peer;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use iroh::endpoint::QuicTransportConfig;
use iroh::{Endpoint, Watcher};
use sheaf_access::DeviceId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};

use self::meet::Progress;
use self::peer::Peer;
use crate::dial::decline;
use crate::discovery::{Discovery, Sighting};
use crate::lifecycle::{Effect, Input, Patience};
use crate::link::Order;
use crate::listen::{Gate, Offered, listen};
use crate::meetings::Meetings;
use crate::shared::{EventSender, Item, Shared};
use crate::transport::{self, FAREWELL};
use crate::{CloseCode, ConnectionState, DisconnectReason, NetConfig, NetEvent};

/// Addresses of one device that are dialled at most.
const ADDRESSES: usize = 32;

/// Devices seen on the local network that are remembered at most.
const SIGHTINGS: usize = 512;

/// What the node asks for.
pub(crate) enum Command {
    /// Be in touch with a device, at these addresses among others.
    Dial(DeviceId, Vec<SocketAddr>),
    /// Look for devices at these meeting points.
    Meet(Meetings),
    /// Have no more to do with a device.
    HangUp(DeviceId),
    /// End the connection with a device, for a reason.
    Close(DeviceId, CloseCode),
    /// The device may stay.
    Admit(DeviceId),
    /// The two are in step.
    Synced(DeviceId),
    /// Try now: one device, or all.
    Wake(Option<DeviceId>),
    /// Close everything, within this time.
    Shutdown(Duration, oneshot::Sender<()>),
}

/// What woke the switchboard.
enum Happened<'a> {
    Asked(Option<Command>),
    Offered(Offered),
    Dialled(DeviceId, u64, Progress),
    DialBroke(JoinError),
    Ended(Result<(tokio::task::Id, DisconnectReason), JoinError>),
    Sighted(Option<Sighting>),
    Moved(bool),
    Time,
    Tell(mpsc::Permit<'a, Item>),
    NodeGone,
}

/// The task's state.
pub(crate) struct Switchboard {
    me: DeviceId,
    instance: u64,
    endpoint: Endpoint,
    config: NetConfig,
    outgoing: QuicTransportConfig,
    patience: Patience,
    shared: Arc<Shared>,
    events: EventSender,
    peers: HashMap<DeviceId, Peer>,
    admitted: HashSet<DeviceId>,
    meetings: Meetings,
    /// Places for connections that come in, by address.
    seats: Arc<Gate>,
    found: HashMap<DeviceId, Vec<SocketAddr>>,
    dials: JoinSet<(DeviceId, u64, Progress)>,
    links: JoinSet<DisconnectReason>,
    link_of: HashMap<tokio::task::Id, (DeviceId, u64)>,
    timers: BTreeSet<(Instant, DeviceId)>,
    untold_states: BTreeSet<DeviceId>,
    untold_sightings: BTreeMap<DeviceId, Vec<SocketAddr>>,
    picks: u64,
    numbers: u64,
    started: Instant,
}

impl Switchboard {
    pub(crate) fn new(
        endpoint: Endpoint,
        config: NetConfig,
        meetings: Meetings,
        shared: Arc<Shared>,
        events: EventSender,
    ) -> Self {
        let seats = Gate::new(usize::MAX, config.limits.connections_per_address);
        Self {
            me: DeviceId::from_bytes(*endpoint.id().as_bytes()),
            instance: rand::random(),
            outgoing: transport::outgoing(&config.timings, &config.limits),
            patience: Patience::from(&config.timings),
            endpoint,
            config,
            shared,
            events,
            peers: HashMap::new(),
            admitted: HashSet::new(),
            meetings,
            seats,
            found: HashMap::new(),
            dials: JoinSet::new(),
            links: JoinSet::new(),
            link_of: HashMap::new(),
            timers: BTreeSet::new(),
            untold_states: BTreeSet::new(),
            untold_sightings: BTreeMap::new(),
            picks: 0,
            numbers: 0,
            started: Instant::now(),
        }
    }

    /// Works until it is told to stop, or nobody is there any more to tell it.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut discovery: Option<Discovery>,
    ) {
        let (offers, mut offered) = mpsc::channel(self.config.limits.handshakes.max(1));
        let mut listening = JoinSet::new();
        listening.spawn(listen(
            self.endpoint.clone(),
            offers,
            self.shared.clone(),
            self.config.timings,
            self.config.limits,
        ));
        let events = self.events.clone();
        let mut own_addresses = self.endpoint.watch_addr();
        let mut watching = true;
        if let Some(discovery) = &discovery {
            discovery.announce(&self.endpoint.addr());
        }
        loop {
            let timer = self.timers.first().map(|(at, _)| *at);
            let untold = !self.untold_states.is_empty() || !self.untold_sightings.is_empty();
            let sighting = async {
                match &mut discovery {
                    Some(discovery) => discovery.next().await,
                    None => std::future::pending().await,
                }
            };
            let happened = tokio::select! {
                command = commands.recv() => Happened::Asked(command),
                Some(offered) = offered.recv() => Happened::Offered(offered),
                Some(dialled) = self.dials.join_next() => match dialled {
                    Ok((device, number, progress)) => Happened::Dialled(device, number, progress),
                    Err(error) => Happened::DialBroke(error),
                },
                Some(ended) = self.links.join_next_with_id() => Happened::Ended(ended),
                sighting = sighting => Happened::Sighted(sighting),
                moved = own_addresses.updated(), if watching => Happened::Moved(moved.is_ok()),
                () = sleep_until(timer.unwrap_or(self.started)), if timer.is_some() => Happened::Time,
                permit = events.reserve(), if untold => match permit {
                    Ok(permit) => Happened::Tell(permit),
                    Err(_) => Happened::NodeGone,
                },
            };
            match happened {
                Happened::Asked(Some(Command::Shutdown(within, done))) => {
                    drop(listening);
                    self.shut_down(within).await;
                    let _ = done.send(());
                    return;
                }
                Happened::Asked(None) => return,
                Happened::NodeGone => {
                    drop(listening);
                    return self.shut_down(self.config.timings.flush).await;
                }
                Happened::Asked(Some(command)) => self.asked(command),
                Happened::Offered(offered) => self.offered(offered),
                Happened::Dialled(device, number, progress) => self.dialled(device, number, progress),
                Happened::Ended(ended) => self.ended(ended),
                Happened::Sighted(Some(sighting)) => self.sighted(sighting),
                Happened::Sighted(None) => discovery = None,
                Happened::Moved(true) => {
                    if let Some(discovery) = &discovery {
                        discovery.announce(&self.endpoint.addr());
                    }
                    self.wake_all();
                }
                Happened::Moved(false) => watching = false,
                Happened::Time => self.time(),
                Happened::Tell(permit) => self.tell(permit),
                Happened::DialBroke(error) => self.dial_broke(&error),
            }
        }
    }

    fn peer(&mut self, device: DeviceId) -> &mut Peer {
        let patience = self.patience;
        self.peers.entry(device).or_insert_with(|| Peer::new(patience))
    }

    fn asked(&mut self, command: Command) {
        match command {
            Command::Dial(device, addresses) => {
                let peer = self.peer(device);
                // The newest first: they are the ones kept when there are too many.
                let old = std::mem::take(&mut peer.given);
                peer.given = merged(&[&addresses, &old]);
                let given = peer.given.clone();
                let news = given != old;
                let waiting = matches!(peer.life.state(), ConnectionState::Backoff { .. });
                self.shared.entry(device, |entry| {
                    entry.wanted = true;
                    entry.addresses = given;
                });
                self.apply(device, Input::Want);
                if news && waiting {
                    self.apply(device, Input::Wake);
                }
                self.keep(device);
            }
            Command::Meet(meetings) => {
                let more = meetings.beyond(&self.meetings).next().is_some();
                self.meetings = meetings;
                if more {
                    self.wake_all();
                }
            }
            Command::HangUp(device) => {
                self.admitted.remove(&device);
                self.shared.entry(device, |entry| {
                    entry.wanted = false;
                    entry.admitted = false;
                });
                self.apply(device, Input::Unwant);
            }
            Command::Close(device, code) => self.close(device, code, self.config.timings.flush),
            Command::Admit(device) => {
                self.admitted.insert(device);
                self.keep(device);
            }
            Command::Synced(device) => self.apply(device, Input::Synced),
            Command::Wake(Some(device)) => self.apply(device, Input::Wake),
            Command::Wake(None) => self.wake_all(),
            // Taken care of by the caller.
            Command::Shutdown(..) => {}
        }
    }

    /// A device is known now: its connection may stay.
    fn keep(&mut self, device: DeviceId) {
        if let Some(current) = self.peers.get(&device).and_then(|peer| peer.current.as_ref()) {
            let _ = current.orders.send(Order::Admit);
            self.shared.entry(device, |entry| entry.admitted = true);
        }
    }

    fn wake_all(&mut self) {
        let devices: Vec<_> = self.peers.keys().copied().collect();
        for device in devices {
            self.apply(device, Input::Wake);
        }
    }

    fn time(&mut self) {
        let now = Instant::now();
        while let Some((at, device)) = self.timers.first().copied() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            if let Some(peer) = self.peers.get_mut(&device) {
                peer.timer = None;
            }
            self.apply(device, Input::Timer);
        }
    }

    fn sighted(&mut self, sighting: Sighting) {
        match sighting {
            Sighting::Found(device, addresses) => {
                if !self.found.contains_key(&device) && self.found.len() >= SIGHTINGS {
                    // A crowd, or a flood: those who are wanted keep their place, the rest comes and goes.
                    let peers = &self.peers;
                    let Some(out) = self.found.keys().find(|found| !peers.contains_key(found)).copied() else { return };
                    self.found.remove(&out);
                    self.untold_sightings.remove(&out);
                }
                self.found.insert(device, addresses.clone());
                self.untold_sightings.insert(device, addresses);
                self.apply(device, Input::Wake);
            }
            Sighting::Gone(device) => {
                self.found.remove(&device);
            }
        }
    }

    /// Feeds the life cycle of a device, and does what it wants.
    fn apply(&mut self, device: DeviceId, input: Input) {
        let now = Instant::now();
        let millis = |at: Instant, started: Instant| u64::try_from((at - started).as_millis()).unwrap_or(u64::MAX);
        if !self.peers.contains_key(&device) && !matches!(input, Input::Want | Input::Connected) {
            return;
        }
        let (now_ms, started) = (millis(now, self.started), self.started);
        let effects = self.peer(device).life.handle(input, now_ms, rand::random());
        for effect in effects {
            match effect {
                Effect::Dial => self.dial(device),
                Effect::CancelDial => self.cancel_dial(device),
                Effect::HangUp => self.close(device, CloseCode::HungUp, self.config.timings.flush),
                Effect::Timer(at) => self.set_timer(device, Some(started + Duration::from_millis(at))),
                Effect::NoTimer => self.set_timer(device, None),
            }
        }
        let Some(peer) = self.peers.get(&device) else { return };
        let state = peer.life.state();
        self.shared.entry(device, |entry| entry.state = state);
        if peer.told == state {
            self.untold_states.remove(&device);
        } else {
            self.untold_states.insert(device);
        }
        self.tidy(device);
    }

    fn tidy(&mut self, device: DeviceId) {
        if self.peers.get(&device).is_some_and(Peer::is_idle) {
            self.set_timer(device, None);
            self.peers.remove(&device);
        }
    }

    fn set_timer(&mut self, device: DeviceId, at: Option<Instant>) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if let Some(old) = std::mem::replace(&mut peer.timer, at) {
            self.timers.remove(&(old, device));
        }
        if let Some(at) = at {
            self.timers.insert((at, device));
        }
    }

    /// Tells the node one thing.
    fn tell(&mut self, room: mpsc::Permit<'_, Item>) {
        if let Some((device, addresses)) = self.untold_sightings.pop_first() {
            room.send(NetEvent::Found { device, addresses }.into());
        } else if let Some(device) = self.untold_states.pop_first()
            && let Some(peer) = self.peers.get_mut(&device)
        {
            peer.told = peer.life.state();
            room.send(NetEvent::State { device, state: peer.told }.into());
            self.tidy(device);
        }
    }

    /// Ends everything: what is queued is sent, then each connection is closed with a code, then the endpoint.
    async fn shut_down(&mut self, within: Duration) {
        let deadline = Instant::now() + within;
        self.dials.shutdown().await;
        let flush = within * 3 / 4;
        for peer in self.peers.values_mut() {
            if let Some(next) = peer.next.take() {
                decline(&next.connection, CloseCode::Bye);
            }
            if let Some(current) = &peer.current {
                let _ = current.orders.send(Order::Close { code: CloseCode::Bye, flush, quiet: true });
            }
        }
        let _ = timeout_at(deadline, async { while self.links.join_next().await.is_some() {} }).await;
        self.links.shutdown().await;
        // The other sides should hear the code rather than a silence; if they are gone, they need not.
        let farewell = deadline.max(Instant::now() + FAREWELL);
        let _ = timeout_at(farewell, self.endpoint.close()).await;
    }
}

/// The first addresses of several lists, each once.
fn merged(lists: &[&[SocketAddr]]) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for address in lists.iter().flat_map(|list| list.iter()) {
        if all.len() < ADDRESSES && !all.contains(address) {
            all.push(*address);
        }
    }
    all
}
