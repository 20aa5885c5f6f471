//! Attacks on memory. The node is a process of its own, and its peak is read from the system.

use std::fs;

use sheaf_access::{DocumentId, EntryHash};
use sheaf_log::{EntryRef, Frontier};
use sheaf_net::CloseCode;
use sheaf_sync::{Frame, VERSION};
use sheaf_tests::raw::{Answer, Author, Forged, Held, Line, Quic, Raw, billions, bomb, deflated, parse, seal};
use sheaf_tests::{HOSTILE, Home, Online};

/// How much more memory than before a node may take, at its peak, while it is attacked. A frame of 1 MiB is in memory a few
/// times on its way (as bytes, as entries, verified), and four of them may be on the way of one connection: measured are
/// 1 to 9 MiB, and the attacks would take 250 to 2,000 if they worked.
const CAP: u64 = 32 << 20;

/// A node in a process of its own, and a hostile editor of its space.
struct Attack {
    home: Home,
    online: Online,
    document: DocumentId,
    invitation: String,
    raw: Raw,
    line: Line,
    held: Held,
    text: String,
    before: u64,
}

impl Attack {
    async fn new() -> Self {
        let home = Home::of("Ana").on_loopback();
        let space = home.ok(&["space", "new", "Field station"]).last_line();
        let document = home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
        home.ok(&["doc", "edit", &document, "--append", "Two floats and a rope."]);
        let invitation = home.ok(&["invite", &space, "--role", "editor"]).last_line();
        let text = home.show(&document);
        let online = home.online();
        let raw = Raw::new();
        let (mut line, mut held) = raw.join(&invitation).await;
        held.open_keys(&raw);
        // Everything that a node does once has been done before the measuring begins.
        let honest = raw.words(&held, DocumentId::from_bytes([9; 32]), "warm");
        assert_eq!(line.send(held.space, &[honest.encoded()]).await, Answer::Taken);
        held.take(honest);
        let before = peak(online.id());
        let document = document.parse().expect("a document's id");
        Self { home, online, document, invitation, raw, line, held, text, before }
    }

    /// The node says in its log that it refused the device for this.
    fn refused(&mut self, code: u16) {
        let id = self.raw.id();
        self.online.wait_for(&format!("refusal {code}"), |event| {
            event["event"] == "refused" && event["device"] == *id && event["code"] == code
        });
    }

    /// Connects anew, after a close.
    async fn again(&mut self) {
        let line = self.raw.call_inviter(&self.invitation).await;
        std::mem::replace(&mut self.line, line).hang_up().await;
    }

    /// The node is as it was: alive, of the same size, with the same text.
    fn unharmed(self) {
        let after = peak(self.online.id());
        let grown = after.saturating_sub(self.before);
        eprintln!("grew by {} KiB at its peak, from {} KiB", grown >> 10, self.before >> 10);
        assert!(grown <= CAP, "it grew by {} MiB", grown >> 20);
        self.online.stop();
        assert_eq!(self.home.show(&self.document.to_string()), self.text);
        assert!(!self.text.contains(HOSTILE));
    }
}

/// The most memory a process has had, in bytes.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux says");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    kib << 10
}

/// 744 MB in 24 KB of zstd, honestly and dishonestly declared; 256 MB as a deflated change; a hundred bytes that stand for
/// two million operations, each of which takes hundreds of bytes of memory. Each is in a sealed entry by an editor, so that
/// nothing but the caps stands between it and memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decompression_bomb_is_not_inflated() {
    const INFLATED: u64 = 744 << 20;
    let mut attack = Attack::new().await;
    let body = bomb(INFLATED);
    assert!(body.len() < 64 << 10, "{} bytes", body.len());
    let author = Author::of(&attack.raw, &attack.held, attack.document);
    let changes = [deflated(&author, 256 << 20), billions(&author, 2_000_000)];
    assert!(changes[0].len() < 512 << 10 && changes[1].len() < 256, "{} {}", changes[0].len(), changes[1].len());
    for case in 0..4 {
        // Each closes its log, so each is the first of a new one.
        attack.held.log.nonce = (attack.held.log.nonce + 1) % sheaf_log::MAX_LOGS_OF_DEVICE;
        (attack.held.seq, attack.held.tip) = (0, None);
        let held = &attack.held;
        let entry = if let Some(change) = changes.get(case) {
            let part = sheaf_log::Part::Body;
            attack.raw.content(held, attack.document, part, vec![change.clone()]).encoded().to_vec()
        } else {
            let mut forged = Forged::of(&attack.raw.words(held, attack.document, "x"));
            let claimed = if case == 2 { INFLATED as u32 } else { 1 << 20 };
            forged.payload = seal(&held.key(), &forged.header, 1, &body, claimed);
            forged.signed_by(&attack.raw.device)
        };
        attack.line.send(attack.held.space, &[&entry]).await;
        // Said the 1st, 2nd and 4th time.
        if case != 2 {
            attack.refused(2_000);
        }
    }
    attack.unharmed();
}

