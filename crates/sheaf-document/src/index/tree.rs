//! The documents of a space as a tree.
//!
//! Each document says itself where it is: under which other one, and by which key among its siblings, both in one value, so
//! that a move is one write. Two people may at the same time put two documents under each other. Then each of the two
//! stands where it was put, and both are cut off from the top. So the tree is not read off the values alone: of each ring
//! the document that was moved last (by Automerge's own order, the same for all) is put at the top. And so is one whose
//! place is under a document that is not there. What comes out is a function of the values: everyone who has the same
//! index sees the same tree, with each document in it once.

use std::collections::HashMap;

use thiserror::Error;

use super::{IndexedDocument, order};

/// Why a document cannot be moved there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoveError {
    /// One of the documents is not in the tree.
    #[error("there is no document {0} here")]
    Unknown(String),
    /// It would be within itself.
    #[error("a document cannot be put under itself, nor under one that is under it")]
    Within,
    /// The document it should come before is somewhere else.
    #[error("the document it should come before is not under the same one")]
    Elsewhere,
    /// What it would be put under is in the trash.
    #[error("what is in the trash holds nothing new; restore it first")]
    InTrash,
}

/// What a move writes: documents and their new places. Usually it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moving(pub(super) Vec<(String, String)>);

/// One document in the tree.
#[derive(Clone, Copy, Debug)]
pub struct Row<'t> {
    /// The document.
    pub document: &'t IndexedDocument,
    /// What it is under.
    pub parent: Option<&'t str>,
    /// How many it is under.
    pub depth: usize,
    /// Whether it is in the trash, itself or with what it is under.
    pub trashed: bool,
}

/// The tree.
#[derive(Clone, Debug)]
pub struct Tree {
    documents: Vec<IndexedDocument>,
    by_id: HashMap<String, usize>,
    parents: Vec<Option<usize>>,
    /// Under each document, in order.
    children: Vec<Vec<usize>>,
    top: Vec<usize>,
    trashed: Vec<bool>,
}

impl Tree {
    /// Arranges documents.
    pub fn of(documents: Vec<IndexedDocument>) -> Self {
        let by_id: HashMap<String, usize> =
            documents.iter().enumerate().map(|(at, document)| (document.id.clone(), at)).collect();
        let mut parents: Vec<Option<usize>> = documents
            .iter()
            .map(|document| document.place.under.as_ref().and_then(|under| by_id.get(under).copied()))
            .collect();
        open_rings(&documents, &mut parents);
        let mut children = vec![Vec::new(); documents.len()];
        let mut top = Vec::new();
        let mut ordered: Vec<usize> = (0..documents.len()).collect();
        ordered.sort_by(|a, b| key(&documents[*a]).cmp(&key(&documents[*b])));
        for at in ordered {
            match parents[at] {
                Some(parent) => children[parent].push(at),
                None => top.push(at),
            }
        }
        let mut tree = Self { trashed: vec![false; documents.len()], documents, by_id, parents, children, top };
        let mut trashed = vec![false; tree.documents.len()];
        tree.walk_places(|at, _| {
            let above = tree.parents[at].is_some_and(|parent| trashed[parent]);
            trashed[at] = above || tree.documents[at].trashed.is_some();
        });
        tree.trashed = trashed;
        tree
    }

