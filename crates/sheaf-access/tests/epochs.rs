//! Epochs: for exactly whom a key is, what a newcomer can read, and what to do about a key that does not open (E).

mod common;

use common::{Someone, World, rng};
use sheaf_access::{
    AccessOp, ContentKey, DeviceKeys, EpochId, EpochStart, InvitationSecret, PersonId, Role, SealingKey, SpaceId,
    UnwrapError, Void, Wrap, sas_words,
};

fn team() -> (World, Someone, Someone, Someone) {
    let mut world = World::new();
    let (bo, ed) = (Someone::new(200), Someone::new(201));
    world.join(&bo, Role::Owner, 2);
    world.join(&ed, Role::Editor, 3);
    (world.clone(), world.founder, bo, ed)
}

fn rotation(world: &World, by: &Someone) -> AccessOp {
    AccessOp::rotate(world.history.now(), &by.device.id(), &world.keys_of(by), &mut rng(by.log.nonce)).unwrap()
}

#[test]
fn a_key_is_wrapped_for_exactly_those_who_read() {
    let (world, _, _, ed) = team();
    // Three devices and two links.
    let AccessOp::Rotate { under, epoch } = rotation(&world, &ed) else { unreachable!() };
    assert_eq!((epoch.wraps.len(), world.history.now().readers().len()), (5, 5));
    let bent = |bend: &dyn Fn(&mut EpochStart)| {
        let mut epoch = epoch.clone();
        bend(&mut epoch);
        world.refuses(&world.entry(&ed, 2, AccessOp::Rotate { under, epoch }))
    };
    assert_eq!(bent(&|epoch| epoch.wraps.truncate(4)), Void::WrongReaders);
    assert_eq!(bent(&|epoch| epoch.wraps.push(epoch.wraps[0].clone())), Void::WrongReaders);
    assert_eq!(bent(&|epoch| epoch.parents.clear()), Void::WrongParents);
    assert_eq!(bent(&|epoch| epoch.parents.push(epoch.parents[0].clone())), Void::WrongParents);
    assert_eq!(bent(&|epoch| epoch.parents[0].epoch = EpochId::from_bytes([1; 32])), Void::WrongParents);
}

#[test]
fn who_takes_reading_away_rotates_in_the_same_entry() {
    let (world, ana, _, ed) = team();
    let AccessOp::Remove { under, person, grants, leaves, watermarks, rotate } =
        world.removal(&ana, &ed, None, &[(ed.log, 1)]).unwrap()
    else {
        unreachable!()
    };
    let mut rotate = rotate.unwrap();
    // One reader less than before: the removed device's wrap is not there.
    assert_eq!(rotate.wraps.len() + 1, world.history.now().readers().len());
    let with = |rotate: Option<EpochStart>| {
        let (grants, watermarks) = (grants.clone(), watermarks.clone());
        world.entry(&ana, 4, AccessOp::Remove { under, person, grants, leaves, watermarks, rotate })
    };
    assert_eq!(world.refuses(&with(None)), Void::MustRotate);
    rotate.wraps.push(rotate.wraps[0].clone());
    assert_eq!(world.refuses(&with(Some(rotate))), Void::WrongReaders, "a wrap for the one who is removed");
}

#[test]
fn a_newcomer_reads_everything_and_a_viewer_rotates_nothing() {
    let (mut world, ana, bo, ed) = team();
    for (seq, who) in [(2, &ed), (2, &bo), (4, &ana)] {
        let op = rotation(&world, who);
        world.write(who, seq, op);
    }
    let now = world.history.now();
    assert_eq!((now.epochs().len(), now.leaf_epochs().len()), (4, 1));
    // They are given the one key that carries all others.
    let keys = now.keys_to_give(&world.keys_of(&ana));
    assert_eq!(keys.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(), now.leaf_epochs());
    let secret = InvitationSecret::generate(&mut rng(8));
    let op = AccessOp::invite(world.space, world.creation, &secret, Role::Viewer, &keys, &mut rng(8)).unwrap();
    world.write(&ana, 5, op);
    let keys = world.history.now().content_keys(&secret.sealing_secret());
    assert_eq!(keys.len(), 4);
    let vi = Someone::new(300);
    let heads = world.heads();
    let op = AccessOp::redeem(world.space, &secret, vi.certificate, &heads, &keys, &mut rng(9)).unwrap();
    let grant = world.write(&vi, 1, op);
    assert_eq!(world.keys_of(&vi).len(), 4);
    let AccessOp::Rotate { epoch, .. } = rotation(&world, &ana) else { unreachable!() };
    let op = AccessOp::Rotate { under: grant, epoch };
    assert_eq!(world.refuses(&world.entry(&vi, 2, op)), Void::MayNotRotate(Role::Viewer));
}

#[test]
fn who_joins_while_somebody_rotates_is_given_the_key_by_any_reader() {
    let (world, ana, _, ed) = team();
    let (mut here, mut there) = (world.clone(), world.clone());
    let op = rotation(&here, &ed);
    here.write(&ed, 2, op);
    let vi = Someone::new(300);
    there.join(&vi, Role::Viewer, 4);
    here.hear(&there);
    let epoch = here.history.now().writable_epoch().unwrap();
    let lacks = here.history.now().missing_wraps();
    assert!(lacks.contains(&(epoch, vi.certificate.sealing_key)));
    assert_eq!(here.history.now().content_key(&epoch, vi.device.sealing_secret()).unwrap_err(), UnwrapError::NotForYou);
    let keys = here.keys_of(&ana);
    let op = AccessOp::rewrap(here.history.now(), &ana.device.id(), &keys, &mut rng(5)).unwrap().unwrap();
    // For readers only: nobody slips a key to an outsider this way.
    let AccessOp::Rewrap { under, wraps } = &op else { unreachable!() };
    let outsider = Someone::new(999).certificate.sealing_key;
    let slipped = Wrap::seal(&keys[0].1, here.space, keys[0].0, outsider, &mut rng(5)).unwrap();
    let bent = AccessOp::Rewrap { under: *under, wraps: vec![slipped] };
    assert_eq!(here.refuses(&here.entry(&ana, 4, bent)), Void::WrongWraps);
    assert!(!wraps.is_empty());
    here.write(&ana, 5, op);
    assert!(here.history.now().content_key(&epoch, vi.device.sealing_secret()).is_ok());
    assert_eq!(here.history.now().missing_wraps(), []);
}

