//! Hostile traffic on a running relay, while people work through it: it stays up, its memory stays under a cap, and they are
//! served. Whoever floods it comes from another address of loopback, as in life.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use iroh::endpoint::{Connection, PortmapperConfig, SendStream, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode, SecretKey, TransportAddr};
use rand::RngExt;
use sheaf_access::{DeviceId, InvitationLink, RelayLink, SpaceId};
use sheaf_log::{BlobId, Frontier};
use sheaf_net::{ALPN, Net, NetConfig, NetEvent, Stream, StreamKey, Timings};
use sheaf_sync::{Digest, EntryBytes, Frame, Hosting, Nonce, Tag, Window};
use sheaf_tests::raw::{Answer, Raw};
use sheaf_tests::{DEADLINE, Home};
use tokio::time::timeout;

use crate::{Kept, joins, kept};

/// How much more memory than before the relay may take, at its peak. Each connection may have a few frames of 1 MiB on their
/// way; measured are 10 to 60 MiB.
const CAP: u64 = 192 << 20;
/// How many people flood at a time.
const FLOODERS: u64 = 4;

/// How many of something: ten times `SHEAF_CASES`, which is a million in a long run.
fn many(usual: u64) -> u64 {
    std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse::<u64>().ok()).map_or(usual, |cases| cases * 10)
}

/// An address that is not that of the people.
fn elsewhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 2], 0))
}

/// The most memory a process has had, in bytes.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux says");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    kib << 10
}

/// A relay with a space of two people, and how to call it.
struct Under {
    kept: Kept,
    ben: Home,
    id: DeviceId,
    at: Vec<SocketAddr>,
    before: u64,
}

impl Under {
    fn new() -> Self {
        let kept = kept();
        let ben = joins(&kept, "Benedikt", "editor");
        let link: RelayLink = kept.relay.link().parse().expect("a relay's link");
        let at = link.relay.addresses.iter().map(|address| address.parse().expect("its own")).collect();
        let before = peak(kept.relay.pid());
        Self { kept, ben, id: link.relay.key, at, before }
    }

    /// Floods it until so much has been sent and two people have heard from each other meanwhile, and looks at what is left.
    fn holds<R: Future<Output = ()>>(mut self, count: u64, flood: impl Fn(Arc<Progress>) -> R + Send + Sync + 'static) {
        let progress = Arc::new(Progress { left: AtomicU64::new(count), served: AtomicBool::new(false) });
        let flood = Arc::new(flood);
        let floods: Vec<_> = (0..FLOODERS)
            .map(|_| {
                let (flood, progress) = (Arc::clone(&flood), Arc::clone(&progress));
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    runtime.expect("a thread can have a runtime").block_on(flood(progress));
                })
            })
            .collect();
        for round in 0..2 {
            let (mine, theirs) = (format!("Ana, round {round}."), format!("Ben, round {round}."));
            self.kept.ana.ok(&["doc", "edit", &self.kept.document, "--append", &mine]);
            self.kept.ana.sync();
            self.ben.ok(&["doc", "edit", &self.kept.document, "--append", &theirs]);
            self.ben.sync();
            self.kept.ana.sync();
            let (ana, ben) = (self.kept.ana.show(&self.kept.document), self.ben.show(&self.kept.document));
            assert!(ana.contains(&theirs) && ben.contains(&mine), "{ana}\n{ben}");
        }
        progress.served.store(true, Ordering::Relaxed);
        for flood in floods {
            flood.join().expect("a flood comes to its end");
        }
        let grown = peak(self.kept.relay.pid()).saturating_sub(self.before);
        println!("{count}: {} MiB more at its peak, from {} MiB", grown >> 20, self.before >> 20);
        assert!(grown < CAP, "it grew by {} MiB", grown >> 20);
        // It is as it was: it serves, and it ends when it is asked to.
        self.ben.sync();
        self.kept.relay.signal("TERM");
        assert_eq!(self.kept.relay.ended(), Some(0), "it neither panicked nor hangs");
    }
}

/// How far a flood has come.
struct Progress {
    left: AtomicU64,
    served: AtomicBool,
}

impl Progress {
    fn goes_on(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0 || !self.served.load(Ordering::Relaxed)
    }

    fn one(&self) {
        // At zero it stays.
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    }
}

/// A network that dials again at once.
async fn device(seed: [u8; 32]) -> (Net, sheaf_net::Events) {
    let timings =
        Timings { retry: Duration::from_millis(1), retry_cap: Duration::from_millis(20), ..Timings::default() };
    let config = NetConfig { listen: Some(elsewhere()), discovery: false, timings, ..NetConfig::new(seed) };
    Net::bind(config).await.expect("a free port")
}

