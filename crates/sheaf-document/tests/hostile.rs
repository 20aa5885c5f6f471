//! Changes from someone who means harm, each against the check it is for (L3), and what gets past the checks against the
//! document's own defences.

mod support;

use automerge::{
    ActorId, Author, Automerge, Change, ChangeHash, ExpandedChange, ObjId, ObjType, ROOT, ReadDoc, TextEncoding,
    legacy,
    transaction::{CommitOptions, Transactable},
};
use rand::RngExt;
use sheaf_document::{
    Checker, Document, Genesis, Invalid, LoadError, ValidChange,
    check::ScanError,
    check_change, cursor,
    edit::Edit,
    limits,
    model::{Item, Marks},
};
use support::{expect, for_seeds, slot, whole};

fn content() -> ObjId {
    ObjId::Id(1, ActorId::from(*b"sheaf genesis, the same for all."), 0)
}

fn typed(at: u32, text: &str) -> Edit {
    Edit::Splice { at, delete: 0, insert: vec![Item::Text { text: text.to_owned(), marks: Marks::new() }] }
}

/// An honest document with a little text by replica 1, and the same in bare Automerge for replica 2.
fn setting() -> (Document, Automerge) {
    let mut doc = Document::new(Genesis::Text);
    whole(doc.edit(&slot(1, 0), &[typed(0, "hello world")]));
    let mut other = Automerge::load_with_options(
        &doc.save(),
        automerge::LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit),
    )
    .unwrap();
    other.set_author(Some(Author::from(vec![102_u8; 32])));
    other.set_actor(ActorId::from(slot(2, 0).actor));
    (doc, other)
}

fn insert(other: &mut Automerge, text: &str) -> Change {
    let mut tx = other.transaction();
    tx.splice_text(content(), 0, 0, text).unwrap();
    let hash = tx.commit().0.unwrap();
    other.get_change_by_hash(&hash).unwrap()
}

fn refused(doc: &Document, change: &Change) -> Invalid {
    check_change(doc, change.raw_bytes(), &expect(2)).expect_err("it is refused")
}

/// A change with something about it altered.
fn altered(change: &Change, alter: impl FnOnce(&mut ExpandedChange)) -> Change {
    let mut expanded = change.decode();
    alter(&mut expanded);
    Change::from(expanded)
}

#[test]
fn an_honest_change_passes() {
    let (mut doc, mut other) = setting();
    let first = insert(&mut other, "a");
    let second = insert(&mut other, "b");
    let mut checker = Checker::new(&doc);
    let changes = [&first, &second].map(|change| checker.check(change.raw_bytes(), &expect(2)).unwrap()).to_vec();
    assert_eq!(doc.apply(changes).applied.len(), 2);
    assert_eq!(doc.text(), "bahello world");
}

#[test]
fn a_gap_in_the_sequence() {
    let (doc, mut other) = setting();
    let first = insert(&mut other, "a");
    let second = insert(&mut other, "b");
    assert_eq!(refused(&doc, &second), Invalid::Sequence { found: 2, expected: 1 });
    let mut checker = Checker::new(&doc);
    checker.check(first.raw_bytes(), &expect(2)).unwrap();
    assert_eq!(checker.check(first.raw_bytes(), &expect(2)).unwrap_err(), Invalid::Sequence { found: 1, expected: 2 });
    checker.check(second.raw_bytes(), &expect(2)).unwrap();
}

#[test]
fn a_change_that_does_not_build_on_its_actors_previous_one() {
    let (doc, mut other) = setting();
    let first = insert(&mut other, "a");
    let second = insert(&mut other, "b");
    let mut checker = Checker::new(&doc);
    checker.check(first.raw_bytes(), &expect(2)).unwrap();
    let rewound = altered(&second, |change| {
        change.deps = doc.heads();
        for operation in &mut change.operations {
            operation.key = legacy::Key::Seq(legacy::ElementId::Head);
        }
    });
    assert_eq!(checker.check(rewound.raw_bytes(), &expect(2)).unwrap_err(), Invalid::LostPredecessor);
}

