//! Documents that other programs wrote: what Sheaf does not know survives, and what it does know it may edit.

mod support;

use automerge::{
    ActorId, Automerge, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, TextEncoding, Value,
    marks::{ExpandMark, Mark},
    transaction::Transactable,
};
use rand::RngExt;
use sheaf_document::{
    Document, Genesis, LoadError, Reading,
    edit::Edit,
    limits,
    model::{Block, Item, Marks, Scalar},
    naive,
};
use support::{edits, expect, for_seeds, slot, whole};

/// A document as another program may write one: `key` holds the text.
fn foreign(key: &str, write: impl FnOnce(&mut automerge::transaction::Transaction<'_>, &ObjId)) -> Document {
    let mut doc = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
    doc.set_actor(ActorId::from([42_u8; 16]));
    let mut tx = doc.transaction();
    let text = tx.put_object(ROOT, key, ObjType::Text).unwrap();
    write(&mut tx, &text);
    tx.commit();
    Document::load(&doc.save()).unwrap()
}

#[test]
fn the_text_is_found_where_other_programs_put_it() {
    for key in ["content", "text", "body", "doc", "anything"] {
        assert_eq!(foreign(key, |tx, text| tx.splice_text(text, 0, 0, "here").unwrap()).text(), "here");
    }
    let mut doc = Automerge::new();
    let mut tx = doc.transaction();
    tx.put_object(ROOT, "one", ObjType::Text).unwrap();
    tx.put_object(ROOT, "two", ObjType::Text).unwrap();
    tx.commit();
    assert!(matches!(Document::load(&doc.save()), Err(LoadError::NoText)), "which of the two is not for us to guess");
}

#[test]
fn a_block_keeps_what_sheaf_does_not_know() {
    let mut doc = foreign("content", |tx, text| {
        let block = tx.split_block(text, 0).unwrap();
        tx.put(&block, "type", "__ext__mystery").unwrap();
        tx.put(&block, "__ext__beside", 7).unwrap();
        // No `parents`, no `isEmbed`; attributes of every kind, one of them a tree.
        let attrs = tx.put_object(&block, "attrs", ObjType::Map).unwrap();
        let tree = tx.put_object(&attrs, "tree", ObjType::Map).unwrap();
        tx.put(&tree, "leaf", "green").unwrap();
        tx.put(&attrs, "bytes", ScalarValue::Bytes(vec![1, 0xab])).unwrap();
        tx.put(&attrs, "count", ScalarValue::counter(3)).unwrap();
        tx.put(&attrs, "when", ScalarValue::Timestamp(1_700_000_000_000)).unwrap();
        tx.put(&attrs, "ratio", 0.5).unwrap();
        tx.put(&attrs, "odd", f64::NAN).unwrap();
        tx.put(&attrs, "none", ScalarValue::Null).unwrap();
        let words = tx.put_object(&attrs, "words", ObjType::Text).unwrap();
        tx.splice_text(&words, 0, 0, "as text").unwrap();
        tx.splice_text(text, 1, 0, "inside").unwrap();
        tx.mark(text, Mark::new("__ext__comment".to_owned(), 9, 1, 4), ExpandMark::Both).unwrap();
    });
    let items = doc.items();
    let Item::Block { block } = &items[0] else { panic!("{items:?}") };
    let number = Scalar::Number;
    let attrs: std::collections::BTreeMap<String, Scalar> = [
        ("bytes", Scalar::Text("01ab".into())),
        ("count", number(3.0)),
        ("when", number(1_700_000_000_000.0)),
        ("ratio", number(0.5)),
        ("odd", Scalar::Text("NaN".into())),
        ("none", Scalar::Null),
        ("words", Scalar::Text("as text".into())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    assert_eq!(*block, Block { kind: "__ext__mystery".into(), parents: vec![], attrs, is_embed: false });
    assert_eq!(
        items[1],
        Item::Text { text: "ins".into(), marks: Marks::from([("__ext__comment".into(), number(9.0))]) }
    );
    assert_eq!(serde_json::to_string(&items).unwrap().matches("null").count(), 1, "everything has words in JSON");

    // Sheaf makes a heading of it, and writes in it.
    let edit = [
        Edit::SetBlock {
            at: 0,
            kind: Some("heading".into()),
            parents: Some(vec!["blockquote".into()]),
            attrs: [
                ("level".to_owned(), number(1.0)),
                ("ratio".to_owned(), Scalar::Null),
                ("absent".to_owned(), Scalar::Null),
            ]
            .into(),
        },
        Edit::Splice { at: 2, delete: 1, insert: vec![Item::Text { text: "N".into(), marks: Marks::new() }] },
    ];
    let expected = naive::apply_edits(&doc.items(), &edit).unwrap();
    whole(doc.edit(&slot(1, 0), &edit));
    assert_eq!(doc.items(), expected);
    assert_eq!(doc.read_afresh().items(), expected);

    let am = doc.automerge();
    let block = am.get(doc.content().unwrap(), 0).unwrap().unwrap().1;
    assert_eq!(am.get(&block, "__ext__beside").unwrap().unwrap().0, Value::from(7));
    let attrs = am.get(&block, "attrs").unwrap().unwrap().1;
    let tree = am.get(&attrs, "tree").unwrap().unwrap().1;
    assert_eq!(am.get(&tree, "leaf").unwrap().unwrap().0, Value::str("green"));
    assert!(am.get(&attrs, "ratio").unwrap().is_none());
    assert_eq!(am.get(&attrs, "bytes").unwrap().unwrap().0, Value::bytes(vec![1, 0xab]));
}

/// Other programs may put a whole word into one place. Its letters are places to the window, and may be edited.
#[test]
fn words_in_one_place_are_taken_apart_when_edited() {
    for_seeds(150, |rng| {
        let mut doc = foreign("content", |tx, text| {
            for word in ["one ", "zwölf ", "😀😀", "x"] {
                let at = tx.length(text);
                tx.insert(text, at, word).unwrap();
            }
            tx.mark(text, Mark::new("strong".to_owned(), true, 0, 4), ExpandMark::None).unwrap();
        });
        assert_eq!(doc.text(), "one zwölf 😀😀x");
        for _ in 0..3 {
            let batch = edits(rng, doc.reading(), 2);
            let expected = naive::apply_edits(&doc.items(), &batch).unwrap();
            whole(doc.edit(&slot(1, rng.random_range(0..2)), &batch));
            assert_eq!(doc.items(), expected, "{batch:?}");
            assert_eq!(doc.read_afresh().items(), expected, "{batch:?}");
        }
    });
}

/// Marks of other programs expand in every way there is; what Sheaf inserts still carries exactly what it says.
#[test]
fn whatever_expands_inserted_text_carries_its_own_marks() {
    for_seeds(300, |rng| {
        let mut doc = foreign("content", |tx, text| {
            tx.splice_text(text, 0, 0, "the quick brown fox jumps").unwrap();
            for _ in 0..rng.random_range(1..8) {
                let from = rng.random_range(0..25);
                let to = rng.random_range(from..=25);
                let expand =
                    [ExpandMark::Before, ExpandMark::After, ExpandMark::Both, ExpandMark::None][rng.random_range(0..4)];
                let name = ["strong", "em", "link", "__ext__own"][rng.random_range(0..4)].to_owned();
                let value: ScalarValue = if rng.random_range(0..4) == 0 { ScalarValue::Null } else { true.into() };
                tx.mark(text, Mark::new(name, value, from, to), expand).unwrap();
                if rng.random_range(0..3) == 0 {
                    let at = rng.random_range(0..20);
                    tx.splice_text(text, at, 3, "").unwrap();
                    tx.splice_text(text, at, 0, "abc").unwrap();
                }
            }
        });
        for _ in 0..4 {
            let batch = edits(rng, doc.reading(), 3);
            let expected = naive::apply_edits(&doc.items(), &batch).unwrap();
            whole(doc.edit(&slot(1, 0), &batch));
            assert_eq!(doc.read_afresh().items(), expected, "{batch:?}");
            assert_eq!(doc.items(), expected, "{batch:?}");
        }
    });
}

#[test]
fn typing_on_after_bold_text_needs_one_correction_and_not_one_a_key() {
    let mut doc = Document::new(Genesis::Text);
    let bold = Item::Text { text: "bold".into(), marks: Marks::from([("strong".into(), Scalar::Bool(true))]) };
    whole(doc.edit(&slot(1, 0), &[Edit::Splice { at: 0, delete: 0, insert: vec![bold] }]));
    for key in 0..20 {
        let plain = Item::Text { text: "x".into(), marks: Marks::new() };
        let made = whole(doc.edit(&slot(1, 0), &[Edit::Splice { at: 4 + key, delete: 0, insert: vec![plain] }]));
        assert_eq!(made.len(), 1, "each key is one change");
        assert!(key == 0 || made[0].bytes.len() < 200, "and a small one: {}", made[0].bytes.len());
    }
    assert_eq!(doc.items().len(), 2);
}

/// A large paste is several changes, each within the limits, and a large deletion too.
#[test]
fn a_large_paste_becomes_changes_within_the_limits() {
    let block =
        Block { kind: "paragraph".into(), parents: vec![], attrs: std::collections::BTreeMap::new(), is_embed: false };
    let text = Item::Text { text: "lorem ipsum dolor 😀 ".repeat(60), marks: Marks::new() };
    let items: Vec<Item> = (0..60).flat_map(|_| [Item::Block { block: block.clone() }, text.clone()]).collect();
    let mut doc = Document::new(Genesis::Text);
    let mut other = Document::new(Genesis::Text);
    let pasted = whole(doc.replace_with(&slot(1, 0), &items));
    assert!(pasted.len() > 1);
    assert_eq!(doc.read_afresh(), Reading::from_items(items));
    let deleted = whole(doc.replace_with(&slot(1, 0), &[]));
    assert!(deleted.len() > 1);
    assert!(doc.read_afresh().is_empty());
    let mut checker = sheaf_document::Checker::new(&other);
    let changes: Vec<_> = pasted
        .iter()
        .chain(&deleted)
        .map(|change| {
            assert!(change.bytes.len() < limits::MAX_CHANGE_BYTES / 2);
            checker.check(&change.bytes, &expect(1)).unwrap()
        })
        .collect();
    assert_eq!(other.apply(changes).applied.len(), pasted.len() + deleted.len());
    assert_eq!(other.heads(), doc.heads());
}
