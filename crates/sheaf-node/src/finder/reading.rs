//! What of a document is indexed, and how it is known that it has changed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use sheaf_access::{DocumentId, PersonId, SpaceId};
use sheaf_document::model::Item;
use sheaf_document::{Document, Genesis, export};
use sheaf_search::Page;
use sheaf_store::{Arrival, StoreError, Table};
use tokio::runtime::Handle;

use super::Work;
use crate::core::{Core, key, locked};
use crate::document::load;
use crate::error::NodeError;
use crate::space::Space;
use crate::view::DocumentInfo;

/// How often something other than new entries has changed what documents of a space say.
const RECKONED: &[u8] = b"reckoned/";

/// What each document in the index was made from.
pub struct Stamps(HashMap<DocumentId, String>);

impl Stamps {
    /// As the index has them.
    pub fn new(stamps: HashMap<String, String>) -> Self {
        Self(stamps.into_iter().filter_map(|(id, stamp)| Some((id.parse().ok()?, stamp))).collect())
    }

    pub fn put(&mut self, id: DocumentId, stamp: String) {
        self.0.insert(id, stamp);
    }

    pub fn remove(&mut self, id: DocumentId) {
        self.0.remove(&id);
    }
}

/// What a stamp says: up to which entry of which store the document was read, and everything else it says of it.
struct Stamp {
    upto: Arrival,
    rest: String,
}

impl Stamp {
    fn text(&self) -> String {
        format!("{} {}", self.upto, self.rest)
    }

    fn read(text: &str) -> Option<Self> {
        let (upto, rest) = text.split_once(' ')?;
        Some(Self { upto: upto.parse().ok()?, rest: rest.to_owned() })
    }
}

/// What a document is called and how it is found, besides its words; and in which store its entries are numbered.
fn said(core: &Core, space: &Space, info: &DocumentInfo) -> Result<String, NodeError> {
    let reckoned = core.store.get(Table::Settings, &key(RECKONED, space.id))?.unwrap_or_default();
    let said = serde_json::json!([core.store_number()?, reckoned, info.title, info.tags]).to_string();
    Ok(blake3::hash(said.as_bytes()).to_hex()[..16].to_owned())
}

impl Core {
    /// Other entries count in a space than before, or a checkpoint stands for some: its documents may say something else.
    pub fn reckoned_anew(&self, space: &Space) -> Result<(), StoreError> {
        let name = key(RECKONED, space.id);
        let before = self.store.get(Table::Settings, &name)?.and_then(|bytes| bytes.try_into().ok());
        let times = before.map_or(0, u64::from_le_bytes).wrapping_add(1);
        self.store.put(Table::Settings, &name, &times.to_le_bytes())?;
        self.finder.compare(space.id);
        Ok(())
    }
}

impl Work {
    /// Finds which documents of a space are not in the index as they are; what is in it and not in the space goes.
    pub(super) fn compare(&mut self, core: &Arc<Core>, runtime: &Handle, id: SpaceId) {
        let Some(space) = core.space(id) else { return self.forget_spaces(core) };
        match runtime.block_on(core.list_documents(&space)) {
            Ok(listed) => {
                let known: HashMap<DocumentId, &DocumentInfo> =
                    listed.iter().filter_map(|info| Some((info.id.parse().ok()?, info))).collect();
                for (document, info) in &known {
                    if !self.is_as_stored(core, &space, *document, info).unwrap_or(false) {
                        self.todo.insert((id, *document), Instant::now());
                    }
                }
                let gone = self.gone(core, id, &known);
                self.todo.extend(gone.into_iter().map(|place| (place, Instant::now())));
            }
            Err(error) => {
                tracing::warn!(%error, space = %id, "the documents of a space are not compared for the search");
            }
        }
    }

    /// Lets go of documents of spaces that are on the list no more.
    pub(super) fn forget_spaces(&mut self, core: &Core) {
        for document in self.stamps.0.keys() {
            match core.home_of(*document) {
                Ok(Some(home)) if core.space(home).is_some() => {}
                Ok(Some(home)) => drop(self.todo.insert((home, *document), Instant::now())),
                Ok(None) | Err(_) => {}
            }
        }
    }

    fn is_as_stored(
        &self,
        core: &Core,
        space: &Space,
        document: DocumentId,
        info: &DocumentInfo,
    ) -> Result<bool, NodeError> {
        let Some(stamp) = self.stamps.0.get(&document).and_then(|text| Stamp::read(text)) else { return Ok(false) };
        let same = stamp.rest == said(core, space, info)?;
        Ok(same && core.store.document_rows(space.id, document, stamp.upto + 1)?.is_empty())
    }

    fn gone(
        &self,
        core: &Core,
        space: SpaceId,
        listed: &HashMap<DocumentId, &DocumentInfo>,
    ) -> Vec<(SpaceId, DocumentId)> {
        let unlisted = self.stamps.0.keys().filter(|document| !listed.contains_key(*document));
        unlisted
            .filter(|document| core.home_of(**document).ok().flatten() == Some(space))
            .map(|document| (space, *document))
            .collect()
    }
}

/// What is to be indexed of a document; nothing, if it is in no list.
pub fn page(
    core: &Arc<Core>,
    runtime: &Handle,
    space: SpaceId,
    document: DocumentId,
) -> Result<Option<Page>, NodeError> {
    let Some(space) = core.space(space) else { return Ok(None) };
    let Some(info) = runtime.block_on(core.listed(&space, document))? else { return Ok(None) };
    let rest = said(core, &space, &info)?;
    // Before the words: what comes meanwhile is news the next time.
    let last = core.store.document_rows(space.id, document, 0)?.pop();
    let changed = match &last {
        Some(row) => core.store.entry(space.id, row.log, row.seq)?.map_or(info.created, |entry| entry.header().time),
        None => info.created,
    };
    let (items, people) = words(core, runtime, &space, document)?;
    let stamp = Stamp { upto: last.map_or(0, |row| row.arrival), rest };
    Ok(Some(Page {
        id: info.id,
        space: info.space,
        title: info.title,
        text: export::plain(&items),
        tags: info.tags,
        people,
        changed,
        stamp: stamp.text(),
    }))
}

/// The blocks of a document and who wrote in it. One that is open says so itself; for one that is not, no thread is begun.
fn words(
    core: &Arc<Core>,
    runtime: &Handle,
    space: &Arc<Space>,
    id: DocumentId,
) -> Result<(Vec<Item>, Vec<String>), NodeError> {
    let is_open = locked(&core.documents).contains_key(&(space.id, id));
    let (items, people) = if is_open {
        let read = |task: &mut crate::document::Task| Ok((task.items(), authors(task.document())));
        runtime.block_on(core.with_document(space, id, Genesis::Text, read))?
    } else {
        let loaded = load::load(core, space, id, Genesis::Text)?;
        (loaded.document.items(), authors(&loaded.document))
    };
    Ok((items, people))
}

fn authors(document: &Document) -> Vec<String> {
    let person = |author: [u8; 32]| PersonId::from_bytes(author).to_string();
    document.authors().into_iter().filter_map(|author| author.try_into().ok()).map(person).collect()
}
