//! From what a person types to what is looked for.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, FuzzyTermQuery, Occur, PhraseQuery, Query as Tantivy,
    RangeQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use crate::index::Fields;
use crate::words::{Word, forgiven, words};

/// The most words that are looked for at once; the others are left out.
const MOST_WORDS: usize = 12;

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The words. All of them have to be there; the last may be the beginning of one.
    pub words: String,
    /// Only in one of these spaces; none: in all.
    pub spaces: Vec<String>,
    /// Only what one of these persons has written in; none: anyone.
    pub people: Vec<String>,
    /// Only what has all of these tags.
    pub tags: Vec<String>,
    /// Only what has changed at or after this time, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Only what has changed last before this time.
    pub until: Option<u64>,
    /// How many are wanted at most.
    pub limit: usize,
}

impl Query {
    /// The words that are looked for.
    pub(crate) fn wanted(&self) -> Vec<Word> {
        let mut wanted = words(&self.words);
        wanted.truncate(MOST_WORDS);
        wanted
    }

    /// As the index is asked.
    pub(crate) fn build(&self, fields: &Fields) -> Box<dyn Tantivy> {
        let mut parts: Vec<(Occur, Box<dyn Tantivy>)> = Vec::new();
        let wanted = self.wanted();
        let complete = self.words.ends_with(char::is_whitespace);
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let together = 1 + rest[1..].iter().take_while(|word| word.joined).count();
            let (group, after) = rest.split_at(together);
            parts.push((Occur::Must, look_for(fields, group, after.is_empty() && !complete)));
            rest = after;
        }
        if parts.is_empty() {
            parts.push((Occur::Must, Box::new(AllQuery)));
        }
        for (field, values) in [(fields.space, &self.spaces), (fields.person, &self.people)] {
            if !values.is_empty() {
                let any = values.iter().map(|value| (Occur::Should, exactly(field, value))).collect();
                parts.push((Occur::Must, silent(Box::new(BooleanQuery::new(any)))));
            }
        }
        for tag in &self.tags {
            parts.push((Occur::Must, silent(exactly(fields.tag, tag))));
        }
        if self.since.is_some() || self.until.is_some() {
            let time = |time| Term::from_field_u64(fields.changed, time);
            let from = self.since.map_or(Bound::Unbounded, |since| Bound::Included(time(since)));
            let to = self.until.map_or(Bound::Unbounded, |until| Bound::Excluded(time(until)));
            parts.push((Occur::Must, silent(Box::new(RangeQuery::new(from, to)))));
        }
        Box::new(BooleanQuery::new(parts))
    }
}

/// A word, or signs that stand together, in the title or in the text: as it is, as a beginning, or nearly.
fn look_for(fields: &Fields, group: &[Word], open: bool) -> Box<dyn Tantivy> {
    let mut ways: Vec<(Occur, Box<dyn Tantivy>)> = Vec::new();
    for (field, weight) in [(fields.title, 4.0), (fields.text, 1.0)] {
        let mut way = |query: Box<dyn Tantivy>, worth: f32| {
            ways.push((Occur::Should, Box::new(BoostQuery::new(query, weight * worth))));
        };
        let term = |word: &Word| Term::from_field_text(field, &word.text);
        let [word] = group else {
            way(Box::new(PhraseQuery::new(group.iter().map(term).collect())), 2.0);
            continue;
        };
        way(Box::new(TermQuery::new(term(word), IndexRecordOption::WithFreqs)), 2.0);
        if open {
            way(Box::new(FuzzyTermQuery::new_prefix(term(word), 0, true)), 0.7);
        }
        let forgiven = forgiven(&word.text);
        if forgiven > 0 {
            way(Box::new(FuzzyTermQuery::new(term(word), forgiven, true)), 0.3);
        }
    }
    Box::new(BooleanQuery::new(ways))
}

fn exactly(field: Field, value: &str) -> Box<dyn Tantivy> {
    Box::new(TermQuery::new(Term::from_field_text(field, value), IndexRecordOption::Basic))
}

/// What only says whether, and not how well.
fn silent(query: Box<dyn Tantivy>) -> Box<dyn Tantivy> {
    Box::new(ConstScoreQuery::new(query, 0.0))
}
