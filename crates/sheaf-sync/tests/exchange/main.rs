//! What two or three machines say to each other, told as they say it.

mod admitted;
mod checkpoints;
mod crowd;
mod hostile;
mod signed;
mod table;
mod tips;
mod word;

use sheaf_access::SpaceId;
use sheaf_sync::{Action, Config, Event, Frame, NotNow, RedemptionRefusal, Refusal, Verdict, Window};
use table::{Table, frontier, log, space};

/// Two nodes, both members of one space, connected.
fn pair(first: u64, second: u64) -> Table {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), first)]);
    table.holds(1, space(0), &[(log(1), second)]);
    table.connect(0, 1, &[space(0)], &[space(0)]);
    table
}

fn assert_level(table: &Table, space: SpaceId) {
    let first = table.nodes[0].frontier(space);
    for (n, node) in table.nodes.iter().enumerate() {
        assert_eq!(node.frontier(space), first, "nodes 0 and {n}");
    }
}

/// N2, and the budget "reconnect, nothing changed, 10,000 documents: 1 round trip, < 1 KiB each way".
#[test]
fn ten_thousand_unchanged_documents_cost_one_round_trip_and_less_than_a_kilobyte() {
    for spaces in [1, 16, 17, 2_000] {
        let mut table = Table::new(2, &Config::default());
        let shared: Vec<SpaceId> = (0..spaces).map(space).collect();
        for id in &shared {
            for node in [0, 1] {
                // Three people, and an entry or so for each document.
                let documents = u64::from(10_000 / spaces);
                table.holds(node, *id, &[(log(1), documents.min(50)), (log(2), 1), (log(3), 1)]);
            }
        }
        table.connect(0, 1, &shared, &shared);
        assert_eq!(table.round(), 2, "a greeting each way");
        assert_eq!(table.round(), 0, "and nothing more");
        for (node, peer) in [(0, 1), (1, 0)] {
            assert!(table.nodes[node].bytes_sent() < 1024, "{spaces} spaces: {}", table.nodes[node].bytes_sent());
            assert_eq!(table.nodes[node].synced(peer).len(), shared.len());
        }
        assert_eq!(table.settle(), 0);
    }
}

#[test]
fn one_new_entry_among_thousands_of_spaces_is_all_that_is_sent() {
    let mut table = Table::new(2, &Config::default());
    let shared: Vec<SpaceId> = (0..1_000).map(space).collect();
    for id in &shared {
        table.holds(0, *id, &[(log(1), if *id == space(77) { 6 } else { 5 })]);
        table.holds(1, *id, &[(log(1), 5)]);
    }
    table.connect(0, 1, &shared, &shared);
    // Greeting, offers, frontiers, the entry, its ack.
    assert_eq!(table.settle(), 5);
    assert_eq!(table.nodes[0].entries_sent(), 1);
    assert_eq!(table.nodes[1].entries_sent(), 0);
    assert_level(&table, space(77));
}

#[test]
fn a_newcomer_gets_everything_once_and_in_order() {
    let mut table = pair(1_000, 0);
    table.settle();
    assert_level(&table, space(0));
    assert_eq!(table.nodes[0].entries_sent(), 1_000);
    assert_eq!(table.nodes[0].synced(1), vec![(space(0), 0)]);
    assert_eq!(table.nodes[1].synced(0), vec![(space(0), 0)]);
}

#[test]
fn two_who_wrote_apart_meet() {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 40), (log(2), 10)]);
    table.holds(1, space(0), &[(log(1), 20), (log(2), 30)]);
    table.connect(0, 1, &[space(0)], &[space(0)]);
    table.settle();
    assert_level(&table, space(0));
    assert_eq!(table.nodes[0].entries_sent(), 20);
    assert_eq!(table.nodes[1].entries_sent(), 20);
}

#[test]
fn a_live_entry_is_pushed_once_acknowledged_once_and_then_it_is_quiet() {
    let mut table = pair(5, 5);
    table.settle();
    let before = table.nodes[0].sent.len() + table.nodes[1].sent.len();
    table.write(0, space(0), log(1), 1, 10);
    assert_eq!(table.settle(), 2, "the entry, its ack");
    assert_eq!(table.nodes[0].sent.len() + table.nodes[1].sent.len(), before + 2);
    assert_eq!(table.nodes[0].synced(1).len(), 2, "in step before, and again");
    let receipt = Action::Receipt { peer: 1, space: space(0), frontier: frontier(&[(log(1), 6)]) };
    assert!(table.nodes[0].told.contains(&receipt));
}

