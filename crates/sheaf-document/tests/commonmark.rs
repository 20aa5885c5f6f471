//! The examples of the CommonMark specification: read, written, read again.
//!
//! They come from an npm package that `cargo xtask test` installs; the test itself fetches nothing.

use std::{path::Path, process::Command};

use serde::Deserialize;
use sheaf_document::{
    export, import,
    model::{Item, blocks_of},
};

#[derive(Deserialize)]
struct Example {
    markdown: String,
    html: String,
    section: String,
    number: u32,
}

fn examples() -> Vec<Example> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js");
    assert!(
        folder.join("node_modules/commonmark-spec").is_dir(),
        "the CommonMark specification is not installed; run: npm ci --prefix {}",
        folder.display()
    );
    let output = Command::new("node").arg("spec.mjs").current_dir(&folder).output();
    let output = output.expect("node does not start; Node 20 or later must be installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let examples: Vec<Example> = serde_json::from_slice(&output.stdout).unwrap();
    // The specification writes tabs as arrows.
    let tabs = |text: String| text.replace('→', "\t");
    examples.into_iter().map(|e| Example { markdown: tabs(e.markdown), html: tabs(e.html), ..e }).collect()
}

/// Everything a document shows, block by block, without blanks; what marks are on what.
fn shown(items: &[Item]) -> Vec<String> {
    let blocks = blocks_of(items).map(|(marker, inside)| {
        let mut line = marker.map(|block| format!("{}{:?}", block.kind, block.parents)).unwrap_or_default();
        for item in inside {
            match item {
                Item::Text { text, marks } => {
                    for c in text.chars().filter(|c| !c.is_whitespace()) {
                        line.push(c);
                        line.extend(marks.keys().filter_map(|name| name.chars().next()));
                    }
                }
                Item::Embed { block } => line.extend(block.attrs.iter().map(|attr| format!("{attr:?}"))),
                Item::Block { .. } => {}
            }
        }
        line
    });
    blocks.collect()
}

#[test]
fn every_example_settles_when_it_is_written_and_read_again() {
    for example in examples() {
        let read = import::markdown(&example.markdown);
        let written = export::markdown(&read);
        assert_eq!(import::markdown(&written), read, "example {}:\n{}\n{written}", example.number, example.markdown);
    }
}

/// Where a document deliberately says something else, or reading the expected HTML back does.
const OTHERWISE: [&[u32]; 5] = [
    // HTML in Markdown is text.
    &[21, 31, 201, 308, 309, 344, 475, 476, 477, 491, 494, 524, 536, 642, 643],
    // Blocks with nothing in them are blocks here; HTML shows none.
    &[79, 218, 239, 240, 487],
    // A first line `---` may begin front matter.
    &[96],
    // A link on nothing shows its address.
    &[484],
    // Bare addresses are links.
    &[602, 608, 611, 612],
];

#[test]
fn every_example_says_what_the_specification_says() {
    let mut same = 0;
    for example in examples() {
        // HTML is text here.
        let is_html = ["HTML blocks", "Raw HTML"].contains(&example.section.as_str());
        if is_html || OTHERWISE.iter().any(|numbers| numbers.contains(&example.number)) {
            continue;
        }
        let read = shown(&import::markdown(&example.markdown));
        let expected = shown(&import::html(&example.html));
        assert_eq!(read, expected, "example {}:\n{}\n{}", example.number, example.markdown, example.html);
        same += 1;
    }
    assert!(same > 500, "only {same} examples were compared");
}
