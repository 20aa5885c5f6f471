//! How logs end (L5, L6): two nodes that hold as much of a log as each other, but not the same entries.

use sheaf_access::EntryHash;
use sheaf_sync::{Action, Config, Event, Frame, Tip};

use crate::table::{Table, log, space};

fn hash(number: u8) -> EntryHash {
    EntryHash::from_bytes([number; 32])
}

/// Two nodes, of whom one holds this entry at the end of a log and the other that.
fn table(tips: [u8; 2]) -> Table {
    let mut table = Table::new(2, &Config::default());
    for (node, tip) in tips.into_iter().enumerate() {
        table.holds(node, space(0), &[(log(1), 5), (log(2), 3)]);
        table.tell(node, Event::Tips { space: space(0), tips: vec![(log(1), 5, hash(tip)), (log(2), 3, hash(9))] });
    }
    table
}

fn meet(table: &mut Table) {
    table.connect(0, 1, &[space(0)], &[space(0)]);
    table.settle();
}

fn frontiers(table: &Table) -> usize {
    let sent = table.nodes.iter().flat_map(|node| &node.sent);
    sent.filter(|(_, frame)| matches!(frame, Frame::Whole { .. })).count()
}

/// What a node was asked to compare.
fn asked(table: &Table, node: usize) -> Vec<(sheaf_access::LogId, u64, Tip)> {
    let asked = table.nodes[node].told.iter().filter_map(|action| match action {
        Action::Compare { tips, .. } => Some(tips.clone()),
        _ => None,
    });
    asked.flatten().collect()
}

#[test]
fn who_holds_the_same_entries_says_no_more() {
    let mut table = table([7, 7]);
    meet(&mut table);
    assert_eq!(frontiers(&table), 0);
    assert!(table.nodes[0].machine.is_synced(1, &space(0)));
}

#[test]
fn who_holds_as_much_but_not_the_same_is_told_which_log_it_is() {
    let mut table = table([7, 8]);
    meet(&mut table);
    assert_eq!(asked(&table, 0), [(log(1), 5, Tip::of(&hash(8)))]);
    assert_eq!(asked(&table, 1), [(log(1), 5, Tip::of(&hash(7)))]);
    assert!(table.nodes[0].machine.is_synced(1, &space(0)));
}

#[test]
fn a_fork_that_both_know_of_is_not_noticed_again() {
    let mut table = table([7, 8]);
    for node in 0..2 {
        table.tell(node, Event::Forked { space: space(0), log: log(1), at: 4 });
    }
    meet(&mut table);
    assert_eq!(frontiers(&table), 0);
}

#[test]
fn a_fork_that_one_of_them_knows_of_is_not_asked_about() {
    let mut table = table([7, 8]);
    table.tell(0, Event::Forked { space: space(0), log: log(1), at: 4 });
    meet(&mut table);
    assert!(asked(&table, 0).is_empty() && asked(&table, 1).is_empty());
}

#[test]
fn who_holds_more_looks_at_what_the_other_ends_with_before_anything_is_sent() {
    let mut table = table([7, 7]);
    table.nodes[0].compares = false;
    table.write(0, space(0), log(1), 3, 10);
    meet(&mut table);
    assert_eq!(asked(&table, 0), [(log(1), 5, Tip::of(&hash(7)))]);
    assert!(asked(&table, 1).is_empty());
    let entries = |table: &Table| {
        let sent = table.nodes[0].sent.iter();
        sent.filter(|(_, frame)| matches!(frame, Frame::Entries { .. })).count()
    };
    // What is written meanwhile waits too.
    table.write(0, space(0), log(2), 1, 10);
    table.settle();
    assert_eq!(entries(&table), 0, "nothing goes out before it is known");
    assert!(!table.nodes[0].machine.is_synced(1, &space(0)));
    let ticket = table.nodes[0].told.iter().find_map(|action| match action {
        Action::Compare { ticket, .. } => Some(*ticket),
        _ => None,
    });
    table.tell(0, Event::Compared { peer: 1, space: space(0), ticket: ticket.expect("it asked") });
    table.settle();
    assert!(entries(&table) > 0);
}

#[test]
fn a_tip_that_is_not_the_last_any_more_is_passed_over() {
    let mut table = Table::new(2, &Config::default());
    for node in 0..2 {
        table.holds(node, space(0), &[(log(1), 5)]);
    }
    // Told late, about a place before the end.
    table.tell(0, Event::Tips { space: space(0), tips: vec![(log(1), 4, hash(1))] });
    meet(&mut table);
    assert_eq!(frontiers(&table), 0);
}
