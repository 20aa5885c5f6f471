//! The one task that decides: whom to dial when, which of two connections is used, who gets in.
//!
//! It does no input or output that could block. Dials, handshakes and connections are tasks of their own that report
//! back here; what there is to tell the node waits here in a form that cannot grow (the latest state of each device).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use iroh::endpoint::{Connection, QuicTransportConfig};
use iroh::{Endpoint, EndpointAddr, EndpointId, TransportAddr, Watcher};
use sheaf_access::DeviceId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::counters::count;
use crate::dial::{Answered, decline, greet, reach};
use crate::discovery::{Discovery, Sighting};
use crate::greeting::{Greeting, Seen, Standing, verdict};
use crate::lifecycle::{Effect, Input, LifeCycle, Patience};
use crate::link::{Control, Link, Order};
use crate::listen::{Offered, listen};
use crate::outbox::Outbox;
use crate::shared::{EventSender, Shared};
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

/// A dial under way.
struct Dial {
    number: u64,
    task: AbortHandle,
    deadline: Instant,
    /// The number of the pick that our greeting carries, once it is on its way.
    promised: u64,
}

/// The connection in use.
struct Current {
    number: u64,
    orders: mpsc::UnboundedSender<Order>,
    outgoing: bool,
    instance: u64,
    pick: u64,
}

/// A connection that both sides have agreed on.
struct Agreed {
    connection: Connection,
    control: Control,
    /// Our greeting, if it is still to be sent.
    greeting: Option<Greeting>,
    outgoing: bool,
    /// The other side's run, and the number of the pick.
    instance: u64,
    pick: u64,
}

/// Everything about one device.
struct Peer {
    life: LifeCycle,
    /// Where the node says it is.
    given: Vec<SocketAddr>,
    timer: Option<Instant>,
    dial: Option<Dial>,
    current: Option<Current>,
    /// Takes the current one's place when that has ended.
    next: Option<Agreed>,
    seen: Seen,
    told: ConnectionState,
}

impl Peer {
    /// What there is with the device, for deciding on another connection.
    fn standing(&self) -> Standing {
        if let Some(next) = &self.next {
            return Standing::Linked { outgoing: next.outgoing, instance: next.instance, pick: next.pick };
        }
        if let Some(current) = &self.current {
            return Standing::Linked { outgoing: current.outgoing, instance: current.instance, pick: current.pick };
        }
        match &self.dial {
            Some(dial) if dial.promised > 0 => Standing::Promised,
            _ => Standing::Free,
        }
    }

    fn is_idle(&self) -> bool {
        self.life.state() == ConnectionState::Idle
            && !self.life.wanted()
            && self.current.is_none()
            && self.next.is_none()
            && self.dial.is_none()
            && self.told == ConnectionState::Idle
    }
}

/// How far a dial has come.
enum Progress {
    Reached(Connection),
    Answered(Box<Answered>),
    Failed(DisconnectReason),
}

