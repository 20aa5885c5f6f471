//! Where documents are in a space's tree, what is in the trash, and what is gone for good.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sheaf_access::{AccessOp, DocumentId};
use sheaf_document::belongings;
use sheaf_document::index::{self, MoveError, Tree};
use sheaf_store::{CacheKind, Table};

use super::called;
use crate::core::{Core, now};
use crate::document::cache_name;
use crate::error::NodeError;
use crate::people::not_an_owner;
use crate::space::Space;
use crate::view::{NodeEvent, TrashedInfo};

/// The setting that says which documents were opened last.
const RECENT: &[u8] = b"recent";
/// How many of them are remembered.
const RECENTS: usize = 50;

impl Core {
    /// Puts a document under another one, or at the top, and before a third that is there, or last.
    pub async fn move_document(
        self: &Arc<Self>,
        space: &Arc<Space>,
        id: DocumentId,
        under: Option<String>,
        before: Option<String>,
    ) -> Result<(), NodeError> {
        self.arrange(space, move |task, tree| {
            let time = now().cast_signed();
            let moving = tree.moving(&id.to_string(), under.as_deref(), before.as_deref(), time);
            let moving = moving.map_err(|error| unmovable(&error))?;
            task.change(|doc, slot| index::move_documents(doc, slot, &moving))
        })
        .await
    }

    /// Puts a document into the trash, and with it all that is under it.
    pub async fn trash(self: &Arc<Self>, space: &Arc<Space>, id: DocumentId) -> Result<(), NodeError> {
        self.arrange(space, move |task, _| {
            task.change(|doc, slot| index::put_in_trash(doc, slot, &id.to_string(), now().cast_signed()))
        })
        .await
    }

    /// Takes a document out of the trash, and with it all that is there because of it.
    pub async fn restore(self: &Arc<Self>, space: &Arc<Space>, id: String) -> Result<(), NodeError> {
        self.arrange(space, move |task, tree| {
            task.change(|doc, slot| index::restore(doc, slot, tree, &id, now().cast_signed()))
        })
        .await
    }

