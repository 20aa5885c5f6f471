//! A hostile peer sends any bytes in any frames: the machine may close the session, and does nothing worse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_log::Frontier;
use sheaf_sync::{Action, Config, Event, Frame, Machine, Nonce, Outcome, Tag};

fuzz_target!(|bytes: &[u8]| {
    let space = SpaceId::from_bytes([1; 32]);
    let nonce = Nonce::from_bytes([2; 32]);
    let log = LogId { device: DeviceId::from_bytes([3; 32]), nonce: 4 };
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
    }
});