#[test]
fn another_actor_and_another_author() {
    let (doc, mut other) = setting();
    let first = insert(&mut other, "a");
    assert_eq!(check_change(&doc, first.raw_bytes(), &expect(3)).unwrap_err(), Invalid::ForeignActor);
    let mut wrong = expect(2);
    wrong.author = vec![7; 32];
    assert_eq!(check_change(&doc, first.raw_bytes(), &wrong).unwrap_err(), Invalid::Author);
    for extra in [
        vec![],
        vec![1],
        [&[1, 32][..], &[102; 31]].concat(),
        [&[1, 32][..], &[102; 33]].concat(),
        [&[2, 32][..], &[102; 32]].concat(),
    ] {
        let change = altered(&first, |change| change.extra_bytes = extra.clone());
        assert_eq!(refused(&doc, &change), Invalid::Author, "{extra:?}");
    }
}

#[test]
fn an_author_or_other_bytes_too_late() {
    let (doc, mut other) = setting();
    let first = insert(&mut other, "a");
    let second = insert(&mut other, "b");
    for extra in [[&[1, 32][..], &[102; 32]].concat(), vec![0]] {
        let mut checker = Checker::new(&doc);
        checker.check(first.raw_bytes(), &expect(2)).unwrap();
        let late = altered(&second, |change| change.extra_bytes = extra);
        assert_eq!(checker.check(late.raw_bytes(), &expect(2)).unwrap_err(), Invalid::Author);
    }
}

#[test]
fn a_deflated_change_and_other_chunks() {
    let (doc, mut other) = setting();
    let mut long = insert(&mut other, &"all work and no play ".repeat(40));
    assert_eq!(check_change(&doc, &long.bytes(), &expect(2)).unwrap_err(), Invalid::Scan(ScanError::Deflated));
    assert_eq!(check_change(&doc, &other.save(), &expect(2)).unwrap_err(), Invalid::Scan(ScanError::WrongKind(0)));
    let twice = [long.raw_bytes(), long.raw_bytes()].concat();
    assert!(matches!(check_change(&doc, &twice, &expect(2)), Err(Invalid::Scan(ScanError::LeftOver { .. }))));
    let mut wrong = long.raw_bytes().to_vec();
    wrong[5] ^= 1;
    assert_eq!(check_change(&doc, &wrong, &expect(2)).unwrap_err(), Invalid::Checksum);
    let large = vec![0; limits::MAX_CHANGE_BYTES + 1];
    assert!(matches!(check_change(&doc, &large, &expect(2)), Err(Invalid::TooLarge { .. })));
}

#[test]
fn unknown_dependencies() {
    let (doc, mut other) = setting();
    let first = insert(&mut other, "a");
    let change = altered(&first, |change| change.deps.push(ChangeHash([9; 32])));
    assert_eq!(refused(&doc, &change), Invalid::UnknownDependency(ChangeHash([9; 32])));
}

#[test]
fn operations_numbered_out_of_all_bounds() {
    let (doc, mut other) = setting();
    let first = insert(&mut other, "a");
    let highest = first.start_op().get() - 1;
    for start in [1, highest, highest + limits::MAX_OPERATION_GAP + 1, (1 << 31) - 1, u64::from(u32::MAX) - 1] {
        let change = altered(&first, |change| change.start_op = start.try_into().unwrap());
        assert!(matches!(refused(&doc, &change), Invalid::Numbering { .. }), "{start}");
    }
    let change = altered(&first, |change| change.start_op = (highest + limits::MAX_OPERATION_GAP).try_into().unwrap());
    check_change(&doc, change.raw_bytes(), &expect(2)).expect("the bound itself is allowed");
}

#[test]
fn a_change_that_does_nothing() {
    let (doc, mut other) = setting();
    let hash = other.empty_commit(CommitOptions::default());
    let change = other.get_change_by_hash(&hash).unwrap();
    assert_eq!(refused(&doc, &change), Invalid::Empty);
}

