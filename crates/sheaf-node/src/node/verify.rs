//! Verifying a space or a document.

use std::collections::BTreeMap;
use std::sync::Arc;

use sheaf_access::PersonId;

use super::{Node, blocking};
use crate::error::NodeError;
use crate::verify::Work;
use crate::view::{AsideReport, AuthorReport, VerifyReport};

impl Node {
    /// Goes over everything that is stored of a space, or of one document of it, as if a stranger had brought it: every
    /// signature, whether its author might write it, what it builds on and what is in it. Says who wrote how much.
    pub async fn verify(&self, what: &str) -> Result<VerifyReport, NodeError> {
        let (space, document) = match self.find_document(what).await {
            Ok(document) => (document.space.clone(), Some(document)),
            Err(NodeError::NoSuchDocument(_)) => match self.find_space(what).await {
                Ok(space) => (space.id, None),
                Err(NodeError::NoSuchSpace(text)) => return Err(NodeError::NoSuchThing(text)),
                Err(error) => return Err(error),
            },
            Err(error) => return Err(error),
        };
        let held = self.space_of(&space)?;
        let only = document.as_ref().map(|document| crate::library::parse_document(&document.id)).transpose()?;
        let me = self.core.me()?;
        let people = self.core.people(&held).await?;
        let core = Arc::clone(&self.core);
        let found = blocking(move || core.verify(&held, only)).await?;
        let mut problems = found.problems;
        if found.more > 0 {
            problems.push(format!("{} more are not named here.", found.more));
        }
        let mut everyone = found.authors;
        let mut aside: BTreeMap<PersonId, Vec<AsideReport>> = BTreeMap::new();
        for (log, one) in found.aside {
            everyone.entry(one.author).or_default();
            let Work { entries, changes, characters } = one.work;
            let report = AsideReport { log: log.to_string(), first: one.first, entries, changes, characters };
            aside.entry(one.author).or_default().push(report);
        }
        let mut authors: Vec<AuthorReport> = everyone
            .into_iter()
            .map(|(person, work)| {
                let id = person.to_string();
                let known = people.get(&id).map(|(name, _)| name.clone()).unwrap_or_default();
                AuthorReport {
                    name: if person == me.person() { me.name.clone() } else { known },
                    person: id,
                    entries: work.entries,
                    changes: work.changes,
                    characters: work.characters,
                    set_aside: aside.remove(&person).unwrap_or_default(),
                }
            })
            .collect();
        authors.sort_by(|a, b| b.characters.cmp(&a.characters).then_with(|| a.person.cmp(&b.person)));
        Ok(VerifyReport {
            space,
            document: document.map(|document| document.id),
            entries: found.entries,
            signatures: found.signatures,
            sealed: found.sealed,
            checkpoints: found.checkpoints,
            problems,
            authors,
        })
    }
}
