//! The library: which documents a space has, and what it and its people are called (D1), in the space's index document.

use std::collections::HashMap;
use std::sync::Arc;

use sheaf_access::{DocumentId, SpaceId};
use sheaf_document::model::{Block, BlockKind, Item, Scalar};
use sheaf_document::{Genesis, index};
use sheaf_log::index_document;
use sheaf_store::Table;

use crate::core::{Core, now};
use crate::document::{Job, Message};
use crate::error::NodeError;
use crate::space::Space;
use crate::view::{DocumentInfo, NodeEvent};

/// The file that says which space is this person's own first one. Not in the store, for nothing could tell it again.
const FIRST: &str = "first-space";
/// The setting that says at which port this home listens when nothing else is said.
const PORT: &[u8] = b"port";
/// What a document without a title is called in lists.
const UNTITLED: &str = "Untitled";
/// The longest title the index keeps, in characters.
const TITLE: usize = 200;

/// The blocks of a new document.
pub fn titled(title: &str) -> Vec<Item> {
    let block = |kind: BlockKind, attrs: &[(&str, f64)]| Item::Block {
        block: Block {
            kind: kind.name().unwrap_or("paragraph").to_owned(),
            parents: Vec::new(),
            attrs: attrs.iter().map(|(name, value)| ((*name).to_owned(), Scalar::Number(*value))).collect(),
            is_embed: false,
        },
    };
    let mut items = vec![block(BlockKind::Heading, &[("level", 1.0)])];
    if !title.is_empty() {
        items.push(Item::Text { text: title.to_owned(), marks: [].into() });
    }
    items.push(block(BlockKind::Paragraph, &[]));
    items
}

/// A document's id from text.
pub fn parse_document(text: &str) -> Result<DocumentId, NodeError> {
    text.parse().map_err(|_| NodeError::NoSuchDocument(text.chars().take(64).collect()))
}

impl Core {
    /// What a space is called; empty while that is still arriving.
    pub async fn space_name(self: &Arc<Self>, space: &Arc<Space>) -> Result<String, NodeError> {
        self.with_index(space, |task| Ok(index::Index::of(task.document()).space_name())).await
    }

    /// Calls a space something.
    pub async fn set_space_name(self: &Arc<Self>, space: &Arc<Space>, name: &str) -> Result<(), NodeError> {
        let name = name.to_owned();
        self.with_index(space, move |task| task.change(|doc, slot| index::set_space_name(doc, slot, &name))).await?;
        self.say(NodeEvent::Spaces);
        Ok(())
    }

    /// The documents of a space that are not in the trash.
    pub async fn list_documents(self: &Arc<Self>, space: &Arc<Space>) -> Result<Vec<DocumentInfo>, NodeError> {
        let (id, core, own) = (space.id.to_string(), Arc::clone(self), space.id);
        self.with_index(space, move |task| {
            let documents = index::Index::of(task.document()).documents();
            let listed = documents.into_iter().filter(|document| !document.deleted);
            Ok(listed
                .filter(|document| document.id.parse().is_ok_and(|id| core.belongs(own, id)))
                .map(|document| DocumentInfo {
                    title: if document.title.is_empty() { UNTITLED.to_owned() } else { document.title },
                    id: document.id,
                    space: id.clone(),
                })
                .collect())
        })
        .await
    }

    /// Whether a document is this space's: it was first seen here, or nowhere yet.
    fn belongs(&self, space: SpaceId, document: DocumentId) -> bool {
        match self.home_of(document) {
            Ok(home) => home.is_none_or(|home| home == space),
            Err(error) => {
                tracing::warn!(%error, %document, "where a document belongs cannot be read");
                false
            }
        }
    }

    /// The names and colours that the people of a space gave themselves, by person.
    pub async fn people(self: &Arc<Self>, space: &Arc<Space>) -> Result<HashMap<String, (String, u8)>, NodeError> {
        self.with_index(space, |task| {
            let people = index::Index::of(task.document()).people();
            Ok(people.into_iter().map(|person| (person.id, (person.name, person.colour))).collect())
        })
        .await
    }

    /// Writes down in a space what this person is called.
    pub async fn introduce(self: &Arc<Self>, space: &Arc<Space>) -> Result<(), NodeError> {
        let me = self.me()?.me();
        self.with_index(space, move |task| {
            let people = index::Index::of(task.document()).people();
            if people.iter().any(|p| p.id == me.person && p.name == me.name && p.colour == me.colour) {
                return Ok(());
            }
            task.change(|doc, slot| index::put_person(doc, slot, &me.person, &me.name, me.colour))
        })
        .await
    }

