//! The library: which documents a space has, and what it and its people are called (D1), in the space's index document.
//!
//! Here is what a space's list says. What changes where a document is stands in [`arrange`].

mod arrange;

use std::collections::HashMap;
use std::sync::Arc;

use sheaf_access::{AccessHistory, AccessOp, DocumentId, PersonId, Role, SpaceId};
use sheaf_document::index::{Index, IndexedDocument, NewDocument, Spot, Tree};
use sheaf_document::model::{Block, BlockKind, Item, Scalar};
use sheaf_document::{Genesis, index};
use sheaf_log::{index_document, open_name, seal_name};
use sheaf_store::Table;

use crate::core::{Core, now};
use crate::document::{Job, Message, Task};
use crate::error::NodeError;
use crate::identity::checked_colour;
use crate::people::not_made;
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

/// A document that is to be made.
#[derive(Default)]
pub struct Entering {
    /// Its title.
    pub title: String,
    /// Its blocks.
    pub items: Vec<Item>,
    /// Under which document; none: at the top.
    pub under: Option<String>,
    /// Before which of those there; none: last.
    pub before: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// A document's id from text.
pub fn parse_document(text: &str) -> Result<DocumentId, NodeError> {
    text.parse().map_err(|_| NodeError::NoSuchDocument(text.chars().take(64).collect()))
}

/// Somebody who has introduced themselves.
struct Introduced {
    person: PersonId,
    name: String,
    colour: u8,
    /// Whether they may write, so that the index says it better; nobody who is gone writes there any more.
    writes: bool,
}

/// Who has introduced themselves in a space, as far as it opens here.
fn introduced(space: &Space) -> Vec<Introduced> {
    let state = space.lock();
    let Some(access) = state.access.as_ref().map(AccessHistory::now) else { return Vec::new() };
    let opened = access.introductions().filter_map(|(person, device, sealed)| {
        let (name, colour) = open_name(sealed, &space.id, &device, state.keys.get(&sealed.epoch)?)?;
        let writes = access.member(&person).is_none_or(|member| member.role >= Role::Editor);
        Some(Introduced { person, name, colour: checked_colour(colour).unwrap_or(1), writes })
    });
    opened.filter(|one| !one.name.trim().is_empty()).collect()
}

impl Core {
    /// What a space is called; empty while that is still arriving.
    pub async fn space_name(self: &Arc<Self>, space: &Arc<Space>) -> Result<String, NodeError> {
        self.with_index(space, |task| Ok(Index::of(task.document()).space_name())).await
    }

    /// Calls a space something.
    pub async fn set_space_name(self: &Arc<Self>, space: &Arc<Space>, name: &str) -> Result<(), NodeError> {
        let name = name.to_owned();
        self.with_index(space, move |task| task.change(|doc, slot| index::set_space_name(doc, slot, &name))).await?;
        self.say(NodeEvent::Spaces);
        Ok(())
    }

    /// The documents of a space that are not in the trash, in the order of the tree.
    pub async fn list_documents(self: &Arc<Self>, space: &Arc<Space>) -> Result<Vec<DocumentInfo>, NodeError> {
        self.with_tree(space, |_, space, tree| {
            let rows = tree.rows();
            let listed = rows.iter().filter(|row| !row.trashed);
            Ok(listed.map(|row| shown(space, row.document, row.parent, row.depth)).collect())
        })
        .await
    }

    /// One document of a space, if it is there and not in the trash.
    pub async fn listed(
        self: &Arc<Self>,
        space: &Arc<Space>,
        id: DocumentId,
    ) -> Result<Option<DocumentInfo>, NodeError> {
        if !self.belongs(space, id) {
            return Ok(None);
        }
        let held = Arc::clone(space);
        // Its own row and those above it: not the whole list, which may be long.
        self.with_index(space, move |task| {
            let index = Index::of(task.document());
            let Some(document) = index.document(&id.to_string()) else { return Ok(None) };
            let mut above: Vec<IndexedDocument> = vec![document];
            while let Some(next) = above.last().and_then(|last| index.document(last.place.under.as_ref()?))
                && above.iter().all(|known| known.id != next.id)
            {
                above.push(next);
            }
            let tree = Tree::of(above);
            let rows = tree.rows();
            let row = rows.iter().find(|row| row.document.id == id.to_string() && !row.trashed);
            Ok(row.map(|row| shown(&held, row.document, row.parent, row.depth)))
        })
        .await
    }

    /// Reads or changes a space's index, with its documents as they stand in the tree: not those of other spaces, nor
    /// those that were destroyed.
    pub(crate) async fn with_tree<R: Send + 'static>(
        self: &Arc<Self>,
        space: &Arc<Space>,
        work: impl FnOnce(&mut Task, &Arc<Space>, &Tree) -> Result<R, NodeError> + Send + 'static,
    ) -> Result<R, NodeError> {
        let (core, held) = (Arc::clone(self), Arc::clone(space));
        self.with_index(space, move |task| {
            let documents = Index::of(task.document()).documents().into_iter();
            let here = documents.filter(|document| document.id.parse().is_ok_and(|id| core.belongs(&held, id)));
            let tree = Tree::of(here.collect());
            work(task, &held, &tree)
        })
        .await
    }

