//! Devices: added with a certificate, removed for good, by the person alone (A7).

mod common;

use common::{Someone, World, rng};
use sheaf_access::{
    AccessOp, Challenge, DeviceCertificate, DeviceRevocation, Role, SealingKey, Verdict, Void, WriteError,
};

/// A founder and an editor.
fn pair() -> (World, Someone, Someone) {
    let mut world = World::new();
    let ed = Someone::new(200);
    world.join(&ed, Role::Editor, 2);
    (world.clone(), world.founder, ed)
}

fn removal(world: &World, by: &Someone, of: &Someone) -> AccessOp {
    let revocation = DeviceRevocation::issue(&of.root, of.device.id());
    let (by_id, keys, watermarks) = (by.device.id(), world.keys_of(by), vec![(of.log, 1)]);
    AccessOp::remove_device(&world.history, &by_id, revocation, watermarks, &keys, &mut rng(7)).unwrap()
}

#[test]
fn a_device_is_added_by_another_or_by_itself() {
    let (mut world, _, ed) = pair();
    let (phone, tablet) = (ed.other_device(501), ed.other_device(502));
    let consent = phone.certificate.consent(&phone.device);
    let keys = world.keys_of(&ed);
    let by = ed.device.id();
    let op = AccessOp::add_device(world.history.now(), &by, phone.certificate, consent, &keys, &mut rng(1)).unwrap();
    world.write(&ed, 2, op);
    assert_eq!(world.keys_of(&phone).len(), 1, "it reads at once");
    // Alone, with nobody to hand it keys.
    let entry = tablet.adds_itself(&world);
    world.history.add(entry).unwrap();
    let now = world.history.now();
    assert_eq!(now.role_of(&tablet.device.id()), Some(Role::Editor));
    assert_eq!(now.missing_wraps().len(), 1);
    assert!(world.keys_of(&tablet).is_empty());
    let by = phone.device.id();
    let op = AccessOp::rewrap(now, &by, &world.keys_of(&phone), &mut rng(2)).unwrap().unwrap();
    world.write(&phone, 1, op);
    assert_eq!(world.keys_of(&tablet).len(), 1);
    assert_eq!(AccessOp::rewrap(world.history.now(), &by, &world.keys_of(&phone), &mut rng(2)), Ok(None));
    assert_eq!(world.history.now().member(&ed.root.id()).unwrap().devices.len(), 3);
}

#[test]
fn nobody_claims_a_device_that_does_not_agree() {
    let (world, _, ed) = pair();
    let stolen = Someone::new(300);
    // The editor certifies a device that is somebody else's, which nothing keeps them from.
    let certificate = DeviceCertificate::issue(&ed.root, &stolen.device);
    let consent = stolen.certificate.consent(&stolen.device);
    let under = Some(world.history.now().member(&ed.root.id()).unwrap().grant);
    let op = AccessOp::AddDevice { certificate, consent, under, wraps: Vec::new() };
    assert_eq!(world.refuses(&world.entry(&ed, 2, op)), Void::NoConsent);
}

#[test]
fn people_add_and_remove_their_own_only() {
    let (mut world, ana, ed) = pair();
    let phone = ana.other_device(501);
    let consent = phone.certificate.consent(&phone.device);
    let under = world.history.now().member(&ed.root.id()).unwrap().grant;
    let op = AccessOp::AddDevice { certificate: phone.certificate, consent, under: Some(under), wraps: Vec::new() };
    assert_eq!(world.refuses(&world.entry(&ed, 2, op)), Void::NotYourDevice);
    let revocation = DeviceRevocation::issue(&ana.root, ana.device.id());
    let op = AccessOp::RemoveDevice { under, revocation, watermarks: Vec::new(), rotate: None };
    assert_eq!(world.refuses(&world.entry(&ed, 2, op)), Void::NotYourDevice);
    let revocation = DeviceRevocation { person: ed.root.id(), ..DeviceRevocation::issue(&ana.root, ed.device.id()) };
    let op = AccessOp::RemoveDevice { under, revocation, watermarks: Vec::new(), rotate: None };
    assert_eq!(world.refuses(&world.entry(&ed, 2, op)), Void::ForgedRevocation);
    // A stranger's device adds itself to nobody.
    let stranger = Someone::new(900);
    assert_eq!(world.refuses(&stranger.adds_itself(&world)), Void::NotAMember);
    let second = ed.other_device(502);
    let entry = second.adds_itself(&world);
    let late = second.entry(world.space, 2, &world.heads(), entry.operation.clone());
    assert_eq!(world.refuses(&late), Void::NotFirstOfLog);
    world.history.add(entry).unwrap();
}

