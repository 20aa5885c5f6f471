//! Documents go to the JavaScript Automerge and come from it, and say the same on both sides.
//!
//! This runs the published npm package, which `cargo xtask test` installs first. The test itself fetches nothing.

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use automerge::{AutoCommit, LoadOptions, TextEncoding};
use data_encoding::BASE64;
use serde_json::{Value, json};
use sheaf_document::{
    Document, Genesis, Slot,
    edit::Edit,
    export, import,
    model::{Block, Item, Marks, Scalar, len_of},
};

/// Runs a command of `tests/js/interop.mjs`.
fn javascript(command: &str, input: &Value) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    assert!(
        folder.join("node_modules/@automerge/automerge").is_dir(),
        "the JavaScript Automerge is not installed; run: npm ci --prefix {}",
        folder.display()
    );
    let mut node = Command::new("node")
        .arg("interop.mjs")
        .arg(command)
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node does not start; Node 20 or later must be installed");
    node.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "interop.mjs {command} failed; what it said stands above");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn saved(report: &Value) -> Vec<u8> {
    BASE64.decode(report["saved"].as_str().unwrap().as_bytes()).unwrap()
}

fn scalar(value: &Value) -> Option<Scalar> {
    serde_json::from_value(value.clone()).ok()
}

/// A span as JavaScript reports it, as an item.
fn item(span: &Value) -> Item {
    let scalars = |map: &Value| -> BTreeMap<String, Scalar> {
        let entries = map.as_object().into_iter().flatten();
        entries.filter_map(|(name, value)| Some((name.clone(), scalar(value)?))).collect()
    };
    if span["type"] == "text" {
        return Item::Text { text: span["value"].as_str().unwrap().to_owned(), marks: scalars(&span["marks"]) };
    }
    let value = &span["value"];
    let parents = value["parents"].as_array().into_iter().flatten();
    let block = Block {
        kind: value["type"].as_str().unwrap().to_owned(),
        parents: parents.map(|parent| parent.as_str().unwrap().to_owned()).collect(),
        attrs: scalars(&value["attrs"]),
        is_embed: value["isEmbed"] == true,
    };
    if block.is_embed { Item::Embed { block } } else { Item::Block { block } }
}

fn items(report: &Value) -> Vec<Item> {
    report["spans"].as_array().unwrap().iter().map(item).collect()
}

/// Where a piece of text starts, as an index.
fn index_of(items: &[Item], needle: &str) -> usize {
    let mut before = 0;
    for item in items {
        if let Item::Text { text, .. } = item
            && let Some(at) = text.find(needle)
        {
            return before + text[..at].encode_utf16().count();
        }
        before += item.len();
    }
    panic!("{needle:?} is not there");
}

fn slot(number: u8) -> Slot {
    Slot { actor: vec![number; 32], author: vec![number.wrapping_add(100); 32] }
}

/// One of everything, with emoji before what is looked for.
fn spans() -> Value {
    let block = |kind: &str, parents: &[&str], attrs: Value| json!({ "type": "block", "value": { "type": kind, "parents": parents, "attrs": attrs, "isEmbed": false } });
    json!([
        { "type": "text", "value": "before any block 👩‍👩‍👧" },
        block("heading", &[], json!({ "level": 2 })),
        { "type": "text", "value": "A 🙂 heading" },
        block("unordered-list-item", &[], json!({ "checked": true })),
        { "type": "text", "value": "done, " },
        { "type": "text", "value": "bold 𝒳", "marks": { "strong": true, "em": true } },
        { "type": "text", "value": " then plain" },
        block("ordered-list-item", &["unordered-list-item"], json!({})),
        { "type": "text", "value": "linked", "marks": { "link": "{\"href\":\"https://example.org\",\"title\":null}" } },
        { "type": "block", "value": { "type": "image", "parents": [], "attrs": { "src": "a.png", "alt": "a" }, "isEmbed": true } },
        { "type": "text", "value": "behind the picture" },
        block("__ext__aside", &["blockquote", "__ext__box"], json!({ "tone": "calm", "size": 1.5, "odd": null })),
        { "type": "text", "value": "commented 🎈 on", "marks": { "__ext__comment": "id-7" } },
        block("code-block", &[], json!({ "language": "js" })),
        { "type": "text", "value": "let a = 1\nlet b" },
    ])
}

