//! What a peer can do wrong, and what it gets for it (blueprint, section 10): the session closes, with a reason; nothing
//! of the frame is applied; nothing panics.

use sheaf_access::LogId;
use sheaf_log::{Frontier, FrontierDigest};
use sheaf_sync::{
    Action, CloseReason, Config, Digest, EntryBytes, Event, Frame, FrameError, Machine, NotNow, Offer, Outcome,
    Refusal, Tag, VERSION, Verdict, Window,
};

use crate::table::{entry, frontier, log, space};

const NONCE: sheaf_sync::Nonce = sheaf_sync::Nonce::from_bytes([3; 32]);

/// A machine with one space shared with a peer, which is going to misbehave.
fn machine(config: Config) -> Machine<u8> {
    let mut machine = Machine::new(config);
    machine.handle(Event::SpaceAdded { space: space(0), frontier: frontier(&[(log(1), 5)]) }, 0);
    machine.handle(Event::Connected { peer: 1, nonce: NONCE, shares: vec![space(0)] }, 0);
    machine
}

fn tag() -> Tag {
    Tag::of(&space(0), &NONCE)
}

fn hello() -> Frame {
    let window = Window { bytes: 1 << 20, entries: 100 };
    Frame::Hello { digest: Digest::over([]), spaces: 0, window, offers: vec![] }
}

fn offer(n: u8) -> Offer {
    let space = sheaf_access::SpaceId::from_bytes([n; 32]);
    Offer { tag: Tag::of(&space, &NONCE), digest: FrontierDigest::from_bytes([0; 32]) }
}

/// The reason for which the last of these frames closes the session, after the others did not.
fn closes(machine: &mut Machine<u8>, frames: &[Frame]) -> Option<CloseReason> {
    let mut reason = None;
    for frame in frames {
        assert_eq!(reason, None, "it closed before {frame:?}");
        let actions = machine.handle(Event::Frame { peer: 1, bytes: frame.encode() }, 1);
        reason = actions.iter().find_map(|action| match action {
            Action::Close { reason, .. } => Some(*reason),
            _ => None,
        });
        if reason.is_some() {
            assert_eq!(actions.len(), 1, "nothing of such a frame is applied: {actions:?}");
        }
    }
    if reason.is_some() {
        let after = machine.handle(Event::Frame { peer: 1, bytes: hello().encode() }, 2);
        assert_eq!(after, vec![], "the peer is forgotten");
        assert_eq!(machine.footprint(1), 0);
    }
    reason
}