#[test]
fn a_removed_device_never_comes_back() {
    let (mut world, _, ed) = pair();
    let phone = ed.other_device(501);
    let added = phone.adds_itself(&world);
    world.history.add(added).unwrap();
    let before = world.heads();
    let op = removal(&world, &ed, &phone);
    let removed = world.write(&ed, 2, op);
    let now = world.history.now();
    assert_eq!((now.role_of(&phone.device.id()), now.person_of(&phone.device.id())), (None, Some(ed.root.id())));
    assert_eq!(now.removed_devices_of(&ed.root.id()).collect::<Vec<_>>(), [phone.device.id()]);
    assert!(now.content_key(&now.writable_epoch().unwrap(), phone.device.sealing_secret()).is_err());
    assert_eq!(now.challenges(&phone.log), vec![Challenge { by: removed, watermark: 1, leaves: None }]);
    assert_eq!(now.challenges(&ed.log), vec![]);
    assert_eq!(world.refuses(&phone.other_log(9).adds_itself(&world)), Void::DeviceRemoved);
    let (secret, invitation) = world.invite(&world.founder, 8, world.creation, Role::Viewer, 3);
    world.history.add(invitation).unwrap();
    assert_eq!(world.refuses(&world.redeem(&phone.other_log(9), &secret)), Void::DeviceRemoved);
    let consent = phone.certificate.consent(&phone.device);
    let by = ed.device.id();
    let op = AccessOp::add_device(world.history.now(), &by, phone.certificate, consent, &[], &mut rng(1)).unwrap();
    assert_eq!(world.refuses(&world.entry(&ed, 3, op)), Void::DeviceRemoved);
    // Not even by claiming not to know.
    let grant = world.history.now().member(&ed.root.id()).unwrap().grant;
    let tablet = ed.other_device(502);
    let consent = tablet.certificate.consent(&tablet.device);
    let op = AccessOp::AddDevice { certificate: tablet.certificate, consent, under: Some(grant), wraps: Vec::new() };
    let backdated = phone.entry(world.space, 2, &before, op);
    world.history.add(backdated.clone()).unwrap();
    assert_eq!(world.verdict(&backdated.hash), Verdict::Void(Void::AfterDeviceRemoval));
}

#[test]
fn of_two_devices_that_remove_each_other_one_is_left() {
    let (mut world, _, ed) = pair();
    let phone = ed.other_device(501);
    let added = phone.adds_itself(&world);
    world.history.add(added).unwrap();
    let (mut here, mut there) = (world.clone(), world.clone());
    let op = removal(&here, &ed, &phone);
    let first = here.write(&ed, 2, op);
    let op = removal(&there, &phone, &ed);
    let second = there.write(&phone, 2, op);
    here.hear(&there);
    let expected = if first < second {
        [Verdict::Counts, Verdict::Void(Void::AfterDeviceRemoval)]
    } else {
        [Verdict::Void(Void::AfterDeviceRemoval), Verdict::Counts]
    };
    assert_eq!([here.verdict(&first), here.verdict(&second)], expected);
    assert_eq!(here.history.now().member(&ed.root.id()).unwrap().devices.len(), 1);
}

#[test]
fn a_device_may_go_as_its_own_last_act() {
    let (mut world, _, ed) = pair();
    let phone = ed.other_device(501);
    let added = phone.adds_itself(&world);
    world.history.add(added).unwrap();
    let op = removal(&world, &phone, &phone);
    let removed = world.write(&phone, 2, op);
    assert_eq!(world.verdict(&removed), Verdict::Counts);
    assert_eq!(world.history.now().role_of(&phone.device.id()), None);
    let again = AccessOp::rotate(world.history.now(), &phone.device.id(), &[], &mut rng(1));
    assert_eq!(again, Err(WriteError::Void(Void::NotAMember)));
}

#[test]
fn the_links_that_a_lost_device_made_close_with_it() {
    let mut world = World::new();
    let ana = world.founder.clone();
    let laptop = ana.other_device(500);
    let added = laptop.adds_itself(&world);
    world.history.add(added).unwrap();
    let (secret, invitation) = world.invite(&laptop, 2, world.creation, Role::Editor, 5);
    world.history.add(invitation).unwrap();
    let (other, invitation) = world.invite(&ana, 2, world.creation, Role::Editor, 6);
    world.history.add(invitation).unwrap();
    let op = removal(&world, &ana, &laptop);
    let AccessOp::RemoveDevice { under, revocation, rotate, .. } = op else { unreachable!() };
    let watermarks = vec![(laptop.log, 2)];
    world.write(&ana, 3, AccessOp::RemoveDevice { under, revocation, watermarks, rotate });
    assert!(world.history.now().invitation(&secret.id()).is_none());
    assert!(world.history.now().invitation(&other.id()).is_some());
}

#[test]
fn a_key_that_nothing_can_be_wrapped_for_stays_out() {
    // Whoever could bring one would keep everyone else from rotating for ever.
    let (world, _, ed) = pair();
    let mut device = ed.other_device(501);
    device.certificate = DeviceCertificate::issue_for(&ed.root, device.device.id(), SealingKey::from_bytes([0; 32]));
    assert_eq!(world.refuses(&device.adds_itself(&world)), Void::UnusableKey);
}
