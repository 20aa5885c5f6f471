//! Old data always opens: one of each format, as it was first written, in `tests/fixtures`.
//!
//! With `SHEAF_WRITE_FIXTURES=1` the files that are not there yet are written. None is ever written again: a changed
//! format is a new version, with a fixture of its own beside the old one.

mod common;

use std::path::Path;

use common::{Someone, rng};
use sheaf_access::{
    AccessOp, Commitment, ContentKey, DeviceId, DeviceRevocation, DocumentId, EntryHash, EpochId, EpochStart, Identity,
    Introduction, InvitationLink, InvitationSecret, LogId, OperationError, PersonId, Relay, RelayLink, Role,
    SEALED_NAME, SpaceId, Terms, UnwrapError, Wrap, WrapContext,
};

fn fixture(name: &str, now: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    if std::env::var_os("SHEAF_WRITE_FIXTURES").is_some() && !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read(&path).unwrap()
}

/// As the first version wrote them. It made other bytes than this one does, so the files are all that is left of it.
#[test]
fn operations_of_version_1() {
    let ana = Someone::new(1);
    let key = ContentKey::from_bytes(&[7; 32]);
    let (space, epoch) = (SpaceId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    let secret = InvitationSecret::from_bytes(&[9; 32]);
    let grant = EntryHash::from_bytes([3; 32]);
    let context = WrapContext { space, epoch, commitment: key.commitment() };

    let create = AccessOp::decode(&fixture("operation-1-create", &[])).unwrap();
    let AccessOp::Create { founder, epoch: start, .. } = &create else { panic!("{create:?}") };
    assert_eq!((*founder, start.parents.len(), start.wraps.len()), (ana.certificate, 0, 1));
    let founding = WrapContext { space: SpaceId::UNBORN, epoch: EpochId::UNBORN, commitment: start.commitment };
    let opened = start.wraps[0].open(&founding, ana.device.sealing_secret()).unwrap();
    assert_eq!(opened.as_bytes(), key.as_bytes());

    let invite = AccessOp::decode(&fixture("operation-1-invite", &[])).unwrap();
    let AccessOp::Invite { under, invitation, role, wraps, expires, uses, .. } = &invite else { panic!("{invite:?}") };
    assert_eq!((*under, *invitation, *role), (grant, secret.id(), Role::Editor));
    assert_eq!((*expires, *uses), (None, None));
    assert_eq!(wraps[0].open(&context, &secret.sealing_secret()).unwrap().as_bytes(), key.as_bytes());

    let redeem = AccessOp::decode(&fixture("operation-1-redeem", &[])).unwrap();
    let AccessOp::Redeem { invitation, certificate, proof, wraps } = &redeem else { panic!("{redeem:?}") };
    invitation.verify_redemption(space, certificate, &[grant], proof).unwrap();
    assert_eq!(wraps[0].open(&context, ana.device.sealing_secret()).unwrap().as_bytes(), key.as_bytes());

    // Cut, lengthened or of a later kind, they are what such bytes always are.
    for name in ["operation-1-create", "operation-1-invite", "operation-1-redeem"] {
        let bytes = fixture(name, &[]);
        for end in 0..bytes.len() {
            assert_eq!(AccessOp::decode(&bytes[..end]), Err(OperationError::Malformed), "cut at {end}");
        }
        assert_eq!(AccessOp::decode(&[&bytes[..], &[0]].concat()), Err(OperationError::Malformed));
        let later = [&[1, 3], &bytes[2..]].concat();
        assert_eq!(AccessOp::decode(&later), Err(OperationError::Unknown));
        // Encoded again they are of this version, and say the same.
        let operation = AccessOp::decode(&bytes).unwrap();
        assert_eq!(AccessOp::decode(&operation.encode()), Ok(operation));
    }
}

#[test]
fn operations_of_version_2() {
    let mut rng = rng(11);
    let ana = Someone::new(1);
    let key = ContentKey::from_bytes(&[7; 32]);
    let next = ContentKey::from_bytes(&[8; 32]);
    let (space, epoch) = (SpaceId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    let secret = InvitationSecret::from_bytes(&[9; 32]);
    let (under, keys) = (EntryHash::from_bytes([3; 32]), [(epoch, key.clone())]);
    let person = ana.root.id();
    let wraps = vec![Wrap::seal(&key, space, epoch, ana.certificate.sealing_key, &mut rng).unwrap()];
    let readers = [ana.certificate.sealing_key];
    let parents = [(epoch, Some(key.clone())), (EpochId::from_bytes([4; 32]), None)];
    let start = EpochStart::new(&next, space, &parents, &readers, &mut rng).unwrap();
    let watermarks = vec![(LogId { nonce: 5, ..ana.log }, 70_000)];
    let revocation = DeviceRevocation::issue(&ana.root, ana.device.id());
    let consent = ana.certificate.consent(&ana.device);
    let terms = Terms { role: Role::Editor, expires: Some(1_790_000_000_000), uses: Some(3) };
    let named = vec![under];
    let operations = [
        ("create", AccessOp::create(ana.certificate, &key, &mut rng).unwrap()),
        ("invite", AccessOp::invite(space, under, &secret, terms, &keys, &mut rng).unwrap()),
        ("redeem", AccessOp::redeem(space, &secret, ana.certificate, &[under], &keys, &mut rng).unwrap()),
        ("grant", AccessOp::Grant { under, person, role: Role::Owner, wraps: wraps.clone() }),
        (
            "remove",
            AccessOp::Remove {
                under,
                person,
                grants: named.clone(),
                leaves: Some(Role::Viewer),
                watermarks: watermarks.clone(),
                rotate: Some(start.clone()),
            },
        ),
        (
            "add-device",
            AccessOp::AddDevice { certificate: ana.certificate, consent, under: Some(under), wraps: wraps.clone() },
        ),
        ("remove-device", AccessOp::RemoveDevice { under, revocation, watermarks, rotate: Some(start.clone()) }),
        ("close", AccessOp::Close { under, invitation: secret.id(), accepted: named, rotate: None }),
        ("rotate", AccessOp::Rotate { under, epoch: start.clone() }),
        ("rewrap", AccessOp::Rewrap { under, wraps }),
        ("destroy", AccessOp::Destroy { under, document: DocumentId::from_bytes([6; 32]) }),
    ];
    for (name, now) in operations {
        let then = AccessOp::decode(&fixture(&format!("operation-2-{name}"), &now.encode())).unwrap();
        // Nothing here is random but what `rng` gives, which does not change.
        assert_eq!(then, now);
    }
    // What was sealed then opens now.
    let then = AccessOp::decode(&fixture("operation-2-rotate", &[])).unwrap();
    let AccessOp::Rotate { epoch: start, .. } = &then else { panic!("{then:?}") };
    let context = WrapContext { space, epoch: EpochId::UNBORN, commitment: next.commitment() };
    let opened = start.wraps[0].open(&context, ana.device.sealing_secret()).unwrap();
    assert_eq!(opened.as_bytes(), next.as_bytes());
    let parent = start.parents[0].sealed.as_ref().unwrap();
    assert_eq!(parent.open(space, epoch, &key.commitment(), &opened).unwrap().as_bytes(), key.as_bytes());
    assert_eq!(parent.open(space, epoch, &next.commitment(), &opened).unwrap_err(), UnwrapError::Damaged);
}

#[test]
fn operations_of_version_3() {
    let under = EntryHash::from_bytes([3; 32]);
    let key = DeviceId::from_bytes([4; 32]);
    let addresses = vec!["192.0.2.7:4433".to_owned(), "[2001:db8::7]:4433".to_owned()];
    let relay = Relay { key, addresses, url: Some("https://relay.example".to_owned()) };
    for (name, now) in [
        ("name-relay", AccessOp::NameRelay { under, relay: relay.clone() }),
        ("drop-relay", AccessOp::DropRelay { under, relay: key }),
    ] {
        assert_eq!(AccessOp::decode(&fixture(&format!("operation-3-{name}"), &now.encode())), Ok(now));
    }
    let link = RelayLink { relay, token: Some("let-me-in".to_owned().into()) };
    let text = String::from_utf8(fixture("relay-link-1", link.to_text().unwrap().as_bytes())).unwrap();
    assert_eq!(text.parse(), Ok(link));
}

#[test]
fn operations_of_version_4() {
    let name =
        Introduction { epoch: EpochId::from_bytes([2; 32]), sealed: (0..SEALED_NAME).map(|n| n as u8).collect() };
    let now = AccessOp::Introduce { under: EntryHash::from_bytes([3; 32]), name };
    assert_eq!(AccessOp::decode(&fixture("operation-4-introduce", &now.encode())), Ok(now));
}

#[test]
fn a_link_of_version_1() {
    let link = InvitationLink {
        space: SpaceId::from_bytes([1; 32]),
        secret: InvitationSecret::from_bytes(&[9; 32]),
        device: DeviceId::from_bytes([4; 32]),
        addresses: vec!["192.168.1.20:4433".to_owned(), "[fe80::1]:4433".to_owned()],
        relays: Vec::new(),
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
    let words = sheaf_access::sas_words(PersonId::from_bytes([1; 32]), PersonId::from_bytes([2; 32])).join(" ");
    assert_eq!(String::from_utf8(fixture("words-1", words.as_bytes())).unwrap(), words);
    let then = fixture("derivations-1", &now);
    assert_eq!(Commitment::from_bytes(then[..32].try_into().unwrap()), key.commitment());
    assert_eq!(then, now);
}
