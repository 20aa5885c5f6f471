//! The outbox against a disk that is right and a cluster that is not: it loses what it is sent, takes some of a batch, or all of
//! it without saying so, and the relay dies in between. Each case is a seed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sheaf_access::{DeviceId, EntryHash, LogId, SpaceId};
use sheaf_log::Frontier;
use sheaf_sync::{EntryBytes, Item};

use super::{Action, Bounds, Kept, Outbox};
use crate::cases;

const SPACES: u8 = 3;
const STEPS: usize = 120;

type Place = (SpaceId, LogId, u64);

/// What a sender is owed: a number, and the places it must not be told of before they are in the cluster.
type Owed = (u64, Vec<Place>);

struct World {
    random: StdRng,
    now: u64,
    outbox: Outbox<Owed>,
    /// What is durable here, by space, in order of arrival.
    disk: BTreeMap<SpaceId, Vec<Item>>,
    /// What is written down: up to where everything is in the cluster.
    rows: HashMap<SpaceId, u64>,
    cluster: BTreeSet<Place>,
    /// The sync machine's frontier of each open space.
    shown: BTreeMap<SpaceId, Frontier>,
    publishing: Vec<(SpaceId, u64, Vec<Kept>)>,
    reading: Vec<(SpaceId, u64)>,
    owed: BTreeSet<u64>,
    questions: u64,
}

fn space(n: u8) -> SpaceId {
    SpaceId::from_bytes([n; 32])
}

fn log(n: u8) -> LogId {
    LogId { device: DeviceId::from_bytes([n; 32]), nonce: 0 }
}

fn outbox() -> Outbox<Owed> {
    Outbox::new(Bounds { space_bytes: 200, bytes: 400, owed: 1_000 })
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            now: 0,
            outbox: outbox(),
            disk: BTreeMap::new(),
            rows: HashMap::new(),
            cluster: BTreeSet::new(),
            shown: BTreeMap::new(),
            publishing: Vec::new(),
            reading: Vec::new(),
            owed: BTreeSet::new(),
            questions: 0,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    /// A device brings entries, some of which are here already.
    fn bring(&mut self) {
        let space = space(self.random.random_range(0..SPACES));
        let log = log(self.random.random_range(1..4));
        let items = self.disk.entry(space).or_default();
        // The row is there before the entry is.
        self.rows.entry(space).or_insert(items.last().map_or(0, |item| item.arrival));
        let held = items.iter().filter(|item| item.log == log).count() as u64;
        let first = self.random.random_range(1..=held + 1);
        let last = held + self.random.random_range(0..4);
        let (mut new, mut needs) = (Vec::new(), Vec::new());
        for seq in first..=last {
            needs.push((space, log, seq));
            if seq <= held {
                continue;
            }
            let weight = self.random.random_range(1..60);
            let arrival = items.last().map_or(1, |item| item.arrival + 1);
            let bytes = EntryBytes::from(vec![0; weight]);
            let item = Item { arrival, log, seq, hash: EntryHash::from_bytes([0; 32]), bytes };
            items.push(item.clone());
            new.push(Kept { from: Some(log.device), item });
        }
        let shown = self.shown.entry(space).or_default().clone();
        let actions = self.outbox.kept(space, || shown, new);
        self.act(actions);
        self.questions += 1;
        self.owed.insert(self.questions);
        let places = needs.iter().map(|(_, log, seq)| (*log, *seq)).collect();
        let actions = self.outbox.owe(space, places, (self.questions, needs));
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action<Owed>>) {
        for action in actions {
            match action {
                Action::Publish { space, batch, items } => self.publishing.push((space, batch, items)),
                Action::Read { space, after } => self.reading.push((space, after)),
                Action::Safe { space, items } => {
                    for Kept { item, .. } in items {
                        assert!(self.cluster.contains(&(space, item.log, item.seq)), "it is not in the cluster");
                        self.shown.entry(space).or_default().advance(item.log, item.seq);
                    }
                }
                Action::Answer((question, needs)) => {
                    assert!(self.owed.remove(&question), "a sender is answered once");
                    for place in needs {
                        assert!(self.cluster.contains(&place), "acknowledged, and not in the cluster: {place:?}");
                    }
                }
                Action::Clean { space, mark } => {
                    let last = self.disk.get(&space).and_then(|items| items.last()).map_or(0, |item| item.arrival);
                    assert_eq!(mark, last, "something was forgotten");
                    // It is written down later, or never, if there is a crash before.
                    if self.chance(70) {
                        self.rows.remove(&space);
                    }
                }
            }
        }
    }

    /// The cluster answers for a batch, or does not.
    fn answer(&mut self, honest: bool) {
        if self.publishing.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.publishing.len());
        let (space, batch, items) = self.publishing.swap_remove(at);
        let count = if honest || self.chance(50) { items.len() } else { self.random.random_range(0..items.len()) };
        for (at, kept) in items.iter().enumerate() {
            // What was not acknowledged may be there all the same.
            if at < count || self.chance(40) {
                self.cluster.insert((space, kept.item.log, kept.item.seq));
            }
        }
        let actions = self.outbox.published(space, batch, count, self.now);
        self.act(actions);
    }

    fn read(&mut self, honest: bool) {
        if self.reading.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.reading.len());
        let (space, after) = self.reading.swap_remove(at);
        if !honest && self.chance(10) {
            self.outbox.unreadable(space, self.now);
            return;
        }
        let all = self.disk.get(&space).into_iter().flatten().filter(|item| item.arrival > after);
        let items: Vec<Item> = all.take(3).cloned().collect();
        let end = items.is_empty();
        let actions = self.outbox.read(space, items, end);
        self.act(actions);
    }

    /// The relay dies, and is started again with what is on its disk.
    fn crash(&mut self) {
        self.outbox = outbox();
        self.publishing.clear();
        self.reading.clear();
        self.owed.clear();
        self.shown.clear();
        for (space, items) in &self.disk {
            let mark = self.rows.get(space).copied();
            let mut safe = Frontier::new();
            for item in items.iter().filter(|item| mark.is_none_or(|mark| item.arrival <= mark)) {
                assert!(self.cluster.contains(&(*space, item.log, item.seq)), "it looks safe, and is not");
                safe.advance(item.log, item.seq);
            }
            self.shown.insert(*space, safe);
        }
        let rows: Vec<_> = self.rows.iter().map(|(space, mark)| (*space, *mark)).collect();
        for (space, mark) in rows {
            let safe = self.shown.get(&space).cloned().unwrap_or_default();
            let actions = self.outbox.behind(space, safe, mark);
            self.act(actions);
        }
    }

    fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..40 => self.bring(),
            40..70 => self.answer(false),
            70..85 => self.read(false),
            85..95 => {
                self.now += self.random.random_range(0..6_000);
                let actions = self.outbox.tick(self.now);
                self.act(actions);
            }
            95..98 => {
                let actions = self.outbox.up();
                self.act(actions);
            }
            _ => self.crash(),
        }
    }

    /// From here on everything works.
    fn come_to_rest(&mut self) {
        for _ in 0..10_000 {
            if self.outbox.is_empty() {
                break;
            }
            self.answer(true);
            self.read(true);
            self.now += 1_000;
            let actions = self.outbox.tick(self.now);
            self.act(actions);
        }
        assert!(self.outbox.is_empty(), "it does not come to rest");
        assert!(self.owed.is_empty(), "a sender was never answered");
        assert_eq!((self.outbox.waiting(), self.outbox.bytes, self.outbox.owed), (0, 0, 0));
        for (space, items) in &self.disk {
            for item in items {
                assert!(self.cluster.contains(&(*space, item.log, item.seq)), "it was never published");
            }
        }
    }
}