#[test]
fn what_is_out_of_protocol_closes_the_session() {
    let whole = |held| Frame::Frontier { tag: tag(), whole: true, reply: false, held };
    let stranger = Tag::of(&space(99), &NONCE);
    let entries =
        |first, count| Frame::Entries { tag: tag(), first, entries: vec![EntryBytes::from(vec![1; 10]); count] };
    let offers: Vec<Offer> = (1..=20).map(offer).collect();
    let many = |count: u8| {
        (1..=count).fold(Frontier::new(), |mut held, n| {
            held.advance(log(n), 1);
            held
        })
    };
    let small = Config { max_spaces: 10, max_logs: 8, ..Config::default() };
    let table: Vec<(&str, Vec<Frame>, CloseReason)> = vec![
        ("a second greeting", vec![hello(), hello()], CloseReason::SecondHello),
        ("offers before a greeting", vec![Frame::Offers { offers: vec![offer(1)] }], CloseReason::NoHello),
        (
            "a window that holds nothing",
            vec![Frame::Hello {
                digest: Digest::over([]),
                spaces: 0,
                window: Window { bytes: 10, entries: 10 },
                offers: vec![],
            }],
            CloseReason::WindowTooSmall(10),
        ),
        (
            "a greeting over too many spaces",
            vec![Frame::Hello {
                digest: Digest::over([]),
                spaces: 11,
                window: Window { bytes: 1 << 20, entries: 10 },
                offers: vec![],
            }],
            CloseReason::TooManySpaces,
        ),
        ("too many offers", vec![hello(), Frame::Offers { offers }], CloseReason::TooManySpaces),
        ("an unknown space", vec![hello(), Frame::Want { tag: stranger }], CloseReason::UnknownTag),
        (
            "an answer to an invitation that was not shown",
            vec![hello(), Frame::RedeemRefused { tag: tag(), reason: sheaf_sync::RedemptionRefusal::Expired }],
            CloseReason::UnknownTag,
        ),
        ("a second want", vec![Frame::Want { tag: tag() }, Frame::Want { tag: tag() }], CloseReason::SecondWant),
        ("too many logs", vec![whole(many(9))], CloseReason::TooManyLogs),
        (
            "too many logs, bit by bit",
            vec![
                whole(many(1)),
                Frame::Have { tag: tag(), held: many(8) },
                Frame::Have { tag: tag(), held: frontier(&[(log(20), 1), (log(21), 1)]) },
            ],
            CloseReason::TooManyLogs,
        ),
        ("entry number 0", vec![Frame::Withheld { tag: tag(), logs: vec![(log(1), 0)] }], CloseReason::Zero),
        ("more than the window", vec![entries(0, 60), entries(60, 60)], CloseReason::WindowExceeded),
        ("entries twice", vec![entries(0, 2), entries(0, 2)], CloseReason::OutOfStep),
        (
            "an ack for nothing",
            vec![hello(), whole(many(1)), Frame::Ack { tag: tag(), count: 9, refused: vec![] }],
            CloseReason::FalseAck,
        ),
    ];
    for (name, frames, reason) in table {
        let mut config = small.clone();
        config.window.entries = 100;
        assert_eq!(closes(&mut machine(config), &frames), Some(reason), "{name}");
    }
}

#[test]
fn what_is_not_a_frame_closes_the_session() {
    for (bytes, error) in [
        (vec![], FrameError::Empty),
        (vec![VERSION + 1, 0], FrameError::Version(VERSION + 1)),
        (vec![VERSION, 200], FrameError::Malformed),
        (vec![VERSION; (1 << 20) + 1], FrameError::TooLarge((1 << 20) + 1)),
    ] {
        let actions = machine(Config::default()).handle(Event::Frame { peer: 1, bytes }, 1);
        assert_eq!(actions, vec![Action::Close { peer: 1, reason: CloseReason::Frame(error) }]);
    }
}

#[test]
fn a_forged_entry_closes_the_session() {
    let mut machine = machine(Config::default());
    let frame = Frame::Entries { tag: tag(), first: 0, entries: vec![entry(log(1), 6, 1)] };
    let actions = machine.handle(Event::Frame { peer: 1, bytes: frame.encode() }, 1);
    let [Action::Deliver { peer, space, ticket, .. }] = actions[..] else { panic!("{actions:?}") };
    let actions = machine.handle(Event::Delivered { peer, space, ticket, outcomes: vec![Outcome::Forged] }, 1);
    assert_eq!(actions, vec![Action::Close { peer: 1, reason: CloseReason::Forged }]);
}

#[test]
fn invitations_cannot_be_guessed_at_leisure() {
    let mut machine = machine(Config { max_redemptions: 3, ..Config::default() });
    let redeem = |n: u8| Frame::Redeem { tag: offer(n).tag, proof: vec![n] };
    let frames = [hello(), redeem(1), redeem(2), redeem(3), redeem(4)];
    assert_eq!(closes(&mut machine, &frames), Some(CloseReason::TooManyRedemptions));
}

