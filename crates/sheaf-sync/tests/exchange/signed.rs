//! Signed receipts: asked for and sent, and only between members.

use sheaf_sync::{Action, Config, Event, Frame};

use crate::table::{Table, log, space};

fn asked(table: &Table, node: usize) -> usize {
    table.nodes[node].told.iter().filter(|action| matches!(action, Action::Sign { .. })).count()
}

#[test]
fn a_signed_receipt_is_asked_for_and_arrives_as_it_was_sent() {
    // Whether they had to exchange anything or were level from the start.
    for theirs in [5, 0] {
        let mut table = Table::new(2, &Config::default());
        table.holds(0, space(0), &[(log(1), 5)]);
        table.holds(1, space(0), &[(log(1), theirs)]);
        table.connect(0, 1, &[space(0)], &[space(0)]);
        table.settle();
        table.tell(0, Event::WantsSigned { peer: 1, space: space(0) });
        table.settle();
        assert_eq!(asked(&table, 1), 1);
        table.tell(1, Event::Signed { peer: 0, space: space(0), receipt: vec![1, 2, 3] });
        table.settle();
        let came = Action::Signed { peer: 1, space: space(0), receipt: vec![1, 2, 3] };
        assert!(table.nodes[0].told.contains(&came));
    }
}

#[test]
fn whoever_is_no_member_is_given_none_and_asked_for_none() {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 5)]);
    table.holds(1, space(0), &[(log(1), 5)]);
    // 1 knows 0 as a member, 0 does not know 1 as one.
    table.connect(0, 1, &[], &[space(0)]);
    table.settle();
    table.tell(1, Event::WantsSigned { peer: 0, space: space(0) });
    table.settle();
    assert_eq!(asked(&table, 0), 0);
    table.tell(0, Event::Signed { peer: 1, space: space(0), receipt: vec![1] });
    table.tell(0, Event::WantsSigned { peer: 1, space: space(0) });
    table.settle();
    let signs = |(_, frame): &(usize, Frame)| matches!(frame, Frame::Sign { .. } | Frame::Signed { .. });
    assert!(!table.nodes[0].sent.iter().any(signs));
    // Of a space or a peer that is not known, nothing comes of it.
    table.tell(0, Event::WantsSigned { peer: 1, space: space(9) });
    table.tell(0, Event::Signed { peer: 7, space: space(0), receipt: vec![1] });
    assert_eq!(table.settle(), 0);
}
