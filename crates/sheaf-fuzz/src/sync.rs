//! What `sheaf-sync` reads: frames, and whole conversations.

use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_log::Frontier;
use sheaf_sync::{
    Action, Config, Digest, Event, Frame, Hosting, HostingRefusal, Machine, Nonce, Outcome, Tag, Tip, Window,
};

use crate::Target;

pub const TARGETS: &[Target] = &[
    Target { name: "sync-frame", run: frame, seeds: frames },
    Target { name: "sync-hosting", run: hosting, seeds: some_hosting },
    Target { name: "sync-session", run: session, seeds: sessions },
];

/// Any bytes are a frame or an error; and what was read is written and read again as the same.
fn frame(bytes: &[u8]) {
    if let Ok(frame) = Frame::decode(bytes) {
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
    }
}

/// The same of what a node and a relay say about which spaces are kept.
fn hosting(bytes: &[u8]) {
    if let Some(message) = Hosting::decode(bytes) {
        assert!(Hosting::is_one(bytes));
        assert_eq!(Hosting::decode(&message.encode()), Some(message));
    }
}

fn some_hosting() -> Vec<Vec<u8>> {
    let (space, ..) = place();
    let messages = [
        Hosting::Ask { spaces: vec![space], token: b"token".to_vec() },
        Hosting::Refuse { space, reason: HostingRefusal::TokenWanted },
        Hosting::Keep { spaces: vec![space] },
    ];
    messages.iter().map(Hosting::encode).collect()
}

/// A hostile peer sends any bytes in any frames: the machine may close the session, and does nothing worse.
fn session(bytes: &[u8]) {
    let (space, nonce, log) = place();
    let mut frontier = Frontier::new();
    frontier.advance(log, 5);
    let mut machine = Machine::new(Config::default());
    machine.handle(Event::SpaceAdded { space, frontier }, 0);
    machine.handle(Event::Connected { peer: 1, nonce, shares: vec![space] }, 0);
    let mut now = 0;
    let mut rest = bytes;
    // Frames one after the other, each with its length before it; the tag of the space is put where a tag may be.
    while let Some((length, tail)) = rest.split_first() {
        let (frame, tail) = tail.split_at((*length as usize).min(tail.len()));
        rest = tail;
        now += 1;
        let mut frame = frame.to_vec();
        if frame.len() >= 18 && frame[1] >= 2 {
            frame[2..18].copy_from_slice(Tag::of(&space, &nonce).as_bytes());
        }
        for action in machine.handle(Event::Frame { peer: 1, bytes: frame }, now) {
            match action {
                Action::Send { frame, .. } => assert!(Frame::decode(&frame.encode()).is_ok()),
                Action::Deliver { peer, space, ticket, entries } => {
                    let outcomes = entries.iter().map(|_| Outcome::Held { log, seq: 6 }).collect();
                    machine.handle(Event::Delivered { peer, space, ticket, outcomes }, now);
                }
                Action::Close { .. } => return,
                _ => {}
            }
        }
        machine.handle(Event::Tick, now);
        assert!(machine.footprint(1) < 100_000);
    }
}

fn place() -> (SpaceId, Nonce, LogId) {
    let log = LogId { device: DeviceId::from_bytes([3; 32]), nonce: 4 };
    (SpaceId::from_bytes([1; 32]), Nonce::from_bytes([2; 32]), log)
}

fn some_frames() -> Vec<Frame> {
    let (space, nonce, log) = place();
    let tag = Tag::of(&space, &nonce);
    let mut held = Frontier::new();
    held.advance(log, 7);
    let window = Window { bytes: 4 << 20, entries: 8_192 };
    vec![
        Frame::Hello { digest: Digest::over([]), spaces: 0, window, offers: Vec::new() },
        Frame::Want { tag },
        Frame::Frontier { tag, whole: true, reply: true, held: held.clone() },
        Frame::Whole { tag, reply: false, held: held.clone(), tips: vec![Tip::UNTOLD; held.len()] },
        Frame::Entries { tag, first: 0, entries: vec![vec![9; 20].into(), vec![8; 3].into()] },
        Frame::Have { tag, held },
        Frame::Withheld { tag, logs: vec![(log, 3)] },
        Frame::Ack { tag, count: 0, refused: Vec::new() },
        Frame::Redeem { tag, proof: vec![1; 96] },
    ]
}

fn frames() -> Vec<Vec<u8>> {
    some_frames().iter().map(Frame::encode).collect()
}

fn sessions() -> Vec<Vec<u8>> {
    let with_length = |frame: Vec<u8>| [&[frame.len() as u8][..], &frame].concat();
    vec![frames().into_iter().filter(|frame| frame.len() < 256).flat_map(with_length).collect()]
}
