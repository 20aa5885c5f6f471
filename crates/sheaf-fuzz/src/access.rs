//! What `sheaf-access` reads: operations and sets of them, links, codes, phrases, identities.

use sheaf_access::pairing::{PairingCode, PairingFrame, PairingRefusal, PairingSecret};
use sheaf_access::{
    AccessEntry, AccessHistory, AccessOp, ContentKey, DeviceId, EntryHash, EpochId, Identity, Introduction,
    InvitationLink, InvitationSecret, LogId, PersonKey, Relay, RelayLink, Role, SEALED_NAME, SpaceId,
};

use crate::{Target, rng, text};

pub const TARGETS: &[Target] = &[
    Target { name: "access-operation", run: operation, seeds: operations },
    Target { name: "access-set", run: set, seeds: sets },
    Target { name: "access-link", run: link, seeds: links },
    Target { name: "access-relay-link", run: relay_link, seeds: relay_links },
    Target { name: "access-identity", run: identity, seeds: identities },
    Target { name: "access-phrase", run: phrase, seeds: phrases },
    Target { name: "access-pairing-code", run: code, seeds: codes },
    Target { name: "access-pairing-frame", run: frame, seeds: frames },
];

/// Whatever decodes as an operation has one encoding, but for those of an older version, which are read and not written.
fn operation(bytes: &[u8]) {
    if let Ok(operation) = AccessOp::decode(bytes) {
        let written = operation.encode();
        assert_eq!(AccessOp::decode(&written).as_ref(), Ok(&operation));
        if written.first() == bytes.first() {
            assert_eq!(written, bytes);
        }
    }
}

/// A space with three people in it, to which whatever is in the bytes is added: operations, each by one of them, each after
/// its length.
fn set(bytes: &[u8]) {
    let (creation, logs) = founded();
    let space = SpaceId::from_bytes(*creation.hash.as_bytes());
    let Ok(mut history) = AccessHistory::found(creation) else { unreachable!("the creation is honest") };
    let mut rest = bytes;
    let mut number = 1_u8;
    while let Some(([author, back, low, high], tail)) = rest.split_first_chunk::<4>() {
        let (operation, tail) = tail.split_at(usize::from(u16::from_le_bytes([*low, *high])).min(tail.len()));
        rest = tail;
        number = number.wrapping_add(1);
        let Ok(operation) = AccessOp::decode(operation) else { continue };
        let known: Vec<EntryHash> = history.entries().map(|entry| entry.hash).collect();
        let heads =
            if *back == 0 { history.now().heads().to_vec() } else { vec![known[usize::from(*back) % known.len()]] };
        let entry = AccessEntry {
            hash: EntryHash::from_bytes([number; 32]),
            space,
            log: logs[usize::from(*author) % logs.len()],
            seq: u64::from(*author) / 3 + 1,
            access_heads: heads,
            time: 0,
            operation,
        };
        let _ = history.add(entry);
        let now = history.now();
        assert!(now.members().len() <= 5_000);
        // What it amounts to is the same, whatever the order it was found out in.
        let again = AccessHistory::evaluate(space, history.entries().cloned());
        assert_eq!(again.map(|again| again.now().heads().to_vec()), Ok(now.heads().to_vec()));
    }
}

fn founded() -> (AccessEntry, Vec<LogId>) {
    let people: Vec<Identity> = people();
    let logs: Vec<LogId> = people.iter().map(|one| LogId { device: one.device.id(), nonce: 1 }).collect();
    let key = ContentKey::from_bytes(&[7; 32]);
    let operation = AccessOp::create(people[0].certificate, &key, &mut rng()).unwrap_or_else(|_| unreachable!());
    let creation = AccessEntry {
        hash: EntryHash::from_bytes([1; 32]),
        space: SpaceId::UNBORN,
        log: logs[0],
        seq: 1,
        access_heads: Vec::new(),
        time: 0,
        operation,
    };
    (creation, logs)
}

fn people() -> Vec<Identity> {
    let mut rng = rng();
    (0..3).map(|_| Identity::generate(&mut rng)).collect()
}

/// The same of the link of a relay.
fn relay_link(bytes: &[u8]) {
    for prefix in ["", "sheaf-relay://"] {
        text(bytes, |text| {
            let text = format!("{prefix}{text}");
            if let Ok(link) = text.parse::<RelayLink>() {
                assert_eq!(link.to_text().ok().and_then(|text| text.parse().ok()), Some(link));
            }
        });
    }
}

/// Whatever is read from a link is written as one that reads the same.
fn link(bytes: &[u8]) {
    text(bytes, |text| {
        for text in [text.to_owned(), format!("sheaf://join/{text}")] {
            if let Ok(link) = text.parse::<InvitationLink>() {
                assert_eq!(link.to_text().ok().and_then(|text| text.parse().ok()), Some(link));
            }
        }
    });
}

/// Whatever is read as an identity is stored as one that reads the same.
fn identity(bytes: &[u8]) {
    text(bytes, |text| {
        if let Ok(identity) = Identity::from_secret_text(text) {
            let back = Identity::from_secret_text(&identity.to_secret_text());
            assert_eq!(back.map(|back| back.certificate), Ok(identity.certificate));
        }
    });
}

/// A phrase that is read is a key that is written as that phrase.
fn phrase(bytes: &[u8]) {
    text(bytes, |text| {
        if let Ok(key) = PersonKey::from_phrase(text) {
            assert_eq!(PersonKey::from_phrase(key.to_phrase().as_str()).map(|key| key.id()), Ok(key.id()));
        }
    });
}

