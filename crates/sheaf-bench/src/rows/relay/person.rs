//! A light person: a device's keys, its network and its sync machine, and nothing else of a node.
//!
//! What goes over the wire is what a node would send: greetings, entries that are sealed and signed, acknowledgements. What is
//! missing is the document behind it: a thousand of them fit into one process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use sheaf_access::{DeviceId, EntryHash, Identity, LogId, RelayLink, SpaceId};
use sheaf_log::Unverified;
use sheaf_net::{Events, Net, NetConfig, NetEvent, Stream, StreamKey};
use sheaf_sync::{Action, Config, Event, Frame, Hosting, Item, Machine, Nonce, Outcome};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::space::{Space, item};

/// The relay, to each machine.
const RELAY: u8 = 0;
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(200);

/// What everyone together has seen.
#[derive(Default)]
pub struct Watch {
    /// When each entry was begun.
    written: Mutex<HashMap<(LogId, u64), Instant>>,
    /// How often an entry has reached somebody else.
    pub forwarded: AtomicU64,
    /// How many entries their authors know to be durable.
    pub acknowledged: AtomicU64,
    /// When somebody came to be in step, in all their spaces, on a new connection.
    in_step: Mutex<Vec<Instant>>,
    /// What went wrong first.
    failed: Mutex<Option<String>>,
}

impl Watch {
    fn written(&self, place: (LogId, u64)) -> Option<Instant> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).get(&place).copied()
    }

    /// When people came to be in step, so far.
    pub fn in_step(&self) -> Vec<Instant> {
        self.in_step.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nobody has failed.
    pub fn well(&self) -> Result<()> {
        match &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(failed) => bail!("{failed}"),
            None => Ok(()),
        }
    }
}

/// How long things took, as one person saw it.
#[derive(Default)]
pub struct Heard {
    /// From an entry's beginning to its being here.
    pub forwarded: Vec<Duration>,
    /// From an own entry's beginning to its being known to be durable.
    pub acknowledged: Vec<Duration>,
    /// Bytes of frames that were sent and that came since the last connection.
    pub frames: (u64, u64),
}

enum Order {
    Write,
    Leave,
}

/// What a person is, and is to do.
pub struct Kind {
    /// Who it is.
    pub identity: Arc<Identity>,
    /// The spaces it is in.
    pub spaces: Vec<Arc<Space>>,
    /// Whether it asks the relay to keep them.
    pub asks: bool,
    /// Whether it checks and opens what comes, as a node does.
    pub opens: bool,
}

/// A person who is there.
pub struct Person {
    net: Net,
    relay: DeviceId,
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<Heard>,
}

impl Person {
    /// Comes online, and stays in touch with the relay.
    pub async fn comes(kind: Kind, link: &RelayLink, watch: &Arc<Watch>) -> Result<Self> {
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let seed = *kind.identity.device.signing_seed();
        let (net, events) = Net::bind(NetConfig { listen, discovery: false, ..NetConfig::new(seed) }).await?;
        let (relay, addresses) = (link.relay.key, &link.relay.addresses);
        net.dial(relay, addresses.iter().filter_map(|address| address.parse().ok()).collect())?;
        let (orders, ordered) = mpsc::unbounded_channel();
        let light = Light::new(kind, net.clone(), link, Arc::clone(watch))?;
        let watch = Arc::clone(watch);
        let task = tokio::spawn(async move {
            let (heard, ended) = light.run(events, ordered).await;
            if let Err(error) = ended {
                let mut failed = watch.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert(format!("{error:#}"));
            }
            heard
        });
        Ok(Self { net, relay, orders, task })
    }

    /// Writes an entry, in its first space.
    pub fn write(&self) {
        // Whoever is gone has failed, and said so.
        let _ = self.orders.send(Order::Write);
    }

    /// What its connection has carried, both ways.
    pub fn carried(&self) -> u64 {
        self.net.carried(self.relay).map_or(0, |carried| carried.sent + carried.received)
    }

    /// Goes, and says what it heard.
    pub async fn leaves(self) -> Result<Heard> {
        let _ = self.orders.send(Order::Leave);
        Ok(self.task.await?)
    }
}

/// One space, as one person has it.
struct Mine {
    space: Arc<Space>,
    log: LogId,
    tip: (u64, Option<EntryHash>),
    /// Up to where it is known to be durable at the relay.
    acknowledged: u64,
    arrivals: u64,
    own: Vec<Item>,
}