/// What came to the other by a third is known to be there as soon as the two are found to be level.
#[test]
fn whoever_is_level_from_the_first_has_said_what_is_durable_there() {
    for spaces in [1, 100] {
        let mut table = Table::new(2, &Config::default());
        let shared: Vec<SpaceId> = (0..spaces).map(space).collect();
        for id in &shared {
            table.holds(0, *id, &[(log(1), 5), (log(2), 3)]);
            table.holds(1, *id, &[(log(1), 5), (log(2), 3)]);
        }
        table.connect(0, 1, &shared, &shared);
        // Not this, which is stored after both had greeted.
        table.write(0, space(0), log(1), 1, 10);
        table.settle();
        for (node, peer) in [(0, 1), (1, 0)] {
            let told = |id: &SpaceId| {
                let all = [(log(1), 5), (log(2), 3)];
                Action::Receipt { peer, space: *id, frontier: frontier(&all) }
            };
            assert!(shared.iter().all(|id| table.nodes[node].told.contains(&told(id))), "{spaces} at {node}");
        }
    }
}

#[test]
fn an_entry_stored_while_greeting_is_not_lost() {
    let mut table = pair(5, 5);
    table.write(0, space(0), log(1), 3, 10);
    table.settle();
    assert_level(&table, space(0));
    assert_eq!(table.nodes[0].entries_sent(), 3);
}

#[test]
fn a_relay_sends_each_entry_to_its_followers_and_looks_at_nobody_else() {
    const READERS: usize = 300;
    let mut table = Table::new(READERS + 1, &Config::default());
    for id in 0..50 {
        table.holds(0, space(id), &[(log(1), 1)]);
    }
    // Everyone is in one space of their own with the relay; ten of them in one together.
    for reader in 1..=READERS {
        let own = space(u32::try_from(reader % 49 + 1).unwrap());
        let shares = if reader <= 10 { vec![space(0), own] } else { vec![own] };
        for id in &shares {
            table.holds(reader, *id, &[(log(1), 1)]);
        }
        table.connect(0, reader, &shares, &shares);
    }
    table.settle();
    let before = table.nodes[0].sent.len();
    table.write(0, space(0), log(1), 1, 100);
    let sent: Vec<usize> = table.nodes[0].sent[before..].iter().map(|(reader, _)| *reader).collect();
    assert_eq!(sent, (1..=10).collect::<Vec<_>>());
    assert!(!table.nodes[0].told.iter().any(|action| matches!(action, Action::Read { .. })), "without a read");
    table.settle();
    for reader in 1..=READERS {
        assert!(table.nodes[0].machine.footprint(reader) <= 2, "a number for each space, and no more");
    }
}

#[test]
fn a_slow_reader_costs_a_window_and_is_served_from_the_store_later() {
    let window = Window { bytes: 1_000, entries: 8 };
    let config = Config { window, max_entry_bytes: 200, batch_bytes: 400, batch_entries: 4, ..Config::default() };
    let mut table = Table::new(2, &config);
    for node in [0, 1] {
        table.holds(node, space(0), &[(log(1), 1)]);
    }
    table.connect(0, 1, &[space(0)], &[space(0)]);
    table.settle();
    table.nodes[1].asleep = true;
    for _ in 0..100 {
        table.write(0, space(0), log(1), 1, 50);
        table.round();
        let flying = table.nodes[0].machine.in_flight(1);
        assert!(flying.bytes <= window.bytes && flying.entries <= window.entries);
        assert!(table.nodes[0].machine.footprint(1) <= 4 + window.entries as usize, "it is numbers that are kept");
    }
    assert!(table.nodes[0].entries_sent() <= 8);
    table.wake(1);
    table.settle();
    assert_level(&table, space(0));
    assert_eq!(table.nodes[0].entries_sent(), 100, "each once");
}

