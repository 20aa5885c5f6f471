//! Removing people, lowering roles, leaving: who wins when two do it at once, and what a removed person can still try.

mod common;

use common::{Someone, World, rng};
use sheaf_access::{
    AccessEntry, AccessOp, Challenge, EntryHash, InvitationSecret, LogId, Role, Verdict, Void, WriteError,
};

const AFTER_REMOVAL: Verdict = Verdict::Void(Void::AfterRemoval);

/// A founder, two more owners, an editor. Their logs hold one entry each, the founder's the invitations.
fn team() -> (World, [Someone; 3]) {
    let mut world = World::new();
    let people = [201, 202, 203].map(Someone::new);
    for (at, (who, role)) in people.iter().zip([Role::Owner, Role::Owner, Role::Editor]).enumerate() {
        world.join(who, role, 2 + at as u64);
    }
    (world, people)
}

#[test]
fn who_is_removed_reads_nothing_new() {
    let (mut world, [bo, _, ed]) = team();
    let before = world.history.now().writable_epoch().unwrap();
    world.remove(&bo, 2, &ed, &[(ed.log, 1)]);
    let now = world.history.now();
    assert_eq!((world.role(&ed), now.role_of(&ed.device.id())), (None, None));
    assert_eq!(now.person_of(&ed.device.id()), Some(ed.root.id()), "blame still knows them");
    assert!(now.was_removed_by(&ed.root.id()).is_some());
    assert_eq!(now.former_members().count(), 1);
    let after = now.writable_epoch().unwrap();
    assert!(after != before && !now.is_writable(&before));
    assert!(now.content_key(&after, ed.device.sealing_secret()).is_err());
    assert!(now.content_key(&before, ed.device.sealing_secret()).is_ok(), "what they had they keep");
    for who in [&world.founder, &bo] {
        assert_eq!(world.keys_of(who).len(), 2);
    }
}

#[test]
fn of_two_who_remove_each_other_the_older_wins() {
    let (world, [bo, cy, _]) = team();
    let older = |a: &Someone, b: &Someone| {
        let state = world.history.now();
        state.power_over(&a.root.id(), &b.root.id()).is_some()
    };
    // Which of them is the older grant, the distance from the creation says.
    assert!(older(&bo, &cy) && !older(&cy, &bo));
    assert_eq!(world.removal(&cy, &bo, None, &[]), Err(WriteError::Void(Void::SeniorGrant)));
    // Both try, not knowing of each other. The younger's is no valid operation at all.
    let grant = world.history.now().member(&bo.root.id()).unwrap().grant;
    let under = world.history.now().member(&cy.root.id()).unwrap().grant;
    let back = AccessOp::Remove {
        under,
        person: bo.root.id(),
        grants: vec![grant],
        leaves: None,
        watermarks: Vec::new(),
        rotate: None,
    };
    assert_eq!(world.refuses(&world.entry(&cy, 2, back)), Void::SeniorGrant);
}

#[test]
fn what_a_removed_owner_did_meanwhile_is_void() {
    let (world, [bo, cy, ed]) = team();
    // Cy removes the editor and lets somebody in, while Bo removes Cy.
    let (mut here, mut there) = (world.clone(), world.clone());
    let by_cy = there.remove(&cy, 2, &ed, &[]);
    let (secret, invitation) =
        there.invite(&cy, 3, world.history.now().member(&cy.root.id()).unwrap().grant, Role::Owner, 9);
    there.history.add(invitation.clone()).unwrap();
    let dan = Someone::new(300);
    let redemption = there.redeem(&dan, &secret);
    there.history.add(redemption.clone()).unwrap();
    let by_bo = here.remove(&bo, 2, &cy, &[(cy.log, 1)]);
    here.hear(&there);
    assert_eq!(here.verdict(&by_bo), Verdict::Counts);
    assert_eq!((here.verdict(&by_cy), here.verdict(&invitation.hash)), (AFTER_REMOVAL, AFTER_REMOVAL));
    assert_eq!(here.verdict(&redemption.hash), Verdict::Void(Void::GrantVoid));
    assert_eq!((here.role(&ed), here.role(&cy), here.role(&dan)), (Some(Role::Editor), None, None));
    // What Dan wrote meanwhile is challenged by the very removal.
    let challenge = Challenge { by: by_bo, watermark: 0, leaves: None };
    assert_eq!(here.history.now().challenges(&dan.log), vec![challenge]);
    assert_eq!(here.history.now().challenges(&cy.log), vec![Challenge { watermark: 1, ..challenge }]);
    assert_eq!(here.history.now().challenges(&bo.log), vec![]);
    // Both keys are dead: Cy's was void, and Bo's was made before anyone heard that Dan could read the old one.
    there.hear(&here);
    assert_eq!(here.history.now(), there.history.now());
}

