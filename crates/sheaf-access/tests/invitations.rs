//! Invitations: until when and how often they are good, and what closing one comes to (I3).

mod common;

use common::{Someone, World, rng};
use sheaf_access::{AccessOp, Binding, EntryHash, InvitationSecret, Role, Terms, Verdict, Void};

/// A founder and an owner, with an invitation that the founder opened.
fn open(terms: impl Into<Terms>) -> (World, Someone, InvitationSecret) {
    let mut world = World::new();
    let bo = Someone::new(200);
    world.join(&bo, Role::Owner, 2);
    let secret = InvitationSecret::generate(&mut rng(5));
    let keys = world.keys();
    let op = AccessOp::invite(world.space, world.creation, &secret, terms, &keys, &mut rng(5)).unwrap();
    let ana = world.founder.clone();
    world.write(&ana, 4, op);
    (world, bo, secret)
}

fn close(world: &World, by: &Someone, secret: &InvitationSecret, accepted: Vec<EntryHash>) -> AccessOp {
    AccessOp::close(&world.history, &by.device.id(), secret.id(), accepted, &world.keys_of(by), &mut rng(6)).unwrap()
}

#[test]
fn an_end_and_a_number_of_uses_bind_who_comes_by_themselves() {
    let terms = Terms { role: Role::Editor, expires: Some(5_000), uses: Some(1) };
    let (mut world, bo, secret) = open(terms);
    let first = world.redeem(&Someone::new(301), &secret);
    let second = world.redeem(&Someone::new(302), &secret);
    let now = world.history.now();
    assert_eq!(now.binds(&first, 4_999), Ok(()));
    assert_eq!(now.binds(&first, 5_000), Err(Binding::Expired));
    world.history.add(first.clone()).unwrap();
    assert_eq!(world.history.now().binds(&second, 1), Err(Binding::UsedUp));
    assert_eq!(world.history.now().binds(&first, 9_000), Ok(()), "they are in");
    // Sets know neither clocks nor numbers: passed on by a member, it counts (and what they write with it).
    world.history.add(second.clone()).unwrap();
    assert_eq!(world.verdict(&second.hash), Verdict::Counts);
    // Until an owner says which was meant.
    let op = close(&world, &bo, &secret, vec![first.hash]);
    world.write(&bo, 2, op);
    assert_eq!(world.verdict(&first.hash), Verdict::Counts);
    assert_eq!(world.history.now().binds(&world.redeem(&Someone::new(303), &secret), 1), Err(Binding::Closed));
}

#[test]
fn a_closed_invitation_reads_and_admits_nobody() {
    let (mut world, bo, secret) = open(Role::Editor);
    let early = world.redeem(&Someone::new(301), &secret);
    let op = close(&world, &bo, &secret, Vec::new());
    world.write(&bo, 2, op);
    let now = world.history.now();
    assert!(now.invitation(&secret.id()).is_none() && now.any_invitation(&secret.id()).is_some());
    let epoch = now.writable_epoch().unwrap();
    assert!(now.content_key(&epoch, &secret.sealing_secret()).is_err());
    let late = world.redeem(&Someone::new(302), &secret);
    assert_eq!(world.refuses(&late), Void::InvitationClosed);
    // One that had not heard of it is held, and does not count.
    world.history.add(early.clone()).unwrap();
    assert_eq!(world.verdict(&early.hash), Verdict::Void(Void::NotAccepted));
    assert_eq!(world.history.now().writable_epoch(), Some(epoch), "their key was of the epoch before");
    assert!(!world.history.now().challenges(&Someone::new(301).log).is_empty());
}

#[test]
fn of_two_closes_each_accepts_what_it_lists() {
    let (mut world, bo, secret) = open(Role::Editor);
    let three = [301, 302, 303].map(|seed| world.redeem(&Someone::new(seed), &secret));
    for redemption in &three {
        world.history.add(redemption.clone()).unwrap();
    }
    let ana = world.founder.clone();
    let (mut here, mut there) = (world.clone(), world.clone());
    let op = close(&here, &ana, &secret, vec![three[0].hash]);
    here.write(&ana, 5, op);
    let op = close(&there, &bo, &secret, vec![three[1].hash]);
    there.write(&bo, 2, op);
    here.hear(&there);
    let verdicts = three.clone().map(|redemption| here.verdict(&redemption.hash));
    assert_eq!(verdicts, [Verdict::Counts, Verdict::Counts, Verdict::Void(Void::NotAccepted)]);
    // What is no redemption of it cannot be listed.
    let AccessOp::Close { under, invitation, rotate, .. } = close(&world, &ana, &secret, Vec::new()) else {
        unreachable!()
    };
    let bent = AccessOp::Close { under, invitation, accepted: vec![world.creation], rotate };
    assert_eq!(world.refuses(&world.entry(&ana, 5, bent)), Void::UnknownRedemption);
}

