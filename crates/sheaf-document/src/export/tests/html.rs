//! HTML is read back too: not for all that blanks can mean there, but for everything else.

use proptest::prelude::*;

use super::documents::{any_document, cases, sayable_document};
use crate::{
    export, import,
    model::{Item, Scalar},
};

/// Without what HTML drops: blanks in rows and at edges, languages of several words, images from nowhere.
fn without_blanks(mut items: Vec<Item>) -> Vec<Item> {
    for item in &mut items {
        match item {
            Item::Text { text, .. } => *text = text.replace([' ', '\t', '\u{a0}'], "·"),
            Item::Embed { block } => {
                block.attrs.entry("src".to_owned()).and_modify(|src| {
                    if *src == Scalar::Text(String::new()) {
                        *src = Scalar::Text("x".to_owned());
                    }
                });
            }
            Item::Block { block } => {
                if block.attrs.get("language") == Some(&Scalar::Text("a b".to_owned())) {
                    block.attrs.remove("language");
                }
            }
        }
    }
    items
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn html_reads_back_equal(items in sayable_document().prop_map(without_blanks)) {
        let page = export::html("Title", &items);
        prop_assert_eq!(import::html(&page), items, "\n{}", page);
    }

    #[test]
    fn any_document_is_clean_html(items in any_document()) {
        let page = export::html("<script>", &items);
        prop_assert!(!page.contains("<script"), "{}", page);
        prop_assert!(!page.contains("href=\"javascript"), "{}", page);
        import::html(&page);
    }

    #[test]
    fn plain_text_is_written_for_any_document(items in any_document()) {
        export::plain(&items);
    }
}

#[test]
fn lists_are_nested_for_real() {
    let items = import::markdown("1. one\n   - in\n     > said\n   - [x] done\n2. two\n\nend\n");
    let html = export::html_fragment(&items);
    let expected = "<ol><li><p>one</p><ul><li><p>in</p><blockquote><p>said</p></blockquote></li><li>\
        <input type=\"checkbox\" disabled checked><p>done</p></li></ul></li><li><p>two</p></li></ol>\n<p>end</p>\n";
    assert_eq!(html, expected);
}

#[test]
fn links_that_run_something_lose_the_link_and_keep_the_words() {
    let link = import::Link::to("java\nscript:alert(1)").to_mark();
    let text = Item::Text { text: "press".to_owned(), marks: [("link".to_owned(), link)].into() };
    assert_eq!(export::html_fragment(&[text]), "<p>press</p>\n");
}

#[test]
fn plain_text_reads_like_a_letter() {
    let items =
        import::markdown("# Title\n\nSome *text*.\n\n- one\n  1. in\n- [ ] two\n\n> said\n\n```rust\nlet a;\n```\n");
    let expected = "Title\n\nSome text.\n\n- one\n  1. in\n[ ] two\n\n> said\n\nlet a;\n";
    assert_eq!(export::plain(&items), expected);
}

#[test]
fn json_is_stable() {
    let items = import::markdown("a **b**\n");
    let json = export::json("T", &items);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["title"], "T");
    assert_eq!(value["items"][2]["marks"]["strong"], true);
    assert_eq!(json, export::json("T", &items));
    assert!(json.starts_with("{\n  \"title\": \"T\",\n  \"items\": ["));
}