struct Light {
    identity: Arc<Identity>,
    net: Net,
    relay: DeviceId,
    machine: Machine<u8>,
    began: Instant,
    wake: Option<u64>,
    spaces: BTreeMap<SpaceId, Mine>,
    first: SpaceId,
    /// What it says to the relay before it greets it.
    asks: Option<Bytes>,
    opens: bool,
    in_step: BTreeSet<SpaceId>,
    watch: Arc<Watch>,
    heard: Heard,
}

impl Light {
    fn new(kind: Kind, net: Net, link: &RelayLink, watch: Arc<Watch>) -> Result<Self> {
        let Kind { identity, spaces, asks, opens } = kind;
        let first = spaces.first().context("everyone is in some space")?.id;
        let asked = asks.then(|| {
            let token = link.token.as_ref().map(|token| token.as_bytes().to_vec()).unwrap_or_default();
            Bytes::from(Hosting::Ask { spaces: spaces.iter().map(|space| space.id).collect(), token }.encode())
        });
        let mut light = Self {
            machine: Machine::new(Config::default()),
            began: Instant::now(),
            wake: None,
            spaces: BTreeMap::new(),
            relay: link.relay.key,
            asks: asked,
            in_step: BTreeSet::new(),
            heard: Heard::default(),
            identity,
            net,
            first,
            opens,
            watch,
        };
        for space in spaces {
            light.machine.handle(Event::SpaceAdded { space: space.id, frontier: space.frontier() }, 0);
            light.machine.handle(Event::Tips { space: space.id, tips: space.tips() }, 0);
            let log = LogId { device: light.identity.device.id(), nonce: 1 };
            let tip = space.tip(&log).map_or((0, None), |(seq, hash)| (seq, Some(hash)));
            let arrivals = space.entries.len() as u64;
            let mine = Mine { log, tip, acknowledged: tip.0, arrivals, own: Vec::new(), space };
            light.spaces.insert(mine.space.id, mine);
        }
        Ok(light)
    }