/// Acks that are false in every way one can be.
#[test]
fn acks_are_checked_against_what_was_sent() {
    let refusal = || Refusal::NotNow(NotNow::Busy);
    for (count, refused) in [
        (0, vec![]),
        (3, vec![]),
        (u64::MAX, vec![]),
        (2, vec![(2, refusal())]),
        (2, vec![(1, refusal()), (0, refusal())]),
        (2, vec![(1, refusal()), (1, refusal())]),
    ] {
        let mut machine = machine(Config::default());
        closes(
            &mut machine,
            &[hello(), Frame::Frontier { tag: tag(), whole: true, reply: false, held: Frontier::new() }],
        );
        serve(&mut machine, &[(log(1), 1), (log(1), 2)]);
        let ack = Frame::Ack { tag: tag(), count, refused: refused.clone() };
        assert_eq!(closes(&mut machine, &[ack]), Some(CloseReason::FalseAck), "{count} {refused:?}");
    }
}

/// Answers the read that is out, whatever its ticket, with these entries.
fn serve(machine: &mut Machine<u8>, places: &[(LogId, u64)]) {
    // The read was the last thing asked for; asking again for the frontier makes the machine say its ticket once more.
    let again = Frame::Frontier { tag: tag(), whole: true, reply: false, held: Frontier::new() };
    let items = |places: &[(LogId, u64)]| {
        let item = |(n, (log, seq)): (usize, &(LogId, u64))| sheaf_sync::Item {
            arrival: n as u64 + 1,
            log: *log,
            seq: *seq,
            hash: sheaf_access::EntryHash::from_bytes([0; 32]),
            bytes: entry(*log, *seq, 1),
        };
        places.iter().enumerate().map(item).collect::<Vec<_>>()
    };
    machine.handle(Event::Disconnected { peer: 1 }, 1);
    machine.handle(Event::Connected { peer: 1, nonce: NONCE, shares: vec![space(0)] }, 1);
    machine.handle(Event::Frame { peer: 1, bytes: hello().encode() }, 1);
    let actions = machine.handle(Event::Frame { peer: 1, bytes: again.encode() }, 1);
    let ticket = actions.iter().find_map(|action| match action {
        Action::Read { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let event =
        Event::ReadDone { peer: 1, space: space(0), ticket: ticket.expect("a read"), items: items(places), end: true };
    machine.handle(event, 1);
    assert_eq!(machine.in_flight(1).entries as usize, places.len());
}

#[test]
fn a_peer_that_refuses_everything_is_left_alone() {
    let mut machine = Machine::new(Config { max_refused_logs: 4, ..Config::default() });
    let logs: Vec<(LogId, u64)> = (1..=6).map(|n| (log(n), 1)).collect();
    machine.handle(Event::SpaceAdded { space: space(0), frontier: frontier(&logs) }, 0);
    machine.handle(Event::Connected { peer: 1, nonce: NONCE, shares: vec![space(0)] }, 0);
    serve(&mut machine, &logs);
    let refused = (0..6).map(|n| (n, Refusal::Never(Verdict::LOG_CLOSED))).collect();
    let ack = Frame::Ack { tag: tag(), count: 6, refused };
    assert_eq!(closes(&mut machine, &[ack]), Some(CloseReason::TooManyRefusals));
}

/// Whatever a peer offers, asks and claims, what is kept for it stays within the limits.
#[test]
fn memory_for_a_peer_is_bounded() {
    let config =
        Config { max_spaces: 50, max_logs: 20, window: Window { bytes: 1 << 20, entries: 30 }, ..Config::default() };
    let bound = 50 + 6 * 20 + 2 * 30;
    let mut machine = machine(config);
    machine.handle(Event::Frame { peer: 1, bytes: hello().encode() }, 0);
    for n in 0..200u64 {
        let byte = (n % 251) as u8;
        let frames = [
            Frame::Offers { offers: vec![offer(byte)] },
            Frame::Have { tag: tag(), held: frontier(&[(log(byte), n + 1)]) },
            Frame::Withheld { tag: tag(), logs: vec![(log(byte), n + 1)] },
            Frame::Entries { tag: tag(), first: n, entries: vec![EntryBytes::from(vec![byte; 100])] },
        ];
        for frame in frames {
            machine.handle(Event::Frame { peer: 1, bytes: frame.encode() }, n);
            assert!(machine.footprint(1) <= bound, "{}", machine.footprint(1));
        }
    }
}
