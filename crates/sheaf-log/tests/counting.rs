//! What counts (A5), against the rule read literally.

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use common::{long_cases, rng};
use proptest::prelude::*;
use proptest::test_runner::Config;
use rand_chacha::ChaCha20Rng;
use sheaf_access::rand_core::Rng;
use sheaf_access::{Challenge, DeviceId, EntryHash, EpochId, LogId, Role, SpaceId};
use sheaf_log::{Counting, EntryRef, Header, Kind, Membership, Mine, PayloadHash, first_challenged};

/// A removal, as far as counting sees it.
#[derive(Clone, Debug)]
struct Removal {
    by: EntryHash,
    /// The logs of the person it removes, with its watermarks.
    logs: BTreeMap<LogId, u64>,
    leaves: Option<Role>,
}

/// Members, and the removals among them. Access heads are simply the removals someone knew.
#[derive(Clone, Debug, Default)]
struct People {
    roles: HashMap<DeviceId, Role>,
    removals: Vec<Removal>,
}

impl Membership for People {
    fn challenges(&self, log: &LogId) -> Vec<Challenge> {
        let one = |removal: &Removal| {
            let watermark = *removal.logs.get(log)?;
            Some(Challenge { by: removal.by, watermark, leaves: removal.leaves })
        };
        self.removals.iter().filter_map(one).collect()
    }

    fn knows(&self, heads: &[EntryHash], entry: &EntryHash) -> bool {
        heads.contains(entry)
    }

    fn role(&self, heads: &[EntryHash], device: &DeviceId) -> Option<Role> {
        let mut role = *self.roles.get(device)?;
        for removal in self.removals.iter().filter(|removal| heads.contains(&removal.by)) {
            if removal.logs.keys().any(|log| log.device == *device) {
                role = role.min(removal.leaves?);
            }
        }
        Some(role)
    }
}

/// The rule, read literally.
mod literal {
    use super::*;

    pub type Entries = BTreeMap<EntryHash, (Header, bool)>;

    fn closure(entries: &Entries, of: EntryHash) -> BTreeSet<EntryHash> {
        let mut closure = BTreeSet::new();
        let mut todo = vec![of];
        while let Some(hash) = todo.pop() {
            let Some((header, _)) = entries.get(&hash) else { continue };
            if closure.insert(hash) {
                todo.extend(header.prev);
                todo.extend(header.builds_on.iter().map(|on| on.hash));
            }
        }
        closure
    }

    fn challengers(people: &People, header: &Header, wants: Role) -> BTreeSet<EntryHash> {
        let challenges = people.challenges(&header.log).into_iter().filter(|challenge| {
            header.seq > challenge.watermark
                && challenge.leaves.is_none_or(|left| left < wants)
                && !people.knows(&header.access_heads, &challenge.by)
        });
        challenges.map(|challenge| challenge.by).collect()
    }

    /// All entries that count.
    pub fn counting(people: &People, entries: &Entries) -> BTreeSet<EntryHash> {
        let content = |hash: &EntryHash| entries[hash].0.kind != Kind::Access;
        let challenged = |hash: &EntryHash| {
            let header = &entries[hash].0;
            content(hash) && !challengers(people, header, header.kind.wants()).is_empty()
        };
        let vouches = |y: &EntryHash, x: &EntryHash| {
            let (vouching, wanted) = (&entries[y].0, &entries[x].0);
            let wants = wanted.kind.wants();
            content(y)
                && !challenged(y)
                && challengers(people, vouching, wants).is_empty()
                && vouching.log != wanted.log
                && people.role(&vouching.access_heads, &vouching.log.device).is_some_and(|role| role >= wants)
                && challengers(people, wanted, wants).iter().all(|by| !people.knows(&vouching.access_heads, by))
                && closure(entries, *y).contains(x)
        };
        let mut counts = BTreeSet::new();
        for e in entries.keys().filter(|e| content(e) && !challenged(e)) {
            let before = closure(entries, *e);
            let whole = before.iter().all(|x| !entries[x].1);
            let spoken_for = |x: &EntryHash| before.iter().any(|y| vouches(y, x));
            if whole && before.iter().filter(|x| challenged(x)).all(spoken_for) {
                counts.extend(before);
            }
        }
        counts
    }
}

#[derive(Clone, Debug)]
struct Written {
    hash: EntryHash,
    header: Header,
    aside: bool,
}

/// A history: people, some of whom are removed, and what they wrote, in one order in which it can arrive.
#[derive(Clone, Debug)]
struct History {
    people: People,
    written: Vec<Written>,
}

