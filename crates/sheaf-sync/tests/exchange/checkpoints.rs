//! Behind what was pruned (C3), when the checkpoint that stands for it cannot be had.

use sheaf_log::{BlobId, BlobLink};
use sheaf_sync::{Action, Config, Event, Item, Refusal, Verdict};

use crate::table::{NO_HASH, Table, entry, frontier, log, space};

fn bundle(content: &[u8]) -> BlobLink {
    BlobLink { id: BlobId::of(content), size: content.len() as u64 }
}

/// A node has pruned the first three entries of a log, and this stands for them now.
fn offers(table: &mut Table, node: usize, bundle: BlobLink) {
    let floors = frontier(&[(log(1), 3)]);
    table.tell(node, Event::Floors { space: space(0), floors: floors.clone(), bundles: vec![(bundle, floors)] });
}

/// What a node was told to fetch.
fn told_to_fetch(table: &Table, node: usize) -> Vec<BlobLink> {
    let told = table.nodes[node].told.iter().filter_map(|action| match action {
        Action::Behind { bundle, .. } => Some(*bundle),
        _ => None,
    });
    told.collect()
}

fn refused(table: &Table, node: usize) -> Vec<Refusal> {
    let refused = table.nodes[node].told.iter().filter_map(|action| match action {
        Action::EntryRefused { refusal, .. } => Some(refusal.clone()),
        _ => None,
    });
    refused.collect()
}

/// A node that has pruned, and one to whom everything is new.
fn table(first: BlobLink) -> Table {
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 5), (log(2), 2)]);
    table.nodes[0].stores.entry(space(0)).or_default().retain(|item| item.log != log(1) || item.seq > 3);
    table.holds(1, space(0), &[]);
    offers(&mut table, 0, first);
    table.connect(0, 1, &[space(0)], &[space(0)]);
    table.settle();
    table
}

fn declines(table: &mut Table, node: usize, bundle: BlobLink) {
    let peer = 1 - node;
    table.tell(node, Event::Declined { peer, space: space(0), bundle: bundle.id });
    table.settle();
}

fn merges(table: &mut Table, node: usize) {
    let item = Item { arrival: 1, log: log(1), seq: 3, hash: NO_HASH, bytes: entry(log(1), 3, 10) };
    table.nodes[node].stores.entry(space(0)).or_default().insert(0, item);
    table.tell(node, Event::Covered { space: space(0), covers: frontier(&[(log(1), 3)]) });
    table.settle();
}

/// A newer checkpoint had taken the place of the one that was offered, whose blobs were gone before the machine heard of it.
#[test]
fn who_could_not_have_a_checkpoint_is_offered_the_next() {
    let (old, new) = (bundle(b"old"), bundle(b"new"));
    let mut table = table(old);
    assert_eq!(told_to_fetch(&table, 1), vec![old]);
    declines(&mut table, 1, old);
    assert_eq!(refused(&table, 0), vec![Refusal::Never(Verdict::CHECKPOINT_REFUSED)]);
    assert_eq!(table.nodes[1].frontier(space(0)), frontier(&[(log(2), 2)]), "what does not build on it comes");

    offers(&mut table, 0, new);
    table.settle();
    assert_eq!(told_to_fetch(&table, 1), vec![old, new]);
    merges(&mut table, 1);
    assert_eq!(table.nodes[1].frontier(space(0)), frontier(&[(log(1), 5), (log(2), 2)]));
    for (node, peer) in [(0, 1), (1, 0)] {
        assert_eq!(table.nodes[node].synced(peer).last(), Some(&(space(0), 0)), "nothing is withheld in the end");
        assert_eq!(table.nodes[node].machine.footprint(peer), 1, "and nothing is left of it");
    }
}

#[test]
fn a_checkpoint_that_was_refused_is_not_offered_twice() {
    let old = bundle(b"old");
    let mut table = table(old);
    declines(&mut table, 1, old);
    for _ in 0..3 {
        offers(&mut table, 0, old);
        table.settle();
    }
    assert_eq!(told_to_fetch(&table, 1), vec![old]);
    assert_eq!(refused(&table, 0).len(), 1, "and it is said once");
}

/// What the other side refused for itself is no concern of a checkpoint.
#[test]
fn a_new_checkpoint_does_not_bring_back_what_was_refused_for_good() {
    let (old, new) = (bundle(b"old"), bundle(b"new"));
    let mut table = Table::new(2, &Config::default());
    table.holds(0, space(0), &[(log(1), 5), (log(2), 2)]);
    table.holds(1, space(0), &[(log(1), 5)]);
    table.nodes[1].judge = Box::new(|of, _| (of == log(2)).then_some(Refusal::Never(Verdict::LOG_CLOSED)));
    offers(&mut table, 0, old);
    table.connect(0, 1, &[space(0)], &[space(0)]);
    table.settle();
    let sent = table.nodes[0].entries_sent();
    offers(&mut table, 0, new);
    table.settle();
    assert_eq!(table.nodes[0].entries_sent(), sent);
    assert_eq!(refused(&table, 0), vec![Refusal::Never(Verdict::LOG_CLOSED)]);
}
