//! Old data always opens: one of each format, as it was first written, in `tests/fixtures`.
//!
//! With `SHEAF_WRITE_FIXTURES=1` the files that are not there yet are written. None is ever written again: a changed
//! format is a new version, with a fixture of its own beside the old one.

mod common;

use std::path::Path;

use common::{Space, Writer};
use sheaf_access::{AccessOp, ContentKey, DeviceId, DocumentId, EntryHash, EpochId, LogId, Role, SpaceId};
use sheaf_log::{
    Content, Draft, Entry, EntryRef, Frontier, Kind, Mine, MineKey, Part, Presence, Unverified, actor, index_document,
    padded_size, seal_presence,
};

fn fixture(name: &str, now: &[u8]) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    if std::env::var_os("SHEAF_WRITE_FIXTURES").is_some() && !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    std::fs::read(&path).unwrap()
}

fn entry(name: &str, now: &Entry) -> Entry {
    Unverified::decode(&fixture(name, now.encoded())).unwrap().verify().unwrap()
}

fn mine() -> Mine {
    let mut mine = Mine::new();
    for slot in 0..3 {
        mine.set(MineKey { document: DocumentId::from_bytes([4; 32]), part: Part::Talk, slot }, 9, [5; 32]);
    }
    mine
}

#[test]
fn entries_of_version_1() {
    let (mut ana, mut bo) = (Writer::new(1), Writer::new(2));
    let mut space = Space::found(&mut ana);
    let creation = entry("entry-1-create", &space.creation);
    assert!(matches!(creation.access_op(), Some(Ok(AccessOp::Create { .. }))));
    let secret = space.invite(&mut ana, space.creation.hash(), Role::Editor);
    let redemption = entry("entry-1-redeem", &space.redemption(&bo, &secret));
    assert!(matches!(redemption.access_op(), Some(Ok(AccessOp::Redeem { .. }))));
    let written = space.redemption(&bo, &secret);
    space.take(&mut bo, &written);

    let other = LogId { device: DeviceId::from_bytes([6; 32]), nonce: 300 };
    let on = EntryRef { log: other, seq: 70_000, hash: EntryHash::from_bytes([7; 32]) };
    let key = ContentKey::from_bytes(&[7; 32]);
    for (name, text) in [("entry-1-plain", vec![1, 2, 3]), ("entry-1-zstd", b"again and ".repeat(100))] {
        let content = Content { document: DocumentId::from_bytes([3; 32]), part: Part::Talk, changes: vec![text] };
        let draft = Draft {
            space: SpaceId::from_bytes([1; 32]),
            log: LogId { nonce: 2, ..bo.log },
            seq: 2,
            prev: Some(EntryHash::from_bytes([8; 32])),
            access_heads: vec![EntryHash::from_bytes([9; 32])],
            epoch: EpochId::from_bytes([2; 32]),
            time: 1_790_000_000_000,
            builds_on: vec![on],
            mine: mine().root(),
        };
        let now = draft.clone().seal(&key, &content, &[5; 24], &bo.identity.device).unwrap();
        let then = entry(name, &now);
        assert_eq!(then.open(&key), Ok(content));
        let header = then.header();
        assert_eq!((header.space, header.log, header.seq, header.prev), (draft.space, draft.log, 2, draft.prev));
        assert_eq!((&header.access_heads, header.epoch, header.kind), (&draft.access_heads, draft.epoch, Kind::Talk));
        assert_eq!((header.time, &header.builds_on, header.mine), (draft.time, &vec![on], mine().root()));
    }
}

#[test]
fn a_presence_message_of_version_1() {
    let key = ContentKey::from_bytes(&[7; 32]);
    let (space, epoch) = (SpaceId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    let now = seal_presence((space, epoch, &key), 77, b"caret", &[5; 24], &Writer::new(1).identity.device).unwrap();
    let then = Presence::verify(&fixture("presence-1", &now)).unwrap();
    assert_eq!((then.space, then.epoch, then.counter, then.open(&key)), (space, epoch, 77, Ok(b"caret".to_vec())));
}

#[test]
fn vectors_of_version_1() {
    assert_eq!(Mine::decode(&fixture("mine-1", &mine().encode())), Ok(mine()));
    let log = LogId { device: DeviceId::from_bytes([6; 32]), nonce: 300 };
    let frontier: Frontier = [(log, 70_000), (LogId { nonce: 1, ..log }, 1)].into_iter().collect();
    let bytes = fixture("frontier-1", &postcard::to_allocvec(&frontier).unwrap());
    assert_eq!(postcard::from_bytes::<Frontier>(&bytes).unwrap(), frontier);

    // Values that other devices have computed too: none may ever change.
    let document = DocumentId::from_bytes([4; 32]);
    let now = [
        *Mine::new().root().as_bytes(),
        *mine().root().as_bytes(),
        *frontier.digest().as_bytes(),
        *Frontier::new().digest().as_bytes(),
        actor(&log, &document, Part::Body, 0),
        actor(&log, &document, Part::Talk, 63),
        *index_document(&SpaceId::from_bytes([1; 32])).as_bytes(),
    ]
    .concat();
    assert_eq!(fixture("derivations-1", &now), now);
}

#[test]
fn size_classes_of_version_1() {
    let classes: Vec<usize> = {
        let mut at = 0;
        std::iter::from_fn(|| {
            at = padded_size(at + 1);
            Some(at)
        })
        .take(14)
        .collect()
    };
    assert_eq!(classes, [256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560]);
}