fn hash(number: u64) -> EntryHash {
    // Not in the order of the numbers.
    EntryHash::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn below(rng: &mut ChaCha20Rng, bound: usize) -> usize {
    (rng.next_u64() % bound as u64) as usize
}

fn chance(rng: &mut ChaCha20Rng, percent: usize) -> bool {
    below(rng, 100) < percent
}

/// Four to six logs, of which two may be one person's; removals with random watermarks; writers who hear of them late,
/// never, or who build on what they should have known better than to build on.
fn history(seed: u64, entries: usize) -> History {
    history_of(seed, entries, true)
}

fn history_of(seed: u64, entries: usize, forks: bool) -> History {
    let mut rng = rng(seed);
    let count = 4 + below(&mut rng, 3);
    let logs: Vec<LogId> = (0..count)
        .map(|number| {
            // The second log of somebody, now and then: another device, or the same one after a repair.
            let person = if number > 0 && chance(&mut rng, 20) { number - 1 } else { number };
            LogId { device: DeviceId::from_bytes([person as u8; 32]), nonce: number as u64 }
        })
        .collect();
    let mut people = People::default();
    for log in &logs {
        let role = [Role::Commenter, Role::Editor, Role::Editor, Role::Owner][below(&mut rng, 4)];
        people.roles.insert(log.device, role);
    }
    for number in 0..=below(&mut rng, 3) {
        let device = logs[below(&mut rng, count)].device;
        let of_them = logs.iter().filter(|log| log.device == device);
        let logs = of_them.map(|log| (*log, below(&mut rng, 4) as u64)).collect();
        let leaves = [None, None, Some(Role::Viewer), Some(Role::Commenter)][below(&mut rng, 4)];
        people.removals.push(Removal { by: hash(1_000 + number as u64), logs, leaves });
    }
    let mut written: Vec<Written> = Vec::new();
    let mut knows: Vec<BTreeSet<EntryHash>> = vec![BTreeSet::new(); count];
    // The tips of each log: with a fork, two.
    let mut tips: Vec<Vec<(EntryRef, bool)>> = vec![Vec::new(); count];
    for number in 0..entries {
        let at = below(&mut rng, count);
        let log = logs[at];
        let mut heads = knows[at].clone();
        if chance(&mut rng, 15) {
            heads.insert(people.removals[below(&mut rng, people.removals.len())].by);
        }
        let branch = if tips[at].is_empty() { 0 } else { below(&mut rng, tips[at].len()) };
        let before = tips[at].get(branch).copied();
        let mut builds_on = BTreeMap::new();
        for (other, log) in logs.iter().enumerate().filter(|(other, _)| *other != at) {
            if !chance(&mut rng, 40) {
                continue;
            }
            let held: Vec<&Written> = written.iter().filter(|w| w.header.log == *log).collect();
            let Some(on) = held.len().checked_sub(1 + below(&mut rng, 2)).map(|place| held[place]) else { continue };
            // An entry knows what all it builds on knew; a colluder builds on nothing that gives him away.
            if chance(&mut rng, 30) && !on.header.access_heads.iter().all(|known| heads.contains(known)) {
                continue;
            }
            heads.extend(on.header.access_heads.iter().copied());
            builds_on.insert(logs[other], EntryRef { log: *log, seq: on.header.seq, hash: on.hash });
        }
        let kind = [Kind::Body, Kind::Body, Kind::Talk, Kind::Access, Kind::Checkpoint][below(&mut rng, 5)];
        let access_heads: Vec<EntryHash> = heads.iter().copied().collect();
        if kind != Kind::Access && people.role(&access_heads, &log.device).is_none_or(|role| role < kind.wants()) {
            continue;
        }
        knows[at] = heads;
        // Now and then a second entry in one place; one of the two branches is set aside.
        let fork = forks && before.is_some_and(|_| tips[at].len() == 1) && chance(&mut rng, 4);
        let prev = if fork { parent(&written, before) } else { before.map(|(tip, _)| tip) };
        let aside = if fork { true } else { before.is_some_and(|(_, aside)| aside) };
        let hash = hash(number as u64);
        let header = Header {
            space: SpaceId::from_bytes([9; 32]),
            log,
            seq: prev.map_or(1, |prev| prev.seq + 1),
            prev: prev.map(|prev| prev.hash),
            access_heads,
            epoch: EpochId::from_bytes([8; 32]),
            kind,
            time: 0,
            builds_on: builds_on.into_values().collect(),
            payload_hash: PayloadHash::from_bytes([0; 32]),
            mine: Mine::new().root(),
        };
        let tip = (EntryRef { log, seq: header.seq, hash }, aside);
        if fork || tips[at].is_empty() {
            tips[at].push(tip);
        } else {
            tips[at][branch] = tip;
        }
        written.push(Written { hash, header, aside });
    }
    History { people, written }
}

fn parent(written: &[Written], tip: Option<(EntryRef, bool)>) -> Option<EntryRef> {
    let tip = written.iter().find(|one| one.hash == tip.map_or(hash(0), |(tip, _)| tip.hash))?;
    let prev = tip.header.prev?;
    written.iter().find(|one| one.hash == prev).map(|one| EntryRef {
        log: one.header.log,
        seq: one.header.seq,
        hash: one.hash,
    })
}

/// The entries in another order in which they can arrive.
fn shuffled(written: &[Written], rng: &mut ChaCha20Rng) -> Vec<Written> {
    let mut waiting = written.to_vec();
    let mut done = BTreeSet::new();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready: Vec<usize> = (0..waiting.len()).filter(|at| fits(&waiting[*at].header, &done)).collect();
        let one = waiting.swap_remove(ready[below(rng, ready.len())]);
        done.insert(one.hash);
        order.push(one);
    }
    order
}

