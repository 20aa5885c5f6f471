//! A9: over random histories the evaluation agrees with a naive one, in every order of arrival.

mod cast;
#[path = "../common/mod.rs"]
mod common;
mod naive;
mod story;

use std::collections::BTreeMap;

use common::long_cases;
use naive::{Naive, Set};
use proptest::prelude::*;
use rand_chacha::rand_core::Rng;
use sheaf_access::{
    AccessEntry, AccessHistory, AccessOp, AccessState, DeviceId, EntryHash, EpochId, LogId, PersonId, Role, SealingKey,
    Verdict,
};
use story::{Story, tell};

/// Everything that the two can be compared by.
fn compare(story: &Story, set: &Set, state: &AccessState) {
    let naive = Naive::over(&story.all, set.clone());
    for entry in set {
        let verdict = state.verdict(entry).unwrap();
        let operation = &story.all.entries[entry].operation;
        assert_eq!(verdict == Verdict::Counts, naive.counts(entry), "{entry:?} {verdict:?} {operation:?}");
    }
    let members: BTreeMap<PersonId, Role> = state.members().map(|member| (member.person, member.role)).collect();
    assert_eq!(members, naive.members());
    for member in state.members() {
        let devices: BTreeMap<DeviceId, SealingKey> =
            member.devices.iter().map(|(device, certificate)| (*device, certificate.sealing_key)).collect();
        assert_eq!(devices, naive.live_devices(&member.person));
        assert_eq!(state.grant(&member.grant).unwrap().role, Some(member.role));
        assert!(state.was_removed_by(&member.person).is_none());
    }
    for (device, (person, _)) in naive.devices() {
        assert_eq!(state.person_of(&device), Some(person));
        let lives = naive.live_devices(&person).contains_key(&device);
        assert_eq!(state.role_of(&device), members.get(&person).copied().filter(|_| lives));
        // Who was ever let in and is not there was removed by something.
        assert_eq!(state.was_removed_by(&person).is_none(), members.contains_key(&person));
    }
    let open: Vec<_> = state.invitations().map(|(id, invitation)| (*id, invitation.sealing_key)).collect();
    assert_eq!(open, naive.open_invitations().into_iter().collect::<Vec<_>>());
    assert_eq!(state.relays().cloned().collect::<Vec<_>>(), naive.relays().into_values().collect::<Vec<_>>());
    let names = state.introductions().map(|(person, _, name)| (person, name.clone()));
    assert_eq!(names.collect::<BTreeMap<_, _>>(), naive.names());
    assert_eq!(state.readers(), naive.readers().into_iter().collect::<Vec<_>>());
    assert_eq!(state.leaf_epochs(), naive.leaves().into_iter().collect::<Vec<_>>());
    let writable: Vec<EpochId> = state.epochs().map(|(id, _)| *id).filter(|id| state.is_writable(id)).collect();
    assert_eq!(writable, naive.writable().into_iter().collect::<Vec<_>>());
    assert_eq!(state.writable_epoch().is_some(), !writable.is_empty());
}

/// Content that people might have written, and whether anything speaks against it.
fn compare_challenges(story: &Story, history: &AccessHistory, rng: &mut impl Rng) {
    let whole: Set = story.order.iter().copied().collect();
    let naive = Naive::over(&story.all, whole);
    let now = history.now();
    let logs: Vec<LogId> = story.all.entries.values().map(|entry| entry.log).collect();
    for _ in 0..12 {
        let log = logs[rng.next_u32() as usize % logs.len()];
        let head = story.order[rng.next_u32() as usize % story.order.len()];
        let (seq, past) = (1 + u64::from(rng.next_u32() % 8), story.all.closure(&[head]));
        let wants = [Role::Commenter, Role::Editor][rng.next_u32() as usize % 2];
        if history.state_at(&[head]).unwrap().role_of(&log.device) < Some(wants) {
            continue;
        }
        let challenges = now.challenges(&log);
        assert!(challenges.is_sorted());
        let speaks =
            challenges.iter().any(|by| seq > by.watermark && !past.contains(&by.by) && by.leaves < Some(wants));
        let person = now.person_of(&log.device).unwrap();
        let expected = naive.is_challenged(&log, seq, &past, wants);
        let grants = naive.grants(Some(person));
        if grants.iter().all(|grant| naive.counts(grant)) {
            assert_eq!(speaks, expected, "{challenges:?}");
        } else {
            assert!(speaks || !expected, "{challenges:?}");
        }
        // Where nothing that the author knew of counts any more, that was somebody's doing.
        let relied: Vec<_> = grants.iter().filter(|grant| past.contains(*grant)).collect();
        if !relied.is_empty() && grants.iter().all(|grant| !naive.counts(grant)) {
            assert!(speaks);
        }
        if grants.iter().all(|grant| naive.counts(grant) && naive.limits(grant).is_empty())
            && now.removed_devices_of(&person).next().is_none()
        {
            assert!(challenges.is_empty());
        }
    }
}

fn entries(story: &Story) -> Vec<AccessEntry> {
    story.order.iter().map(|entry| story.all.entries[entry].clone()).collect()
}

/// Adds entries one by one, asking for the state now and then, so that both ways of finding it are taken.
fn arrive(entries: &[AccessEntry], asked: u64) -> AccessHistory {
    let mut history = AccessHistory::found(entries[0].clone()).unwrap();
    for (at, entry) in entries.iter().enumerate().skip(1) {
        if asked >> (at % 64) & 1 == 1 {
            history.now();
        }
        history.add(entry.clone()).unwrap();
    }
    history
}

