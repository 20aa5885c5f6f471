//! A space is gone on with as another: a plan in which every document of it is made again, with its place, its tags, and
//! its links to the others.

use std::collections::HashMap;
use std::sync::Arc;

use sheaf_access::DocumentId;
use sheaf_document::Genesis;
use sheaf_document::import::Link;
use sheaf_document::model::Item;

use super::plan::{Plan, Planned};
use crate::core::Core;
use crate::errand::Errand;
use crate::error::NodeError;
use crate::library::parse_document;
use crate::space::Space;

impl Core {
    /// What every document of a space becomes in another one, and which of them are templates.
    pub async fn plan_anew(
        self: &Arc<Self>,
        space: &Arc<Space>,
        errand: &Errand,
    ) -> Result<(Plan, Vec<DocumentId>), NodeError> {
        let listed = self.list_documents(space).await?;
        let fresh: HashMap<String, DocumentId> =
            listed.iter().map(|info| (info.id.clone(), DocumentId::from_bytes(rand::random()))).collect();
        let mut documents = Vec::with_capacity(listed.len());
        let mut templates = Vec::new();
        for info in listed {
            errand.go_on()?;
            let Some(&id) = fresh.get(&info.id) else { continue };
            let old = parse_document(&info.id)?;
            let mut items = self.with_document(space, old, Genesis::Text, |task| Ok(task.items())).await?;
            relink(&mut items, &fresh);
            if info.template {
                templates.push(id);
            }
            documents.push(Planned {
                id,
                under: info.parent.and_then(|parent| fresh.get(&parent).copied()),
                file: info.title.clone(),
                title: info.title,
                items,
                tags: info.tags.into_iter().collect(),
            });
        }
        Ok((Plan { documents, left_out: Vec::new(), pictures: 0 }, templates))
    }
}

/// Links to documents that are made again lead to the new ones.
fn relink(items: &mut [Item], fresh: &HashMap<String, DocumentId>) {
    for item in items {
        let Item::Text { marks, .. } = item else { continue };
        let Some(link) = marks.get("link").and_then(Link::of_mark) else { continue };
        let Some(to) = link.document().and_then(|id| fresh.get(id)) else { continue };
        let led = Link { href: Link::to_document(&to.to_string()).href, title: link.title.clone() };
        marks.insert("link".to_owned(), led.to_mark());
    }
}