#[test]
fn a_document_that_javascript_wrote_opens_here() {
    let needles = ["heading", "bold", "then", "linked", "behind", "commented", "let b"];
    let report = javascript("write", &json!({ "spans": spans(), "find": needles }));
    let bytes = saved(&report);
    let document = Document::load(&bytes).unwrap();
    let here = document.items();
    let written: Vec<Item> = spans().as_array().unwrap().iter().map(item).collect();
    assert_eq!(here, items(&report), "both sides read the same");
    assert_eq!(here, written, "and it is what was written");

    // An index means the same on both sides; JavaScript's string holds one unit for each marker.
    assert_eq!(len_of(&here), report["content"].as_str().unwrap().encode_utf16().count());
    for (needle, at) in needles.iter().zip(report["at"].as_array().unwrap()) {
        assert_eq!(index_of(&here, needle), usize::try_from(at.as_u64().unwrap()).unwrap(), "{needle}");
    }
    assert_eq!(import::automerge(&bytes).unwrap(), here);
    assert_eq!(import::file("a.automerge", &bytes).unwrap().title, "A 🙂 heading");
}

#[test]
fn a_document_written_here_opens_in_javascript_is_edited_there_and_comes_back() {
    let text = "# Start\n\n**bold** and the middle 🙂 of it\n\n- [x] task\n  1. inner [link](https://example.org \"t\")\n\n> said\n\n```rust\nfn a() {}\n```\n";
    let wanted = import::markdown(text);
    let mut document = Document::new(Genesis::Text);
    document.replace_with(&slot(1), &wanted).unwrap();
    // What Sheaf does not know itself, written here.
    let end = u32::try_from(len_of(&wanted)).unwrap();
    let marks = Marks::from([("__ext__colour".to_owned(), Scalar::Text("red".to_owned()))]);
    let block = Block { kind: "__ext__box".to_owned(), ..block_of(&wanted[0]) };
    let insert = vec![Item::Block { block }, Item::Text { text: "🟥 boxed".to_owned(), marks }];
    document.edit(&slot(1), &[Edit::Splice { at: end, delete: 0, insert }]).unwrap();
    let here = document.items();

    let sent = BASE64.encode(&document.save());
    let needles = ["middle", "inner", "boxed"];
    let read = javascript("read", &json!({ "saved": sent, "find": needles }));
    assert_eq!(items(&read), here, "JavaScript reads what was written here");
    for (needle, at) in needles.iter().zip(read["at"].as_array().unwrap()) {
        assert_eq!(index_of(&here, needle), usize::try_from(at.as_u64().unwrap()).unwrap(), "{needle}");
    }

    // Edited on both sides at once, then merged.
    let edited = javascript("edit", &json!({ "saved": sent }));
    let at = u32::try_from(index_of(&here, "Start")).unwrap();
    let insert = vec![Item::Text { text: "Fresh ".to_owned(), marks: Marks::new() }];
    document.edit(&slot(2), &[Edit::Splice { at, delete: 0, insert }]).unwrap();
    let open = |bytes: &[u8]| {
        let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
        AutoCommit::load_with_options(bytes, options).unwrap()
    };
    let mut merged = open(&document.save());
    merged.merge(&mut open(&saved(&edited))).unwrap();
    let mut merged = Document::load(&merged.save()).unwrap();

    let mut expected = items(&edited);
    for item in &mut expected {
        if let Item::Text { text, .. } = item {
            *text = text.replace("Start", "Fresh Start");
        }
    }
    assert_eq!(merged.items(), expected);
    let markdown = export::markdown(&merged.items());
    assert!(markdown.starts_with("# Fresh Start\n\nbold and the centre 🎯 🙂 of it\n"), "{markdown}");
    assert!(markdown.contains("\n> from JavaScript\n"), "{markdown}");

    // And once more over there.
    let again = javascript("read", &json!({ "saved": BASE64.encode(&merged.save()), "find": [] }));
    assert_eq!(items(&again), expected);
}

fn block_of(item: &Item) -> Block {
    match item {
        Item::Block { block } => Block { attrs: BTreeMap::new(), ..block.clone() },
        _ => panic!("no block"),
    }
}

/// The package that is tested is exactly the one that was chosen, and the lock file names no host to fetch it from.
#[test]
fn the_lock_file_pins_the_package_and_names_no_host() {
    let lock =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js/package-lock.json")).unwrap();
    let value: Value = serde_json::from_str(&lock).unwrap();
    assert_eq!(value["packages"]["node_modules/@automerge/automerge"]["version"], "3.5.0");
    assert!(!lock.contains("://"), "run: npm install --prefix crates/sheaf-document/tests/js");
}