#[test]
fn nothing_is_acknowledged_before_it_is_in_the_cluster_and_everything_comes_to_be() {
    for seed in 0..u64::from(cases(1_000)) {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
        }
        world.come_to_rest();
    }
}

#[test]
fn of_a_space_that_is_removed_nothing_more_is_published_and_what_is_on_its_way_is_waited_for() {
    let mut world = World::new(7);
    let entries = |world: &mut World, n: u8, seqs: std::ops::Range<u64>| {
        let kept = seqs.map(|seq| {
            let bytes = EntryBytes::from(vec![n; 30]);
            Kept {
                from: None,
                item: Item { log: log(n), seq, hash: EntryHash::from_bytes([n; 32]), arrival: seq, bytes },
            }
        });
        world.outbox.kept(space(n), Frontier::new, kept.collect())
    };
    let published = entries(&mut world, 1, 1..4);
    let [Action::Publish { batch, .. }] = published.as_slice() else { panic!("it is published") };
    assert!(entries(&mut world, 1, 4..6).is_empty() && !entries(&mut world, 2, 1..3).is_empty());
    assert!(world.outbox.owe(space(1), vec![(log(1), 5)], (1, Vec::new())).is_empty());
    world.outbox.forget(space(1));
    assert!(world.outbox.holds(&space(1)), "something of it may still reach the cluster");
    assert_eq!(world.outbox.waiting(), 2, "what waits of the other space");
    assert!(world.outbox.published(space(1), *batch, 1, 0).is_empty());
    assert!(!world.outbox.holds(&space(1)) && world.outbox.wake_at().is_none());
    // Of one that is not on its way it is forgotten at once.
    let before = world.outbox.owed;
    assert_eq!(before, 0, "nobody is owed anything");
    world.outbox.forget(space(3));
    assert!(!world.outbox.holds(&space(3)));
}