#[test]
fn more_operations_than_a_change_may_have() {
    let (doc, mut other) = setting();
    let most = limits::MAX_CHANGE_OPERATIONS as usize;
    let change = insert(&mut other, &"x".repeat(most));
    check_change(&doc, change.raw_bytes(), &expect(2)).expect("as many as may be");
    let change = insert(&mut setting().1, &"x".repeat(most + 1));
    let found = most as u64 + 1;
    assert_eq!(
        refused(&doc, &change),
        Invalid::Scan(ScanError::TooMany { what: "operations", found, limit: most as u64 })
    );
}

fn leb(mut value: u64, out: &mut Vec<u8>) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// A change chunk built by hand: columns as given.
fn by_hand(doc: &Document, columns: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    let heads = doc.heads();
    leb(heads.len() as u64, &mut body);
    for head in &heads {
        body.extend(head.0);
    }
    leb(32, &mut body);
    body.extend(slot(2, 0).actor);
    leb(1, &mut body); // sequence number
    leb(13, &mut body); // first operation
    body.push(0); // time
    body.push(0); // message
    body.push(0); // other actors
    leb(columns.len() as u64, &mut body);
    for (spec, data) in columns {
        leb(u64::from(*spec), &mut body);
        leb(data.len() as u64, &mut body);
    }
    for (_, data) in columns {
        body.extend(data);
    }
    body.extend([&[1, 32][..], &[102; 32]].concat());
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    leb(body.len() as u64, &mut chunk);
    chunk.extend(body);
    let hash = sheaf_document_sha(&chunk[8..]);
    chunk[4..8].copy_from_slice(&hash[..4]);
    chunk
}

fn sheaf_document_sha(bytes: &[u8]) -> [u8; 32] {
    <sha2::Sha256 as sha2::Digest>::digest(bytes).into()
}

/// `count` times the same value, as one run.
fn run(count: u64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // Signed: keep the sign bit of the last byte clear.
    let mut rest = count;
    loop {
        let byte = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 && byte & 0x40 == 0 {
            out.push(byte);
            break;
        }
        out.push(byte | 0x80);
    }
    out.extend(value);
    out
}

// Columns of a change's operations.
const NAME: u32 = 0x15;
const INSERT: u32 = 0x34;
const ACTION: u32 = 0x42;
const META: u32 = 0x56;
const PRED: u32 = 0x70;
const PRED_ACTOR: u32 = 0x71;
const PRED_COUNTER: u32 = 0x73;
const MARK_NAME: u32 = 0xa5;

#[test]
fn a_few_bytes_that_stand_for_billions() {
    let (doc, _) = setting();
    let refused = |columns: &[(u32, Vec<u8>)]| match check_change(&doc, &by_hand(&doc, columns), &expect(2)) {
        Err(Invalid::Scan(error)) => error,
        other => panic!("{other:?}"),
    };
    let name = [&[3][..], b"key"].concat();
    let ten = || {
        vec![
            (NAME, run(10, &name)),
            (INSERT, vec![10]),
            (ACTION, run(10, &[1])),
            (META, run(10, &[0])),
            (PRED, run(10, &[0])),
        ]
    };
    let columns = ten();
    assert!(check_change(&doc, &by_hand(&doc, &columns), &expect(2)).is_ok(), "built by hand, it would pass");
    let with = |spec: u32, data: Vec<u8>| {
        let mut columns: Vec<_> = ten().into_iter().filter(|(known, _)| *known != spec).collect();
        columns.push((spec, data));
        columns.sort_by_key(|(spec, _)| *spec);
        columns
    };
    // 2^40 operations.
    assert!(matches!(refused(&with(ACTION, run(1 << 40, &[1]))), ScanError::TooMany { what: "operations", .. }));
    let nearly = [run(i64::MAX as u64, &[1]), run(i64::MAX as u64, &[1]), run(9, &[1])].concat();
    assert!(matches!(refused(&with(ACTION, nearly)), ScanError::Malformed { .. }), "a sum that overflows");
    // Ten operations with 2^40 predecessors each, which again are one run.
    let mut many = Vec::new();
    leb(1 << 40, &mut many);
    let mut columns = with(PRED, run(10, &many));
    columns.extend([(PRED_ACTOR, run(10 << 40, &[0])), (PRED_COUNTER, run(10 << 40, &[0]))]);
    assert!(matches!(refused(&columns), ScanError::TooMany { what: "predecessors", .. }));
    // A long name, again for every operation.
    let mut long = Vec::new();
    leb(200_000, &mut long);
    long.extend(vec![b'n'; 200_000]);
    let mut columns = with(ACTION, run(50_000, &[7]));
    columns.retain(|(spec, _)| *spec != NAME);
    columns.push((MARK_NAME, run(50_000, &long)));
    assert!(matches!(refused(&columns), ScanError::TooMany { what: "bytes of names", .. }));
    // Values that are not there, columns longer than the operations, an actor nobody listed, a column nobody knows.
    assert!(matches!(refused(&with(META, run(10, &[0xf6, 0x7f]))), ScanError::BadColumn(_)));
    assert!(matches!(refused(&with(INSERT, vec![0xff, 0xff, 0xff, 0x7f])), ScanError::BadColumn(INSERT)));
    assert!(matches!(refused(&with(0x01, run(10, &[5]))), ScanError::BadColumn(1)));
    assert!(matches!(refused(&with(0xf2, run(10, &[5]))), ScanError::BadColumn(0xf2)));
    assert!(matches!(refused(&with(ACTION | 8, run(10, &[1]))), ScanError::BadColumn(_) | ScanError::Deflated));
    assert!(
        matches!(refused(&with(0x13, run(10, &[0x80, 0x80, 0x80, 0x80, 0x40]))), ScanError::BadColumn(0x13)),
        "counters below zero"
    );
}

