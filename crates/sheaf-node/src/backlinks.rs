//! Which documents link to which. That is said by the documents alone: nothing of it is stored, and whoever asks first
//! has them read. What was read is kept for as long as a document is as it was, so that the next answer reads only what
//! changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sheaf_access::DocumentId;
use sheaf_document::Genesis;
use sheaf_document::import::Link;
use sheaf_document::model::{Item, blocks_of};
use sheaf_store::Arrival;

use crate::core::{Core, locked};
use crate::counting::Void;
use crate::document::load;
use crate::error::NodeError;
use crate::library::parse_document;
use crate::node::blocking;
use crate::space::Space;
use crate::view::BacklinkInfo;

/// How much of the words around a link is shown, in characters.
const AROUND: usize = 160;
/// How many places are shown of one document.
const PLACES: usize = 5;

/// What was read of the documents so far.
#[derive(Default)]
pub struct Backlinks {
    read: Mutex<HashMap<DocumentId, Read>>,
    /// Held by whoever reads: two who ask at the same time read once.
    reading: tokio::sync::Mutex<()>,
}

/// The links of a document as it was.
struct Read {
    /// Up to which entry it was read.
    upto: Arrival,
    /// What did not count then.
    void: Arc<Void>,
    links: Vec<(DocumentId, String)>,
}

impl Core {
    /// The documents that link to one, in the order of the library, with the words around each link.
    pub async fn backlinks(self: &Arc<Self>, target: DocumentId) -> Result<Vec<BacklinkInfo>, NodeError> {
        let _one = self.backlinks.reading.lock().await;
        let mut found = Vec::new();
        for space in self.spaces() {
            let listed = self.list_documents(&space).await?;
            let mut closed = Vec::new();
            for info in &listed {
                let id = parse_document(&info.id)?;
                let Some(upto) = self.changed(&space, id)? else { continue };
                if locked(&self.documents).contains_key(&(space.id, id)) {
                    let void = Arc::clone(&space.lock().void);
                    let items = self.with_document(&space, id, Genesis::Text, |task| Ok(task.items())).await?;
                    locked(&self.backlinks.read).insert(id, Read { upto, void, links: links_in(&items) });
                } else {
                    closed.push((id, upto));
                }
            }
            let (core, of) = (Arc::clone(self), Arc::clone(&space));
            let read = move || {
                core.read_links(&of, closed);
                Ok(())
            };
            blocking(read).await?;

            let read = locked(&self.backlinks.read);
            for info in listed {
                let id = parse_document(&info.id)?;
                let links = read.get(&id).filter(|_| id != target).map_or(&[][..], |read| &read.links);
                let lines: Vec<String> =
                    links.iter().filter(|(to, _)| *to == target).map(|(_, words)| words.clone()).take(PLACES).collect();
                if !lines.is_empty() {
                    found.push(BacklinkInfo { id: info.id, space: info.space, title: info.title, lines });
                }
            }
        }
        Ok(found)
    }

    /// Up to which entry a document is to be read; nothing if it is as it was read.
    fn changed(&self, space: &Space, id: DocumentId) -> Result<Option<Arrival>, NodeError> {
        let read = locked(&self.backlinks.read);
        let known = read.get(&id).filter(|read| Arc::ptr_eq(&read.void, &space.lock().void));
        let from = known.map_or(0, |read| read.upto + 1);
        let last = load::rows(self, space, id, from)?.last().map(|row| row.arrival);
        Ok(match (known, last) {
            (Some(_), None) => None,
            (_, last) => Some(last.unwrap_or(0)),
        })
    }

    /// Reads documents that nobody has open; no thread is begun for any of them.
    fn read_links(&self, space: &Space, documents: Vec<(DocumentId, Arrival)>) {
        for (id, upto) in documents {
            match load::load(self, space, id, Genesis::Text) {
                Ok(loaded) => {
                    let read = Read { upto, void: loaded.void, links: links_in(&loaded.document.items()) };
                    locked(&self.backlinks.read).insert(id, read);
                }
                // It is tried again the next time; the others answer without it.
                Err(error) => tracing::warn!(%error, document = %id, "a document is not read for its links"),
            }
        }
    }
}

/// The links of a document to others, each with the words of the block it stands in.
fn links_in(items: &[Item]) -> Vec<(DocumentId, String)> {
    let mut links = Vec::new();
    for (_, inside) in blocks_of(items) {
        let mut targets: Vec<DocumentId> = inside.iter().filter_map(target_of).collect();
        targets.sort_unstable();
        targets.dedup();
        if targets.is_empty() {
            continue;
        }
        let words = words_of(inside);
        links.extend(targets.into_iter().map(|target| (target, words.clone())));
    }
    links
}

fn target_of(item: &Item) -> Option<DocumentId> {
    let Item::Text { marks, .. } = item else { return None };
    Link::of_mark(marks.get("link")?)?.document()?.parse().ok()
}

fn words_of(inside: &[Item]) -> String {
    let texts = inside.iter().filter_map(|item| match item {
        Item::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    let words = texts.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(AROUND) {
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words,
    }
}
