//! Documents for the property tests: those that Markdown can say in full, and any at all.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    import::Link,
    model::{Block, Item, Marks, Scalar},
};

/// How many cases to run: a few, or as many as `SHEAF_CASES` says.
pub(crate) fn cases(few: u32) -> ProptestConfig {
    let cases = std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: cases.unwrap_or(few), failure_persistence: None, ..ProptestConfig::default() }
}

/// Pieces of text that Markdown or HTML would like to read as something else, and plain words between them.
fn piece() -> impl Strategy<Value = String> {
    let special = select(vec![
        "*",
        "**",
        "_",
        "__",
        "~",
        "~~",
        "`",
        "``",
        "```",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "!",
        "#",
        "##",
        "-",
        "--",
        "---",
        "+",
        "=",
        "===",
        "|",
        ":",
        ":-",
        "--|",
        "1.",
        "2)",
        "10.",
        "&",
        "&amp;",
        "&#32;",
        "amp;",
        ";",
        "\\",
        "\"",
        "'",
        "$",
        "^",
        "{",
        "}",
        "%",
        "/",
        ".",
        ",",
        "?",
        "@",
        "<br>",
        "<b>",
        "</b>",
        "<em>",
        "</em>",
        "<!--",
        "-->",
        "<div>",
        "[x](y)",
        "![a](b)",
        "[ ]",
        "[x]",
        "[a]: b",
        "www.example.org",
        "http://example.org/?a=b&c=d",
        "https://",
        "a@example.org",
        "mailto:a@b.org",
        "<http://a.b>",
        "xmpp:a@b.org/c",
    ])
    .prop_map(str::to_owned);
    let plain = select(vec![
        "a",
        "B",
        "word",
        "two words",
        "snake_case",
        "straße",
        "日本",
        "語",
        "👩‍👩‍👧",
        "🙂",
        "é",
        "e\u{301}",
        "\u{a0}",
        "\u{3000}",
        "\u{2028}",
        "\u{200b}",
        "\u{fffd}",
        "«",
        "…",
        "—",
        "7",
        "www",
        "http",
    ])
    .prop_map(str::to_owned);
    let blank = select(vec![" ", "  ", "    ", "\t", " ", " "]).prop_map(str::to_owned);
    prop_oneof![4 => special, 4 => plain, 3 => blank, 1 => Just("\n".to_owned()), 1 => "[ -~]{1,6}"]
}

fn text() -> impl Strategy<Value = String> {
    vec(piece(), 1..5).prop_map(|pieces| pieces.concat())
}

fn link() -> impl Strategy<Value = Link> {
    let address = prop_oneof![
        4 => select(vec![
            "https://example.org", "https://example.org/a_(b)", "/a b", "#x", "", "a\\b", "<x>", "?q=1&amp;r", "?q=1&copy=2", "mailto:a@b.org",
            "a*b_c", "ü", "(", ")", "\"", "`", "[]", "&", "http://a.b?x&y;",
        ])
        .prop_map(str::to_owned),
        1 => "/[ -~]{0,8}x",
    ];
    let title = select(vec!["", "", "", "title", "a \"b\" c", "(x)", "\\", "&amp; & &lt;", "*", "'"]);
    (address, title).prop_map(|(address, title)| Link::to(address).titled(title))
}

fn marks() -> impl Strategy<Value = Marks> {
    let on = |share: f64| proptest::bool::weighted(share);
    (on(0.3), on(0.3), on(0.2), on(0.15), proptest::option::weighted(0.15, link())).prop_map(
        |(strong, em, strike, code, link)| {
            let mut marks = Marks::new();
            for (name, on) in [("strong", strong), ("em", em), ("strike", strike), ("code", code)] {
                if on {
                    marks.insert(name.to_owned(), Scalar::Bool(true));
                }
            }
            if let Some(link) = link {
                marks.insert("link".to_owned(), link.to_mark());
            }
            marks
        },
    )
}

fn image() -> impl Strategy<Value = Item> {
    (link(), proptest::option::weighted(0.5, text()), proptest::option::weighted(0.2, "/[a-z)(]{1,4}")).prop_map(
        |(source, alt, href)| {
            let mut attrs = BTreeMap::from([("src".to_owned(), Scalar::Text(source.href))]);
            let title = source.title.unwrap_or_default();
            for (name, value) in
                [("title", title), ("alt", alt.unwrap_or_default()), ("href", href.unwrap_or_default())]
            {
                if !value.is_empty() {
                    attrs.insert(name.to_owned(), Scalar::Text(value));
                }
            }
            let block = Block { kind: "image".to_owned(), parents: Vec::new(), attrs, is_embed: true };
            Item::Embed { block }
        },
    )
}

fn inline() -> impl Strategy<Value = Vec<Item>> {
    let run = (text(), marks()).prop_map(|(text, marks)| Item::Text { text, marks });
    vec(prop_oneof![8 => run, 1 => image()], 0..5)
}

