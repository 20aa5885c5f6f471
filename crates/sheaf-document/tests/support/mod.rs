//! What the property tests share: seeded cases, and random documents and edits.
//!
//! `SHEAF_CASES` says how many cases to run, `SHEAF_SEED` runs one again. A failing case prints its seed.

#![allow(dead_code, reason = "each test file uses its own part of this")]

pub mod window;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sheaf_document::{
    Checker, Committed, Document, Expect, Reading, Slot, ValidChange,
    edit::Edit,
    model::{Block, Item, Marks, Scalar},
};

pub type Rng = ChaCha8Rng;

/// Runs a property for many seeds, or for the one in `SHEAF_SEED`.
pub fn for_seeds(default: u64, mut property: impl FnMut(&mut Rng)) {
    struct Said(u64);
    impl Drop for Said {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("run it again with SHEAF_SEED={}", self.0);
            }
        }
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SHEAF_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SHEAF_CASES").unwrap_or(default),
    };
    for seed in seeds {
        let said = Said(seed);
        property(&mut Rng::seed_from_u64(seed));
        std::mem::forget(said);
    }
}

/// Cases for a property that takes `weight` times as long as the others.
pub fn weighed(default: u64, weight: u64) -> u64 {
    let asked = std::env::var("SHEAF_CASES").ok().and_then(|text| text.parse::<u64>().ok());
    asked.map_or(default, |cases| (cases / weight).max(1))
}

pub fn slot(replica: u8, number: u32) -> Slot {
    let mut actor = vec![replica; 32];
    actor[28..].copy_from_slice(&number.to_be_bytes());
    Slot { actor, author: vec![replica + 100; 32] }
}

pub fn expect(replica: u8) -> Expect {
    Expect { actors: (0..40).map(|number| slot(replica, number).actor).collect(), author: vec![replica + 100; 32] }
}

/// What was made of edits that fit.
pub fn whole(written: Result<Vec<Committed>, sheaf_document::WriteError>) -> Vec<Committed> {
    written.expect("edits that fit are written")
}

/// Checks changes as they would be on arrival; honest ones always pass.
pub fn checked(doc: &Document, changes: &[(u8, Committed)]) -> Vec<ValidChange> {
    let mut checker = Checker::new(doc);
    changes
        .iter()
        .map(|(replica, change)| match checker.check(&change.bytes, &expect(*replica)) {
            Ok(valid) => valid,
            Err(error) => panic!("an honest change is refused: {error}"),
        })
        .collect()
}

pub fn scalar(rng: &mut Rng) -> Scalar {
    match rng.random_range(0..6) {
        0 => Scalar::Bool(rng.random()),
        1 => Scalar::Number(f64::from(rng.random_range(-3..4))),
        2 => Scalar::Number(1.5),
        _ => Scalar::Text(["x", "", "ü", "{\"href\":\"a\"}"][rng.random_range(0..4)].to_owned()),
    }
}

pub fn mark(rng: &mut Rng) -> (String, Scalar) {
    match rng.random_range(0..8) {
        0 | 1 => ("strong".to_owned(), Scalar::Bool(true)),
        2 => ("em".to_owned(), Scalar::Bool(true)),
        3 => ("strike".to_owned(), Scalar::Bool(true)),
        4 => ("code".to_owned(), Scalar::Bool(true)),
        5 | 6 => (
            "link".to_owned(),
            Scalar::Text(["{\"href\":\"a\"}", "{\"href\":\"b\"}"][rng.random_range(0..2)].to_owned()),
        ),
        _ => ("__ext__seen".to_owned(), scalar(rng)),
    }
}

pub fn marks(rng: &mut Rng) -> Marks {
    let count = [0, 0, 0, 1, 1, 2][rng.random_range(0..6)];
    (0..count).map(|_| mark(rng)).collect()
}

pub fn text(rng: &mut Rng) -> String {
    let count = rng.random_range(1..6);
    (0..count).map(|_| ['a', 'b', 'b', ' ', 'é', '\n', '😀', '🏳'][rng.random_range(0..8)]).collect()
}