#[test]
fn references_to_what_is_not_there() {
    let (mut doc, mut other) = setting();
    let first = insert(&mut other, "a");
    let foreign = legacy::OpId::new(3, &ActorId::from(vec![77_u8; 32]));
    let far = legacy::OpId::new(4_000_000, &ActorId::from(slot(1, 0).actor));
    let itself = legacy::OpId::new(first.start_op().get() + 5, &ActorId::from(slot(2, 0).actor));
    for id in [foreign, far, itself] {
        let element =
            altered(&first, |change| change.operations[0].key = legacy::Key::Seq(legacy::ElementId::Id(id.clone())));
        assert_eq!(refused(&doc, &element), Invalid::UnknownReference);
        let object = altered(&first, |change| change.operations[0].obj = legacy::ObjectId::Id(id.clone()));
        assert_eq!(refused(&doc, &object), Invalid::UnknownReference);
        let predecessor = altered(&first, |change| change.operations[0].pred = vec![id.clone()].into());
        assert_eq!(refused(&doc, &predecessor), Invalid::UnknownReference);
    }
    // Held here, but not among what the change builds on: elsewhere it may not have arrived.
    let before = doc.heads();
    let made = whole(doc.edit(&slot(1, 1), &[typed(0, "new")]));
    let newer = Change::from_bytes(made[0].bytes.clone()).unwrap();
    let id = legacy::OpId::new(newer.start_op().get(), &ActorId::from(slot(1, 1).actor));
    let beside = altered(&first, |change| {
        change.deps = before;
        change.start_op = newer.start_op();
        change.operations[0].key = legacy::Key::Seq(legacy::ElementId::Id(id));
    });
    assert_eq!(refused(&doc, &beside), Invalid::UnknownReference);
}

type Alter = Box<dyn Fn(&mut legacy::Op)>;

