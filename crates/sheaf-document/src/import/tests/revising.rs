//! A document goes out as Markdown, is edited there, and comes back.

use proptest::prelude::*;

use crate::{
    Document, Genesis, Slot, export,
    export::tests::documents::{any_document, cases},
    import,
    model::{Item, len_of},
    patch::Patch,
};

#[test]
fn a_changed_paragraph_changes_nothing_else() {
    let mut present = import::markdown("# Title\n\none\n\ntwo\n\nthree\n\n- four\n");
    // What Markdown cannot say: a blank being typed, a mark from another program.
    for item in &mut present {
        if let Item::Text { text, marks } = item {
            if text == "one" {
                text.push(' ');
            }
            if text == "three" {
                marks.insert("__ext__comment".to_owned(), crate::model::Scalar::Bool(true));
            }
        }
    }
    let text = export::markdown(&present);
    let mut expected = present.clone();
    for item in &mut expected {
        if let Item::Text { text, .. } = item
            && text == "two"
        {
            *text = "two and a half".to_owned();
        }
    }
    assert_eq!(import::revise(&present, &text.replace("two", "two and a half")), expected);
    // A block that moved keeps what it has, too.
    let moved = import::revise(&present, "three\n\n# Title\n\none\n\ntwo\n\n- four\n");
    assert_eq!(moved[2..8], present[..6]);
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn what_did_not_change_is_kept(items in any_document()) {
        let text = export::markdown(&items);
        prop_assert_eq!(import::revise(&items, &text), items, "\n{}", text);
    }

    #[test]
    fn what_changed_reads_as_the_text_says(items in any_document(), other in any_document()) {
        let text = export::markdown(&other);
        let revised = import::revise(&items, &text);
        prop_assert_eq!(import::markdown(&export::markdown(&revised)), import::markdown(&text), "\n{}", text);
    }
}

/// What `sheaf doc edit --from` does: the document is written as Markdown, one paragraph of it is changed in another
/// program, and the difference is put into the document.
#[test]
fn one_changed_paragraph_is_a_small_change_in_the_document() {
    let parts = (0..200).map(|n| format!("## Part {n}\n\nSome *words* of part {n}.\n\n- [ ] to do\n\n"));
    let text = parts.collect::<Vec<_>>().concat();
    let slot = Slot { actor: vec![1; 32], author: vec![2; 32] };
    let mut document = Document::new(Genesis::Text);
    document.replace_with(&slot, &import::markdown(&text)).unwrap();
    let present = document.items();
    let sent = export::markdown(&present);

    let edited = sent.replace("Some *words* of part 77.", "Some *good words* of part 77.");
    let revised = import::revise(&present, &edited);
    assert_eq!(
        crate::compare(&present, &revised),
        [Patch::Splice {
            at: u32::try_from(index_of(&present, "words", 77)).unwrap(),
            delete: 0,
            insert: vec![Item::Text { text: "good ".to_owned(), marks: em() }],
        }]
    );

    let before = document.save().len();
    let committed = document.replace_with(&slot, &revised).unwrap();
    assert_eq!(committed.len(), 1);
    assert!(committed[0].bytes.len() < 300, "{} bytes", committed[0].bytes.len());
    assert!(document.save().len() - before < 300);
    assert_eq!(export::markdown(&document.items()), edited);

    // The same text again is no change at all.
    assert!(document.replace_with(&slot, &import::revise(&document.items(), &edited)).unwrap().is_empty());
}

fn em() -> crate::model::Marks {
    [("em".to_owned(), crate::model::Scalar::Bool(true))].into()
}

/// Where the text `needle` stands for the `nth` time, counted from 0.
fn index_of(items: &[Item], needle: &str, nth: usize) -> usize {
    let found = |item: &Item| matches!(item, Item::Text { text, .. } if text == needle);
    let at = items.iter().enumerate().filter(|(_, item)| found(item)).nth(nth).unwrap().0;
    len_of(&items[..at])
}
