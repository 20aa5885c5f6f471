//! Documents: listing, finding, making, reading, changing, and writing them out.

use std::sync::Arc;

use sheaf_document::model::Item;
use sheaf_document::{Genesis, export, import};

use super::find::{checked_title, find, shown};
use super::{Node, blocking};
use crate::error::NodeError;
use crate::library::Entering;
use crate::space::Space;
use crate::view::DocumentInfo;

/// How a document is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Markdown.
    Markdown,
    /// A whole HTML page.
    Html,
    /// Word's format.
    Docx,
    /// The text alone.
    Text,
    /// The blocks, as JSON.
    Json,
    /// The Automerge document, with its history.
    Automerge,
}

/// The largest file that is read as text, in bytes.
const IMPORT: usize = 16 << 20;
/// The most blocks a document is made with.
const IMPORT_BLOCKS: usize = 100_000;

impl Node {
    /// The documents of one space, or of all, each space's in the order of its tree.
    pub async fn documents(&self, space: Option<&str>) -> Result<Vec<DocumentInfo>, NodeError> {
        self.core.me()?;
        let spaces = match space {
            Some(space) => vec![self.space_of(space)?],
            None => self.core.spaces(),
        };
        let mut documents = Vec::new();
        for space in spaces {
            documents.extend(self.core.list_documents(&space).await?);
        }
        let pinned = self.core.pinned().await?;
        for document in &mut documents {
            document.pinned = pinned.get(&document.id).map(|since| since.max(&0).cast_unsigned());
        }
        Ok(documents)
    }

    /// Finds a document by its id, the beginning of it (four letters or more), or its title.
    pub async fn find_document(&self, text: &str) -> Result<DocumentInfo, NodeError> {
        let documents = self.documents(None).await?;
        let found = find(text, &documents, |document| (&document.id, &document.title), "documents")?;
        found.cloned().ok_or_else(|| NodeError::NoSuchDocument(shown(text)))
    }

    /// Makes a document with a title and an empty paragraph, last in the tree of its space.
    pub async fn create_document(&self, space: Option<&str>, title: &str) -> Result<DocumentInfo, NodeError> {
        self.create_document_at(space, title, None, None).await
    }

    /// The same, under another document, or before one.
    pub async fn create_document_at(
        &self,
        space: Option<&str>,
        title: &str,
        under: Option<&str>,
        before: Option<&str>,
    ) -> Result<DocumentInfo, NodeError> {
        let beside = under.or(before);
        let space = match beside {
            Some(beside) => self.locate(beside).await?.0,
            None => self.space_or_first(space)?,
        };
        let title = checked_title(title, "a title")
            .or_else(|e| if title.trim().is_empty() { Ok(String::new()) } else { Err(e) })?;
        let items = crate::library::titled(&title);
        let (under, before) = (under.map(str::to_owned), before.map(str::to_owned));
        let document =
            self.core.create_document(&space, Entering { title, items, under, before, tags: Vec::new() }).await?;
        self.settle().await?;
        Ok(document)
    }

    /// A document's place and its blocks.
    pub async fn read(&self, document: &str) -> Result<(DocumentInfo, Vec<Item>), NodeError> {
        let (space, info) = self.locate(document).await?;
        let id = crate::library::parse_document(document)?;
        let items = self.core.with_document(&space, id, Genesis::Text, |task| Ok(task.items())).await?;
        Ok((info, items))
    }

    /// A document, written out.
    pub async fn export(&self, document: &str, format: Format) -> Result<Vec<u8>, NodeError> {
        if format == Format::Automerge {
            let (space, _) = self.locate(document).await?;
            let id = crate::library::parse_document(document)?;
            return self.core.with_document(&space, id, Genesis::Text, |task| Ok(task.save())).await;
        }
        let (info, items) = self.read(document).await?;
        Ok(match format {
            Format::Markdown => export::markdown(&items).into_bytes(),
            Format::Html => export::html(&info.title, &items).into_bytes(),
            Format::Docx => {
                blocking(move || export::docx(&info.title, &items).map_err(|error| unwritten(&error))).await?
            }
            Format::Text => export::plain(&items).into_bytes(),
            Format::Json | Format::Automerge => export::json(&info.title, &items).into_bytes(),
        })
    }

    /// Makes a document from a file's bytes. Nothing is imported by half.
    pub async fn import(&self, space: Option<&str>, name: &str, bytes: Vec<u8>) -> Result<DocumentInfo, NodeError> {
        let space = self.space_or_first(space)?;
        let name = name.to_owned();
        let imported = blocking(move || read_file(&name, &bytes)).await?;
        let new = Entering { title: imported.title, items: imported.items, ..Entering::default() };
        let document = self.core.create_document(&space, new).await?;
        self.settle().await?;
        Ok(document)
    }

    /// Adds paragraphs at the end of a document, one for each line of the text.
    pub async fn append(&self, document: &str, text: &str) -> Result<(), NodeError> {
        let (space, _) = self.locate(document).await?;
        let id = crate::library::parse_document(document)?;
        let more = import::plain(text);
        self.core.with_document(&space, id, Genesis::Text, move |task| task.append(more)).await?;
        self.settle().await
    }

    /// Makes a document say what a Markdown text says. Only the difference is written.
    pub async fn replace(&self, document: &str, markdown: &str) -> Result<(), NodeError> {
        let (space, _) = self.locate(document).await?;
        let id = crate::library::parse_document(document)?;
        let markdown = markdown.to_owned();
        // What did not change in the text keeps everything that Markdown cannot say.
        let revise = move |task: &mut crate::document::Task| {
            let items = import::revise(&task.items(), &markdown);
            task.replace(&items)
        };
        self.core.with_document(&space, id, Genesis::Text, revise).await?;
        self.settle().await
    }

    /// The space a document is in, and what is known of it.
    pub(super) async fn locate(&self, document: &str) -> Result<(Arc<Space>, DocumentInfo), NodeError> {
        self.core.me()?;
        let id = crate::library::parse_document(document)?;
        for space in self.core.spaces() {
            if let Some(info) = self.core.listed(&space, id).await? {
                return Ok((space, info));
            }
        }
        Err(NodeError::NoSuchDocument(shown(document)))
    }
}

fn unwritten(error: &std::io::Error) -> NodeError {
    NodeError::CannotWrite(format!("the file cannot be put together: {error}"))
}

/// Reads a file as blocks, unless it is more than a document holds.
fn read_file(name: &str, bytes: &[u8]) -> Result<import::Imported, NodeError> {
    let is_packed =
        |kind: &std::ffi::OsStr| ["automerge", "docx"].iter().any(|packed| kind.eq_ignore_ascii_case(packed));
    if !std::path::Path::new(name).extension().is_some_and(is_packed) && bytes.len() > IMPORT {
        return Err(NodeError::BadInput(format!(
            "{name} has {} MB, and a document takes at most {} MB of text. Split it; nothing was imported.",
            bytes.len() >> 20,
            IMPORT >> 20
        )));
    }
    let imported = import::file(name, bytes).map_err(|error| NodeError::BadInput(error.to_string()))?;
    let blocks = imported.items.iter().filter(|item| matches!(item, Item::Block { .. })).count();
    if blocks > IMPORT_BLOCKS {
        return Err(NodeError::BadInput(format!(
            "{name} has {blocks} paragraphs, and a document takes at most {IMPORT_BLOCKS}. Split it; nothing was imported."
        )));
    }
    Ok(imported)
}