/// Whatever is read as a pairing code is written as one that reads the same.
fn code(bytes: &[u8]) {
    text(bytes, |text| {
        for text in [text.to_owned(), format!("sheaf://pair/{text}")] {
            if let Ok(code) = text.parse::<PairingCode>() {
                assert_eq!(code.to_text().ok().and_then(|text| text.parse().ok()), Some(code));
            }
        }
    });
}

/// Whatever is read as a message of a pairing is written as one that reads the same.
fn frame(bytes: &[u8]) {
    if let Ok(frame) = PairingFrame::decode(bytes) {
        assert_eq!(PairingFrame::decode(&frame.encode()), Ok(frame));
    }
}

fn some_operations() -> Vec<AccessOp> {
    let (creation, _) = founded();
    let people = people();
    let space = SpaceId::from_bytes([1; 32]);
    let (hash, epoch) = (creation.hash, EpochId::from_bytes([1; 32]));
    let keys = [(epoch, ContentKey::from_bytes(&[7; 32]))];
    let secret = InvitationSecret::from_bytes(&[9; 32]);
    let mut rng = rng();
    let mut operations = vec![creation.operation.clone()];
    operations.extend(AccessOp::invite(space, hash, &secret, Role::Editor, &keys, &mut rng));
    operations.extend(AccessOp::redeem(space, &secret, people[1].certificate, &[hash], &keys, &mut rng));
    if let Ok(history) = AccessHistory::found(creation) {
        let founder = people[0].device.id();
        operations.extend(AccessOp::rotate(history.now(), &founder, &keys, &mut rng));
        operations.extend(AccessOp::destroy(history.now(), &founder, sheaf_access::DocumentId::from_bytes([5; 32])));
    }
    let person = people[1].certificate.person;
    let log = LogId { device: people[1].device.id(), nonce: 1 };
    operations.extend([
        AccessOp::Grant { under: hash, person, role: Role::Viewer, wraps: Vec::new() },
        AccessOp::Remove {
            under: hash,
            person,
            grants: vec![EntryHash::from_bytes([2; 32])],
            leaves: Some(Role::Viewer),
            watermarks: vec![(log, 7)],
            rotate: None,
        },
        AccessOp::Close { under: hash, invitation: secret.id(), accepted: vec![hash], rotate: None },
        AccessOp::Introduce { under: hash, name: Introduction { epoch, sealed: vec![5; SEALED_NAME] } },
    ]);
    operations
}

fn operations() -> Vec<Vec<u8>> {
    some_operations().iter().map(AccessOp::encode).collect()
}

fn sets() -> Vec<Vec<u8>> {
    let one = |(author, operation): (u8, &AccessOp)| {
        let bytes = operation.encode();
        [&[author, 0][..], &(bytes.len() as u16).to_le_bytes(), &bytes].concat()
    };
    // By the founder, but for the redemption, which is the newcomer's.
    let all = some_operations();
    let authors = all.iter().map(|operation| u8::from(matches!(operation, AccessOp::Redeem { .. })));
    vec![authors.zip(&all).skip(1).flat_map(one).collect()]
}

fn links() -> Vec<Vec<u8>> {
    let link = InvitationLink {
        space: SpaceId::from_bytes([1; 32]),
        secret: InvitationSecret::from_bytes(&[9; 32]),
        device: DeviceId::from_bytes([4; 32]),
        addresses: vec!["192.168.1.20:4433".to_owned(), "[fe80::1]:4433".to_owned()],
        relays: Vec::new(),
        role: Role::Commenter,
    };
    link.to_text().into_iter().map(String::into_bytes).collect()
}

fn relay_links() -> Vec<Vec<u8>> {
    let relay = Relay {
        key: DeviceId::from_bytes([4; 32]),
        addresses: vec!["192.168.1.20:4433".to_owned()],
        url: Some("https://relay.example".to_owned()),
    };
    let link = RelayLink { relay, token: Some("token".to_owned().into()) };
    link.to_text().into_iter().map(String::into_bytes).collect()
}

fn identities() -> Vec<Vec<u8>> {
    people().iter().take(1).map(|identity| identity.to_secret_text().as_bytes().to_vec()).collect()
}

fn phrases() -> Vec<Vec<u8>> {
    vec![PersonKey::from_seed(&[3; 32]).to_phrase().as_str().as_bytes().to_vec()]
}

fn codes() -> Vec<Vec<u8>> {
    let secret = PairingSecret::generate(&mut rng());
    let code = PairingCode { device: DeviceId::from_bytes([4; 32]), secret, addresses: vec!["10.0.0.7:99".to_owned()] };
    code.to_text().into_iter().map(String::into_bytes).collect()
}

fn frames() -> Vec<Vec<u8>> {
    let one = people().swap_remove(0);
    let frames = [
        PairingFrame::Greet { certificate: one.certificate, nonce: [1; 32], proof: [2; 32] },
        PairingFrame::Answer {
            sealing_key: one.device.sealing_key(),
            name: "Ana's laptop".to_owned(),
            nonce: [1; 32],
            proof: [2; 32],
        },
        PairingFrame::Welcome(Box::new(sheaf_access::pairing::Welcome {
            certificate: one.certificate,
            name: "Ana".to_owned(),
            colour: 3,
            private: SpaceId::from_bytes([1; 32]),
            devices: vec![(one.device.id(), vec!["10.0.0.7:99".to_owned()])],
        })),
        PairingFrame::Refuse(PairingRefusal::Used),
    ];
    frames.iter().map(PairingFrame::encode).collect()
}