#[test]
fn what_cannot_be_done_to_an_object() {
    let (doc, mut other) = setting();
    let first = insert(&mut other, "a");
    let some = || legacy::OpId::new(4, &ActorId::from(slot(1, 0).actor));
    let text = || legacy::ObjectId::Id(legacy::OpId::new(1, &ActorId::from(*b"sheaf genesis, the same for all.")));
    let impossible: Vec<Alter> = vec![
        Box::new(|operation| operation.obj = legacy::ObjectId::Root),
        Box::new(|operation| operation.key = legacy::Key::Map("key".into())),
        Box::new(|operation| operation.insert = false),
        Box::new(move |operation| operation.pred = vec![some()].into()),
        Box::new(|operation| operation.action = legacy::OpType::Delete),
        Box::new(|operation| {
            operation.action = legacy::OpType::Delete;
            operation.insert = false;
        }),
        Box::new(|operation| operation.action = legacy::OpType::Increment(1)),
        Box::new(|operation| {
            operation.obj = legacy::ObjectId::Root;
            operation.key = legacy::Key::Map("key".into());
        }),
        Box::new(|operation| {
            operation.obj = legacy::ObjectId::Root;
            operation.key = legacy::Key::Map("key".into());
            operation.insert = false;
            operation.action = legacy::OpType::MarkEnd(true);
        }),
    ];
    for (number, alter) in impossible.iter().enumerate() {
        let change = altered(&first, |change| alter(&mut change.operations[0]));
        assert_eq!(refused(&doc, &change), Invalid::Impossible, "case {number}");
    }
    let character = altered(&first, |change| change.operations[0].obj = legacy::ObjectId::Id(some()));
    assert_eq!(refused(&doc, &character), Invalid::UnknownReference, "a character is no object");
    let unaltered = altered(&first, |change| change.operations[0].obj = text());
    check_change(&doc, unaltered.raw_bytes(), &expect(2)).expect("as it was");
}

/// Passes every check on paper, and makes Automerge panic or lie: an element of the wrong object, a key of the wrong kind.
fn poison(doc: &Document, other: &mut Automerge, which: usize) -> Change {
    let change = insert(other, "p");
    let root = legacy::ObjectId::Root;
    let some = legacy::OpId::new(4, &ActorId::from(slot(1, 0).actor));
    assert!(doc.has(&change.deps()[0]));
    altered(&change, |change| match which {
        // A list key in a map.
        0 => change.operations[0].obj = root,
        // A map key in a text.
        1 => change.operations[0].key = legacy::Key::Map("key".into()),
        // A character taken for an object.
        2 => change.operations[0].obj = legacy::ObjectId::Id(some),
        // It replaces a character at a place that is not that character's.
        3 => change.operations[0].pred = vec![some].into(),
        // It overwrites the root's text by an element of the text.
        4 => {
            change.operations[0].obj = root;
            change.operations[0].key = legacy::Key::Map("content".into());
            change.operations[0].insert = false;
            change.operations[0].pred = vec![some].into();
        }
        // It stands after the text itself, which is no place in the text.
        5 => {
            let genesis = legacy::OpId::new(1, &ActorId::from(*b"sheaf genesis, the same for all."));
            change.operations[0].key = legacy::Key::Seq(legacy::ElementId::Id(genesis));
        }
        // It deletes, in the root, a key that was never there.
        _ => {
            change.operations[0].obj = root;
            change.operations[0].key = legacy::Key::Map("nothing".into());
            change.operations[0].insert = false;
            change.operations[0].action = legacy::OpType::Delete;
            change.operations[0].pred = vec![some].into();
        }
    })
}

#[test]
fn what_breaks_automerge_is_left_out_and_the_rest_applied() {
    for which in 0..7 {
        let (mut doc, mut other) = setting();
        let mut third = other.clone();
        third.set_author(Some(Author::from(vec![103_u8; 32])));
        third.set_actor(ActorId::from(slot(3, 0).actor));
        let bad = poison(&doc, &mut other, which);
        let good: Vec<Change> = (0..5).map(|n| insert(&mut third, &n.to_string())).collect();
        let after_bad = altered(&bad, |change| {
            change.seq = 2;
            change.extra_bytes = Vec::new();
            change.deps = vec![bad.hash()];
            change.start_op = (bad.max_op() + 1).try_into().unwrap();
            change.operations[0].obj =
                legacy::ObjectId::Id(legacy::OpId::new(1, &ActorId::from(*b"sheaf genesis, the same for all.")));
            change.operations[0].key = legacy::Key::Seq(legacy::ElementId::Head);
            change.operations[0].insert = true;
            change.operations[0].pred = vec![].into();
        });
        let before = doc.heads();
        let mut batch: Vec<&Change> = good.iter().collect();
        batch.insert(2, &bad);
        batch.push(&after_bad);
        let mut checker = Checker::new(&doc);
        let valid: Vec<ValidChange> = batch
            .iter()
            .filter_map(|change| {
                let from = change.actor_id().to_bytes()[0];
                match checker.check(change.raw_bytes(), &expect(from)) {
                    Ok(passed) => Some(passed),
                    // Refused before Automerge sees it is as good.
                    Err(_) if from == 2 => None,
                    Err(error) => panic!("an honest change is refused: {error}"),
                }
            })
            .collect();
        let _ = doc.reading();
        let applied = doc.apply(valid);
        assert_eq!(applied.applied.len(), 5, "case {which}: {:?}", applied.refused);
        assert!(applied.refused.iter().all(|refused| refused.actor == slot(2, 0).actor), "case {which}");
        assert_ne!(doc.heads(), before);
        assert_eq!(doc.text(), "43210hello world");
        assert_eq!(doc.read_afresh().text(), doc.text());
        // And it goes on living: it can be written, saved and opened.
        whole(doc.edit(&slot(1, 0), &[typed(0, "still ")]));
        assert_eq!(Document::load(&doc.save()).unwrap().text(), "still 43210hello world");
    }
}