#[test]
fn a_leaked_link_does_not_get_in_by_claiming_to_be_older_than_who_closed_it() {
    let (mut world, bo, secret) = open(Role::Editor);
    let before = world.heads();
    // The owner who closes it came much later.
    let cy = Someone::new(250);
    let mut seq = 5;
    for nonce in 400..404 {
        world.join(&Someone::new(nonce), Role::Viewer, seq);
        seq += 1;
    }
    world.join(&cy, Role::Owner, seq);
    let op = close(&world, &cy, &secret, Vec::new());
    world.write(&cy, 2, op);
    let eve = Someone::new(666);
    let keys = world.history.state_at(&before).unwrap().content_keys(&secret.sealing_secret());
    let op = AccessOp::redeem(world.space, &secret, eve.certificate, &before, &keys, &mut rng(9)).unwrap();
    let backdated = eve.entry(world.space, 1, &before, op);
    world.history.add(backdated.clone()).unwrap();
    assert_eq!(world.verdict(&backdated.hash), Verdict::Void(Void::NotAccepted));
    assert_eq!(world.role(&eve), None);
    assert!(world.role(&bo).is_some());
}

#[test]
fn closing_is_no_way_to_remove_who_is_older() {
    let (mut world, _, secret) = open(Role::Editor);
    let ed = Someone::new(301);
    let redemption = world.redeem(&ed, &secret);
    world.history.add(redemption.clone()).unwrap();
    let cy = Someone::new(250);
    let ana = world.founder.clone();
    let (link, invitation) = world.invite(&ana, 5, world.creation, Role::Owner, 8);
    world.history.add(invitation).unwrap();
    let entry = world.redeem(&cy, &link);
    world.history.add(entry).unwrap();
    let op = close(&world, &cy, &secret, Vec::new());
    world.write(&cy, 2, op);
    assert_eq!((world.verdict(&redemption.hash), world.role(&ed)), (Verdict::Counts, Some(Role::Editor)));
    // Ana is older, and may.
    let op = close(&world, &ana, &secret, Vec::new());
    world.write(&ana, 6, op);
    assert_eq!(world.role(&ed), None);
}

#[test]
fn removing_an_owner_closes_what_they_had_opened() {
    let mut world = World::new();
    let bo = Someone::new(200);
    let grant = world.join(&bo, Role::Owner, 2);
    let (secret, invitation) = world.invite(&bo, 2, grant, Role::Editor, 5);
    world.history.add(invitation).unwrap();
    let (known, unknown) = (Someone::new(301), Someone::new(302));
    let first = world.redeem(&known, &secret);
    let second = world.redeem(&unknown, &secret);
    world.history.add(first.clone()).unwrap();
    let ana = world.founder.clone();
    world.remove(&ana, 3, &bo, &[(bo.log, 2)]);
    assert!(world.history.now().invitation(&secret.id()).is_none());
    world.history.add(second.clone()).unwrap();
    assert_eq!(world.verdict(&first.hash), Verdict::Counts);
    assert_eq!(world.verdict(&second.hash), Verdict::Void(Void::InviterRemoved));
    let late = world.redeem(&Someone::new(303), &secret);
    assert_eq!(world.refuses(&late), Void::InvitationClosed);
}

#[test]
fn only_owners_close() {
    let (mut world, _, secret) = open(Role::Editor);
    let ed = Someone::new(301);
    let grant = world.join(&ed, Role::Editor, 5);
    let op = AccessOp::Close { under: grant, invitation: secret.id(), accepted: Vec::new(), rotate: None };
    assert_eq!(world.refuses(&world.entry(&ed, 2, op)), Void::NotAnOwner(Role::Editor));
    let ana = world.founder.clone();
    let unknown = InvitationSecret::generate(&mut rng(44)).id();
    let op = AccessOp::Close { under: world.creation, invitation: unknown, accepted: Vec::new(), rotate: None };
    assert_eq!(world.refuses(&world.entry(&ana, 6, op)), Void::UnknownInvitation);
}
