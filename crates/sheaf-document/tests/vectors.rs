//! The vectors that the window's tests read too: both sides must come to the same checksums and the same documents.
//!
//! Written anew with `SHEAF_WRITE_VECTORS=1`, and otherwise compared.

mod support;

use std::{fs, path::PathBuf};

use rand::SeedableRng;
use serde::{Deserialize, Serialize};
use sheaf_document::{
    Reading, checksum,
    model::{Block, Item, Marks, Scalar},
    naive,
    patch::Patch,
};
use support::Rng;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Checksum {
    items: Vec<Item>,
    checksum: u32,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Patched {
    before: Vec<Item>,
    patches: Vec<Patch>,
    after: Vec<Item>,
    checksum: u32,
}

fn text(text: &str, marks: &[(&str, Scalar)]) -> Item {
    let marks: Marks = marks.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Item::Text { text: text.to_owned(), marks }
}

fn marker(kind: &str, parents: &[&str], attrs: &[(&str, Scalar)]) -> Block {
    Block {
        kind: kind.to_owned(),
        parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        attrs: attrs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        is_embed: false,
    }
}

/// The corners of the definition, by hand.
fn corners() -> Vec<Vec<Item>> {
    let yes = || Scalar::Bool(true);
    let number = Scalar::Number;
    let block = |block: Block| Item::Block { block };
    vec![
        vec![],
        vec![text("implicit", &[])],
        vec![text("a", &[]), text("b", &[("strong", yes())]), text("c", &[("strong", yes()), ("em", yes())])],
        vec![block(marker("paragraph", &[], &[]))],
        vec![block(marker("paragraph", &[], &[])), block(marker("paragraph", &[], &[]))],
        vec![text("before", &[]), block(marker("heading", &[], &[("level", number(2.0))])), text("Title", &[])],
        vec![
            block(marker(
                "unordered-list-item",
                &["unordered-list-item", "ordered-list-item"],
                &[("checked", Scalar::Bool(false))],
            )),
            text("two\nlines", &[]),
        ],
        vec![
            block(marker("code-block", &[], &[("language", Scalar::Text("rust".into()))])),
            text("fn main() {\n}\n", &[]),
        ],
        vec![text("link", &[("link", Scalar::Text("{\"href\":\"https://example.org\",\"title\":\"Ü\"}".into()))])],
        vec![text("😀🏳\u{fffc}é", &[])],
        vec![Item::Embed {
            block: Block { is_embed: true, ..marker("image", &[], &[("src", Scalar::Text("x".into()))]) },
        }],
        vec![block(marker(
            "__ext__numbers",
            &[],
            &[
                ("a", number(0.0)),
                ("b", number(-0.0)),
                ("c", number(-7.0)),
                ("d", number(1.5)),
                ("e", number(1e21)),
                ("f", number(9_007_199_254_740_992.0)),
                ("g", number(9_007_199_254_740_994.0)),
                ("h", number(-9_007_199_254_740_992.0)),
                ("i", number(1e-7)),
                ("j", number(0.1 + 0.2)),
                ("k", Scalar::Null),
            ],
        ))],
        // Sorted by UTF-16 units, the astral letter comes before U+FF5E; by code points it would come after.
        vec![block(marker(
            "__ext__order",
            &[],
            &[("\u{ff5e}", number(1.0)), ("\u{10000}", number(2.0)), ("a", number(3.0))],
        ))],
        vec![text("x", &[("\u{ff5e}", yes()), ("\u{10000}", Scalar::Text("s".into()))])],
    ]
}

fn checksums() -> Vec<Checksum> {
    let mut rng = Rng::seed_from_u64(11);
    let random = (0..60).map(|_| Reading::from_items(support::items(&mut rng, 12)).items());
    corners().into_iter().chain(random).map(|items| Checksum { checksum: checksum(&items), items }).collect()
}

fn patches() -> Vec<Patched> {
    let mut rng = Rng::seed_from_u64(12);
    (0..120)
        .map(|_| {
            let before = Reading::from_items(support::items(&mut rng, 10));
            let mut after = before.clone();
            for edit in support::edits(&mut rng, &before, 5) {
                after.apply_edit(&edit).unwrap();
            }
            Patched {
                patches: before.compare(&after),
                before: before.items(),
                after: after.items(),
                checksum: after.checksum(),
            }
        })
        .collect()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(name)
}

fn written<T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug>(name: &str, made: &[T]) -> Vec<T> {
    if std::env::var_os("SHEAF_WRITE_VECTORS").is_some() {
        let lines: Vec<String> = made.iter().map(|vector| serde_json::to_string(vector).unwrap()).collect();
        fs::create_dir_all(file("")).unwrap();
        fs::write(file(name), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    let text = fs::read_to_string(file(name)).expect("the vectors are there; SHEAF_WRITE_VECTORS=1 writes them");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn checksums_are_those_on_file() {
    let made = checksums();
    let known = written("checksum.json", &made);
    for vector in &known {
        assert_eq!(checksum(&vector.items), vector.checksum, "{:?}", vector.items);
    }
    assert_eq!(known, made, "the file is what this test would write");
}

#[test]
fn patches_lead_where_the_file_says() {
    let made = patches();
    let known = written("patches.json", &made);
    for vector in &known {
        let after = naive::apply_patches(&vector.before, &vector.patches).unwrap();
        assert_eq!(after, vector.after);
        assert_eq!(checksum(&after), vector.checksum);
        let mut reading = Reading::from_items(vector.before.clone());
        for patch in &vector.patches {
            reading.apply_patch(patch).unwrap();
        }
        assert_eq!(reading.items(), vector.after);
    }
    assert_eq!(known, made, "the file is what this test would write");
}

/// The definition, written out a second time as plainly as it stands.
#[test]
fn the_checksum_is_what_its_definition_says() {
    fn fnv(units: impl Iterator<Item = u16>) -> u32 {
        units.fold(2_166_136_261, |hash: u32, unit| (hash ^ u32::from(unit)).wrapping_mul(16_777_619))
    }
    let items = vec![
        text("ab", &[]),
        Item::Block { block: marker("heading", &["blockquote"], &[("level", Scalar::Number(2.0))]) },
        text("T", &[("strong", Scalar::Bool(true))]),
    ];
    let blocks = ["-T\u{3}ab", "Bheading\0blockquote\0level\u{2}#2\0Tstrong\u{2}t\0\u{3}T"];
    let wanted = blocks
        .iter()
        .fold(2_166_136_261_u32, |hash, block| (hash ^ fnv(block.encode_utf16())).wrapping_mul(16_777_619));
    assert_eq!(checksum(&items), wanted);
    assert_eq!(checksum(&[]), 2_166_136_261);
}