/// Some causal order, by a seed.
fn shuffled(entries: &[AccessEntry], rng: &mut impl Rng) -> Vec<AccessEntry> {
    let mut waiting = entries.to_vec();
    let mut here = Set::new();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready = |entry: &AccessEntry| entry.access_heads.iter().all(|head| here.contains(head));
        let ready: Vec<usize> = (0..waiting.len()).filter(|at| ready(&waiting[*at])).collect();
        let entry = waiting.swap_remove(ready[rng.next_u32() as usize % ready.len()]);
        here.insert(entry.hash);
        order.push(entry);
    }
    order
}

/// Every causal order.
fn orders(entries: &[AccessEntry]) -> Vec<Vec<AccessEntry>> {
    fn go(left: &[AccessEntry], begun: &[AccessEntry], found: &mut Vec<Vec<AccessEntry>>) {
        if left.is_empty() {
            found.push(begun.to_vec());
        }
        for (at, entry) in left.iter().enumerate() {
            if entry.access_heads.iter().all(|head| begun.iter().any(|here| here.hash == *head)) {
                let (mut rest, mut more) = (left.to_vec(), begun.to_vec());
                more.push(rest.remove(at));
                go(&rest, &more, found);
            }
        }
    }
    let mut found = Vec::new();
    go(entries, &[], &mut found);
    found
}

fn check(seed: u64, steps: usize, others: usize) {
    let story = tell(seed, steps);
    let mut rng = common::rng(seed ^ 1);
    let entries = entries(&story);
    let history = arrive(&entries, rng.next_u64());
    let whole: Set = story.order.iter().copied().collect();
    compare(&story, &whole, history.now());
    compare_challenges(&story, &history, &mut rng);
    for refused in &story.refused {
        assert!(history.check(refused).is_err(), "{refused:?}");
    }
    // Any past is what it would be alone.
    let head = story.order[rng.next_u32() as usize % story.order.len()];
    compare(&story, &story.all.closure(&[head]), &history.state_at(&[head]).unwrap());
    // Signatures are checked again each time, which is most of the work; so not every time.
    if seed.is_multiple_of(4) {
        assert_eq!(AccessHistory::evaluate(story.space, entries.clone()).unwrap().now(), history.now());
    }
    for _ in 0..others {
        let order = shuffled(&entries, &mut rng);
        let arrived = arrive(&order, rng.next_u64());
        assert_eq!(arrived.now(), history.now());
        // Also on the way there, where what came last was only put on top.
        let at = if seed.is_multiple_of(3) { 1 + rng.next_u32() as usize % order.len() } else { 1 };
        let mut growing = arrive(&order[..1], 0);
        for entry in &order[1..at] {
            growing.add(entry.clone()).unwrap();
            assert_eq!(**growing.now(), *arrived.state_at(growing.now().heads()).unwrap());
        }
        // Some of the pasts: each costs a pass in both.
        for entry in entries.iter().skip(seed as usize % 7).step_by(7) {
            assert_eq!(arrived.state_at(&[entry.hash]).unwrap(), history.state_at(&[entry.hash]).unwrap());
        }
    }
}

proptest! {
    #![proptest_config(long_cases(2000, 1))]

    #[test]
    fn the_evaluation_agrees_with_the_naive_one(seed: u64, steps in 5..60_usize) {
        check(seed, steps, 1);
    }
}

proptest! {
    #![proptest_config(long_cases(60, 25))]

    #[test]
    fn every_order_of_arrival_comes_to_the_same(seed: u64, steps in 3..9_usize) {
        let story = tell(seed, steps);
        let entries = entries(&story);
        if entries.len() > 7 {
            return Ok(());
        }
        let whole: Set = story.order.iter().copied().collect();
        let mut rng = common::rng(seed);
        let first = arrive(&entries, 0);
        compare(&story, &whole, first.now());
        for order in orders(&entries) {
            let arrived = arrive(&order, rng.next_u64());
            prop_assert_eq!(arrived.now(), first.now());
        }
    }
}

/// How often what the rules are about comes up: so that the properties are known to say something.
#[test]
fn the_stories_are_about_something() {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..400 {
        let story = tell(seed, 40);
        let history = arrive(&entries(&story), 0);
        let now = history.now();
        let mut count = |what: String| *met.entry(what).or_default() += 1;
        for entry in history.entries() {
            let kind = format!("{:?}", entry.operation);
            let kind = kind.split([' ', '(']).next().unwrap().to_owned();
            match now.verdict(&entry.hash).unwrap() {
                Verdict::Counts => count(kind),
                Verdict::Void(void) => count(format!("{kind}: {void:?}")),
            }
        }
        for refused in &story.refused {
            count(format!("refused: {:?}", history.check(refused).unwrap_err()));
        }
        if now.members().all(|member| member.role != Role::Owner) {
            count("no owner is left".to_owned());
        }
        if now.writable_epoch().is_none() {
            count("no epoch is writable".to_owned());
        }
        let lower = |entry: &EntryHash| {
            let of = &story.all.entries[entry].operation;
            matches!(of, AccessOp::Remove { leaves: Some(_), .. }) && now.verdict(entry) == Some(Verdict::Counts)
        };
        if story.order.iter().any(lower) {
            count("lowered".to_owned());
        }
    }
    let expected = [
        "no owner is left",
        "no epoch is writable",
        "lowered",
        "Grant",
        "Remove: AfterRemoval",
        "Remove: AfterDeviceRemoval",
        "Redeem: InviterRemoved",
        "Redeem: NotAccepted",
        "Redeem: GrantVoid",
        "Invite: AfterRemoval",
        "AddDevice: AfterRemoval",
        "RemoveDevice: AfterRemoval",
        "Close",
        "NameRelay",
        "DropRelay",
        "Introduce",
        "Introduce: AfterRemoval",
    ];
    for what in expected {
        assert!(met.get(what).is_some_and(|times| *times >= 3), "{what}: {met:#?}");
    }
}
