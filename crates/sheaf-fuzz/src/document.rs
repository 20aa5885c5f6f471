//! What `sheaf-document` reads: changes, documents, cursors, files of other programs.

use sha2::{Digest, Sha256};
use sheaf_document::edit::Edit;
use sheaf_document::limits::LoadLimits;
use sheaf_document::model::{Block, Item, Marks};
use sheaf_document::{Document, Expect, Genesis, Slot, check::peek, check_change, export, import};

use crate::{Target, text};

pub const TARGETS: &[Target] = &[
    Target { name: "document-change", run: change, seeds: changes },
    Target { name: "document-file", run: document, seeds: documents },
    Target { name: "document-cursor", run: cursor, seeds: cursors },
    Target { name: "document-import-automerge", run: import_automerge, seeds: documents },
    Target { name: "document-import-docx", run: import_docx, seeds: word_files },
    Target { name: "document-import-html", run: import_html, seeds: pages },
    Target { name: "document-import-markdown", run: import_markdown, seeds: notes },
];

fn slot(number: u8) -> Slot {
    Slot { actor: vec![number; 32], author: vec![100 + number; 32] }
}

fn typed(text: &str) -> Edit {
    Edit::Splice { at: 0, delete: 0, insert: vec![Item::Text { text: text.to_owned(), marks: Marks::new() }] }
}

/// The same bytes with a checksum that is right, so that what is inside is what is looked at.
fn summed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() > 9 {
        let hash = Sha256::digest(&bytes[8..]);
        bytes[4..8].copy_from_slice(&hash[..4]);
    }
    bytes
}

fn write(document: &mut Document, by: &Slot, edits: &[Edit]) -> Vec<Vec<u8>> {
    match document.edit(by, edits) {
        Ok(made) => made.into_iter().map(|made| made.bytes).collect(),
        Err(error) => panic!("an honest edit: {error}"),
    }
}

/// A change from outside: checked, and if it passes applied; the document must live on, and open again once saved.
fn change(bytes: &[u8]) {
    let bytes = summed(bytes);
    let _ = peek(&bytes);
    let mut document = Document::new(Genesis::Text);
    write(&mut document, &slot(1), &[typed("hello world")]);
    let expect = Expect { actors: vec![vec![2; 32]], author: vec![102; 32] };
    if let Ok(valid) = check_change(&document, &bytes, &expect)
        && document.apply(vec![valid]).refused.is_empty()
    {
        assert!(Document::load(&document.save()).is_ok());
    }
    write(&mut document, &slot(1), &[typed("still here")]);
    assert!(document.text().starts_with("still here"));
}

/// A whole document from outside: it opens within its limits, or not at all.
fn document(bytes: &[u8]) {
    let limits = LoadLimits { bytes: 1 << 20, inflated: 1 << 22, operations: 50_000 };
    if let Ok(document) = Document::load_with(&summed(bytes), &limits) {
        let _ = (document.text(), document.items());
    }
}

/// A cursor from outside: it leads to a place in the text, or nowhere.
fn cursor(bytes: &[u8]) {
    let document = with_block();
    let heads = document.heads();
    assert!(document.cursor_position(bytes, &heads).is_none_or(|at| at <= 12));
}

/// A file that is not an Automerge document is an error, and nothing else.
fn import_automerge(bytes: &[u8]) {
    let _ = import::file("a.automerge", &summed(bytes));
}

/// A file is one of Word's, within its limits, or an error; what was read can be written as one.
fn import_docx(bytes: &[u8]) {
    if let Ok(read) = import::docx(bytes) {
        assert!(export::docx("", &read.items).is_ok(), "what was read can be written");
    }
}

/// Any text is HTML; what was read can be written in every format.
fn import_html(bytes: &[u8]) {
    text(bytes, |text| {
        let read = import::html(text);
        export::markdown(&read);
        export::plain(&read);
        import::html(&export::html("", &read));
    });
}

/// Any text is Markdown; written and read again it says the same.
fn import_markdown(bytes: &[u8]) {
    text(bytes, |text| {
        let read = import::markdown(text);
        assert_eq!(import::markdown(&export::markdown(&read)), read);
    });
}

/// Documents as Word has them: a package of parts, which is compressed.
fn word_files() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "# A title\n\nWords, **strong** and [linked](https://example.org).\n\n1. one\n2. two\n\n> quoted\n\n```\ncode\n```\n",
    ];
    texts.iter().filter_map(|text| export::docx("A title", &import::markdown(text)).ok()).collect()
}

fn with_block() -> Document {
    let mut document = Document::new(Genesis::Text);
    let attrs = std::collections::BTreeMap::default();
    let block = Block { kind: "paragraph".to_owned(), parents: vec![], attrs, is_embed: false };
    let insert = vec![Item::Block { block }, Item::Text { text: "hello world".to_owned(), marks: Marks::new() }];
    write(&mut document, &slot(1), &[Edit::Splice { at: 0, delete: 0, insert }]);
    document
}

fn changes() -> Vec<Vec<u8>> {
    let by = slot(2);
    let mut changes = write(&mut Document::new(Genesis::Text), &by, &[typed("a")]);
    changes.extend(write(&mut Document::new(Genesis::Text), &by, &[typed("a longer text, in one change")]));
    let deleted = Edit::Splice { at: 2, delete: 3, insert: vec![] };
    changes.extend(write(&mut Document::new(Genesis::Text), &by, &[typed("and some of it gone"), deleted]));
    changes
}

fn documents() -> Vec<Vec<u8>> {
    let mut two = with_block();
    write(&mut two, &slot(2), &[typed("by somebody else. ")]);
    vec![Document::new(Genesis::Text).save(), Document::new(Genesis::Index).save(), with_block().save(), two.save()]
}

fn cursors() -> Vec<Vec<u8>> {
    let document = with_block();
    (0..4).filter_map(|at| document.cursor(at, &document.heads())).collect()
}

fn pages() -> Vec<Vec<u8>> {
    vec![
        b"<h1>A <em>title</em></h1><p>x<br>y <a href='https://example.org'>z</a></p><ul><li>1<ul><li>2</ul></ul>"
            .to_vec(),
        b"<table><tr><td>1<td>2</table><pre><code class=language-rust>fn</code></pre><blockquote>q<hr>".to_vec(),
    ]
}

fn notes() -> Vec<Vec<u8>> {
    vec![
        b"# Title\n\nA *b* **c** `d` ~~e~~ [f](https://example.org \"g\")\n\n- [x] done\n  1. deeper\n\n> quote\n"
            .to_vec(),
        b"```rust\nfn main() {}\n```\n\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\\* not a list\n".to_vec(),
    ]
}
