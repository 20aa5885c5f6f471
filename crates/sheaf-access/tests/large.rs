//! Large spaces: the evaluation stays fast, and the most members there can be work.

mod common;

use std::time::Instant;

use common::{Someone, World, rng};
use sheaf_access::{AccessHistory, AccessOp, InvitationSecret, MAX_MEMBERS, MAX_READERS, Role, Verdict, Void};

/// A space with so many members, who all joined by one link: at the same time, or each knowing of those before.
fn crowd(members: usize, in_a_row: bool) -> (World, Vec<Someone>, InvitationSecret) {
    let mut world = World::new();
    let (secret, invitation) = world.invite(&world.founder, 2, world.creation, Role::Editor, 5);
    world.history.add(invitation).unwrap();
    let at_first = world.heads();
    let people: Vec<Someone> = (0..members).map(|number| Someone::new(10_000 + number as u64)).collect();
    for who in &people {
        let heads = if in_a_row { world.heads() } else { at_first.clone() };
        let op = AccessOp::redeem(world.space, &secret, who.certificate, &heads, &[], &mut rng(1)).unwrap();
        world.history.add(who.entry(world.space, 1, &heads, op)).unwrap();
        if in_a_row {
            world.history.now();
        }
    }
    (world, people, secret)
}

fn evaluation(world: &World) -> (AccessHistory, u128) {
    let entries: Vec<_> = world.history.entries().cloned().collect();
    let history = AccessHistory::evaluate(world.space, entries).unwrap();
    let begin = Instant::now();
    history.now();
    (history, begin.elapsed().as_micros())
}

#[test]
fn a_thousand_access_entries() {
    for in_a_row in [false, true] {
        let begin = Instant::now();
        let (mut world, people, _) = crowd(1_000, in_a_row);
        let adding = begin.elapsed().as_millis();
        assert_eq!(world.history.now().members().len(), 1_001);
        let (again, micros) = evaluation(&world);
        assert_eq!(again.now(), world.history.now());
        let ana = world.founder.clone();
        let begin = Instant::now();
        let removed = world.remove(&ana, 3, &people[7], &[(people[7].log, 9)]);
        assert_eq!(world.verdict(&removed), Verdict::Counts);
        println!(
            "a thousand {}: added and checked in {adding} ms, evaluated in {micros} us, one removed in {} ms",
            if in_a_row { "in a row" } else { "at once" },
            begin.elapsed().as_millis(),
        );
    }
}

/// As many as there can be. They join at the same time, which is the most work: nothing of it can be taken on top.
#[test]
fn five_thousand_members() {
    let (world, people, secret) = crowd(MAX_MEMBERS - 1, false);
    let (again, micros) = evaluation(&world);
    assert_eq!(again.now().members().len(), MAX_MEMBERS);
    assert_eq!(again.now().readers().len(), MAX_MEMBERS + 1);
    println!("{MAX_MEMBERS} members: evaluated in {micros} us");
    let one_more = world.redeem(&Someone::new(1), &secret);
    assert_eq!(world.refuses(&one_more), Void::TooManyMembers);
    // Who is in already may come again.
    assert_eq!(world.history.check(&world.redeem(&people[0].other_log(9), &secret)), Ok(()));
}

/// More devices than there can be readers: a key still fits into an entry, and nobody's first device goes without.
#[test]
fn more_devices_than_readers() {
    let (mut world, people, _) = crowd(150, false);
    let heads = world.heads();
    let mut devices = 1 + people.len();
    for who in &people {
        for number in 0..41 {
            let device = who.other_device(who.log.nonce * 100 + number);
            let consent = device.certificate.consent(&device.device);
            let (certificate, wraps) = (device.certificate, Vec::new());
            let op = AccessOp::AddDevice { certificate, consent, under: None, wraps };
            world.history.add(device.entry(world.space, 1, &heads, op)).unwrap();
            devices += 1;
        }
    }
    let now = world.history.now();
    assert!(devices > MAX_READERS);
    assert_eq!(now.readers().len(), MAX_READERS);
    for member in now.members() {
        assert!(now.is_reader(&member.devices.values().next().unwrap().sealing_key));
    }
    assert!(now.invitations().all(|(_, invitation)| now.is_reader(&invitation.sealing_key)));
}
