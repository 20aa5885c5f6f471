//! Word's files that are read back say the same.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};

use super::documents::{any_document, cases};
use crate::{
    export, import,
    import::{Builder, Link},
    model::{Item, Marks, Scalar, blocks_of},
};

#[derive(Clone, Debug)]
struct Line {
    kind: &'static str,
    depth: usize,
    number: Option<u8>,
    runs: Vec<(String, Vec<&'static str>)>,
}

fn line() -> impl Strategy<Value = Line> {
    let kinds = vec![
        "paragraph",
        "heading",
        "blockquote",
        "code-block",
        "__ext__divider",
        "within",
        "unordered-list-item",
        "task",
        "ordered-list-item",
        "ordered-list-item",
    ];
    let text = select(vec!["a", "two words", " b", "<&>\"'", "]]>", "\t", "日本", "שלום", "x\ny", "é", "\u{a0}", "  "]);
    let marks = prop_oneof![
        Just(vec![]),
        Just(vec![]),
        proptest::sample::subsequence(vec!["strong", "em", "strike", "code", "link"], 0..4)
    ];
    let runs = vec((text.prop_map(str::to_owned), marks), 0..4);
    let number = proptest::option::weighted(0.2, 50_u8..90);
    (select(kinds), 0_usize..4, number, runs).prop_map(|(kind, depth, number, runs)| Line { kind, depth, number, runs })
}

/// A document in normal form, of what such a file can say.
fn built(lines: &[Line]) -> Vec<Item> {
    let mut builder = Builder::default();
    let mut open: Vec<String> = Vec::new();
    let mut before = "";
    for line in lines {
        let mut kind = line.kind;
        if kind == "code-block" && before == kind || kind == "within" && open.is_empty() {
            kind = "paragraph";
        }
        before = kind;
        let depth = line.depth.min(open.len());
        let mut attrs = BTreeMap::new();
        match kind {
            "unordered-list-item" | "task" | "ordered-list-item" => {
                open.truncate(depth);
                let parents = open.clone();
                let name = if kind == "task" { "unordered-list-item" } else { kind };
                if kind == "task" {
                    attrs.insert("checked".to_owned(), Scalar::Bool(line.number.is_some()));
                } else if let (Some(number), "ordered-list-item") = (line.number, kind) {
                    // None that the item before would lead to anyway: such a start is not kept, for it says nothing.
                    attrs.insert("start".to_owned(), Scalar::Number(f64::from(number) * 20.0));
                }
                open.push(name.to_owned());
                builder.block(name, parents, attrs);
            }
            "within" => {
                open.truncate(depth.max(1));
                builder.block("paragraph", open.clone(), attrs);
            }
            "heading" => {
                open.clear();
                attrs.insert("level".to_owned(), Scalar::Number(f64::from(line.number.unwrap_or(50) % 6 + 1)));
                builder.block("heading", Vec::new(), attrs);
            }
            kind => {
                open.clear();
                builder.block(kind, Vec::new(), attrs);
            }
        }
        if kind == "__ext__divider" {
            continue;
        }
        for (text, marks) in &line.runs {
            if kind == "code-block" {
                builder.text(text, &Marks::new());
                continue;
            }
            let text = if marks.contains(&"code") { text.replace('\n', "") } else { text.clone() };
            let mark = |name: &&'static str| {
                let link = || Link::to("https://example.org/?a=b&c=\"d\"").to_mark();
                ((*name).to_owned(), if *name == "link" { link() } else { Scalar::Bool(true) })
            };
            builder.text(&text, &marks.iter().map(mark).collect());
        }
        if kind != "code-block" {
            builder.trim_end();
        }
    }
    builder.finish()
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_word_can_say_reads_back_equal(lines in vec(line(), 0..12)) {
        let items = built(&lines);
        let bytes = export::docx("A <title>", &items).unwrap();
        let read = import::docx(&bytes).unwrap();
        prop_assert_eq!(read.items, items);
    }

    #[test]
    fn any_document_can_be_written_and_none_of_its_words_is_lost(items in any_document()) {
        let bytes = export::docx("", &items).unwrap();
        let read = import::docx(&bytes).unwrap().items;
        let words = |items: &[Item]| {
            let plain = blocks_of(items).flat_map(|(_, inside)| inside).filter_map(|item| match item {
                Item::Text { text, .. } => Some(text.as_str()),
                _ => None,
            });
            plain.collect::<String>().chars().filter(|c| c.is_alphanumeric()).collect::<String>()
        };
        let described = words(&read).replace("picture", "");
        for word in words(&items).chars() {
            prop_assert!(described.contains(word), "{} is lost", word);
        }
        prop_assert_eq!(export::docx("", &items).unwrap(), bytes, "the same document gives the same bytes");
    }
}