fn fits(header: &Header, done: &BTreeSet<EntryHash>) -> bool {
    header.prev.iter().chain(header.builds_on.iter().map(|on| &on.hash)).all(|hash| done.contains(hash))
}

fn run<'m>(people: &'m People, written: &[Written]) -> Counting<&'m People> {
    let mut counting = Counting::new(people);
    for one in written {
        counting.add(one.hash, &one.header, one.aside);
    }
    counting
}

/// Content that counts.
fn counted(counting: &Counting<&People>, written: &[Written]) -> BTreeSet<EntryHash> {
    let content = written.iter().filter(|one| one.header.kind != Kind::Access);
    content.filter(|one| counting.counts(&one.hash)).map(|one| one.hash).collect()
}

fn literally(people: &People, written: &[Written]) -> BTreeSet<EntryHash> {
    let entries: literal::Entries = written.iter().map(|one| (one.hash, (one.header.clone(), one.aside))).collect();
    let counts = literal::counting(people, &entries);
    counts.into_iter().filter(|hash| entries[hash].0.kind != Kind::Access).collect()
}

fn config() -> Config {
    long_cases(600, 10)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_counts_is_what_the_rule_says_in_every_order(seed in any::<u64>(), entries in 1..60usize) {
        let History { people, written } = history(seed, entries);
        let expected = literally(&people, &written);
        let mut rng = rng(seed ^ 1);
        for order in [written.clone(), shuffled(&written, &mut rng), shuffled(&written, &mut rng)] {
            prop_assert_eq!(&counted(&run(&people, &order), &written), &expected);
        }
    }

    #[test]
    fn what_counts_of_a_log_is_a_beginning_of_it(seed in any::<u64>(), entries in 1..60usize) {
        let History { people, written } = history(seed, entries);
        let counting = run(&people, &written);
        let void = counting.void();
        for one in written.iter().filter(|one| one.header.kind != Kind::Access && !one.aside) {
            let first = void.get(&one.header.log).copied().unwrap_or(u64::MAX);
            prop_assert_eq!(counting.counts(&one.hash), one.header.seq < first);
        }
    }

    #[test]
    fn more_entries_never_make_fewer_count(seed in any::<u64>(), entries in 1..40usize) {
        let History { people, written } = history(seed, entries);
        let mut counting = Counting::new(&people);
        let mut before = BTreeSet::new();
        for (place, one) in written.iter().enumerate() {
            counting.add(one.hash, &one.header, one.aside);
            let now = counted(&counting, &written[..=place]);
            prop_assert!(before.is_subset(&now));
            before = now;
        }
    }

    #[test]
    fn what_came_before_the_first_that_is_challenged_need_not_be_looked_at(seed in any::<u64>(), entries in 1..60usize) {
        // Branches of a log may begin before what is challenged: where there are some, they are counted from the fork on.
        let History { mut people, written } = history_of(seed, entries, false);
        let first = first_challenged(&people, written.iter().map(|one| one.header.log));
        let from = written.iter().position(|one| first.get(&one.header.log).is_some_and(|seq| one.header.seq >= *seq));
        let whole = run(&people, &written);
        let part = run(&people, &written[from.unwrap_or(written.len())..]);
        prop_assert_eq!(counted(&whole, &written), counted(&part, &written));
        people.removals.clear();
        prop_assert!(first_challenged(&people, written.iter().map(|one| one.header.log)).is_empty());
        prop_assert!(run(&people, &written).void().is_empty());
    }
}

/// Every order in which a few entries can arrive.
fn every_order(written: &[Written], visit: &mut impl FnMut(&[Written])) {
    fn go(
        waiting: &mut Vec<Written>,
        done: &mut BTreeSet<EntryHash>,
        order: &mut Vec<Written>,
        visit: &mut impl FnMut(&[Written]),
    ) {
        if waiting.is_empty() {
            return visit(order);
        }
        for at in 0..waiting.len() {
            if fits(&waiting[at].header, done) {
                let one = waiting.remove(at);
                done.insert(one.hash);
                order.push(one.clone());
                go(waiting, done, order, visit);
                order.pop();
                done.remove(&one.hash);
                waiting.insert(at, one);
            }
        }
    }
    go(&mut written.to_vec(), &mut BTreeSet::new(), &mut Vec::new(), visit);
}