fn stream(tag: Tag) -> Stream {
    let mut key = [0; 32];
    key[..16].copy_from_slice(tag.as_bytes());
    Stream::Space(StreamKey::from_bytes(key))
}

/// What a device says first: version, run, pick, and what it has seen of the other's.
fn greeting() -> Vec<u8> {
    let mut greeting = vec![0, 0, 0, 33, 1];
    for number in [rand::random::<u64>(), rand::random_range(0..2), 0, 0] {
        greeting.extend(number.to_be_bytes());
    }
    greeting
}

fn hello() -> Vec<u8> {
    let window = Window { bytes: 4 << 20, entries: 8_192 };
    Frame::Hello { digest: Digest::over([]), spaces: 0, window, offers: Vec::new() }.encode()
}

/// A frame of every kind about a space, as one would say it.
fn frames(tag: Tag, space: SpaceId, entry: &[u8], held: &Frontier) -> Vec<(Stream, Vec<u8>)> {
    let blob = BlobId::from_bytes(rand::random());
    let logs: Vec<_> = held.iter().map(|(log, seq)| (*log, seq)).collect();
    let about = [
        Frame::Want { tag },
        Frame::Frontier { tag, whole: true, reply: true, held: held.clone() },
        Frame::Whole { tag, reply: true, held: held.clone(), tips: Vec::new() },
        Frame::Entries { tag, first: 0, entries: vec![EntryBytes::from(entry); 3] },
        Frame::Ack { tag, count: 1, refused: Vec::new() },
        Frame::Have { tag, held: held.clone() },
        Frame::Withheld { tag, logs },
        Frame::Sign { tag },
        Frame::Signed { tag, receipt: entry.to_vec() },
        Frame::WantBlob { tag, blob, from: 0, length: 1 << 18 },
        Frame::Blob { tag, blob, from: 0, piece: entry.to_vec() },
        Frame::Declined { tag, bundle: blob },
        Frame::Endorsed { tag, endorsement: entry.to_vec() },
    ];
    let control = [
        hello(),
        Frame::Redeem { tag, proof: entry.to_vec() }.encode(),
        Frame::Word { tag, word: entry.to_vec() }.encode(),
        Hosting::Ask { spaces: vec![space, SpaceId::from_bytes(rand::random())], token: b"mine".to_vec() }.encode(),
    ];
    let about = about.iter().map(|frame| (stream(tag), frame.encode()));
    about.chain(control.map(|bytes| (Stream::Control, bytes))).collect()
}

/// The same, not quite: bits turned over, cut short, with more behind it, or nonsense from one end to the other.
fn spoilt(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut rng = rand::rng();
    match rng.random_range(0..5) {
        0 => bytes.truncate(rng.random_range(1..=bytes.len())),
        1 => bytes.extend((0..rng.random_range(1..64)).map(|_| rand::random::<u8>())),
        2 => bytes.iter_mut().for_each(|byte| *byte = rand::random()),
        _ => {
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
        }
    }
    bytes
}

/// Mallory is an editor of the space, so nothing but the relay's own care stands between what she sends and its inside.
#[test]
fn an_editor_who_sends_nonsense_harms_nobody() {
    let under = Under::new();
    let invitation = under.kept.ana.ok(&["invite", &under.kept.space, "--role", "editor"]).last_line();
    under.kept.ana.sync();
    let shown: InvitationLink = invitation.parse().expect("a link that a node has made");
    let mallory = Raw::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let (held, entry) = runtime.expect("a runtime").block_on(async {
        let mut line = mallory.call(under.id, &under.at).await;
        line.put_bytes(None, Hosting::Ask { spaces: vec![shown.space], token: Vec::new() }.encode());
        let mut held = mallory.look_in(&mut line, &invitation).await.expect("the invitation is good");
        let redemption = mallory.redemption(&mut held, &invitation);
        assert_eq!(line.send(held.space, &[redemption.encoded()]).await, Answer::Taken, "a good redemption");
        line.hang_up().await;
        (held.frontier(), redemption.encoded().to_vec())
    });
    let (id, at, space, seed) = (under.id, under.at.clone(), shown.space, *mallory.device.signing_seed());
    // One device has one connection: the others are strangers who know the space's name.
    let first = AtomicBool::new(true);
    under.holds(many(10_000), move |progress| {
        let seed = if first.swap(false, Ordering::Relaxed) { seed } else { rand::random() };
        let (at, held, entry) = (at.clone(), held.clone(), entry.clone());
        async move {
            let (net, mut events) = device(seed).await;
            net.dial(id, at).expect("a relay is a device");
            while progress.goes_on() {
                let event =
                    timeout(DEADLINE, events.recv()).await.expect("the relay lets it in again").expect("it is open");
                let NetEvent::Connected { nonce, .. } = event else { continue };
                let frames = frames(Tag::of(&space, &Nonce::from_bytes(nonce)), space, &entry, &held);
                // A right greeting, so that what follows is looked at.
                let _ = net.send(id, Stream::Control, hello());
                for _ in 0..200 {
                    let (stream, bytes) = frames[rand::rng().random_range(0..frames.len())].clone();
                    if net.send(id, stream, spoilt(bytes)).is_err() {
                        break;
                    }
                    progress.one();
                    tokio::task::yield_now().await;
                }
            }
            net.shutdown(Duration::from_millis(100)).await;
        }
    });
}