#[test]
fn a_long_catching_up_does_not_hold_up_another_space() {
    let config = Config {
        window: Window { bytes: 2_000, entries: 16 },
        max_entry_bytes: 300,
        batch_bytes: 300,
        ..Config::default()
    };
    let mut table = Table::new(2, &config);
    table.holds(0, space(0), &[(log(1), 400)]);
    table.holds(1, space(0), &[]);
    for node in [0, 1] {
        table.holds(node, space(1), &[(log(1), 1)]);
    }
    table.connect(0, 1, &[space(0), space(1)], &[space(0), space(1)]);
    for _ in 0..8 {
        table.round();
    }
    assert!(table.nodes[1].frontier(space(0)).get(&log(1)) < 200, "the long one is under way");
    table.write(0, space(1), log(1), 1, 10);
    for _ in 0..6 {
        table.round();
    }
    assert_eq!(table.nodes[1].frontier(space(1)).get(&log(1)), 2, "a word in another space gets through");
    assert!(table.nodes[1].frontier(space(0)).get(&log(1)) < 400, "meanwhile");
    table.settle();
    assert_level(&table, space(0));
}

#[test]
fn what_one_peer_has_said_to_have_another_does_not_send() {
    let mut table = Table::new(3, &Config::default());
    for node in [0, 1] {
        table.holds(node, space(0), &[(log(1), 300)]);
    }
    table.holds(2, space(0), &[]);
    table.connect(0, 2, &[space(0)], &[space(0)]);
    table.settle();
    table.connect(1, 2, &[space(0)], &[space(0)]);
    table.connect(0, 1, &[space(0)], &[space(0)]);
    table.settle();
    assert_eq!(table.nodes[0].entries_sent() + table.nodes[1].entries_sent(), 300);
}

#[test]
fn a_refused_entry_is_not_sent_again_nor_what_follows_it_and_both_sides_come_to_rest() {
    let mut table = pair(1, 1);
    table.nodes[1].judge =
        Box::new(|of, seq| (of == log(1) && seq == 3).then_some(Refusal::Never(Verdict::LOG_CLOSED)));
    table.settle();
    table.write(0, space(0), log(1), 6, 10);
    table.settle();
    assert_eq!(table.nodes[1].frontier(space(0)).get(&log(1)), 2);
    let sent = table.nodes[0].entries_sent();
    // Others go on.
    table.write(0, space(0), log(2), 3, 10);
    table.write(0, space(0), log(1), 3, 10);
    table.settle();
    assert_eq!(table.nodes[1].frontier(space(0)).get(&log(2)), 3);
    assert_eq!(table.nodes[0].entries_sent(), sent + 3);
    for (node, peer) in [(0, 1), (1, 0)] {
        assert_eq!(table.nodes[node].synced(peer).last(), Some(&(space(0), 1)), "in step but for one log");
        assert!(table.nodes[node].machine.is_synced(peer, &space(0)));
    }
    let refused = table.nodes[0].told.iter().filter(|action| matches!(action, Action::EntryRefused { .. })).count();
    assert_eq!(refused, 1, "told once");
}

#[test]
fn a_refusal_is_lifted_when_the_peer_got_the_entry_after_all() {
    let mut table = pair(1, 1);
    table.nodes[1].judge = Box::new(|_, seq| (seq == 2).then_some(Refusal::Never(Verdict::LOG_CLOSED)));
    table.settle();
    table.write(0, space(0), log(1), 3, 10);
    table.settle();
    assert_eq!(table.nodes[1].frontier(space(0)).get(&log(1)), 1);
    table.nodes[1].judge = Box::new(|_, _| None);
    // It comes by another way, or was written back by its owner.
    table.write(1, space(0), log(1), 1, 10);
    table.settle();
    assert_level(&table, space(0));
    assert_eq!(table.nodes[0].synced(1).last(), Some(&(space(0), 0)));
}