    /// What was put into a space's trash, the last first.
    pub async fn trashed(self: &Arc<Self>, space: &Arc<Space>) -> Result<Vec<TrashedInfo>, NodeError> {
        self.with_tree(space, |_, space, tree| {
            let rows = tree.rows();
            let put = rows.iter().filter(|row| row.document.trashed.is_some());
            let mut trash: Vec<TrashedInfo> = put
                .map(|row| TrashedInfo {
                    id: row.document.id.clone(),
                    space: space.id.to_string(),
                    title: called(&row.document.title),
                    since: row.document.trashed.filter(|since| *since > 0).map(i64::cast_unsigned),
                    with: tree.within(&row.document.id).len() - 1,
                })
                .collect();
            trash.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.id.cmp(&b.id)));
            Ok(trash)
        })
        .await
    }

    /// Destroys a document that is in the trash, and all that are under it: their words are in no checkpoint from then on,
    /// and in no list (A8). Answers how many.
    pub async fn destroy(self: &Arc<Self>, space: &Arc<Space>, id: String) -> Result<usize, NodeError> {
        let found = self.with_tree(space, move |_, _, tree| {
            let in_trash = tree.rows().iter().any(|row| row.document.id == id && row.document.trashed.is_some());
            if !in_trash {
                return Err(NodeError::BadInput(
                    "only what is in the trash can be destroyed. Put it there first.".into(),
                ));
            }
            Ok(tree.within(&id).into_iter().map(str::to_owned).collect::<Vec<String>>())
        });
        let all = found.await?;
        let ids: Vec<DocumentId> = all.iter().filter_map(|id| id.parse().ok()).collect();
        let (core, held) = (Arc::clone(self), Arc::clone(space));
        let destroy = move || -> Result<(), NodeError> {
            // What is deepest first: were this interrupted, what is left is still in the trash with what it is under.
            for id in ids.into_iter().rev() {
                core.administer(&held, |making| {
                    AccessOp::destroy(making.access(), &making.me.keys.device.id(), id).map_err(|_| not_an_owner())
                })?;
            }
            Ok(())
        };
        tokio::task::spawn_blocking(destroy).await.map_err(|_| NodeError::Closing)??;
        let count = all.len();
        self.arrange(space, move |task, _| task.change(|doc, slot| index::forget_documents(doc, slot, &all))).await?;
        Ok(count)
    }

    /// Lets go of what is kept here to show documents quickly, if they were destroyed. Blocks.
    pub fn let_destroyed_go(&self, space: &Space) {
        let Some(access) = space.access() else { return };
        for id in access.destroyed() {
            for kind in [CacheKind::View, CacheKind::Snapshot] {
                if let Err(error) = self.store.drop_cache(kind, cache_name(space.id, *id)) {
                    tracing::warn!(%error, document = %id, "the copy of a destroyed document cannot be dropped");
                }
            }
        }
        if access.destroyed().len() > 0 {
            self.say(NodeEvent::Documents { space: space.id.to_string() });
        }
    }

    /// Gives a document a tag, or takes it off.
    pub async fn set_tag(
        self: &Arc<Self>,
        space: &Arc<Space>,
        id: DocumentId,
        tag: String,
        is: bool,
    ) -> Result<(), NodeError> {
        self.arrange(space, move |task, _| {
            task.change(|doc, slot| index::set_tag(doc, slot, &id.to_string(), &tag, is))
        })
        .await
    }

    /// Says whether others are made after a document.
    pub async fn set_template(self: &Arc<Self>, space: &Arc<Space>, id: DocumentId, is: bool) -> Result<(), NodeError> {
        self.arrange(space, move |task, _| task.change(|doc, slot| index::set_template(doc, slot, &id.to_string(), is)))
            .await
    }

    /// Changes a space's index, and says that it did.
    async fn arrange(
        self: &Arc<Self>,
        space: &Arc<Space>,
        work: impl FnOnce(&mut crate::document::Task, &Tree) -> Result<(), NodeError> + Send + 'static,
    ) -> Result<(), NodeError> {
        self.with_tree(space, |task, _, tree| work(task, tree)).await?;
        self.index_changed(space);
        Ok(())
    }

    /// Pins a document for this person, on all their devices, or takes the pin off.
    pub async fn set_pinned(self: &Arc<Self>, id: DocumentId, is: bool) -> Result<(), NodeError> {
        let since = is.then(|| now().cast_signed());
        let pin = move |task: &mut crate::document::Task| {
            task.change(|doc, slot| belongings::set_pinned(doc, slot, &id.to_string(), since))
        };
        let done = self.with_belongings(pin).await?;
        self.say(NodeEvent::Spaces);
        done.ok_or_else(|| {
            NodeError::Role("what is pinned stands in your private space, which cannot be written here.".into())
        })
    }

    /// What this person has pinned, and since when.
    pub async fn pinned(self: &Arc<Self>) -> Result<BTreeMap<String, i64>, NodeError> {
        let read = |task: &mut crate::document::Task| Ok(belongings::Belongings::of(task.document()).pinned());
        Ok(self.with_belongings(read).await?.unwrap_or_default())
    }

    /// Remembers that a document was opened on this device. Blocks.
    pub fn note_opened(&self, id: DocumentId) -> Result<(), NodeError> {
        let mut recent = self.recent()?;
        if recent.first() == Some(&id) {
            return Ok(());
        }
        recent.retain(|known| *known != id);
        recent.insert(0, id);
        recent.truncate(RECENTS);
        let bytes: Vec<u8> = recent.iter().flat_map(|id| *id.as_bytes()).collect();
        Ok(self.store.put(Table::Settings, RECENT, &bytes)?)
    }

    /// The documents that were opened on this device, the last first. Blocks.
    pub fn recent(&self) -> Result<Vec<DocumentId>, NodeError> {
        let bytes = self.store.get(Table::Settings, RECENT)?.unwrap_or_default();
        let (ids, _) = bytes.as_chunks::<32>();
        let mut seen = BTreeSet::new();
        Ok(ids.iter().map(|id| DocumentId::from_bytes(*id)).filter(|id| seen.insert(*id)).take(RECENTS).collect())
    }
}

fn unmovable(error: &MoveError) -> NodeError {
    match error {
        MoveError::Unknown(id) => NodeError::NoSuchDocument(id.clone()),
        MoveError::Within | MoveError::Elsewhere | MoveError::InTrash => NodeError::BadInput(format!("{error}.")),
    }
}
