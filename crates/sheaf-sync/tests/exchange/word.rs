//! What nodes say to each other besides entries.

use sheaf_sync::{Action, Config, Event};

use crate::table::{Table, log, space};

fn came(table: &Table, node: usize, peer: usize, word: &[u8]) -> bool {
    table.nodes[node].told.contains(&Action::Said { peer, space: space(0), word: word.to_vec() })
}

#[test]
fn a_word_arrives_between_members_and_at_a_former_one() {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 5)]);
    table.holds(1, space(0), &[(log(1), 5)]);
    // 1 still takes 0 for a member; 0 knows that 1 is none any more, and says so.
    table.connect(0, 1, &[], &[space(0)]);
    table.tell(0, Event::Say { peer: 1, space: space(0), word: b"farewell".to_vec() });
    table.settle();
    assert!(came(&table, 1, 0, b"farewell"));
    table.tell(1, Event::Say { peer: 0, space: space(0), word: b"thanks".to_vec() });
    table.settle();
    assert!(came(&table, 0, 1, b"thanks"));
}

#[test]
fn a_word_about_a_space_that_has_no_lane_is_not_looked_at() {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 5)]);
    table.holds(1, space(0), &[(log(1), 5)]);
    table.connect(0, 1, &[], &[]);
    table.settle();
    table.tell(0, Event::Say { peer: 1, space: space(0), word: vec![1] });
    table.tell(0, Event::Say { peer: 7, space: space(0), word: vec![1] });
    table.settle();
    assert!(!came(&table, 1, 0, &[1]));
    assert!(table.nodes[1].told.iter().all(|action| !matches!(action, Action::Close { .. })));
}