#[test]
fn in_a_ring_of_three_the_oldest_is_left() {
    // Ana (the founder) lets Bo in, Bo Cy, Cy Dan; Dan removes nobody older. Bo removes Cy, Cy removes Dan, and Ana removes Bo.
    let mut world = World::new();
    let [bo, cy, dan] = [201, 202, 203].map(Someone::new);
    let mut by = (world.founder.clone(), world.creation, 2);
    for who in [&bo, &cy, &dan] {
        let (secret, invitation) = world.invite(&by.0, by.2, by.1, Role::Owner, who.log.nonce);
        world.history.add(invitation).unwrap();
        let entry = world.redeem(who, &secret);
        by = (who.clone(), entry.hash, 2);
        world.history.add(entry).unwrap();
    }
    let ana = world.founder.clone();
    let mut sides = [world.clone(), world.clone(), world.clone()];
    let removals = [
        sides[0].remove(&ana, 3, &bo, &[(bo.log, 2)]),
        sides[1].remove(&bo, 3, &cy, &[(cy.log, 2)]),
        sides[2].remove(&cy, 3, &dan, &[(dan.log, 1)]),
    ];
    let [mut whole, second, third] = sides;
    whole.hear(&second);
    whole.hear(&third);
    // Bo's was after Ana's removal of Bo; so Cy stays, and so Cy's counts.
    assert_eq!(removals.map(|removal| whole.verdict(&removal)), [Verdict::Counts, AFTER_REMOVAL, Verdict::Counts]);
    assert_eq!([&ana, &bo, &cy, &dan].map(|who| whole.role(who).is_some()), [true, false, true, false]);
    // Two removals that had not heard of each other: neither key is safe from both who went, so somebody rotates.
    assert_eq!(whole.history.now().writable_epoch(), None);
    let op = AccessOp::rotate(whole.history.now(), &cy.device.id(), &whole.keys_of(&cy), &mut rng(1)).unwrap();
    whole.write(&cy, 9, op);
    let epoch = whole.history.now().writable_epoch().unwrap();
    assert!(whole.history.now().content_key(&epoch, ana.device.sealing_secret()).is_ok());
    for gone in [&bo, &dan] {
        assert!(whole.history.now().content_key(&epoch, gone.device.sealing_secret()).is_err());
    }
}

#[test]
fn nobody_removes_the_founder_who_may_step_down() {
    let (mut world, [bo, ..]) = team();
    let ana = world.founder.clone();
    assert_eq!(world.removal(&bo, &ana, None, &[]), Err(WriteError::Void(Void::SeniorGrant)));
    assert!(world.history.now().is_founder(&ana.root.id()));
    let op = world.removal(&ana, &ana, Some(Role::Editor), &[(ana.log, 7)]).unwrap();
    assert!(op.epoch_start().is_some(), "the links they opened close, and these could read");
    world.write(&ana, 8, op);
    assert_eq!(world.role(&ana), Some(Role::Editor));
    let (_, invitation) = world.invite(&ana, 9, world.creation, Role::Viewer, 5);
    assert_eq!(world.refuses(&invitation), Void::MayNotInvite(Role::Editor));
    // Down, but not out: their devices are still theirs to add.
    let phone = ana.other_device(500);
    let added = phone.adds_itself(&world);
    world.history.add(added).unwrap();
    assert_eq!(world.history.now().role_of(&phone.device.id()), Some(Role::Editor));
}

#[test]
fn with_no_owner_left_membership_is_frozen_and_writing_is_not() {
    let mut world = World::new();
    let (ana, ed) = (world.founder.clone(), Someone::new(200));
    world.join(&ed, Role::Editor, 2);
    let left = world.remove(&ana, 3, &ana, &[(ana.log, 3)]);
    assert_eq!((world.verdict(&left), world.role(&ana)), (Verdict::Counts, None));
    let (_, invitation) = world.invite(&ana, 4, world.creation, Role::Owner, 5);
    assert_eq!(world.refuses(&invitation), Void::AfterRemoval);
    let grant = world.history.now().member(&ed.root.id()).unwrap().grant;
    let (_, invitation) = world.invite(&ed, 2, grant, Role::Viewer, 6);
    assert_eq!(world.refuses(&invitation), Void::MayNotInvite(Role::Editor));
    let epoch = world.history.now().writable_epoch().unwrap();
    assert!(world.history.now().content_key(&epoch, ed.device.sealing_secret()).is_ok());
    let op = AccessOp::rotate(world.history.now(), &ed.device.id(), &world.keys_of(&ed), &mut rng(1)).unwrap();
    world.write(&ed, 3, op);
}