/// Entries that name thousands of others that do not exist, as many as a connection lets through, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_entries_that_build_on_nothing() {
    const ROUNDS: u64 = 24;
    let mut attack = Attack::new().await;
    let random = || EntryHash::from_bytes(rand::random());
    for round in 0..ROUNDS {
        let mut forged = Forged::of(&attack.raw.words(&attack.held, attack.document, HOSTILE));
        let log = |n: u64| sheaf_access::LogId { nonce: n, ..attack.held.log };
        forged.header.builds_on = (0..4_000_u64)
            .filter(|n| *n != attack.held.log.nonce)
            .map(|n| EntryRef { log: log(n), seq: round + 1, hash: random() })
            .collect();
        // A number between is free: with it, the log's earlier entries are what is missing.
        forged.header.seq += round;
        let large = forged.signed_by(&attack.raw.device);
        let mut small = Forged::of(&attack.raw.words(&attack.held, attack.document, HOSTILE));
        small.header.builds_on.clear();
        small.header.access_heads.push(random());
        small.header.access_heads.sort_unstable();
        let small = small.signed_by(&attack.raw.device);
        let mut entries: Vec<&[u8]> = vec![&large; 3];
        entries.extend(std::iter::repeat_n(small.as_slice(), 40));
        let answer = attack.line.send(attack.held.space, &entries).await;
        assert!(answer.all_missing(entries.len()), "{answer:?}");
    }
    attack.refused(21);
    attack.unharmed();
}

/// A length of two thousand million, everywhere a length can stand: before a frame on a stream, before the entries of a
/// frame, before an entry, before its header, and before the lists in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_of_two_gibibytes_takes_no_memory() {
    const HUGE: [u8; 5] = [0x80, 0x80, 0x80, 0x80, 0x08];
    let mut attack = Attack::new().await;
    let link = parse(&attack.invitation);
    let addresses = sheaf_tests::raw::addresses(&link);

    // Before a frame: on the stream for all, on a space's, and where presence goes.
    let streams: [Option<Vec<u8>>; 3] = [None, Some([&[1][..], &[9; 32]].concat()), Some(vec![2])];
    for begin in streams {
        attack.line.close().await;
        let mut quic = Quic::open(&attack.raw, link.device, &addresses).await;
        let prefix = 0x8000_0000_u32.to_be_bytes();
        if let Some(begin) = begin {
            let mut stream = quic.stream().await;
            stream.write_all(&[&begin[..], &prefix, &[0; 64]].concat()).await.expect("an open stream");
        } else {
            quic.control.write_all(&[&prefix[..], &[0; 64]].concat()).await.expect("an open stream");
        }
        assert_eq!(quic.closed().await, CloseCode::TooLarge as u64);
        attack.again().await;
    }
    attack.refused(2_040 + CloseCode::TooLarge as u16);

    // In a frame: a list of offers, a list of entries, an entry, a frontier.
    let tag = attack.line.tag(attack.held.space);
    let offers = Frame::Offers { offers: Vec::new() }.encode();
    let entries = Frame::Entries { tag, first: 0, entries: Vec::new() }.encode();
    let frontier = Frame::Frontier { tag, whole: true, reply: false, held: Frontier::new() }.encode();
    assert_eq!(offers[0], VERSION);
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 1].to_vec();
    // Whether it is said on a space's stream, and the bytes.
    let cases = [
        (false, [cut(&offers), HUGE.to_vec()].concat()),
        (true, [cut(&entries), HUGE.to_vec()].concat()),
        (true, [cut(&entries), vec![1], HUGE.to_vec(), vec![0; 100]].concat()),
        (true, [cut(&frontier), HUGE.to_vec()].concat()),
    ];
    for (of_space, mut bytes) in cases {
        // Tags are of a connection, so that of this one is put in the place of the first one's.
        let now = attack.line.tag(attack.held.space);
        if let Some(place) = bytes.windows(16).position(|window| window == tag.as_bytes()) {
            bytes[place..place + 16].copy_from_slice(now.as_bytes());
        }
        attack.line.put_bytes(of_space.then_some(now), bytes);
        assert_eq!(attack.line.closed().await, Some(CloseCode::Protocol));
        attack.again().await;
    }
    attack.refused(2_020);

    // In an entry: the header's length; the number of its access heads; the number of what it builds on.
    let honest = attack.raw.words(&attack.held, attack.document, HOSTILE).encoded().to_vec();
    let mut header = honest.clone();
    header[..4].copy_from_slice(&0x8000_0000_u32.to_le_bytes());
    assert_eq!(attack.line.send(attack.held.space, &[&header]).await.verdict(), Some(1));
    let length = u32::from_le_bytes(honest[..4].try_into().expect("four bytes")) as usize;
    let heads = (4..4 + length).find(|at| {
        let first = attack.held.history.now().heads()[0];
        honest.get(at + 1..at + 33) == Some(first.as_bytes().as_slice())
    });
    let heads = heads.expect("the first head follows their number");
    let mut lists = [&honest[..heads], &HUGE, &honest[heads + 1..]].concat();
    lists[..4].copy_from_slice(&(length as u32 + 4).to_le_bytes());
    assert_eq!(attack.line.send(attack.held.space, &[&lists]).await.verdict(), Some(2));
    attack.refused(2);
    attack.unharmed();
}