    /// All documents, each before those under it, siblings in their order.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::with_capacity(self.documents.len());
        self.walk_places(|at, depth| {
            let parent = self.parents[at].map(|parent| self.documents[parent].id.as_str());
            rows.push(Row { document: &self.documents[at], parent, depth, trashed: self.trashed[at] });
        });
        rows
    }

    /// A document and all that are under it, it first.
    pub fn within(&self, id: &str) -> Vec<&str> {
        let Some(first) = self.by_id.get(id) else { return Vec::new() };
        let mut all = Vec::new();
        self.walk_from(&[*first], |at, _| all.push(self.documents[at].id.as_str()));
        all
    }

    /// What has to be written so that a document is under another, or at the top, and before a third that is there, or
    /// last. `now` is the time, in milliseconds since 1970.
    pub fn moving(&self, id: &str, under: Option<&str>, before: Option<&str>, now: i64) -> Result<Moving, MoveError> {
        let moved = self.at(id)?;
        let under = under.map(|under| self.at(under)).transpose()?;
        let before = before.map(|before| self.at(before)).transpose()?;
        let mut above = under;
        while let Some(at) = above {
            if at == moved {
                return Err(MoveError::Within);
            }
            above = self.parents[at];
        }
        if under.is_some_and(|under| self.trashed[under]) {
            return Err(MoveError::InTrash);
        }
        let all = under.map_or(&self.top, |under| &self.children[under]);
        let row: Vec<usize> = all.iter().copied().filter(|at| *at != moved).collect();
        let to = match before {
            // Before itself: where it is.
            Some(before) if before == moved => all.iter().position(|at| *at == moved),
            Some(before) => row.iter().position(|at| *at == before),
            None => Some(row.len()),
        };
        let to = to.ok_or(MoveError::Elsewhere)?;
        let name = |at: usize| self.documents[at].id.as_str();
        let place = |key: &str| match under {
            Some(under) => format!("{key} {}", name(under)),
            None => key.to_owned(),
        };
        let keys = |at: Option<&usize>| at.map(|at| self.documents[*at].place.key.as_str());
        let left = keys(to.checked_sub(1).and_then(|to| row.get(to)));
        // Past those that have the same key as the one it comes after: that was not made by a move here.
        let right = row[to..]
            .iter()
            .map(|at| self.documents[*at].place.key.as_str())
            .find(|key| left.is_none_or(|left| left < *key));
        let by_time = order::by_time(now, id);
        let key = match (left, right) {
            (left, None) if left.is_none_or(|left| left < by_time.as_str()) => by_time,
            (left, right) => order::between(left, right, id),
        };
        if key.len() <= order::LONG {
            return Ok(Moving(vec![(id.to_owned(), place(&key))]));
        }
        let mut anew = row;
        anew.insert(to, moved);
        let ids: Vec<&str> = anew.iter().map(|at| name(*at)).collect();
        let keys = order::spread(ids.iter().copied());
        Ok(Moving(ids.iter().zip(keys).map(|(id, key)| ((*id).to_owned(), place(&key))).collect()))
    }

    /// What has to be written besides taking a document out of the trash: if it is under something that stays there, it
    /// comes to the top.
    pub(super) fn rising(&self, id: &str, now: i64) -> Option<Moving> {
        let at = *self.by_id.get(id)?;
        let parent = self.parents[at]?;
        if !self.trashed[parent] {
            return None;
        }
        self.moving(id, None, None, now).ok()
    }

    fn at(&self, id: &str) -> Result<usize, MoveError> {
        self.by_id.get(id).copied().ok_or_else(|| MoveError::Unknown(id.chars().take(64).collect()))
    }

    fn walk_places(&self, visit: impl FnMut(usize, usize)) {
        self.walk_from(&self.top, visit);
    }

    fn walk_from(&self, from: &[usize], mut visit: impl FnMut(usize, usize)) {
        let mut next: Vec<(usize, usize)> = from.iter().rev().map(|at| (*at, 0)).collect();
        while let Some((at, depth)) = next.pop() {
            visit(at, depth);
            next.extend(self.children[at].iter().rev().map(|child| (*child, depth + 1)));
        }
    }
}

/// What siblings are ordered by.
fn key(document: &IndexedDocument) -> (&str, &str) {
    (&document.place.key, &document.id)
}

/// Puts one document of each ring at the top: the one that was moved last.
fn open_rings(documents: &[IndexedDocument], parents: &mut [Option<usize>]) {
    // In which walk each document was met; 0: in none.
    let mut met = vec![0_usize; parents.len()];
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut at = start;
        while met[at] == 0 {
            met[at] = walk;
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
        if met[at] != walk || parents[at].is_none() {
            continue;
        }
        // Met twice in one walk: it is on a ring.
        let mut last = at;
        let mut on = parents[at];
        while let Some(next) = on.filter(|next| *next != at) {
            if documents[next].place.moved > documents[last].place.moved {
                last = next;
            }
            on = parents[next];
        }
        parents[last] = None;
    }
}
