//! The tree of a space's documents, changed by several people at once.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use sheaf_document::{
    Committed, Document, Genesis,
    index::{Index, MoveError, NewDocument, Spot, Tree, move_documents, put_document, put_in_trash, restore},
};
use support::{Rng, checked, for_seeds, slot};

/// One person's index, and which of all the changes it has.
struct Replica {
    number: u8,
    doc: Document,
    has: BTreeSet<usize>,
}

/// Everyone's, and all changes ever made, in an order in which each comes after what it builds on.
struct World {
    replicas: Vec<Replica>,
    changes: Vec<(u8, Committed)>,
    made: Vec<String>,
    now: i64,
}

fn tree(doc: &Document) -> Tree {
    Tree::of(Index::of(doc).documents())
}

/// The tree as lines: each document under its parent's path, in order.
fn shown(doc: &Document) -> Vec<String> {
    let line = |row: &sheaf_document::index::tree::Row<'_>| {
        format!("{}{}{}", "  ".repeat(row.depth), row.document.id, if row.trashed { " x" } else { "" })
    };
    tree(doc).rows().iter().map(line).collect()
}

impl World {
    fn new(people: u8) -> Self {
        let replica = |number| Replica { number, doc: Document::new(Genesis::Index), has: BTreeSet::new() };
        Self { replicas: (1..=people).map(replica).collect(), changes: vec![], made: vec![], now: 1_700_000_000_000 }
    }

    fn note(&mut self, at: usize, change: Option<Committed>) {
        let Some(change) = change else { return };
        self.replicas[at].has.insert(self.changes.len());
        self.changes.push((self.replicas[at].number, change));
    }

    fn create(&mut self, at: usize, spot: Option<Spot<'_>>) -> String {
        self.now += 1;
        let id = format!("d{}", self.made.len());
        let new = NewDocument { id: &id, title: &id, created: self.now, place: spot, tags: vec![] };
        let replica = &mut self.replicas[at];
        let change = put_document(&mut replica.doc, &slot(replica.number, 0), &new).unwrap();
        self.note(at, change);
        self.made.push(id.clone());
        id
    }

    fn shift(&mut self, at: usize, id: &str, under: Option<&str>, before: Option<&str>) -> Result<(), MoveError> {
        self.now += 1;
        let replica = &mut self.replicas[at];
        let moving = tree(&replica.doc).moving(id, under, before, self.now)?;
        let change = move_documents(&mut replica.doc, &slot(replica.number, 0), &moving).unwrap();
        self.note(at, change);
        Ok(())
    }

    fn trash(&mut self, at: usize, id: &str) {
        let replica = &mut self.replicas[at];
        let change = put_in_trash(&mut replica.doc, &slot(replica.number, 0), id, self.now).unwrap();
        self.note(at, change);
    }

    fn restore(&mut self, at: usize, id: &str) {
        let replica = &mut self.replicas[at];
        let tree = tree(&replica.doc);
        let change = restore(&mut replica.doc, &slot(replica.number, 0), &tree, id, self.now).unwrap();
        self.note(at, change);
    }

    /// One hears everything that another has.
    fn hear(&mut self, to: usize, from: usize) {
        let news: Vec<usize> = self.replicas[from].has.difference(&self.replicas[to].has).copied().collect();
        let changes: Vec<_> = news.iter().map(|change| self.changes[*change].clone()).collect();
        let replica = &mut self.replicas[to];
        let valid = checked(&replica.doc, &changes);
        assert_eq!(replica.doc.apply(valid).refused, vec![]);
        replica.has.extend(news);
    }

    fn all_hear_all(&mut self) {
        for _ in 0..2 {
            for to in 0..self.replicas.len() {
                for from in 0..self.replicas.len() {
                    self.hear(to, from);
                }
            }
        }
    }

    fn some(&self, rng: &mut Rng, at: usize) -> Option<String> {
        let all = Index::of(&self.replicas[at].doc).documents();
        (!all.is_empty()).then(|| all[rng.random_range(0..all.len())].id.clone())
    }
}

/// Each document is there once, under its parent, and the trash goes down with it.
fn is_whole(doc: &Document) {
    let tree = tree(doc);
    let rows = tree.rows();
    let mut seen = BTreeMap::new();
    for row in &rows {
        let above = row.parent.map(|parent| *seen.get(parent).expect("a parent comes before what is under it"));
        let (depth, trashed) = above.map_or((0, false), |(depth, trashed): (usize, bool)| (depth + 1, trashed));
        assert_eq!(row.depth, depth);
        assert_eq!(row.trashed, trashed || row.document.trashed.is_some());
        assert_eq!(seen.insert(row.document.id.as_str(), (row.depth, row.trashed)), None, "once");
        assert_eq!(tree.within(&row.document.id)[0], row.document.id);
    }
    assert_eq!(rows.len(), Index::of(doc).documents().len());
}