/// What woke the switchboard.
enum Happened {
    Asked(Option<Command>),
    Offered(Offered),
    Dialled(DeviceId, u64, Progress),
    Ended(Result<(tokio::task::Id, DisconnectReason), JoinError>),
    Sighted(Option<Sighting>),
    Moved(bool),
    Time,
    Tell,
    NodeGone,
    Nothing,
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
    pub(crate) fn new(endpoint: Endpoint, config: NetConfig, shared: Arc<Shared>, events: EventSender) -> Self {
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
                    // Given up; nobody waits for it.
                    Err(_) => Happened::Nothing,
                },
                Some(ended) = self.links.join_next_with_id() => Happened::Ended(ended),
                sighting = sighting => Happened::Sighted(sighting),
                moved = own_addresses.updated(), if watching => Happened::Moved(moved.is_ok()),
                () = sleep_until(timer.unwrap_or(self.started)), if timer.is_some() => Happened::Time,
                permit = self.events.reserve(), if untold => match permit {
                    Ok(_) => Happened::Tell,
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
                Happened::Asked(None) | Happened::NodeGone => return,
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
                Happened::Tell => self.tell(),
                Happened::Nothing => {}
            }
        }
    }

    fn peer(&mut self, device: DeviceId) -> &mut Peer {
        let patience = self.patience;
        self.peers.entry(device).or_insert_with(|| Peer {
            life: LifeCycle::new(patience),
            given: Vec::new(),
            timer: None,
            dial: None,
            current: None,
            next: None,
            seen: Seen::default(),
            told: ConnectionState::Idle,
        })
    }

    /// Whether this side decides which connection is used with a device.
    fn picks(&self, device: DeviceId) -> bool {
        self.me < device
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

    /// Tells the node one thing; there is room for it.
    fn tell(&mut self) {
        if let Some((device, addresses)) = self.untold_sightings.pop_first() {
            if self.events.try_send(NetEvent::Found { device, addresses: addresses.clone() }.into()).is_err() {
                self.untold_sightings.insert(device, addresses);
            }
        } else if let Some(device) = self.untold_states.pop_first() {
            let Some(peer) = self.peers.get_mut(&device) else { return };
            let state = peer.life.state();
            if self.events.try_send(NetEvent::State { device, state }.into()).is_ok() {
                peer.told = state;
                self.tidy(device);
            } else {
                self.untold_states.insert(device);
            }
        }
    }

    // Dialling.

    fn dial(&mut self, device: DeviceId) {
        self.numbers += 1;
        let number = self.numbers;
        let deadline = Instant::now() + self.config.timings.dial;
        let found = self.found.get(&device).cloned().unwrap_or_default();
        let addresses = merged(&[&found, &self.peer(device).given]);
        let (endpoint, config) = (self.endpoint.clone(), self.outgoing.clone());
        let task = self.dials.spawn(async move {
            let reached = async {
                if addresses.is_empty() {
                    return Err(DisconnectReason::Unreachable);
                }
                // Checked when the node asked for it; an id that is no key cannot be proved by anyone anyway.
                let id = EndpointId::from_bytes(device.as_bytes()).map_err(|_| DisconnectReason::Unreachable)?;
                let address = EndpointAddr::from_parts(id, addresses.into_iter().map(TransportAddr::Ip));
                reach(endpoint, address, config).await
            };
            let progress = match timeout_at(deadline, reached).await {
                Ok(Ok(connection)) => Progress::Reached(connection),
                Ok(Err(reason)) => Progress::Failed(reason),
                Err(_) => Progress::Failed(DisconnectReason::Unreachable),
            };
            (device, number, progress)
        });
        self.peer(device).dial = Some(Dial { number, task, deadline, promised: 0 });
    }

    fn cancel_dial(&mut self, device: DeviceId) {
        if let Some(dial) = self.peers.get_mut(&device).and_then(|peer| peer.dial.take()) {
            dial.task.abort();
        }
    }

    fn dialled(&mut self, device: DeviceId, number: u64, progress: Progress) {
        let picks = self.picks(device);
        let Some(peer) = self.peers.get_mut(&device) else { return };
        // A dial that was given up while its end was on the way here.
        let Some(dial) = peer.dial.as_mut().filter(|dial| dial.number == number) else {
            if let Progress::Reached(connection) = progress {
                decline(&connection, CloseCode::Superseded);
            }
            return;
        };
        match progress {
            Progress::Reached(connection) => {
                let greeting = if picks {
                    self.picks += 1;
                    dial.promised = self.picks;
                    Greeting { instance: self.instance, pick: self.picks, seen: Seen::default() }
                } else {
                    Greeting { instance: self.instance, pick: 0, seen: peer.seen }
                };
                let deadline = dial.deadline;
                dial.task = self.dials.spawn(async move {
                    let progress = match timeout_at(deadline, greet(connection, greeting)).await {
                        Ok(Ok(answered)) => Progress::Answered(Box::new(answered)),
                        Ok(Err(reason)) => Progress::Failed(reason),
                        Err(_) => Progress::Failed(DisconnectReason::Unreachable),
                    };
                    (device, number, progress)
                });
            }
            Progress::Answered(answered) => {
                let Answered { connection, control, answer } = *answered;
                let promised = dial.promised;
                peer.dial = None;
                let pick = if picks { promised } else { answer.pick };
                if picks != (answer.pick == 0) {
                    count(&self.shared.counters.malformed);
                    decline(&connection, CloseCode::Malformed);
                    self.dial_failed(device, DisconnectReason::Ours(CloseCode::Malformed));
                    return;
                }
                if !picks {
                    if !peer.seen.is_superseded_by(answer.instance, pick) {
                        decline(&connection, CloseCode::Superseded);
                        self.dial_failed(device, DisconnectReason::Ours(CloseCode::Superseded));
                        return;
                    }
                    peer.seen = Seen { instance: answer.instance, pick };
                }
                let agreed =
                    Agreed { connection, control, greeting: None, outgoing: true, instance: answer.instance, pick };
                self.agreed(device, agreed);
            }
            Progress::Failed(reason) => {
                peer.dial = None;
                self.dial_failed(device, reason);
            }
        }
    }

    fn dial_failed(&mut self, device: DeviceId, reason: DisconnectReason) {
        tracing::debug!(device = %device.short(), %reason, "dial failed");
        self.shared.entry(device, |entry| entry.last = Some(reason));
        self.apply(device, Input::DialFailed { fault: reason.is_fault() });
    }

    // Being dialled.

    fn offered(&mut self, offered: Offered) {
        let Offered { connection, control, greeting: offer, _place } = offered;
        let device = DeviceId::from_bytes(*connection.remote_id().as_bytes());
        let picks = self.picks(device);
        if picks != (offer.pick == 0) {
            count(&self.shared.counters.malformed);
            decline(&connection, CloseCode::Malformed);
            return;
        }
        let (standing, seen) =
            self.peers.get(&device).map_or((Standing::Free, Seen::default()), |peer| (peer.standing(), peer.seen));
        let taken = if picks {
            verdict(self.instance, standing, &offer)
        } else {
            seen.is_superseded_by(offer.instance, offer.pick)
        };
        if !taken {
            decline(&connection, CloseCode::Superseded);
            return;
        }
        if !self.has_room_for(device) {
            count(&self.shared.counters.refused_connections);
            decline(&connection, CloseCode::Busy);
            return;
        }
        let (pick, answer) = if picks {
            self.picks += 1;
            (self.picks, Greeting { instance: self.instance, pick: self.picks, seen: Seen::default() })
        } else {
            let seen = Seen { instance: offer.instance, pick: offer.pick };
            self.peer(device).seen = seen;
            (offer.pick, Greeting { instance: self.instance, pick: 0, seen })
        };
        let agreed =
            Agreed { connection, control, greeting: Some(answer), outgoing: false, instance: offer.instance, pick };
        self.agreed(device, agreed);
    }

    fn known(&self, device: DeviceId) -> bool {
        self.admitted.contains(&device) || self.peers.get(&device).is_some_and(|peer| peer.life.wanted())
    }

    fn has_room_for(&self, device: DeviceId) -> bool {
        let connected = |peer: &Peer| peer.current.is_some() || peer.next.is_some();
        if self.peers.get(&device).is_some_and(connected) {
            // It only takes the place of its own.
            return true;
        }
        let all = self.peers.values().filter(|peer| connected(peer)).count();
        if all >= self.config.limits.connections {
            return false;
        }
        self.known(device) || {
            let strangers = self.peers.iter().filter(|(device, peer)| connected(peer) && !self.known(**device)).count();
            strangers < self.config.limits.strangers
        }
    }

    // Connections.

    /// Both sides agreed on a connection: use it, now or when the one before it has ended.
    fn agreed(&mut self, device: DeviceId, agreed: Agreed) {
        self.cancel_dial(device);
        let peer = self.peer(device);
        if let Some(current) = &peer.current {
            let order = Order::Close { code: CloseCode::Superseded, flush: Duration::ZERO, quiet: false };
            let _ = current.orders.send(order);
            if let Some(older) = peer.next.replace(agreed) {
                decline(&older.connection, CloseCode::Superseded);
            }
        } else {
            self.start(device, agreed);
        }
    }

    fn start(&mut self, device: DeviceId, agreed: Agreed) {
        let Agreed { connection, control, greeting, outgoing, instance, pick } = agreed;
        self.numbers += 1;
        let number = self.numbers;
        let admitted = outgoing || self.known(device);
        let (outbox, opened) = Outbox::new(self.config.limits);
        let (orders, receiver) = mpsc::unbounded_channel();
        let link = Link {
            device,
            connection,
            control: Some(control),
            greeting,
            outgoing,
            admitted,
            outbox,
            opened,
            orders: receiver,
            events: self.events.clone(),
            shared: self.shared.clone(),
            timings: self.config.timings,
            limits: self.config.limits,
        };
        let task = self.links.spawn(link.run());
        self.link_of.insert(task.id(), (device, number));
        self.peer(device).current = Some(Current { number, orders, outgoing, instance, pick });
        self.shared.entry(device, |entry| {
            entry.state = ConnectionState::Syncing;
            entry.outgoing = Some(outgoing);
            entry.admitted = admitted;
        });
        self.apply(device, Input::Connected);
    }

    /// Ends the connection with a device. Its end comes back later.
    fn close(&mut self, device: DeviceId, code: CloseCode, flush: Duration) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if let Some(next) = peer.next.take() {
            decline(&next.connection, code);
        }
        if let Some(current) = &peer.current {
            let _ = current.orders.send(Order::Close { code, flush, quiet: false });
        }
    }

    fn ended(&mut self, ended: Result<(tokio::task::Id, DisconnectReason), JoinError>) {
        let (task, reason) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), DisconnectReason::Lost),
        };
        let Some((device, number)) = self.link_of.remove(&task) else { return };
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if peer.current.as_ref().is_none_or(|current| current.number != number) {
            return;
        }
        tracing::debug!(device = %device.short(), %reason, "disconnected");
        peer.current = None;
        if let Some(next) = peer.next.take() {
            self.start(device, next);
            return;
        }
        self.shared.entry(device, |entry| {
            entry.last = Some(reason);
            entry.outgoing = None;
        });
        self.apply(device, Input::Lost { fault: reason.is_fault() });
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