/// What someone removed writes with access heads from before, in some place of some log.
fn backdated(world: &World, by: &Someone, seq: u64, heads: &[EntryHash]) -> AccessEntry {
    let grant = world.history.now().grants_of(&by.root.id()).next().unwrap().0;
    let secret = InvitationSecret::generate(&mut rng(seq + by.log.nonce));
    let op = AccessOp::invite(world.space, grant, &secret, Role::Owner, &[], &mut rng(4)).unwrap();
    by.entry(world.space, seq, heads, op)
}

#[test]
fn who_was_removed_gains_nothing_by_claiming_not_to_know() {
    let (mut world, [bo, cy, _]) = team();
    let before = world.heads();
    let earlier = backdated(&world, &cy, 2, &before);
    world.history.add(earlier.clone()).unwrap();
    let seen = world.heads();
    world.remove(&bo, 2, &cy, &[(cy.log, 4)]);
    assert_eq!(world.verdict(&earlier.hash), Verdict::Counts, "what the removal had seen stays");
    let attempts = [
        // Further along the log; in a log of its own; in a place that the watermark covers, beside what stands there.
        backdated(&world, &cy, 5, &seen),
        backdated(&world, &cy.other_log(77), 1, &before),
        backdated(&world, &cy, 2, &[world.creation, before[0]]),
        backdated(&world, &cy, 4, &seen),
    ];
    for attempt in attempts {
        world.history.add(attempt.clone()).unwrap();
        assert_eq!(world.verdict(&attempt.hash), AFTER_REMOVAL);
    }
    // And with what everyone knows, it is not let in at all.
    let honest = backdated(&world, &cy, 6, &world.heads());
    assert_eq!(world.refuses(&honest), Void::AfterRemoval);
}

#[test]
fn two_who_were_removed_cannot_vouch_for_each_other() {
    let (mut world, [bo, cy, _]) = team();
    let ana = world.founder.clone();
    let before = world.heads();
    world.remove(&ana, 7, &bo, &[(bo.log, 1)]);
    world.remove(&ana, 8, &cy, &[(cy.log, 1)]);
    // Bo grants Cy a new role as if nothing had happened, and Cy builds on it to grant Bo one.
    let mut past = world.clone();
    past.history = sheaf_access::AccessHistory::evaluate(
        world.space,
        world.history.entries().filter(|entry| world.history.in_past(&before, &entry.hash)).cloned(),
    )
    .unwrap();
    let op = AccessOp::grant(past.history.now(), &bo.device.id(), cy.root.id(), Role::Owner, &[], &mut rng(1)).unwrap();
    let first = past.write(&bo, 2, op);
    let AccessOp::Grant { person, role, wraps, .. } =
        AccessOp::grant(past.history.now(), &cy.device.id(), bo.root.id(), Role::Owner, &[], &mut rng(1)).unwrap()
    else {
        unreachable!()
    };
    let second = past.write(&cy, 2, AccessOp::Grant { under: first, person, role, wraps });
    world.hear(&past);
    assert_eq!(world.verdict(&first), AFTER_REMOVAL);
    assert_eq!(world.verdict(&second), Verdict::Void(Void::GrantVoid));
    assert_eq!((world.role(&bo), world.role(&cy)), (None, None));
}

#[test]
fn of_several_removals_the_lowest_watermark_holds() {
    let (world, [bo, cy, ed]) = team();
    let (mut here, mut there) = (world.clone(), world.clone());
    here.remove(&bo, 2, &ed, &[(ed.log, 30)]);
    let lower = there.remove(&cy, 2, &ed, &[(ed.log, 20)]);
    here.hear(&there);
    let challenges = here.history.now().challenges(&ed.log);
    assert_eq!(challenges.iter().map(|challenge| challenge.watermark).min(), Some(20));
    assert!(challenges.contains(&Challenge { by: lower, watermark: 20, leaves: None }));
}