pub fn block(rng: &mut Rng, is_embed: bool) -> Block {
    let kinds = [
        "paragraph",
        "heading",
        "unordered-list-item",
        "ordered-list-item",
        "blockquote",
        "code-block",
        "__ext__thing",
    ];
    let mut attrs = std::collections::BTreeMap::new();
    if rng.random_range(0..3) == 0 {
        attrs.insert("level".to_owned(), Scalar::Number(f64::from(rng.random_range(1..4))));
    }
    if rng.random_range(0..5) == 0 {
        attrs.insert("__ext__own".to_owned(), scalar(rng));
    }
    let parents = (0..[0, 0, 1, 2][rng.random_range(0..4)]).map(|_| "unordered-list-item".to_owned()).collect();
    let kind = if is_embed { "image" } else { kinds[rng.random_range(0..kinds.len())] }.to_owned();
    Block { kind, parents, attrs, is_embed }
}

pub fn item(rng: &mut Rng) -> Item {
    match rng.random_range(0..8) {
        0 | 1 => Item::Block { block: block(rng, false) },
        2 => Item::Embed { block: block(rng, true) },
        _ => Item::Text { text: text(rng), marks: marks(rng) },
    }
}

pub fn items(rng: &mut Rng, most: usize) -> Vec<Item> {
    (0..rng.random_range(0..=most)).map(|_| item(rng)).collect()
}

/// Any edit, which may not fit.
pub fn any_edit(rng: &mut Rng, len: usize) -> Edit {
    let at = rng.random_range(0..=len);
    match rng.random_range(0..10) {
        0..=2 => {
            Edit::Splice { at: at as u32, delete: 0, insert: vec![Item::Text { text: text(rng), marks: marks(rng) }] }
        }
        3 => Edit::Splice { at: at as u32, delete: 0, insert: items(rng, 3) },
        4 => Edit::Splice {
            at: at as u32,
            delete: rng.random_range(0..=(len - at).min(6)) as u32,
            insert: items(rng, 3),
        },
        5 | 6 => Edit::Splice { at: at as u32, delete: rng.random_range(0..=(len - at).min(8)) as u32, insert: vec![] },
        7 | 8 => {
            let to = rng.random_range(at..=(at + 8).min(len));
            let (name, value) = mark(rng);
            let value = if rng.random_range(0..3) == 0 { Scalar::Null } else { value };
            Edit::Mark { from: at as u32, to: to as u32, name, value }
        }
        _ => {
            let Block { kind, parents, mut attrs, .. } = block(rng, false);
            if rng.random() {
                attrs.insert("level".to_owned(), Scalar::Null);
            }
            Edit::SetBlock {
                at: at as u32,
                kind: rng.random::<bool>().then_some(kind),
                parents: rng.random::<bool>().then_some(parents),
                attrs,
            }
        }
    }
}

/// Edits that fit, one after another.
pub fn edits(rng: &mut Rng, reading: &Reading, most: usize) -> Vec<Edit> {
    let mut now = reading.clone();
    let mut out = Vec::new();
    for _ in 0..rng.random_range(1..=most) {
        let mut edit = any_edit(rng, now.len());
        if let Edit::SetBlock { at, .. } = &mut edit {
            // Any block, if there is one.
            let places: Vec<u32> = places_of_blocks(&now);
            if places.is_empty() {
                continue;
            }
            *at = places[rng.random_range(0..places.len())];
        }
        if now.apply_edit(&edit).is_ok() {
            out.push(edit);
        }
    }
    out
}

pub fn places_of_blocks(reading: &Reading) -> Vec<u32> {
    let mut at = 0;
    let mut places = Vec::new();
    for item in reading.items() {
        if !matches!(item, Item::Text { .. }) {
            places.push(at);
        }
        at += item.len() as u32;
    }
    places
}

/// Rebuilds a document from its own saved bytes, so that nothing remembered helps it.
pub fn reopened(doc: &mut Document) -> Document {
    Document::load(&doc.save()).expect("what was saved opens")
}
