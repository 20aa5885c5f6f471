//! Bringing in a large text: as a file, and pasted into an open window.

use std::time::{Duration, Instant};

use anyhow::Result;
use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::Transactable;
use automerge::{Automerge, AutomergeError, ObjType, ROOT, ScalarValue, TextEncoding};
use sheaf_document::import;
use sheaf_document::model::{Block, Item, Scalar};

use super::Context;
use crate::figures::Figures;
use crate::home::{self, Folder};
use crate::report::Row;
use crate::window::Window;

/// How many characters.
const CHARACTERS: usize = 1_000_000;

pub async fn rows(context: &mut Context) -> Result<Vec<Row>> {
    let text = text();
    let items = import::markdown(&text);
    let folder = Folder::new()?;
    let node = home::new(&folder, "Ana").await?;
    let (mut imports, mut pastes, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..context.samples(5) {
        bare.push(calls(&items)?);
        let start = Instant::now();
        node.import(None, "report.md", text.clone().into_bytes()).await?;
        imports.push(start.elapsed());
        let document = node.create_document(None, &format!("Pasted {n}")).await?.id;
        let mut window = Window::open(&node, &document).await?;
        let sent = window.splice(window.places(), items.clone());
        pastes.push(window.saved().await?.duration_since(sent));
        window.close().await?;
    }
    node.shutdown().await?;
    let bare = Figures::of(&bare);
    let against = "the bare Automerge calls";
    let row = |name, what: &str, took: &[Duration]| {
        Row::new(name, what, Figures::of(took)).against_p50(against, bare).at_most(1.5, "<= 1.5x")
    };
    let mut rows = vec![
        row("import", "1 MB of Markdown in 2,000 blocks: file to saved", &imports),
        row("paste", "the same as a paste: batch to saved", &pastes),
    ];
    rows.extend(super::folder::rows(context).await?);
    Ok(rows)
}

/// A megabyte in two thousand blocks, a bold word in every twentieth. More marks than that, and what is measured is
/// Automerge's marks: each makes the next one dearer.
fn text() -> String {
    const BLOCKS: usize = 2_000;
    let sentence = "The float sticks below the line, and the curve stops falling before low water. ";
    let mut text = String::new();
    for n in 0..BLOCKS {
        text.push_str(match n % 20 {
            0 => "## ",
            1 => "**Again:** ",
            _ => "",
        });
        let end = CHARACTERS / BLOCKS * (n + 1);
        while text.len() + sentence.len() < end {
            text.push_str(sentence);
        }
        text.push_str("\n\n");
    }
    text
}

/// What Automerge takes to write the same blocks in one transaction, and nothing else.
fn calls(items: &[Item]) -> Result<Duration> {
    let mut document = Automerge::new_with_encoding(TextEncoding::Utf16CodeUnit);
    let start = Instant::now();
    let mut tx = document.transaction();
    let content = tx.put_object(ROOT, "content", ObjType::Text)?;
    let mut at = 0;
    for item in items {
        match item {
            Item::Text { text, marks } => {
                tx.splice_text(&content, at, 0, text)?;
                for (name, value) in marks {
                    let mark = Mark::new(name.clone(), scalar(value), at, at + item.len());
                    tx.mark(&content, mark, ExpandMark::After)?;
                }
            }
            Item::Block { block } | Item::Embed { block } => {
                let id = tx.split_block(&content, at)?;
                put_block(&mut tx, &id, block)?;
            }
        }
        at += item.len();
    }
    tx.commit();
    Ok(start.elapsed())
}

fn put_block(tx: &mut impl Transactable, id: &automerge::ObjId, block: &Block) -> Result<(), AutomergeError> {
    tx.put(id, "type", block.kind.as_str())?;
    let parents = tx.put_object(id, "parents", ObjType::List)?;
    for (n, parent) in block.parents.iter().enumerate() {
        tx.insert(&parents, n, parent.as_str())?;
    }
    let attrs = tx.put_object(id, "attrs", ObjType::Map)?;
    for (name, value) in &block.attrs {
        tx.put(&attrs, name.as_str(), scalar(value))?;
    }
    tx.put(id, "isEmbed", block.is_embed)
}

fn scalar(value: &Scalar) -> ScalarValue {
    match value {
        Scalar::Null => ScalarValue::Null,
        Scalar::Bool(value) => ScalarValue::Boolean(*value),
        Scalar::Number(value) => ScalarValue::F64(*value),
        Scalar::Text(value) => ScalarValue::Str(value.as_str().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_a_megabyte_in_two_thousand_blocks() {
        let text = text();
        assert!((900_000..=1_000_000).contains(&text.len()), "{}", text.len());
        let items = import::markdown(&text);
        assert_eq!(items.iter().filter(|item| matches!(item, Item::Block { .. })).count(), 2_000);
    }
}