#[test]
fn a_lower_role_challenges_only_what_wants_more() {
    let (mut world, [bo, _, ed]) = team();
    let op = world.removal(&bo, &ed, Some(Role::Commenter), &[(ed.log, 5)]).unwrap();
    assert!(op.epoch_start().is_none(), "nobody loses reading");
    let lowered = world.write(&bo, 2, op);
    assert_eq!(world.role(&ed), Some(Role::Commenter));
    let challenge = Challenge { by: lowered, watermark: 5, leaves: Some(Role::Commenter) };
    assert_eq!(world.history.now().challenges(&ed.log), vec![challenge]);
    // Nor is what they may do as they are now void: they rotate.
    let op = AccessOp::rotate(world.history.now(), &ed.device.id(), &world.keys_of(&ed), &mut rng(1)).unwrap();
    let rotated = world.write(&ed, 6, op);
    assert_eq!(world.verdict(&rotated), Verdict::Counts);
}

#[test]
fn who_comes_back_comes_back_as_someone_new() {
    let (mut world, [bo, _, ed]) = team();
    let removed = world.remove(&bo, 2, &ed, &[(ed.log, 5)]);
    let keys = world.keys_of(&bo);
    let op =
        AccessOp::grant(world.history.now(), &bo.device.id(), ed.root.id(), Role::Editor, &keys, &mut rng(3)).unwrap();
    world.write(&bo, 3, op);
    let now = world.history.now();
    assert_eq!(world.role(&ed), Some(Role::Editor));
    assert!(now.missing_wraps().is_empty());
    assert_eq!(world.keys_of(&ed).len(), 2, "the new key, and through it the one before");
    // What they wrote meanwhile, not knowing, is still challenged; a log of their own begins anew.
    assert_eq!(now.challenges(&ed.log), vec![Challenge { by: removed, watermark: 5, leaves: None }]);
    // Somebody who was never here cannot be granted anything.
    let nobody = Someone::new(999).root.id();
    let op = AccessOp::grant(now, &bo.device.id(), nobody, Role::Viewer, &keys, &mut rng(3)).unwrap();
    assert_eq!(world.refuses(&world.entry(&bo, 4, op)), Void::UnknownPerson);
}

#[test]
fn who_is_no_longer_an_owner_changes_nothing() {
    let (mut world, [bo, cy, ed]) = team();
    let lower = world.removal(&bo, &cy, Some(Role::Editor), &[(cy.log, 1)]).unwrap();
    let before = world.clone();
    world.write(&bo, 2, lower);
    let mut late = before.clone();
    let meanwhile = late.remove(&cy, 2, &ed, &[]);
    let knowing = before.removal(&cy, &ed, None, &[]).unwrap();
    assert_eq!(world.refuses(&world.entry(&cy, 2, knowing)), Void::NotAnOwner(Role::Editor));
    world.hear(&late);
    assert_eq!((world.verdict(&meanwhile), world.role(&ed)), (AFTER_REMOVAL, Some(Role::Editor)));
    assert_eq!(world.removal(&cy, &ed, None, &[]), Err(WriteError::Void(Void::NotAnOwner(Role::Editor))));
}

/// What a removal says beside whose it is.
fn parts(op: &mut AccessOp) -> (&mut Vec<EntryHash>, &mut Option<Role>, &mut Vec<(LogId, u64)>) {
    let AccessOp::Remove { grants, leaves, watermarks, .. } = op else { unreachable!() };
    (grants, leaves, watermarks)
}

#[test]
fn a_removal_says_whose_and_what() {
    let (world, [bo, cy, ed]) = team();
    let good = world.removal(&bo, &ed, None, &[(ed.log, 1)]).unwrap();
    let bent = |bend: &dyn Fn(&mut AccessOp)| {
        let mut op = good.clone();
        bend(&mut op);
        world.refuses(&world.entry(&bo, 2, op))
    };
    assert_eq!(bent(&|op| parts(op).0.clear()), Void::WrongGrants);
    let other = world.history.now().member(&cy.root.id()).unwrap().grant;
    assert_eq!(bent(&|op| parts(op).0[0] = other), Void::WrongGrants);
    assert_eq!(bent(&|op| *parts(op).1 = Some(Role::Editor)), Void::WrongGrants, "they are an editor already");
    assert_eq!(bent(&|op| parts(op).2[0].0 = cy.log), Void::WrongWatermarks);
    assert_eq!(bent(&|op| parts(op).2.push((ed.log, 2))), Void::WrongWatermarks);
}
