//! Readings against the naive model: edits, patches, comparison and checksum.

mod support;

use rand::RngExt;
use sheaf_document::{Reading, checksum, compare, naive};
use support::{any_edit, edits, for_seeds, items};

#[test]
fn edits_do_to_a_reading_what_they_do_to_the_model() {
    for_seeds(3_000, |rng| {
        let row = items(rng, 12);
        let mut reading = Reading::from_items(row);
        for _ in 0..8 {
            let before = reading.items();
            let beyond = usize::from(rng.random_range(0..9) == 0);
            let edit = any_edit(rng, reading.len() + beyond);
            match reading.apply_edit(&edit) {
                Ok(()) => assert_eq!(
                    reading.items(),
                    naive::apply_edits(&before, std::slice::from_ref(&edit)).unwrap(),
                    "{edit:?}"
                ),
                Err(_) => assert_eq!(reading.items(), before, "an edit that fails changes nothing: {edit:?}"),
            }
            assert_eq!(reading, Reading::from_items(reading.items()), "blocks are what a fresh reading makes of them");
            assert_eq!(reading.len(), sheaf_document::model::len_of(&reading.items()));
            assert_eq!(reading.checksum(), checksum(&reading.items()));
        }
    });
}

#[test]
fn comparing_two_readings_leads_from_one_to_the_other() {
    for_seeds(3_000, |rng| {
        let old = Reading::from_items(items(rng, 14));
        let new = if rng.random_range(0..3) == 0 {
            Reading::from_items(items(rng, 14))
        } else {
            let mut new = old.clone();
            for edit in edits(rng, &old, 6) {
                new.apply_edit(&edit).unwrap();
            }
            new
        };
        let patches = old.compare(&new);
        assert_eq!(naive::apply_patches(&old.items(), &patches).unwrap(), new.items(), "{patches:?}");
        let mut there = old.clone();
        for patch in &patches {
            there.apply_patch(patch).unwrap();
        }
        assert_eq!(there, new);
        assert_eq!(patches, compare(&old.items(), &new.items()), "shared blocks make it quicker, not different");
        let made = old.edits_to(&new);
        assert_eq!(naive::apply_edits(&old.items(), &made).unwrap(), new.items());
        assert!(old.compare(&old.clone()).is_empty());
    });
}

#[test]
fn a_small_change_in_a_long_text_is_a_small_patch() {
    use sheaf_document::model::{Block, Item, Marks};
    let block = |n: u32| Block {
        kind: "paragraph".into(),
        parents: vec![],
        attrs: [("n".to_owned(), sheaf_document::model::Scalar::Number(f64::from(n % 3)))].into(),
        is_embed: false,
    };
    let row = |skip: Option<u32>, split: Option<u32>| -> Vec<Item> {
        (0..400)
            .filter(|n| Some(*n) != skip)
            .flat_map(|n| {
                let text = |t: &str| Item::Text { text: t.to_owned(), marks: Marks::new() };
                let mut out = vec![Item::Block { block: block(n) }];
                if Some(n) == split {
                    out.extend([
                        text(&format!("paragraph {n} with ")),
                        Item::Block { block: block(n) },
                        text("some words"),
                    ]);
                } else {
                    out.push(text(&format!("paragraph {n} with some words")));
                }
                out
            })
            .collect()
    };
    let (whole, without, split) = (row(None, None), row(Some(200), None), row(None, Some(300)));
    assert_eq!(compare(&whole, &without).len(), 1, "a deleted paragraph is one patch");
    assert_eq!(compare(&without, &whole).len(), 1, "an inserted one too");
    let patches = compare(&whole, &split);
    assert!(
        matches!(&patches[..], [sheaf_document::patch::Patch::Splice { delete: 0, insert, .. }] if insert.len() == 1),
        "a split paragraph is one marker: {patches:?}"
    );
    assert_eq!(compare(&split, &whole).len(), 1, "a joined one too");
}