    /// Whether a document is this space's, and was not destroyed: its id was made here, or it was first seen here, or nowhere
    /// yet.
    fn belongs(&self, space: &Space, document: DocumentId) -> bool {
        if space.is_destroyed(&document) {
            return false;
        }
        if sheaf_log::is_document_of(&space.id, &document) {
            return true;
        }
        match self.home_of(document) {
            Ok(home) => home.is_none_or(|home| home == space.id),
            Err(error) => {
                tracing::warn!(%error, %document, "where a document belongs cannot be read");
                false
            }
        }
    }

    /// The names and colours that the people of a space gave themselves, by person: as the index has them, or, of those who
    /// may not write there, as they have introduced themselves.
    pub async fn people(self: &Arc<Self>, space: &Arc<Space>) -> Result<HashMap<String, (String, u8)>, NodeError> {
        let mut known: HashMap<String, (String, u8)> = self
            .with_index(space, |task| {
                let people = Index::of(task.document()).people();
                Ok(people.into_iter().map(|person| (person.id, (person.name, person.colour))).collect())
            })
            .await?;
        for introduced in introduced(space) {
            let id = introduced.person.to_string();
            if !introduced.writes || !known.contains_key(&id) {
                known.insert(id, (introduced.name, introduced.colour));
            }
        }
        Ok(known)
    }

    /// Lets the others in a space know what this person is called: in the index, if they may write there.
    pub async fn introduce(self: &Arc<Self>, space: &Arc<Space>) -> Result<(), NodeError> {
        let identity = self.me()?;
        if identity.nameless {
            return Ok(());
        }
        let me = identity.me();
        if space.role(&identity).is_some_and(|role| role < Role::Editor) {
            let known = self.people(space).await?;
            if known.get(&me.person).is_some_and(|(name, colour)| *name == me.name && *colour == me.colour) {
                return Ok(());
            }
            let (core, held) = (Arc::clone(self), Arc::clone(space));
            let write = move || core.introduce_sealed(&held);
            return tokio::task::spawn_blocking(write).await.map_err(|_| NodeError::Closing)?;
        }
        self.with_index(space, move |task| {
            let people = Index::of(task.document()).people();
            if people.iter().any(|p| p.id == me.person && p.name == me.name && p.colour == me.colour) {
                return Ok(());
            }
            task.change(|doc, slot| index::put_person(doc, slot, &me.person, &me.name, me.colour))
        })
        .await
    }

    /// Says in an access entry what this person is called, sealed for those who read. Blocks.
    fn introduce_sealed(&self, space: &Arc<Space>) -> Result<(), NodeError> {
        self.administer_if(space, |making| {
            let (access, me) = (making.access(), making.me);
            let epoch = access.writable_epoch();
            let key = making.keys.iter().find(|(known, _)| Some(*known) == epoch);
            // Without a key it is said when there is one.
            let Some((epoch, key)) = key else { return Ok(None) };
            let device = me.keys.device.id();
            let called = (me.name.as_str(), me.colour);
            let name = seal_name((access.space(), *epoch, key), &device, called, &rand::random());
            AccessOp::introduce(access, &device, name).map(Some).map_err(|error| not_made(access, &me.person(), &error))
        })
    }

    /// Makes a document with these blocks, at a place in the tree.
    pub async fn create_document(
        self: &Arc<Self>,
        space: &Arc<Space>,
        new: Entering,
    ) -> Result<DocumentInfo, NodeError> {
        let id = sheaf_log::new_document(&space.id, &rand::random());
        // The text first: a list that names a document which has none would be worse than the other way round.
        self.with_document(space, id, Genesis::Text, move |task| task.replace(&new.items)).await?;
        let (name, title) = (id.to_string(), short(&new.title));
        self.with_index(space, move |task| {
            let place = new.under.is_some() || new.before.is_some();
            let place = place.then_some(Spot { under: new.under.as_deref(), before: new.before.as_deref() });
            let created = now().cast_signed();
            let new = NewDocument { id: &name, title: &title, created, place, tags: new.tags };
            task.change(|doc, slot| index::put_document(doc, slot, &new))
        })
        .await?;
        self.index_changed(space);
        self.listed(space, id).await?.ok_or(NodeError::Closing)
    }

    /// A document's first words have changed: so does its title, if it has one in the index.
    pub fn retitle(self: &Arc<Self>, space: &Arc<Space>, id: DocumentId, title: String) {
        let (core, held) = (Arc::clone(self), Arc::clone(space));
        let job: Job = Box::new(move |task| {
            let (id, title) = (id.to_string(), short(&title));
            let known = Index::of(task.document()).document(&id);
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
        self.finder.compare(space.id);
        self.say(NodeEvent::Documents { space: space.id.to_string() });
        self.say(NodeEvent::Spaces);
    }

    async fn with_index<R: Send + 'static>(
        self: &Arc<Self>,
        space: &Arc<Space>,
        work: impl FnOnce(&mut Task) -> Result<R, NodeError> + Send + 'static,
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

/// A document as it is shown.
fn shown(space: &Space, document: &IndexedDocument, parent: Option<&str>, depth: usize) -> DocumentInfo {
    DocumentInfo {
        id: document.id.clone(),
        space: space.id.to_string(),
        title: called(&document.title),
        parent: parent.map(str::to_owned),
        depth,
        created: document.created.max(0).cast_unsigned(),
        tags: document.tags.iter().cloned().collect(),
        template: document.template,
        pinned: None,
    }
}

/// What a document is called in lists.
fn called(title: &str) -> String {
    if title.is_empty() { UNTITLED.to_owned() } else { title.to_owned() }
}

/// A title as long as the index keeps it.
pub fn short(title: &str) -> String {
    title.trim().chars().take(TITLE).collect()
}
