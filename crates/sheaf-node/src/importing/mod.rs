//! Files and folders become documents.
//!
//! It is done in three steps, so that nothing is ever imported by half. First everything is found and read, and what every
//! file becomes is worked out, with its links to the others; nothing is written so far. Then the texts are written, each as
//! a document that no list names yet. Last they are entered into the space's list, all at once (a great many: some hundred
//! at a time, those above before those below). Whoever stops it, or ends the program, before the last step has imported
//! nothing; what was written of the texts until then is in no list and shows nowhere.

mod anew;
mod notes;
mod plan;
mod walk;

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use sheaf_access::{DocumentId, SpaceId};
use sheaf_document::Genesis;
use sheaf_document::index::{self, EnteredDocument};
use tokio::sync::oneshot;

use crate::core::{Core, now};
use crate::document::Message;
use crate::errand::Errand;
use crate::error::NodeError;
use crate::library::short;
use crate::space::Space;
use crate::view::{ImportReport, LeftOut};

use plan::Plan;

/// How many documents are entered into the list with one change.
const AT_ONCE: usize = 200;
/// How many documents' threads may be at work behind the one that is being written.
const RESTING: usize = 16;

/// Finds and reads everything below these paths, for a space. Blocks.
pub fn plan(core: &Core, space: SpaceId, paths: &[PathBuf], errand: &Errand) -> Result<Plan, NodeError> {
    let found = walk::walk(paths, errand)?;
    let notes = notes::read(core, found, errand)?;
    Ok(plan::plan(space, notes))
}

impl Core {
    /// Writes what was planned, under a document or at the top of a space's tree.
    pub async fn import_planned(
        self: &Arc<Self>,
        space: &Arc<Space>,
        under: Option<&str>,
        plan: Plan,
        errand: &Errand,
    ) -> Result<ImportReport, NodeError> {
        let total = plan.documents.len();
        let ids: HashSet<DocumentId> = plan.documents.iter().map(|document| document.id).collect();
        let first = now().saturating_sub(total as u64).cast_signed();
        let mut entered = Vec::with_capacity(total);
        let mut resting: VecDeque<oneshot::Receiver<()>> = VecDeque::new();
        for (number, document) in plan.documents.into_iter().enumerate() {
            errand.step(self, number, total, &document.file)?;
            let (id, items) = (document.id, document.items);
            self.with_document(space, id, Genesis::Text, move |task| task.replace(&items)).await?;
            resting.push_back(self.let_rest(space, id));
            if resting.len() > RESTING
                && let Some(rested) = resting.pop_front()
            {
                // An error means that it had ended already.
                let _ = rested.await;
            }
            let above = document.under.map(|id| id.to_string());
            entered.push(EnteredDocument {
                id: id.to_string(),
                title: short(&document.title),
                // One after the other, so that they stand in the order they were read in.
                created: first.saturating_add_unsigned(number as u64),
                under: above.or_else(|| under.map(str::to_owned)),
                tags: document.tags.into_iter().collect(),
            });
        }
        errand.step(self, total, total, "")?;
        self.enter(space, entered).await?;
        let listed = self.list_documents(space).await?;
        let made = listed.into_iter().filter(|info| info.id.parse().is_ok_and(|id: DocumentId| ids.contains(&id)));
        Ok(ImportReport { documents: made.collect(), left_out: plan.left_out, pictures: plan.pictures })
    }

    async fn enter(self: &Arc<Self>, space: &Arc<Space>, mut entered: Vec<EnteredDocument>) -> Result<(), NodeError> {
        while !entered.is_empty() {
            let rest = entered.split_off(entered.len().min(AT_ONCE));
            let now = std::mem::replace(&mut entered, rest);
            self.with_tree(space, move |task, _, _| task.change(|doc, slot| index::enter_documents(doc, slot, &now)))
                .await?;
        }
        self.index_changed(space);
        Ok(())
    }

    /// Lets a document's thread end once it has written what is kept of it: there may be thousands.
    fn let_rest(&self, space: &Space, id: DocumentId) -> oneshot::Receiver<()> {
        let (done, rested) = oneshot::channel();
        self.tell_document((space.id, id), Message::Rest(done));
        rested
    }
}

/// A file that was left out.
fn left_out(file: &str, why: impl Into<String>) -> LeftOut {
    LeftOut { file: file.to_owned(), why: why.into() }
}
