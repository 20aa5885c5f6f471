//! Old data always opens: one of each format, as it was first written, in `tests/fixtures`.
//!
//! With `SHEAF_WRITE_FIXTURES=1` the files that are not there yet are written. None is ever written again: a changed
//! format is a new version, with a fixture of its own beside the old one.

mod common;

use std::path::Path;

use common::{Someone, rng};
use sheaf_access::{
    AccessOp, Commitment, ContentKey, DeviceId, EntryHash, EpochId, Identity, InvitationLink, InvitationSecret, Role,
    SpaceId, WrapContext,
};

fn fixture(name: &str, now: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    if std::env::var_os("SHEAF_WRITE_FIXTURES").is_some() && !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read(&path).unwrap()
}

#[test]
fn operations_of_version_1() {
    let mut rng = rng(11);
    let ana = Someone::new(1);
    let key = ContentKey::from_bytes(&[7; 32]);
    let (space, epoch) = (SpaceId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    let secret = InvitationSecret::from_bytes(&[9; 32]);
    let (grant, keys) = (EntryHash::from_bytes([3; 32]), [(epoch, key.clone())]);
    let context = WrapContext { space, epoch, commitment: key.commitment() };

    let create = AccessOp::create(ana.certificate, &key, &mut rng).unwrap();
    let create = AccessOp::decode(&fixture("operation-1-create", &create.encode())).unwrap();
    let AccessOp::Create { founder, epoch: start, .. } = &create else { panic!("{create:?}") };
    assert_eq!(*founder, ana.certificate);
    let founding = WrapContext { space: SpaceId::UNBORN, epoch: EpochId::UNBORN, commitment: start.commitment };
    let opened = start.wraps[0].open(&founding, ana.device.sealing_secret()).unwrap();
    assert_eq!(opened.as_bytes(), key.as_bytes());

    let invite = AccessOp::invite(space, grant, &secret, Role::Editor, &keys, &mut rng).unwrap();
    let invite = AccessOp::decode(&fixture("operation-1-invite", &invite.encode())).unwrap();
    let AccessOp::Invite { under, invitation, role, wraps, .. } = &invite else { panic!("{invite:?}") };
    assert_eq!((*under, *invitation, *role), (grant, secret.id(), Role::Editor));
    assert_eq!(wraps[0].open(&context, &secret.sealing_secret()).unwrap().as_bytes(), key.as_bytes());

    let redeem = AccessOp::redeem(space, &secret, ana.certificate, &[grant], &keys, &mut rng).unwrap();
    let redeem = AccessOp::decode(&fixture("operation-1-redeem", &redeem.encode())).unwrap();
    let AccessOp::Redeem { invitation, certificate, proof, wraps } = &redeem else { panic!("{redeem:?}") };
    invitation.verify_redemption(space, certificate, &[grant], proof).unwrap();
    assert_eq!(wraps[0].open(&context, ana.device.sealing_secret()).unwrap().as_bytes(), key.as_bytes());
}

#[test]
fn a_link_of_version_1() {
    let link = InvitationLink {
        space: SpaceId::from_bytes([1; 32]),
        secret: InvitationSecret::from_bytes(&[9; 32]),
        device: DeviceId::from_bytes([4; 32]),
        addresses: vec!["192.168.1.20:4433".to_owned(), "[fe80::1]:4433".to_owned()],
        role: Role::Commenter,
    };
    let text = String::from_utf8(fixture("link-1", link.to_text().unwrap().as_bytes())).unwrap();
    assert_eq!(text.parse(), Ok(link));
}

#[test]
fn an_identity_of_version_1() {
    let identity = Identity::generate(&mut rng(12));
    let text = String::from_utf8(fixture("identity-1", identity.to_secret_text().as_bytes())).unwrap();
    let back = Identity::from_secret_text(&text).unwrap();
    assert_eq!(back.certificate, identity.certificate);
    assert_eq!(back.root.unwrap().id(), identity.certificate.person);
}

#[test]
fn derivations_of_version_1() {
    // Values that other devices have computed too: none may ever change.
    let key = ContentKey::from_bytes(&[7; 32]);
    let secret = InvitationSecret::from_bytes(&[9; 32]);
    let now =
        [key.commitment().as_bytes().as_slice(), secret.id().as_bytes(), secret.sealing_key().as_bytes()].concat();
    let then = fixture("derivations-1", &now);
    assert_eq!(Commitment::from_bytes(then[..32].try_into().unwrap()), key.commitment());
    assert_eq!(then, now);
}
