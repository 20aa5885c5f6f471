//! Finding documents by their words.

use sheaf_search::Query;

use super::Node;
use super::find::{find, shown};
use crate::error::NodeError;
use crate::view::{FoundInfo, FoundPiece, SearchReport};

/// What is looked for, and where.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The words: all of them have to be there, and the last may be the beginning of one.
    pub words: String,
    /// Only in this space, by its id.
    pub space: Option<String>,
    /// Only what this person has written in: their id, the beginning of it, or their name.
    pub person: Option<String>,
    /// Only what has all of these tags.
    pub tags: Vec<String>,
    /// Only what changed at or after this time, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Only what changed last before this time.
    pub until: Option<u64>,
    /// How many at most.
    pub limit: usize,
    /// Whether to wait until everything that is here has been read.
    pub wait: bool,
}

impl Node {
    /// Reads what is not in the index of the search yet, and keeps it in step from now on.
    #[expect(clippy::unused_async, reason = "it can only be called within the runtime, which this sees to")]
    pub async fn begin_search(&self) -> Result<(), NodeError> {
        self.core.me()?;
        self.core.begin_finding()
    }

    /// Looks for documents by their words, and by what is known of them. The best come first.
    pub async fn search(&self, search: Search) -> Result<SearchReport, NodeError> {
        self.core.me()?;
        let people = match &search.person {
            Some(person) => vec![self.anyone(person).await?],
            None => Vec::new(),
        };
        let query = Query {
            words: search.words,
            spaces: search.space.into_iter().collect(),
            people,
            tags: search.tags.iter().map(|tag| tag.trim().trim_start_matches('#').to_lowercase()).collect(),
            since: search.since,
            until: search.until,
            limit: search.limit,
        };
        let (hits, unread) = self.core.find_words(query, search.wait).await?;
        let found = hits.into_iter().map(|hit| FoundInfo {
            id: hit.id,
            space: hit.space,
            title: hit.title,
            changed: hit.changed,
            snippet: hit.snippet.into_iter().map(|piece| FoundPiece { text: piece.text, found: piece.found }).collect(),
        });
        Ok(SearchReport { found: found.collect(), unread })
    }

    /// Someone in any space, this person too, by their id, the beginning of it, or their name.
    async fn anyone(&self, text: &str) -> Result<String, NodeError> {
        let mut people: Vec<(String, String)> = Vec::new();
        for space in self.core.spaces() {
            people.extend(self.core.people(&space).await?.into_iter().map(|(id, (name, _))| (id, name)));
        }
        people.sort_unstable();
        people.dedup_by(|later, first| later.0 == first.0);
        let found = find(text, &people, |person| (&person.0, &person.1), "people")?;
        Ok(found.ok_or_else(|| NodeError::NoSuchPerson(shown(text)))?.0.clone())
    }
}