#[test]
fn not_now_is_asked_again_later_and_less_and_less_often() {
    let mut table = pair(1, 1);
    table.settle();
    table.nodes[1].judge = Box::new(|_, _| Some(Refusal::NotNow(NotNow::DiskFull)));
    table.write(0, space(0), log(1), 5, 10);
    table.settle();
    let attempts = table.nodes[0].sent.iter().filter(|(_, frame)| matches!(frame, Frame::Entries { .. })).count();
    assert!((3..30).contains(&attempts), "twenty seconds of it: {attempts}");
    table.nodes[1].judge = Box::new(|_, _| None);
    for _ in 0..5 {
        table.settle();
    }
    assert_level(&table, space(0));
    assert!(table.nodes[0].machine.is_synced(1, &space(0)));
}

#[test]
fn a_peer_that_always_misses_something_is_not_asked_for_ever() {
    let mut table = pair(20, 0);
    table.nodes[1].judge = Box::new(|of, seq| Some(Refusal::Missing { entries: vec![(of, seq + 7)] }));
    table.settle();
    let sent = table.nodes[0].entries_sent();
    assert!(sent <= 20 * 5, "{sent}");
    let still = Refusal::Never(Verdict::STILL_MISSING);
    assert!(
        table.nodes[0]
            .told
            .iter()
            .any(|action| { matches!(action, Action::EntryRefused { seq: 1, refusal, .. } if *refusal == still) })
    );
    let rounds = table.settle();
    assert_eq!(rounds, 0, "and then it is quiet");
}

#[test]
fn what_was_missing_is_sent_after_the_frontiers_were_compared_again() {
    let mut table = pair(0, 0);
    table.settle();
    // The peer loses something once: a damaged row, say.
    let mut stumbled = false;
    table.nodes[1].judge = Box::new(move |of, seq| {
        let now = seq == 4 && !stumbled;
        stumbled |= now;
        now.then(|| Refusal::Missing { entries: vec![(of, 3)] })
    });
    table.write(0, space(0), log(1), 10, 10);
    table.settle();
    assert_level(&table, space(0));
    assert_eq!(table.nodes[0].synced(1).last(), Some(&(space(0), 0)));
}

#[test]
fn who_is_not_known_as_a_member_is_heard_but_shown_nothing() {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 3), (log(9), 1)]);
    table.holds(1, space(0), &[(log(1), 3), (log(2), 5)]);
    // 0 has redeemed an invitation, and knows 1 as a member; 1 has not heard of it.
    table.connect(0, 1, &[space(0)], &[]);
    table.settle();
    assert_eq!(table.nodes[1].frontier(space(0)), frontier(&[(log(1), 3), (log(2), 5), (log(9), 1)]));
    assert_eq!(table.nodes[0].frontier(space(0)), frontier(&[(log(1), 3), (log(9), 1)]));
    let shown = table.nodes[1].sent.iter().any(|(_, frame)| match frame {
        Frame::Frontier { held, .. } | Frame::Whole { held, .. } | Frame::Have { held, .. } => held.get(&log(2)) > 0,
        Frame::Entries { .. } => true,
        _ => false,
    });
    assert!(!shown, "not even how much there is");
    assert!(table.nodes[0].told.contains(&Action::Unrecognised { peer: 1, space: space(0) }));
    // The entry it has received says who it is.
    table.tell(1, Event::Shares { peer: 0, space: space(0) });
    table.settle();
    assert_level(&table, space(0));
    assert_eq!(table.nodes[0].synced(1), vec![(space(0), 0)]);
    assert_eq!(table.nodes[1].synced(0), vec![(space(0), 0)]);
}

#[test]
fn a_space_offered_before_it_is_held_is_found_when_it_is() {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 30)]);
    table.connect(0, 1, &[space(0)], &[]);
    table.settle();
    assert_eq!(table.nodes[0].entries_sent(), 0);
    table.holds(1, space(0), &[]);
    table.settle();
    assert_eq!(table.nodes[1].frontier(space(0)), frontier(&[(log(1), 30)]));
    table.tell(1, Event::Shares { peer: 0, space: space(0) });
    table.settle();
    assert_eq!(table.nodes[0].synced(1), vec![(space(0), 0)]);
}

