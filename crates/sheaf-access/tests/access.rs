//! Who may do what: the rules A, I and E, told as stories, and the access state as a pure function of the set.

mod common;

use common::{Someone, World, long_cases, rng};
use proptest::prelude::*;
use sheaf_access::rand_core::Rng;
use sheaf_access::{
    AccessEntry, AccessHistory, AccessOp, ContentKey, Denied, DeviceCertificate, EntryHash, EpochId, Introduction,
    InvitationSecret, MAX_INTRODUCTIONS, Missing, Role, SEALED_NAME, SpaceId, UnwrapError, Verdict, Void, Wrap,
};

#[test]
fn the_founder_owns_the_space_and_reads_it() {
    let world = World::new();
    let now = world.history.now();
    let device = world.founder.device.id();
    assert_eq!(now.role_of(&device), Some(Role::Owner));
    assert_eq!(now.person_of(&device), Some(world.founder.root.id()));
    assert_eq!(now.heads(), [world.creation]);
    let epoch = now.writable_epoch().unwrap();
    assert_eq!(epoch, EpochId::from(world.creation));
    let key = now.content_key(&epoch, world.founder.device.sealing_secret()).unwrap();
    assert_eq!(key.as_bytes(), world.key.as_bytes());
}

#[test]
fn a_viewer_says_what_they_are_called_and_not_for_ever() {
    let mut world = World::new();
    let bo = Someone::new(200);
    let (secret, invitation) = world.invite(&world.founder, 2, world.creation, Role::Viewer, 5);
    world.history.add(invitation).unwrap();
    let redemption = world.redeem(&bo, &secret);
    world.history.add(redemption).unwrap();
    let epoch = world.history.now().writable_epoch().unwrap();
    let say = |world: &World, seq: u64, epoch: EpochId| {
        let name = Introduction { epoch, sealed: vec![seq as u8; SEALED_NAME] };
        world.entry(&bo, seq, AccessOp::introduce(world.history.now(), &bo.device.id(), name).unwrap())
    };
    assert_eq!(world.refuses(&say(&world, 2, EpochId::from_bytes([7; 32]))), Void::UnknownEpoch);
    for seq in 2..2 + MAX_INTRODUCTIONS as u64 {
        world.history.add(say(&world, seq, epoch)).unwrap();
        let now = world.history.now();
        let names: Vec<_> =
            now.introductions().map(|(person, device, name)| (person, device, name.sealed[0])).collect();
        assert_eq!(names, [(bo.root.id(), bo.device.id(), seq as u8)], "the last word stands");
    }
    let last = say(&world, 2 + MAX_INTRODUCTIONS as u64, epoch);
    assert_eq!(world.refuses(&last), Void::TooManyNames);
}

#[test]
fn a_newcomer_joins_while_the_inviter_sleeps() {
    let mut world = World::new();
    let bo = Someone::new(200);
    let (secret, invitation) = world.invite(&world.founder, 2, world.creation, Role::Editor, 5);
    world.history.add(invitation).unwrap();
    // Bo has the link and the access entries, from whoever has them; nobody else is online.
    let now = world.history.now();
    let keys = now.content_keys(&secret.sealing_secret());
    assert_eq!(keys.len(), 1);
    let op = AccessOp::redeem(world.space, &secret, bo.certificate, now.heads(), &keys, &mut rng(6)).unwrap();
    let redemption = bo.entry(world.space, 1, now.heads(), op);
    world.history.add(redemption.clone()).unwrap();
    assert_eq!(world.history.now().verdict(&redemption.hash), Some(Verdict::Counts));
    let now = world.history.now();
    let member = now.member(&bo.root.id()).unwrap();
    assert_eq!((member.role, member.grant), (Role::Editor, redemption.hash));
    assert_eq!(now.invitation(&secret.id()).unwrap().redeemed_by, [bo.root.id()]);
    assert_eq!(now.grant(&redemption.hash).unwrap().invitation, Some(secret.id()));
    // From now on with Bo's own device.
    let own = now.content_key(&EpochId::from(world.creation), bo.device.sealing_secret()).unwrap();
    assert_eq!(own.as_bytes(), world.key.as_bytes());
    assert_eq!(
        now.content_key(&keys[0].0, Someone::new(9).device.sealing_secret()).unwrap_err(),
        UnwrapError::NotForYou
    );
}