#[test]
fn a_late_duplicate_is_nothing() {
    let (mut doc, mut other) = setting();
    let first = insert(&mut other, "a");
    let valid = check_change(&doc, first.raw_bytes(), &expect(2)).unwrap();
    assert_eq!(doc.apply(vec![valid.clone(), valid.clone()]).applied.len(), 1);
    let again = doc.apply(vec![valid]);
    assert_eq!((again.applied.len(), again.refused.len()), (0, 0));
}

#[test]
fn someone_puts_another_text_in_place_of_ours() {
    let (mut doc, mut other) = setting();
    let mut tx = other.transaction();
    let theirs = tx.put_object(ROOT, "content", ObjType::Text).unwrap();
    tx.splice_text(&theirs, 0, 0, "theirs").unwrap();
    let hash = tx.commit().0.unwrap();
    let change = other.get_change_by_hash(&hash).unwrap();
    let valid = check_change(&doc, change.raw_bytes(), &expect(2)).unwrap();
    let _ = doc.reading();
    doc.apply(vec![valid]);
    assert_eq!(doc.text(), "hello world", "the text is the one that the genesis made");
    let next = insert(&mut other, "x");
    let valid = check_change(&doc, next.raw_bytes(), &expect(2)).unwrap();
    doc.apply(vec![valid]);
    assert_eq!(doc.text(), "xhello world");
    whole(doc.edit(&slot(1, 0), &[typed(1, "y")]));
    assert_eq!(doc.text(), "xyhello world");
    assert_eq!(doc.read_afresh().text(), doc.text());
}

#[test]
fn damaged_changes_never_do_more_than_fail() {
    let (doc, mut other) = setting();
    let mut tx = other.transaction();
    tx.splice_text(content(), 3, 4, "some text").unwrap();
    tx.mark(
        content(),
        automerge::marks::Mark::new("strong".to_owned(), true, 2, 6),
        automerge::marks::ExpandMark::After,
    )
    .unwrap();
    let block = tx.split_block(content(), 5).unwrap();
    tx.put(&block, "type", "paragraph").unwrap();
    let hash = tx.commit().0.unwrap();
    let bytes = other.get_change_by_hash(&hash).unwrap().raw_bytes().to_vec();
    for_seeds(600, |rng| {
        let mut damaged = bytes.clone();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..damaged.len());
            match rng.random_range(0..4) {
                0 => damaged[at] = rng.random(),
                1 => damaged[at] ^= 1 << rng.random_range(0..8),
                2 => damaged.truncate(at.max(1)),
                _ => damaged.insert(at, rng.random()),
            }
        }
        // With the checksum made right, so that what is inside is what is looked at.
        if damaged.len() > 9 {
            let hash = sheaf_document_sha(&damaged[8..]);
            damaged[4..8].copy_from_slice(&hash[..4]);
        }
        let mut doc = Document::load(&doc_bytes(&doc)).unwrap();
        if let Ok(valid) = check_change(&doc, &damaged, &expect(2)) {
            let applied = doc.apply(vec![valid]);
            if applied.refused.is_empty() {
                assert!(Document::load(&doc.save()).is_ok(), "what is applied can be saved and opened");
            }
        }
        whole(doc.edit(&slot(1, 0), &[typed(0, "ok")]));
        assert!(doc.text().starts_with("ok"));
    });
}

