//! The library: where documents are among the others, tags, what is at hand, the trash, and what is made after another.

use std::collections::BTreeMap;
use std::sync::Arc;

use sheaf_document::model::{BlockKind, Item};
use sheaf_document::{Genesis, index};

use super::find::{find, shown};
use super::{Node, blocking};
use crate::error::NodeError;
use crate::library::{Entering, parse_document};
use crate::view::{DocumentInfo, TagInfo, TrashedInfo};

/// What stands behind the title of a copy.
const COPY: &str = " (copy)";

impl Node {
    /// Puts a document under another one of its space, or at the top, and there before a third, or last. Answers where it
    /// is then.
    pub async fn move_document(
        &self,
        document: &str,
        under: Option<&str>,
        before: Option<&str>,
    ) -> Result<DocumentInfo, NodeError> {
        let (space, _) = self.locate(document).await?;
        let id = parse_document(document)?;
        self.core.move_document(&space, id, under.map(str::to_owned), before.map(str::to_owned)).await?;
        self.settle().await?;
        Ok(self.locate(document).await?.1)
    }

    /// Puts a document into the trash of its space, and with it all that is under it. Nothing is lost by that.
    pub async fn trash(&self, document: &str) -> Result<(), NodeError> {
        let (space, _) = self.locate(document).await?;
        self.core.trash(&space, parse_document(document)?).await?;
        self.settle().await
    }

    /// What is in the trash of one space, or of all; what was put there last comes first.
    pub async fn trashed(&self, space: Option<&str>) -> Result<Vec<TrashedInfo>, NodeError> {
        self.core.me()?;
        let spaces = match space {
            Some(space) => vec![self.space_of(space)?],
            None => self.core.spaces(),
        };
        let mut trashed = Vec::new();
        for space in spaces {
            trashed.extend(self.core.trashed(&space).await?);
        }
        trashed.sort_by_key(|one| std::cmp::Reverse(one.since));
        Ok(trashed)
    }

    /// Finds a document in the trash by its id, the beginning of it (four letters or more), or its title.
    pub async fn find_trashed(&self, text: &str) -> Result<TrashedInfo, NodeError> {
        let trashed = self.trashed(None).await?;
        let found = find(text, &trashed, |one| (&one.id, &one.title), "documents")?;
        found.cloned().ok_or_else(|| NodeError::NotInTrash(shown(text)))
    }

    /// Takes a document out of the trash, and with it all that went there with it.
    pub async fn restore_document(&self, document: &str) -> Result<DocumentInfo, NodeError> {
        let found = self.find_trashed(document).await?;
        let space = self.space_of(&found.space)?;
        self.core.restore(&space, found.id.clone()).await?;
        self.settle().await?;
        Ok(self.locate(&found.id).await?.1)
    }

    /// Destroys a document that is in the trash, and all that are under it, for everyone and for good. Only an owner of the
    /// space can (A8). Answers how many were destroyed.
    pub async fn destroy(&self, document: &str) -> Result<usize, NodeError> {
        let found = self.find_trashed(document).await?;
        let space = self.space_of(&found.space)?;
        let count = self.core.destroy(&space, found.id).await?;
        self.settle().await?;
        Ok(count)
    }

    /// Makes a document that says the same, right behind it.
    pub async fn duplicate(&self, document: &str) -> Result<DocumentInfo, NodeError> {
        let (space, info) = self.locate(document).await?;
        let id = parse_document(document)?;
        let items = self.core.with_document(&space, id, Genesis::Text, |task| Ok(task.items())).await?;
        let siblings = self.core.list_documents(&space).await?;
        let beside = siblings.iter().skip_while(|one| one.id != info.id).skip(1).find(|one| one.parent == info.parent);
        let new = Entering {
            title: format!("{}{COPY}", info.title),
            items: behind_title(items, COPY),
            under: info.parent,
            before: beside.map(|one| one.id.clone()),
            tags: info.tags,
        };
        let made = self.core.create_document(&space, new).await?;
        self.settle().await?;
        Ok(made)
    }

    /// Says whether others are made after a document.
    pub async fn set_template(&self, document: &str, template: bool) -> Result<(), NodeError> {
        let (space, _) = self.locate(document).await?;
        self.core.set_template(&space, parse_document(document)?, template).await?;
        self.settle().await
    }

    /// Makes a document after another one, in any space, and with its tags.
    pub async fn create_from(&self, template: &str, space: Option<&str>) -> Result<DocumentInfo, NodeError> {
        let (from, info) = self.locate(template).await?;
        let id = parse_document(template)?;
        let items = self.core.with_document(&from, id, Genesis::Text, |task| Ok(task.items())).await?;
        let space = self.space_or_first(space)?;
        let new = Entering { title: info.title, items, tags: info.tags, ..Entering::default() };
        let made = self.core.create_document(&space, new).await?;
        self.settle().await?;
        Ok(made)
    }

    /// Gives a document tags, and takes others off.
    pub async fn set_tags(&self, document: &str, on: &[String], off: &[String]) -> Result<DocumentInfo, NodeError> {
        let (space, _) = self.locate(document).await?;
        let id = parse_document(document)?;
        let all = on.iter().map(|tag| (tag, true)).chain(off.iter().map(|tag| (tag, false)));
        // All are looked at before one is written.
        let all = all.map(|(tag, is)| Ok((checked_tag(tag)?, is))).collect::<Result<Vec<_>, NodeError>>()?;
        for (tag, is) in all {
            self.core.set_tag(&space, id, tag, is).await?;
        }
        self.settle().await?;
        Ok(self.locate(document).await?.1)
    }

    /// The tags of one space, or of all, and how many documents have each.
    pub async fn tags(&self, space: Option<&str>) -> Result<Vec<TagInfo>, NodeError> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for tag in self.documents(space).await?.into_iter().flat_map(|document| document.tags) {
            *counts.entry(tag).or_default() += 1;
        }
        Ok(counts.into_iter().map(|(tag, documents)| TagInfo { tag, documents }).collect())
    }

    /// Pins a document for this person, on all their devices, or takes the pin off.
    pub async fn set_pinned(&self, document: &str, pinned: bool) -> Result<(), NodeError> {
        self.locate(document).await?;
        self.core.set_pinned(parse_document(document)?, pinned).await?;
        self.settle().await
    }

    /// The documents that were opened on this device, the last first.
    pub async fn recent(&self) -> Result<Vec<DocumentInfo>, NodeError> {
        let core = Arc::clone(&self.core);
        let recent = blocking(move || core.recent()).await?;
        let mut all: BTreeMap<String, DocumentInfo> =
            self.documents(None).await?.into_iter().map(|document| (document.id.clone(), document)).collect();
        Ok(recent.iter().filter_map(|id| all.remove(&id.to_string())).collect())
    }
}

fn checked_tag(text: &str) -> Result<String, NodeError> {
    index::tag(text).ok_or_else(|| {
        let most = index::MAX_TAG;
        NodeError::BadInput(format!("a tag is one word of up to {most} letters and digits, with -, _ or / inside."))
    })
}

/// The same blocks with something behind the words of the first heading, if there is one.
fn behind_title(mut items: Vec<Item>, more: &str) -> Vec<Item> {
    let heading =
        |item: &Item| matches!(item, Item::Block { block } if BlockKind::of(&block.kind) == BlockKind::Heading);
    let Some(at) = items.iter().position(heading) else { return items };
    let words = items[at + 1..].iter_mut().take_while(|item| matches!(item, Item::Text { .. }));
    if let Some(Item::Text { text, .. }) = words.last() {
        text.push_str(more);
    }
    items
}