    async fn run(mut self, mut events: Events, mut orders: mpsc::UnboundedReceiver<Order>) -> (Heard, Result<()>) {
        let ended = loop {
            let wake = tokio::time::Instant::from_std(self.began + Duration::from_millis(self.wake.unwrap_or(0)));
            let done = tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.event(event),
                    None => break Ok(()),
                },
                order = orders.recv() => match order {
                    Some(Order::Write) => self.write(),
                    Some(Order::Leave) | None => break Ok(()),
                },
                () = tokio::time::sleep_until(wake), if self.wake.is_some() => {
                    self.wake = None;
                    self.feed(Event::Tick)
                }
            };
            if done.is_err() {
                break done;
            }
        };
        self.net.shutdown(GOODBYE).await;
        (self.heard, ended)
    }

    fn event(&mut self, event: NetEvent) -> Result<()> {
        match event {
            NetEvent::Connected { nonce, .. } => {
                self.heard.frames = (0, 0);
                if let Some(asks) = self.asks.clone() {
                    self.put(Stream::Control, asks)?;
                }
                let (nonce, shares) = (Nonce::from_bytes(nonce), self.spaces.keys().copied().collect());
                self.feed(Event::Connected { peer: RELAY, nonce, shares })
            }
            NetEvent::Frame { bytes, .. } => {
                self.heard.frames.1 += bytes.len() as u64;
                if let Some(Hosting::Refuse { reason, .. }) = Hosting::decode(&bytes) {
                    bail!("the relay refuses a space: {reason}");
                }
                self.feed(Event::Frame { peer: RELAY, bytes: bytes.to_vec() })
            }
            NetEvent::Disconnected { reason, .. } => {
                tracing::debug!(%reason, "disconnected");
                self.in_step.clear();
                self.feed(Event::Disconnected { peer: RELAY })
            }
            _ => Ok(()),
        }
    }

    fn put(&mut self, stream: Stream, bytes: Bytes) -> Result<()> {
        self.heard.frames.0 += bytes.len() as u64;
        match self.net.send(self.relay, stream, bytes) {
            // What was lost with a connection is sent again on the next.
            Ok(()) | Err(sheaf_net::SendError::NotConnected(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn feed(&mut self, event: Event<u8>) -> Result<()> {
        let now = self.began.elapsed().as_millis() as u64;
        for action in self.machine.handle(event, now) {
            self.act(action)?;
        }
        Ok(())
    }

    fn act(&mut self, action: Action<u8>) -> Result<()> {
        match action {
            Action::Send { frame, .. } => self.put(stream(&frame), Bytes::from(frame.encode())),
            Action::Deliver { space, ticket, entries, .. } => {
                let (mut items, mut outcomes) = (Vec::new(), Vec::new());
                for bytes in entries {
                    let entry = self.look(space, bytes.as_slice())?;
                    let (log, seq) = (entry.log, entry.seq);
                    if self.machine.frontier(&space).is_some_and(|held| held.get(&log) < seq) {
                        items.push(entry);
                    }
                    outcomes.push(Outcome::Held { log, seq });
                }
                for item in &items {
                    if let Some(at) = self.watch.written((item.log, item.seq)) {
                        self.heard.forwarded.push(at.elapsed());
                        self.watch.forwarded.fetch_add(1, Ordering::Relaxed);
                    }
                }
                self.feed(Event::Stored { space, from: Some(RELAY), items })?;
                self.feed(Event::Delivered { peer: RELAY, space, ticket, outcomes })
            }
            Action::Read { space, ticket, from_arrival, lacking, max_bytes, max_entries, .. } => {
                let Some(mine) = self.spaces.get(&space) else { return Ok(()) };
                let all = mine.space.entries.iter().chain(&mine.own).filter(|item| item.arrival >= from_arrival);
                let wanted = |item: &&Item| {
                    lacking.iter().any(|range| range.log == item.log && (range.from..=range.to).contains(&item.seq))
                };
                let (mut items, mut bytes, mut end) = (Vec::new(), 0, true);
                for item in all.filter(wanted) {
                    bytes += item.bytes.len();
                    if !items.is_empty() && (bytes > max_bytes || items.len() >= max_entries) {
                        end = false;
                        break;
                    }
                    items.push(item.clone());
                }
                self.feed(Event::ReadDone { peer: RELAY, space, ticket, items, end })
            }
            Action::Compare { space, ticket, .. } => self.feed(Event::Compared { peer: RELAY, space, ticket }),
            Action::Receipt { space, frontier, .. } => {
                let Some(mine) = self.spaces.get_mut(&space) else { return Ok(()) };
                for seq in mine.acknowledged + 1..=frontier.get(&mine.log) {
                    if let Some(at) = self.watch.written((mine.log, seq)) {
                        self.heard.acknowledged.push(at.elapsed());
                        self.watch.acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    mine.acknowledged = seq;
                }
                Ok(())
            }
            Action::Synced { space, .. } => {
                if self.in_step.insert(space) && self.in_step.len() == self.spaces.len() {
                    let mut in_step = self.watch.in_step.lock().unwrap_or_else(PoisonError::into_inner);
                    in_step.push(Instant::now());
                }
                Ok(())
            }
            Action::WakeAt { at } => {
                self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
                Ok(())
            }
            Action::EntryRefused { refusal, .. } => bail!("the relay refuses an entry: {refusal:?}"),
            Action::Close { reason, .. } => bail!("the relay broke the rules: {reason}"),
            _ => Ok(()),
        }
    }

    /// What came, as the machine wants it.
    fn look(&self, space: SpaceId, bytes: &[u8]) -> Result<Item> {
        let mine = self.spaces.get(&space).context("a space of one's own")?;
        let entry = Unverified::decode(bytes)?;
        let entry = if self.opens {
            let entry = entry.verify()?;
            mine.space.read(&entry)?;
            entry
        } else {
            entry.verified_before()?
        };
        Ok(item(mine.arrivals + 1, &entry))
    }

    fn write(&mut self) -> Result<()> {
        let at = Instant::now();
        let mine = self.spaces.get_mut(&self.first).context("everyone is in some space")?;
        let (seq, prev) = (mine.tip.0 + 1, mine.tip.1);
        let entry = mine.space.write(&self.identity, mine.log, (seq, prev), format!("{seq:07} ").as_bytes())?;
        mine.tip = (seq, Some(entry.hash()));
        mine.arrivals += 1;
        let item = item(mine.arrivals, &entry);
        mine.own.push(item.clone());
        self.watch.written.lock().unwrap_or_else(PoisonError::into_inner).insert((item.log, seq), at);
        self.feed(Event::Stored { space: self.first, from: None, items: vec![item] })
    }
}

fn stream(frame: &Frame) -> Stream {
    match frame.stream() {
        sheaf_sync::Stream::Control => Stream::Control,
        sheaf_sync::Stream::Space(tag) => {
            let mut key = [0; 32];
            key[..16].copy_from_slice(tag.as_bytes());
            Stream::Space(StreamKey::from_bytes(key))
        }
    }
}