fn doc_bytes(doc: &Document) -> Vec<u8> {
    doc.automerge().save()
}

#[test]
fn files_that_are_no_documents() {
    assert!(matches!(Document::load(b""), Err(LoadError::Scan(ScanError::NotAutomerge))));
    assert!(matches!(Document::load(b"# Not a document"), Err(LoadError::Scan(ScanError::NotAutomerge))));
    let (mut doc, _) = setting();
    let bytes = doc.save();
    for length in 0..bytes.len() {
        assert!(Document::load(&bytes[..length]).is_err(), "cut at {length}");
    }
    let small = limits::LoadLimits { bytes: 10, ..limits::LoadLimits::default() };
    assert!(matches!(Document::load_with(&bytes, &small), Err(LoadError::TooLarge { .. })));
    let few = limits::LoadLimits { operations: 3, ..limits::LoadLimits::default() };
    assert!(matches!(Document::load_with(&bytes, &few), Err(LoadError::Scan(ScanError::TooMany { .. }))));
    let empty = Automerge::new().save();
    assert!(matches!(Document::load(&empty), Err(LoadError::NoText)));
    for_seeds(400, |rng| {
        let mut damaged = bytes.clone();
        let at = rng.random_range(0..damaged.len());
        damaged[at] ^= 1 << rng.random_range(0..8);
        if rng.random() {
            let hash = sheaf_document_sha(&damaged[8..]);
            damaged[4..8].copy_from_slice(&hash[..4]);
        }
        let _ = Document::load(&damaged);
    });
}

/// Long runs of one character: little on disk, much in memory.
#[test]
fn a_document_that_inflates_is_refused_before_it_does() {
    let mut doc = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
    let mut tx = doc.transaction();
    let text = tx.put_object(ROOT, "content", ObjType::Text).unwrap();
    tx.splice_text(&text, 0, 0, &"a".repeat(300_000)).unwrap();
    tx.commit();
    let bytes = doc.save();
    assert!(bytes.len() < 2_000, "{} bytes", bytes.len());
    let tight = limits::LoadLimits { operations: 100_000, ..limits::LoadLimits::default() };
    assert!(matches!(
        Document::load_with(&bytes, &tight),
        Err(LoadError::Scan(ScanError::TooMany { what: "entries" | "operations", .. }))
    ));
    let tight = limits::LoadLimits { inflated: 1_000, ..limits::LoadLimits::default() };
    assert!(matches!(Document::load_with(&bytes, &tight), Err(LoadError::Scan(ScanError::TooMany { .. }))));
    assert_eq!(Document::load(&bytes).unwrap().text().len(), 300_000);
}

#[test]
fn cursors_from_anyone() {
    let (mut doc, _) = setting();
    // A cursor into another object of the document: a marker's own map.
    let marker = Item::Block {
        block: sheaf_document::model::Block {
            kind: "paragraph".into(),
            parents: vec![],
            attrs: std::collections::BTreeMap::new(),
            is_embed: false,
        },
    };
    whole(doc.edit(&slot(1, 0), &[Edit::Splice { at: 0, delete: 0, insert: vec![marker] }]));
    let heads = doc.heads();
    let good = doc.cursor(3, &heads).unwrap();
    assert_eq!(doc.cursor_position(&good, &heads), Some(3));
    assert_eq!(doc.cursor_position(&doc.cursor(12, &heads).unwrap(), &heads), Some(12), "the end");
    assert!(cursor::parse_cursor(&[]).is_none());
    assert!(cursor::parse_cursor(&[1; 4_000]).is_none());
    for_seeds(1_500, |rng| {
        let mut bytes =
            if rng.random() { good.clone() } else { (0..rng.random_range(0..60)).map(|_| rng.random()).collect() };
        if !bytes.is_empty() {
            for _ in 0..rng.random_range(0..3) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
        }
        assert!(doc.cursor_position(&bytes, &heads).is_none_or(|at| at <= 12));
    });
}