#[test]
fn a_second_link_raises_a_role_and_a_lower_one_does_not_sink_it() {
    let mut world = World::new();
    let bo = Someone::new(200);
    world.join(&bo, Role::Commenter, 2);
    let second_log = Someone { log: sheaf_access::LogId { nonce: 201, ..bo.log }, ..bo.clone() };
    let raised = world.join(&second_log, Role::Owner, 3);
    let third_log = Someone { log: sheaf_access::LogId { nonce: 202, ..bo.log }, ..bo.clone() };
    world.join(&third_log, Role::Viewer, 4);
    let member = world.history.now().member(&bo.root.id()).unwrap();
    assert_eq!((member.role, member.grant), (Role::Owner, raised));
    assert_eq!(world.history.now().members().len(), 2);
}

fn denied(world: &World, entry: &AccessEntry) -> Void {
    let mut history = world.history.clone();
    assert_eq!(history.check(entry), history.add(entry.clone()));
    match history.check(entry) {
        Err(Denied::Unfounded(void)) => void,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_owners_invite() {
    let mut world = World::new();
    for (number, role) in [Role::Viewer, Role::Commenter, Role::Editor].into_iter().enumerate() {
        let who = Someone::new(200 + number as u64);
        let grant = world.join(&who, role, 2 + number as u64);
        let (_, above) = world.invite(&who, 2, grant, Role::Owner, 50);
        let (_, below) = world.invite(&who, 2, grant, Role::Viewer, 51);
        assert_eq!(denied(&world, &above), Void::MayNotInvite(role));
        assert_eq!(denied(&world, &below), Void::MayNotInvite(role));
    }
}

#[test]
fn nobody_acts_under_a_grant_that_is_not_theirs() {
    let mut world = World::new();
    let bo = Someone::new(200);
    let grant = world.join(&bo, Role::Editor, 2);
    let (_, borrowed) = world.invite(&bo, 2, world.creation, Role::Owner, 50);
    assert_eq!(denied(&world, &borrowed), Void::NotYourGrant);
    let (_, lent) = world.invite(&world.founder, 3, grant, Role::Viewer, 51);
    assert_eq!(denied(&world, &lent), Void::NotYourGrant);
    let (_, made_up) = world.invite(&world.founder, 3, EntryHash::from_bytes([9; 32]), Role::Viewer, 52);
    assert_eq!(denied(&world, &made_up), Void::NotYourGrant);
    let (_, outside) = world.invite(&Someone::new(300), 1, world.creation, Role::Viewer, 53);
    assert_eq!(denied(&world, &outside), Void::NotAMember);
}

#[test]
fn a_redemption_wants_an_open_invitation() {
    let mut world = World::new();
    let bo = Someone::new(200);
    let unknown = InvitationSecret::generate(&mut rng(77));
    assert_eq!(denied(&world, &world.redeem(&bo, &unknown)), Void::UnknownInvitation);
    let (secret, invitation) = world.invite(&world.founder, 2, world.creation, Role::Editor, 5);
    let before = world.heads();
    world.history.add(invitation).unwrap();
    // The invitation exists, but the redemption does not claim to know of it.
    let op = AccessOp::redeem(world.space, &secret, bo.certificate, &before, &[], &mut rng(6)).unwrap();
    assert_eq!(denied(&world, &bo.entry(world.space, 1, &before, op)), Void::UnknownInvitation);
}

/// A redemption, with one thing in it changed.
fn bent(world: &World, entry: &AccessEntry, bend: impl FnOnce(&mut AccessEntry)) -> Void {
    let mut changed = entry.clone();
    bend(&mut changed);
    denied(world, &changed)
}

#[test]
fn a_redemption_is_bound_to_all_it_says() {
    let mut world = World::new();
    let (bo, eve) = (Someone::new(200), Someone::new(201));
    let (secret, invitation) = world.invite(&world.founder, 2, world.creation, Role::Editor, 5);
    let (other, second) = world.invite(&world.founder, 3, world.creation, Role::Owner, 6);
    world.history.add(invitation).unwrap();
    world.history.add(second).unwrap();
    let good = world.redeem(&bo, &secret);
    world.history.check(&good).unwrap();

    // Eve saw Bo's redemption pass by, and has no link.
    let stolen = bent(&world, &good, |entry| {
        entry.log = eve.log;
        let AccessOp::Redeem { certificate, wraps, .. } = &mut entry.operation else { unreachable!() };
        *certificate = eve.certificate;
        wraps.clear();
    });
    assert_eq!(stolen, Void::BadProof);
    let raised = bent(&world, &good, |entry| {
        let AccessOp::Redeem { invitation, .. } = &mut entry.operation else { unreachable!() };
        *invitation = other.id();
    });
    assert_eq!(raised, Void::BadProof);
    assert_eq!(bent(&world, &good, |entry| entry.access_heads.reverse()), Void::BadProof);
    assert_eq!(bent(&world, &good, |entry| entry.log = eve.log), Void::CertificateOfAnother);
    assert_eq!(bent(&world, &good, |entry| entry.seq = 2), Void::NotFirstOfLog);
    let forged = bent(&world, &good, |entry| {
        let AccessOp::Redeem { certificate, .. } = &mut entry.operation else { unreachable!() };
        *certificate = DeviceCertificate { person: world.founder.root.id(), ..bo.certificate };
    });
    assert_eq!(forged, Void::ForgedCertificate);
    // A proof made for another space.
    let elsewhere = SpaceId::from_bytes([3; 32]);
    let heads = world.heads();
    let op = AccessOp::redeem(elsewhere, &secret, bo.certificate, &heads, &[], &mut rng(1)).unwrap();
    assert_eq!(denied(&world, &bo.entry(world.space, 1, &heads, op)), Void::BadProof);
}

#[test]
fn keys_are_handed_only_to_whom_the_operation_is_about() {
    let mut world = World::new();
    let (bo, eve) = (Someone::new(200), Someone::new(201));
    let (secret, invitation) = world.invite(&world.founder, 2, world.creation, Role::Editor, 5);
    let epoch = EpochId::from(world.creation);
    let for_eve = Wrap::seal(&world.key, world.space, epoch, eve.device.sealing_key(), &mut rng(8)).unwrap();
    let smuggled = bent(&world, &invitation, |entry| {
        let AccessOp::Invite { wraps, .. } = &mut entry.operation else { unreachable!() };
        *wraps = vec![for_eve.clone()];
    });
    assert_eq!(smuggled, Void::WrongWraps);
    let twice = bent(&world, &invitation, |entry| {
        let AccessOp::Invite { wraps, .. } = &mut entry.operation else { unreachable!() };
        wraps.push(wraps[0].clone());
    });
    assert_eq!(twice, Void::WrongWraps);
    world.history.add(invitation).unwrap();
    let heads = world.heads();
    let unknown = [(EpochId::from_bytes([4; 32]), world.key.clone())];
    let op = AccessOp::redeem(world.space, &secret, bo.certificate, &heads, &unknown, &mut rng(6)).unwrap();
    assert_eq!(denied(&world, &bo.entry(world.space, 1, &heads, op)), Void::WrongWraps);
}

#[test]
fn a_wrap_of_another_key_is_caught() {
    // E4: the inviter hands out a key that is not the epoch's.
    let mut world = World::new();
    let wrong = [(EpochId::from(world.creation), ContentKey::from_bytes(&[6; 32]))];
    let secret = InvitationSecret::generate(&mut rng(5));
    let op = AccessOp::invite(world.space, world.creation, &secret, Role::Viewer, &wrong, &mut rng(5)).unwrap();
    let entry = world.founder.entry(world.space, 2, &world.heads(), op);
    world.history.add(entry).unwrap();
    let opened = world.history.now().content_key(&wrong[0].0, &secret.sealing_secret());
    assert_eq!(opened.unwrap_err(), UnwrapError::Damaged);
    assert!(world.history.now().content_keys(&secret.sealing_secret()).is_empty());
}

#[test]
fn entries_of_other_spaces_and_second_creations_stay_out() {
    let mut world = World::new();
    let (_, mut invitation) = world.invite(&world.founder, 2, world.creation, Role::Editor, 5);
    invitation.space = SpaceId::from_bytes([3; 32]);
    assert_eq!(world.history.check(&invitation), Err(Denied::OtherSpace));
    let eve = Someone::new(300);
    let op = AccessOp::create(eve.certificate, &world.key, &mut rng(3)).unwrap();
    let other = eve.entry(SpaceId::UNBORN, 1, &[], op.clone());
    assert_eq!(world.history.check(&other), Err(Denied::OtherSpace));
    let inside = eve.entry(world.space, 1, &world.heads(), op.clone());
    assert_eq!(denied(&world, &inside), Void::NotTheCreation);
    assert_eq!(world.history.add(world.history.get(&world.creation).unwrap().clone()), Ok(()));
    // Nor does anything else begin a space.
    let (_, invitation) = world.invite(&world.founder, 1, world.creation, Role::Editor, 5);
    assert!(matches!(AccessHistory::found(invitation), Err(Denied::Unfounded(Void::NotTheCreation))));
    let forged = AccessOp::create(
        DeviceCertificate { person: world.founder.root.id(), ..eve.certificate },
        &world.key,
        &mut rng(3),
    );
    let forged = eve.entry(SpaceId::UNBORN, 1, &[], forged.unwrap());
    assert!(matches!(AccessHistory::found(forged), Err(Denied::Unfounded(Void::ForgedCertificate))));
}

#[test]
fn what_is_missing_is_named() {
    let mut world = World::new();
    let nowhere = EntryHash::from_bytes([8; 32]);
    let (_, mut invitation) = world.invite(&world.founder, 2, world.creation, Role::Editor, 5);
    invitation.access_heads.push(nowhere);
    assert_eq!(world.history.add(invitation.clone()), Err(Denied::Missing(Missing(vec![nowhere]))));
    assert_eq!(world.history.state_at(&[nowhere]).unwrap_err(), Missing(vec![nowhere]));
    let creation = world.history.get(&world.creation).unwrap().clone();
    let evaluated = AccessHistory::evaluate(world.space, [invitation, creation]).unwrap_err();
    assert_eq!(evaluated, Denied::Missing(Missing(vec![nowhere])));
    let nothing = AccessHistory::evaluate(world.space, []).unwrap_err();
    assert_eq!(nothing, Denied::Missing(Missing(vec![world.creation])));
}

#[test]
fn the_past_is_seen_as_it_was() {
    let mut world = World::new();
    let bo = Someone::new(200);
    let before = world.heads();
    let joined = world.join(&bo, Role::Editor, 2);
    assert_eq!(world.history.state_at(&before).unwrap().role_of(&bo.device.id()), None);
    assert_eq!(world.history.state_at(&[joined]).unwrap().role_of(&bo.device.id()), Some(Role::Editor));
    let known = world.history.known_at(&before).unwrap();
    assert!(known.includes(&before).unwrap() && !known.includes(&[joined]).unwrap());
    assert!(world.history.known_at(&[joined]).unwrap().includes(&before).unwrap());
}

#[test]
fn an_invitation_proves_itself_on_one_connection_only() {
    let secret = InvitationSecret::generate(&mut rng(1));
    let (space, device) = (SpaceId::from_bytes([1; 32]), Someone::new(2).device.id());
    let proof = secret.prove_on_channel(space, device, &[7; 32]);
    secret.id().verify_on_channel(space, device, &[7; 32], &proof).unwrap();
    assert!(secret.id().verify_on_channel(space, device, &[8; 32], &proof).is_err());
    assert!(secret.id().verify_on_channel(space, Someone::new(3).device.id(), &[7; 32], &proof).is_err());
    assert!(secret.id().verify_on_channel(SpaceId::from_bytes([2; 32]), device, &[7; 32], &proof).is_err());
}

/// A random history: several devices, each with what it has heard so far, invite and join and hear from each other. They
/// collide on purpose: the same invitation opened twice, one device joining as two persons.
fn random_history(seed: u64, steps: usize) -> (World, Vec<AccessEntry>) {
    let mut rng = rng(seed);
    let world = World::new();
    let mut replicas = vec![world.history.clone(); 3];
    let mut owners = vec![(world.founder.clone(), world.creation, 2_u64)];
    let mut links: Vec<InvitationSecret> = Vec::new();
    let mut people: Vec<Someone> = Vec::new();
    let mut all: Vec<AccessEntry> = world.history.entries().cloned().collect();
    let pick = |rng: &mut rand_chacha::ChaCha20Rng, n: usize| rng.next_u32() as usize % n;
    for step in 0..steps as u64 {
        let at = pick(&mut rng, replicas.len());
        let heads = replicas[at].now().heads().to_vec();
        let entry = match pick(&mut rng, 4) {
            0 => {
                let from = pick(&mut rng, replicas.len());
                for entry in replicas[from].entries().cloned().collect::<Vec<_>>() {
                    replicas[at].add(entry).unwrap();
                }
                continue;
            }
            1 => {
                let owner = pick(&mut rng, owners.len());
                let (who, grant, seq) = &mut owners[owner];
                let reuse = !links.is_empty() && rng.next_u32().is_multiple_of(3);
                let secret = if reuse {
                    links[pick(&mut rng, links.len())].clone()
                } else {
                    InvitationSecret::generate(&mut rng)
                };
                let role = [Role::Viewer, Role::Commenter, Role::Editor, Role::Owner][pick(&mut rng, 4)];
                let op = AccessOp::invite(world.space, *grant, &secret, role, &[], &mut rng).unwrap();
                *seq += 1;
                links.push(secret);
                who.entry(world.space, *seq, &heads, op)
            }
            _ if links.is_empty() => continue,
            _ => {
                let secret = links[pick(&mut rng, links.len())].clone();
                let mut who = Someone::new(1000 + step);
                if !people.is_empty() && rng.next_u32().is_multiple_of(3) {
                    // Somebody else's machine.
                    let other = &people[pick(&mut rng, people.len())];
                    who.device = other.device.clone();
                    who.certificate = DeviceCertificate::issue(&who.root, &who.device);
                    who.log.device = who.device.id();
                }
                people.push(who.clone());
                let op = AccessOp::redeem(world.space, &secret, who.certificate, &heads, &[], &mut rng).unwrap();
                let entry = who.entry(world.space, 1, &heads, op);
                if replicas[at].check(&entry).is_ok()
                    && replicas[at].now().invitation(&secret.id()).is_some_and(|open| open.role == Role::Owner)
                {
                    owners.push((who, entry.hash, 2));
                }
                entry
            }
        };
        if replicas[at].add(entry.clone()).is_ok() {
            all.push(entry);
        }
    }
    (world, all)
}

/// Some causal order, by a seed.
fn shuffled(entries: &[AccessEntry], seed: u64) -> Vec<AccessEntry> {
    let mut rng = rng(seed);
    let mut waiting = entries.to_vec();
    let mut here = std::collections::BTreeSet::new();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready: Vec<usize> =
            (0..waiting.len()).filter(|at| waiting[*at].access_heads.iter().all(|head| here.contains(head))).collect();
        let entry = waiting.swap_remove(ready[rng.next_u32() as usize % ready.len()]);
        here.insert(entry.hash);
        order.push(entry);
    }
    order
}

proptest! {
    #![proptest_config(long_cases(300, 20))]

    #[test]
    fn the_state_does_not_depend_on_the_order_of_arrival(seed: u64, steps in 1..40_usize, orders: [u64; 3]) {
        let (world, all) = random_history(seed, steps);
        let whole = AccessHistory::evaluate(world.space, all.clone()).unwrap();
        for order in orders {
            let mut arriving = shuffled(&all, order).into_iter();
            let mut history = AccessHistory::found(arriving.next().unwrap()).unwrap();
            let mut held = vec![all[0].clone()];
            for (at, entry) in arriving.enumerate() {
                held.push(entry.clone());
                history.add(entry).unwrap();
                // Asked now and then, so that both ways of finding the state are taken.
                if (at as u64 ^ order).is_multiple_of(3) {
                    history.now();
                }
            }
            prop_assert_eq!(history.now(), whole.now());
            // Each entry's own past, seen from the whole, is what it would be alone.
            for entry in &held {
                let seen = history.state_at(&entry.access_heads).unwrap();
                prop_assert_eq!(&*seen, &*whole.state_at(&entry.access_heads).unwrap());
            }
        }
    }

    #[test]
    fn the_past_alone_is_the_past_within_the_whole(seed: u64, steps in 1..30_usize, cut: prop::sample::Index) {
        let (world, all) = random_history(seed, steps);
        let whole = AccessHistory::evaluate(world.space, all.clone()).unwrap();
        let heads = [all[cut.index(all.len())].hash];
        let known = whole.known_at(&heads).unwrap();
        let past: Vec<AccessEntry> = all.into_iter().filter(|entry| known.includes(&[entry.hash]).unwrap()).collect();
        let alone = AccessHistory::evaluate(world.space, past).unwrap();
        prop_assert_eq!(&*whole.state_at(&heads).unwrap(), &**alone.now());
    }

    #[test]
    fn operations_come_back(seed: u64) {
        let (_, all) = random_history(seed, 12);
        for entry in all {
            prop_assert_eq!(AccessOp::decode(&entry.operation.encode()), Ok(entry.operation));
        }
    }
}