/// An endpoint that is connected with the relay, below the greeting; none, if the relay has no room.
async fn connected(id: DeviceId, at: &[SocketAddr]) -> Option<(Endpoint, Connection)> {
    let endpoint = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .portmapper_config(PortmapperConfig::Disabled)
        .secret_key(SecretKey::from_bytes(&rand::random()))
        .clear_ip_transports()
        .bind_addr(elsewhere())
        .expect("an address")
        .bind()
        .await
        .expect("a socket on the loopback interface");
    let address = EndpointId::from_bytes(id.as_bytes()).expect("a device's key");
    let address = EndpointAddr::from_parts(address, at.iter().copied().map(TransportAddr::Ip));
    let connection = timeout(Duration::from_secs(5), endpoint.connect(address, ALPN)).await.ok()?.ok()?;
    Some((endpoint, connection))
}

/// Connections that say nothing, greet and say nothing more, or go without a word: as many as come through.
#[test]
fn a_flood_of_connections_keeps_nobody_out() {
    let under = Under::new();
    let (id, at) = (under.id, under.at.clone());
    under.holds(many(200), move |progress| {
        let at = at.clone();
        async move {
            let mut held = VecDeque::new();
            for n in 0_usize.. {
                if !progress.goes_on() {
                    break;
                }
                progress.one();
                let Some((endpoint, connection)) = connected(id, &at).await else { continue };
                if n.is_multiple_of(3)
                    && let Ok((mut control, _)) = connection.open_bi().await
                {
                    // It may have been hung up on by then.
                    let _ = control.write_all(&greeting()).await;
                }
                held.push_back((endpoint, connection));
                if held.len() > 30 {
                    held.pop_front();
                }
            }
        }
    });
}

/// Streams with nothing on them, with a beginning and no end, with the length of a megabyte that never comes, and with nonsense.
#[test]
fn a_flood_of_streams_keeps_nobody_out() {
    let under = Under::new();
    let (id, at) = (under.id, under.at.clone());
    under.holds(many(2_000), move |progress| {
        let at = at.clone();
        async move {
            while progress.goes_on() {
                let Some((_endpoint, connection)) = connected(id, &at).await else { continue };
                let Ok((mut control, _answers)) = connection.open_bi().await else { continue };
                if control.write_all(&greeting()).await.is_err() {
                    continue;
                }
                let mut open = VecDeque::new();
                // Until it is hung up on, or as many are open as it may have; then the oldest are cut off.
                while progress.goes_on() {
                    let opened = timeout(Duration::from_millis(20), connection.open_uni()).await;
                    progress.one();
                    let mut stream: SendStream = match opened {
                        Ok(Ok(stream)) => stream,
                        Ok(Err(_)) => break,
                        Err(_) => {
                            drop(open.pop_front());
                            continue;
                        }
                    };
                    let key: [u8; 33] = rand::random();
                    let said = match rand::rng().random_range(0..5) {
                        0 => Vec::new(),
                        1 => vec![1, 7, 7],
                        2 => [&[1][..], &key[1..], &[0, 16, 0, 0], &[0; 5_000]].concat(),
                        3 => [&[1][..], &key[1..], &[0, 0, 0, 1, 0]].concat(),
                        _ => key.to_vec(),
                    };
                    let _ = timeout(Duration::from_millis(20), stream.write_all(&said)).await;
                    open.push_back(stream);
                }
            }
        }
    });
}