#[test]
fn whatever_is_moved_at_the_same_time_all_see_the_same_tree_with_everything_in_it() {
    for_seeds(400, |rng| {
        let mut world = World::new(3);
        for _ in 0..rng.random_range(5..40) {
            let at = rng.random_range(0..3);
            match (rng.random_range(0..12), world.some(rng, at)) {
                (0..=2, _) | (_, None) => {
                    let (under, before) = (world.some(rng, at), world.some(rng, at));
                    let under = under.filter(|_| rng.random());
                    let spot = Spot { under: under.as_deref(), before: before.as_deref().filter(|_| rng.random()) };
                    let spot = rng.random::<bool>().then_some(spot);
                    world.create(at, spot);
                }
                (3..=7, Some(id)) => {
                    let (under, beside) = (world.some(rng, at).filter(|_| rng.random()), world.some(rng, at));
                    let before = beside.filter(|_| rng.random());
                    let moved = world.shift(at, &id, under.as_deref(), before.as_deref());
                    if moved.is_ok() {
                        let tree = tree(&world.replicas[at].doc);
                        let rows = tree.rows();
                        let row = rows.iter().position(|row| row.document.id == id).unwrap();
                        assert_eq!(rows[row].parent, under.as_deref(), "it is where it was put");
                        let beside = |row: &&sheaf_document::index::tree::Row<'_>| row.parent == under.as_deref();
                        let next = rows[row + 1..].iter().find(beside).map(|row| row.document.id.as_str());
                        assert!(before.as_deref() == Some(&*id) || next == before.as_deref(), "{next:?} {before:?}");
                    }
                }
                (8, Some(id)) => world.trash(at, &id),
                (9, Some(id)) => {
                    world.restore(at, &id);
                    let tree = tree(&world.replicas[at].doc);
                    assert!(tree.rows().iter().any(|row| row.document.id == id && !row.trashed), "it is back");
                }
                _ => world.hear(at, rng.random_range(0..3)),
            }
            is_whole(&world.replicas[at].doc);
        }
        world.all_hear_all();
        let first = shown(&world.replicas[0].doc);
        for replica in &world.replicas {
            is_whole(&replica.doc);
            assert_eq!(shown(&replica.doc), first);
        }
    });
}

#[test]
fn two_that_were_put_under_each_other_are_both_there() {
    let mut world = World::new(2);
    let (one, other) = (world.create(0, None), world.create(0, None));
    world.all_hear_all();
    world.shift(0, &one, Some(&other), None).unwrap();
    world.shift(1, &other, Some(&one), None).unwrap();
    world.all_hear_all();
    let seen = shown(&world.replicas[0].doc);
    assert_eq!(seen, shown(&world.replicas[1].doc));
    assert!(seen == ["d0", "  d1"] || seen == ["d1", "  d0"], "{seen:?}");
}

#[test]
fn what_is_put_between_two_at_the_same_time_stays_between_them() {
    let mut world = World::new(2);
    for _ in 0..4 {
        world.create(0, None);
    }
    world.all_hear_all();
    world.shift(0, "d2", None, Some("d1")).unwrap();
    world.shift(1, "d3", None, Some("d1")).unwrap();
    world.all_hear_all();
    let seen = shown(&world.replicas[0].doc);
    assert_eq!(seen, shown(&world.replicas[1].doc));
    assert!(seen[0] == "d0" && seen[3] == "d1", "{seen:?}");
    assert_eq!(shown(&Document::load(&world.replicas[0].doc.save()).unwrap()), seen);
}

#[test]
fn a_place_that_cannot_be_is_refused_and_says_why() {
    let mut world = World::new(1);
    let top = world.create(0, None);
    let inner = world.create(0, Some(Spot { under: Some(&top), before: None }));
    let other = world.create(0, None);
    assert_eq!(shown(&world.replicas[0].doc), ["d0", "  d1", "d2"]);
    assert_eq!(world.shift(0, &top, Some(&top), None), Err(MoveError::Within));
    assert_eq!(world.shift(0, &top, Some(&inner), None), Err(MoveError::Within));
    assert_eq!(world.shift(0, &top, Some("none"), None), Err(MoveError::Unknown("none".into())));
    assert_eq!(world.shift(0, "none", None, None), Err(MoveError::Unknown("none".into())));
    assert_eq!(world.shift(0, &top, None, Some(&inner)), Err(MoveError::Elsewhere));
    world.trash(0, &other);
    assert_eq!(world.shift(0, &top, Some(&other), None), Err(MoveError::InTrash));
    assert_eq!(shown(&world.replicas[0].doc), ["d0", "  d1", "d2 x"]);
}

#[test]
fn what_is_restored_alone_leaves_what_stays_in_the_trash() {
    let mut world = World::new(1);
    let top = world.create(0, None);
    let inner = world.create(0, Some(Spot { under: Some(&top), before: None }));
    world.trash(0, &inner);
    world.trash(0, &top);
    assert_eq!(shown(&world.replicas[0].doc), ["d0 x", "  d1 x"]);
    world.restore(0, &inner);
    assert_eq!(shown(&world.replicas[0].doc), ["d0 x", "d1"]);
    world.restore(0, &top);
    assert_eq!(shown(&world.replicas[0].doc), ["d0", "d1"]);
}

#[test]
fn thousands_of_moves_to_one_place_stay_short_and_in_order() {
    let mut world = World::new(1);
    for _ in 0..4 {
        world.create(0, None);
    }
    for turn in 0..600 {
        let id = if turn % 2 == 0 { "d2" } else { "d3" };
        let other = if turn % 2 == 0 { "d3" } else { "d2" };
        let before = if turn < 2 { "d1" } else { other };
        world.shift(0, id, None, Some(before)).unwrap();
        let seen = shown(&world.replicas[0].doc);
        let at = seen.iter().position(|line| line == id).unwrap();
        assert_eq!((seen[0].as_str(), seen[at + 1].as_str()), ("d0", before));
    }
}