#[test]
fn a_key_that_does_not_open_is_named_and_got_round() {
    // E4: the editor hands out wraps of something else than they committed to, and buries the old key under it.
    let (mut world, ana, bo, ed) = team();
    let AccessOp::Rotate { under, mut epoch } = rotation(&world, &ed) else { unreachable!() };
    epoch.commitment = ContentKey::from_bytes(&[6; 32]).commitment();
    let bad = EpochId::from(world.write(&ed, 2, AccessOp::Rotate { under, epoch }));
    let now = world.history.now();
    assert_eq!(now.writable_epoch(), Some(bad));
    let error = now.content_key(&bad, ana.device.sealing_secret()).unwrap_err();
    assert_eq!(error, UnwrapError::Damaged);
    assert_eq!(now.epoch(&bad).unwrap().by, Some(ed.root.id()), "whom to name");
    // Whoever finds it rotates: without the key that nobody has, and with the one that was buried.
    let op = rotation(&world, &bo);
    let parents = &op.epoch_start().unwrap().parents;
    let mut sealed: Vec<_> = parents.iter().map(|parent| (parent.epoch, parent.sealed.is_some())).collect();
    sealed.sort_unstable_by_key(|(_, sealed)| *sealed);
    assert_eq!(sealed, [(bad, false), (EpochId::from(world.creation), true)]);
    let good = EpochId::from(world.write(&bo, 2, op));
    assert_eq!(world.history.now().writable_epoch(), Some(good));
    // A newcomer reads all there is to read.
    let secret = InvitationSecret::generate(&mut rng(8));
    let keys = world.history.now().keys_to_give(&world.keys_of(&ana));
    let op = AccessOp::invite(world.space, world.creation, &secret, Role::Viewer, &keys, &mut rng(8)).unwrap();
    world.write(&ana, 4, op);
    let opened = world.history.now().content_keys(&secret.sealing_secret());
    let mut opened: Vec<EpochId> = opened.into_iter().map(|(epoch, _)| epoch).collect();
    opened.sort_unstable_by_key(|epoch| *epoch == good);
    assert_eq!(opened, [EpochId::from(world.creation), good]);
}

#[test]
fn an_epoch_that_someone_removed_could_read_through_a_later_one_is_dead_too() {
    let (mut world, ana, _, ed) = team();
    let first = world.history.now().writable_epoch().unwrap();
    let op = rotation(&world, &ed);
    world.write(&ed, 2, op);
    // Given the later key alone; the first was never wrapped for them.
    let vi = Someone::new(300);
    let secret = InvitationSecret::generate(&mut rng(8));
    let keys = world.history.now().keys_to_give(&world.keys_of(&ana));
    let op = AccessOp::invite(world.space, world.creation, &secret, Role::Viewer, &keys, &mut rng(8)).unwrap();
    world.write(&ana, 4, op);
    let (heads, keys) = (world.heads(), world.history.now().keys_to_give(&keys));
    let op = AccessOp::redeem(world.space, &secret, vi.certificate, &heads, &keys, &mut rng(9)).unwrap();
    world.write(&vi, 1, op);
    assert!(world.history.now().epoch(&first).unwrap().readers().all(|reader| reader != vi.certificate.sealing_key));
    assert!(world.history.now().is_writable(&first));
    world.remove(&ana, 5, &vi, &[(vi.log, 1)]);
    assert!(!world.history.now().is_writable(&first));
    assert!(world.history.now().writable_epoch().is_some());
}

#[test]
fn points_of_low_order_are_known_and_nothing_else() {
    let key = ContentKey::from_bytes(&[1; 32]);
    let wraps = |to: SealingKey| Wrap::seal(&key, SpaceId::UNBORN, EpochId::UNBORN, to, &mut rng(1)).is_ok();
    let mut refused = 0;
    // Around 0 and p, the only places where such points lie that are not the two of order eight.
    for lowest in 0..=255_u8 {
        for (rest, highest) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
            let mut bytes = [rest; 32];
            (bytes[0], bytes[31]) = (lowest, highest);
            let point = SealingKey::from_bytes(bytes);
            assert_eq!(point.is_usable(), wraps(point), "{bytes:?}");
            refused += usize::from(!point.is_usable());
        }
    }
    assert_eq!(refused, 10);
    for hex in [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ] {
        let bytes: [u8; 32] = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap();
        let point = SealingKey::from_bytes(bytes);
        assert!(!point.is_usable() && !wraps(point));
    }
    assert!((0..200).all(|seed| DeviceKeys::generate(&mut rng(seed)).sealing_key().is_usable()));
}

#[test]
fn two_people_see_the_same_words_and_other_pairs_others() {
    let [a, b, c] = [1, 2, 3].map(|byte| PersonId::from_bytes([byte; 32]));
    assert_eq!(sas_words(a, b), sas_words(b, a));
    assert_eq!(sas_words(a, b).len(), 6);
    assert!(sas_words(a, b) != sas_words(a, c) && sas_words(a, b) != sas_words(a, a));
}