/// What Markdown can say of a block's content: no blanks at its end, no code over line breaks; merged.
fn sayable(inline: Vec<Item>) -> Vec<Item> {
    let mut out: Vec<Item> = Vec::new();
    let mut push = |text: &str, marks: &Marks| match out.last_mut() {
        Some(Item::Text { text: last, marks: same }) if same == marks => last.push_str(text),
        _ if text.is_empty() => {}
        _ => out.push(Item::Text { text: text.to_owned(), marks: marks.clone() }),
    };
    let mut embeds = Vec::new();
    for item in inline {
        match item {
            Item::Text { text, marks } if marks.contains_key("code") => {
                let mut bare = marks.clone();
                bare.remove("code");
                for (number, line) in text.split('\n').enumerate() {
                    if number > 0 {
                        push("\n", &bare);
                    }
                    push(line, &marks);
                }
            }
            Item::Text { text, marks } => push(&text, &marks),
            other => {
                push("\u{1}", &Marks::from([("embed".to_owned(), Scalar::Text(embeds.len().to_string()))]));
                embeds.push(other);
            }
        }
    }
    // Embeds stood in as a text of their own, so that texts on both sides stay apart.
    let mut embeds = embeds.into_iter();
    let mut whole: Vec<Item> = out
        .into_iter()
        .map(|item| match &item {
            Item::Text { marks, .. } if marks.contains_key("embed") => embeds.next().unwrap(),
            _ => item,
        })
        .collect();
    while let Some(Item::Text { text, marks }) = whole.last_mut() {
        if !marks.contains_key("code") {
            text.truncate(text.trim_end_matches([' ', '\t']).len());
        }
        if !text.is_empty() {
            break;
        }
        whole.pop();
    }
    whole
}

/// What decides one block: how deep, of which kind, with which content.
type Choice = (u8, u8, bool, Vec<Item>, String);

fn choice() -> impl Strategy<Value = Choice> {
    (any::<u8>(), any::<u8>(), proptest::bool::weighted(0.15), inline(), text())
}

/// A document that Markdown can say in full.
pub(crate) fn sayable_document() -> impl Strategy<Value = Vec<Item>> {
    vec(choice(), 0..8).prop_map(|choices| {
        let mut open: Vec<String> = Vec::new();
        let mut items = Vec::new();
        for (depth, kind, quoted, inline, code) in choices {
            open.truncate(usize::from(depth) % (open.len() + 1));
            let mut siblings = true;
            if quoted {
                open.push("blockquote".to_owned());
                siblings = false;
            }
            let mut attrs = BTreeMap::new();
            let mut parents = open.clone();
            let mut content = sayable(inline);
            let mut own = None;
            let name = match kind % 9 {
                0 | 1 if open.last().is_some_and(|last| last == "blockquote") => {
                    parents.pop();
                    "blockquote"
                }
                0 | 1 => "paragraph",
                2 => {
                    attrs.insert("level".to_owned(), Scalar::Number(f64::from(1 + kind / 9 % 6)));
                    "heading"
                }
                3 | 4 => {
                    own = Some("unordered-list-item");
                    "unordered-list-item"
                }
                5 => {
                    own = Some("ordered-list-item");
                    let continues = siblings && items.last().is_some_and(|last: &Item| {
                        matches!(last, Item::Block { block } if block.kind == "ordered-list-item" && block.parents == parents)
                    });
                    if !continues && kind > 200 {
                        attrs.insert("start".to_owned(), Scalar::Number(f64::from(kind)));
                    }
                    "ordered-list-item"
                }
                6 => {
                    if kind > 100 {
                        attrs.insert("language".to_owned(), Scalar::Text(["rust", "c++", "a b", "`", "~`", "x&amp;y", "\\"][usize::from(depth) % 7].to_owned()));
                    }
                    let text = Item::Text { text: code, marks: Marks::new() };
                    content = if kind > 200 { Vec::new() } else { vec![text] };
                    "code-block"
                }
                7 => {
                    content = Vec::new();
                    "__ext__divider"
                }
                _ => {
                    own = Some("unordered-list-item");
                    attrs.insert("checked".to_owned(), Scalar::Bool(kind > 100));
                    "unordered-list-item"
                }
            };
            items.push(Item::Block {
                block: Block { kind: name.to_owned(), parents, attrs, is_embed: false },
            });
            items.extend(content);
            open.extend(own.map(str::to_owned));
        }
        items
    })
}

/// Any document: kinds, parents, marks and attributes as they may come from anywhere.
pub(crate) fn any_document() -> impl Strategy<Value = Vec<Item>> {
    let kind = select(vec![
        "paragraph",
        "heading",
        "unordered-list-item",
        "ordered-list-item",
        "blockquote",
        "code-block",
        "__ext__divider",
        "__ext__aside",
        "",
        "image",
    ]);
    let scalar = prop_oneof![
        Just(Scalar::Null),
        any::<bool>().prop_map(Scalar::Bool),
        any::<f64>().prop_map(Scalar::Number),
        (0..12_i32).prop_map(|n| Scalar::Number(f64::from(n))),
        text().prop_map(Scalar::Text),
        select(vec!["table", "front-matter", "---\na: b\n---", "{\"href\":\"x\"}"])
            .prop_map(|text| Scalar::Text(text.to_owned())),
    ];
    let name = select(vec!["level", "checked", "language", "start", "verbatim", "src", "alt", "href", "title"]);
    let attrs = proptest::collection::btree_map(name.prop_map(str::to_owned), scalar.clone(), 0..3);
    let block = (kind.clone(), vec(kind.prop_map(str::to_owned), 0..6), attrs)
        .prop_map(|(kind, parents, attrs)| Block { kind: kind.to_owned(), parents, attrs, is_embed: false });
    let mark = select(vec!["strong", "em", "code", "strike", "link", "__ext__comment"]).prop_map(str::to_owned);
    let marks = proptest::collection::btree_map(mark, scalar, 0..3);
    let any_text = prop_oneof![4 => text(), 1 => "\\PC{0,8}", 1 => any::<String>()];
    let run = (any_text, marks).prop_map(|(text, marks)| Item::Text { text, marks });
    let embed = block.clone().prop_map(|mut block| {
        block.is_embed = true;
        Item::Embed { block }
    });
    vec(prop_oneof![4 => block.prop_map(|block| Item::Block { block }), 6 => run, 1 => embed, 1 => image()], 0..20)
}