#[test]
fn a_member_who_was_removed_gets_nothing_from_then_on() {
    let mut table = pair(5, 5);
    table.settle();
    table.tell(0, Event::Unshares { peer: 1, space: space(0) });
    table.write(0, space(0), log(1), 5, 10);
    table.settle();
    assert_eq!(table.nodes[0].entries_sent(), 0);
    // What the other one sends is still heard: what counts is for the node to say.
    table.write(1, space(0), log(2), 2, 10);
    table.settle();
    assert_eq!(table.nodes[0].frontier(space(0)).get(&log(2)), 2);
    table.tell(0, Event::Shares { peer: 1, space: space(0) });
    table.settle();
    assert_level(&table, space(0));
}

#[test]
fn an_invitation_opens_the_space_for_its_bearer() {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 10)]);
    table.connect(0, 1, &[], &[]);
    table.settle();
    table.holds(1, space(0), &[]);
    table.tell(1, Event::Redeeming { peer: 0, space: space(0), proof: vec![1, 2, 3] });
    table.settle();
    let asked = Action::CheckRedemption { peer: 1, space: space(0), proof: vec![1, 2, 3] };
    assert_eq!(table.nodes[0].told, vec![asked]);
    table.tell(0, Event::Shares { peer: 1, space: space(0) });
    table.settle();
    assert_eq!(table.nodes[1].frontier(space(0)), frontier(&[(log(1), 10)]));
    // The newcomer now knows its host as a member, and writes its first entry.
    table.tell(1, Event::Shares { peer: 0, space: space(0) });
    table.write(1, space(0), log(2), 1, 10);
    table.settle();
    assert_level(&table, space(0));
    assert_eq!(table.nodes[1].synced(0).last(), Some(&(space(0), 0)));
}

#[test]
fn an_invitation_that_is_not_good_says_why() {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 10)]);
    table.connect(0, 1, &[], &[]);
    table.holds(1, space(0), &[]);
    table.holds(1, space(1), &[]);
    table.tell(1, Event::Redeeming { peer: 0, space: space(0), proof: vec![1] });
    table.tell(1, Event::Redeeming { peer: 0, space: space(1), proof: vec![2] });
    table.settle();
    table.tell(0, Event::RedemptionRefused { peer: 1, space: space(0), reason: RedemptionRefusal::UsedUp });
    table.settle();
    let refused = |id, reason| Action::RedemptionRefused { peer: 0, space: id, reason };
    assert!(table.nodes[1].told.contains(&refused(space(0), RedemptionRefusal::UsedUp)));
    assert!(table.nodes[1].told.contains(&refused(space(1), RedemptionRefusal::UnknownSpace)));
    assert_eq!(table.nodes[0].entries_sent(), 0);
    assert_eq!(table.nodes[1].machine.footprint(0), 0, "nothing is left of it");
}

/// L5: a home restored from a backup learns that its own log went further, before it writes into it again.
#[test]
fn a_restored_home_hears_of_its_own_past_before_anything_is_sent() {
    let mut table = pair(3, 8);
    // Greetings, frontiers.
    table.round();
    let before = table.nodes[0].told.len();
    table.round();
    let receipt = Action::Receipt { peer: 1, space: space(0), frontier: frontier(&[(log(1), 8)]) };
    assert_eq!(table.nodes[0].told[before], receipt);
    assert_eq!(table.nodes[0].entries_sent(), 0);
    table.settle();
    assert_level(&table, space(0));
}

#[test]
fn answers_meant_for_an_earlier_connection_are_not_taken_for_ones_on_this() {
    let mut table = pair(10, 0);
    table.nodes[1].asleep = true;
    for _ in 0..6 {
        table.round();
    }
    for (node, peer) in [(0, 1), (1, 0)] {
        table.tell(node, Event::Disconnected { peer });
    }
    table.connect(0, 1, &[space(0)], &[space(0)]);
    for _ in 0..6 {
        table.round();
    }
    table.wake(1);
    table.settle();
    assert_level(&table, space(0));
    assert!(table.nodes[0].closed().is_none() && table.nodes[1].closed().is_none());
}

#[test]
fn answers_that_overtake_each_other_are_put_in_order() {
    let mut table = pair(0, 0);
    table.settle();
    table.nodes[1].asleep = true;
    table.write(0, space(0), log(1), 2, 10);
    table.round();
    table.nodes[1].reverse_waiting();
    table.wake(1);
    table.settle();
    assert_level(&table, space(0));
    assert!(table.nodes[0].machine.is_synced(1, &space(0)));
}