    /// Makes a document with these blocks.
    pub async fn create_document(
        self: &Arc<Self>,
        space: &Arc<Space>,
        title: &str,
        items: Vec<Item>,
    ) -> Result<DocumentInfo, NodeError> {
        let id = DocumentId::from_bytes(rand::random());
        // The text first: a list that names a document which has none would be worse than the other way round.
        self.with_document(space, id, Genesis::Text, move |task| task.replace(&items)).await?;
        let (name, kept) = (id.to_string(), short(title));
        self.with_index(space, move |task| {
            task.change(|doc, slot| index::put_document(doc, slot, &name, &kept, now().cast_signed()))
        })
        .await?;
        self.index_changed(space);
        let title = if title.is_empty() { UNTITLED.to_owned() } else { short(title) };
        Ok(DocumentInfo { id: id.to_string(), space: space.id.to_string(), title })
    }

    /// A document's first words have changed: so does its title, if it has one in the index.
    pub fn retitle(self: &Arc<Self>, space: &Arc<Space>, id: DocumentId, title: String) {
        let (core, held) = (Arc::clone(self), Arc::clone(space));
        let job: Job = Box::new(move |task| {
            let (id, title) = (id.to_string(), short(&title));
            let known = index::Index::of(task.document()).document(&id);
            if known.is_none_or(|known| known.title == title) {
                return;
            }
            match task.change(|doc, slot| index::set_title(doc, slot, &id, &title)) {
                Ok(()) => core.index_changed(&held),
                Err(error) => tracing::warn!(%error, "a title is not written down"),
            }
        });
        if let Err(error) = self.tell(space, index_document(&space.id), Genesis::Index, Message::Run(job)) {
            tracing::warn!(%error, "a title is not written down");
        }
    }

    /// A space's index changed: whoever shows it asks again.
    pub fn index_changed(&self, space: &Space) {
        self.say(NodeEvent::Documents { space: space.id.to_string() });
        self.say(NodeEvent::Spaces);
    }

    async fn with_index<R: Send + 'static>(
        self: &Arc<Self>,
        space: &Arc<Space>,
        work: impl FnOnce(&mut crate::document::Task) -> Result<R, NodeError> + Send + 'static,
    ) -> Result<R, NodeError> {
        self.with_document(space, index_document(&space.id), Genesis::Index, work).await
    }

    /// Which space is the private one, whether or not it has arrived here.
    pub fn first_space_id(&self) -> Option<SpaceId> {
        match self.home().file(FIRST) {
            Ok(id) => String::from_utf8(id?).ok()?.parse().ok(),
            Err(error) => {
                tracing::warn!(%error, "which space is the first cannot be read");
                None
            }
        }
    }

    /// This person's private space: the one that lists all the others.
    pub fn first_space(&self) -> Option<Arc<Space>> {
        self.space(self.first_space_id()?)
    }

    /// Whether a space is this person's own first one.
    pub fn is_first_space(&self, id: SpaceId) -> bool {
        self.first_space_id() == Some(id)
    }

    /// Remembers this person's first space; only the first call counts.
    pub fn remember_first_space(&self, id: SpaceId) -> Result<(), NodeError> {
        if self.first_space().is_none() {
            self.home().put_file(FIRST, id.to_string().as_bytes())?;
        }
        Ok(())
    }

    /// Says which space is the private one: another device of the person has it already.
    pub fn choose_first_space(&self, id: SpaceId) -> Result<(), NodeError> {
        Ok(self.home().put_file(FIRST, id.to_string().as_bytes())?)
    }

    /// The port this home listens at when nothing else is said: drawn once, from those no service is given.
    pub fn own_port(&self) -> Result<u16, NodeError> {
        let known = self.store.get(Table::Settings, PORT)?.and_then(|bytes| bytes.try_into().ok());
        if let Some(port) = known.map(u16::from_le_bytes) {
            return Ok(port);
        }
        let port = rand::random_range(49_152..=65_000_u16);
        self.store.put(Table::Settings, PORT, &port.to_le_bytes())?;
        Ok(port)
    }
}

fn short(title: &str) -> String {
    title.trim().chars().take(TITLE).collect()
}
