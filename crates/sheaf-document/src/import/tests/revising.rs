//! A document goes out as Markdown, is edited there, and comes back.

use proptest::prelude::*;

use crate::{
    export,
    export::tests::documents::{any_document, cases},
    import,
    model::Item,
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
    // A block moved keeps what it has, too.
    let moved = import::revise(&present, "three\n\n# Title\n\none\n\ntwo\n\n- four\n");
    assert!(
        moved.contains(&present[7])
            || moved.iter().any(|item| matches!(item, Item::Text { text, .. } if text == "one "))
    );
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
