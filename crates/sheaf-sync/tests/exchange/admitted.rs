//! What is passed on before it is durable, when being durable takes long.

use sheaf_sync::{Config, Event, Item};

use crate::table::{NO_HASH, Table, entry, frontier, log, space};

/// Whoever comes while entries wait is not sent what builds on these: they would have to refuse it.
#[test]
fn who_comes_while_something_waits_gets_it_in_order_when_it_is_durable() {
    let s = space(1);
    let mut table = Table::new(2, &Config::default());
    table.holds(0, s, &[(log(1), 1)]);
    table.holds(1, s, &[(log(1), 1)]);
    let item = |seq: u64| Item { arrival: 0, log: log(1), seq, hash: NO_HASH, bytes: entry(log(1), seq, 10) };
    table.tell(0, Event::Admitted { space: s, from: 7, items: vec![item(2)] });
    table.connect(0, 1, &[s], &[s]);
    table.settle();
    table.tell(0, Event::Admitted { space: s, from: 7, items: vec![item(3)] });
    table.settle();
    assert_eq!(table.nodes[0].entries_sent(), 0, "it builds on what they do not have");
    for seq in 2..=3 {
        let item = Item { arrival: seq, ..item(seq) };
        table.nodes[0].stores.entry(s).or_default().push(item.clone());
        table.tell(0, Event::Stored { space: s, from: Some(7), items: vec![item] });
    }
    table.settle();
    assert_eq!(table.nodes[0].entries_sent(), 2);
    assert_eq!(table.nodes[1].frontier(s), frontier(&[(log(1), 3)]));
    // From here on it is passed on at once again.
    table.tell(0, Event::Admitted { space: s, from: 7, items: vec![item(4)] });
    assert_eq!(table.nodes[0].entries_sent(), 3);
}