proptest! {
    #![proptest_config(long_cases(150, 100))]

    #[test]
    fn small_histories_count_alike_in_every_order_of_arrival(seed in any::<u64>(), entries in 1..8usize) {
        let History { people, written } = history(seed, entries);
        let expected = literally(&people, &written);
        every_order(&written, &mut |order| {
            assert_eq!(counted(&run(&people, order), &written), expected);
        });
    }
}

/// A small world to tell stories in: logs 0 to 3 of four editors; removal 0 removes the first at watermark 1.
struct Story {
    people: People,
    written: Vec<Written>,
}

impl Story {
    fn new(leaves: Option<Role>) -> Self {
        let log = |number: u8| LogId { device: DeviceId::from_bytes([number; 32]), nonce: 0 };
        let removal = Removal { by: hash(1_000), logs: [(log(0), 1)].into(), leaves };
        let roles = (0..4).map(|number| (DeviceId::from_bytes([number; 32]), Role::Editor)).collect();
        Self { people: People { roles, removals: vec![removal] }, written: Vec::new() }
    }

    fn write(&mut self, by: u8, kind: Kind, informed: bool, on: &[usize]) -> usize {
        let log = LogId { device: DeviceId::from_bytes([by; 32]), nonce: 0 };
        let place = self.written.len();
        let prev = self.written.iter().rev().find(|one| one.header.log == log);
        let seq = prev.map_or(1, |prev| prev.header.seq + 1);
        let on = on.iter().map(|at| &self.written[*at]);
        let builds_on = on.map(|on| EntryRef { log: on.header.log, seq: on.header.seq, hash: on.hash }).collect();
        let header = Header {
            space: SpaceId::from_bytes([9; 32]),
            log,
            seq,
            prev: prev.map(|prev| prev.hash),
            access_heads: if informed { vec![hash(1_000)] } else { Vec::new() },
            epoch: EpochId::from_bytes([8; 32]),
            kind,
            time: 0,
            builds_on,
            payload_hash: PayloadHash::from_bytes([0; 32]),
            mine: Mine::new().root(),
        };
        self.written.push(Written { hash: hash(place as u64), header, aside: false });
        place
    }

    fn counts(&self) -> Vec<bool> {
        let counting = run(&self.people, &self.written);
        self.written.iter().map(|one| counting.counts(&one.hash)).collect()
    }
}

#[test]
fn what_was_written_unaware_of_ones_removal_is_void_until_somebody_vouches() {
    let mut story = Story::new(None);
    story.write(0, Kind::Body, false, &[]);
    let challenged = story.write(0, Kind::Body, false, &[]);
    assert_eq!(story.counts(), [true, false]);
    // Who has heard of the removal does not vouch, and what they build on it is void with it.
    story.write(1, Kind::Body, true, &[challenged]);
    assert_eq!(story.counts(), [true, false, false]);
    // Who may only comment does not vouch for a text.
    story.people.roles.insert(DeviceId::from_bytes([2; 32]), Role::Commenter);
    story.write(2, Kind::Talk, false, &[challenged]);
    assert_eq!(story.counts(), [true, false, false, false]);
    story.write(3, Kind::Body, false, &[challenged]);
    assert_eq!(story.counts(), [true, true, false, false, true]);
}

#[test]
fn a_demotion_leaves_what_the_role_that_is_left_may_write() {
    let mut story = Story::new(Some(Role::Commenter));
    story.write(0, Kind::Talk, false, &[]);
    story.write(0, Kind::Talk, false, &[]);
    assert_eq!(story.counts(), [true, true]);
    story.write(0, Kind::Body, false, &[]);
    // It follows a void text in its log: so it is void too, and a device that hears of this opens a new log.
    story.write(0, Kind::Talk, false, &[]);
    assert_eq!(story.counts(), [true, true, false, false]);
}

#[test]
fn a_demoted_accomplice_who_may_still_comment_does_not_vouch_for_a_text() {
    let mut story = Story::new(None);
    let accomplice = LogId { device: DeviceId::from_bytes([1; 32]), nonce: 0 };
    story.people.removals.push(Removal {
        by: hash(1_001),
        logs: [(accomplice, 0)].into(),
        leaves: Some(Role::Commenter),
    });
    story.write(0, Kind::Body, false, &[]);
    let challenged = story.write(0, Kind::Body, false, &[]);
    // Not challenged itself, as a comment, and by somebody who was an editor as far as it says.
    story.write(1, Kind::Talk, false, &[challenged]);
    assert_eq!(story.counts(), [true, false, false]);
}
