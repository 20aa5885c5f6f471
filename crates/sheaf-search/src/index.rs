//! The index itself: pages in, hits out.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::collector::TopDocs;
use tantivy::schema::{
    Field, IndexRecordOption, NumericOptions, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value as _,
};
use tantivy::{Index, IndexReader, IndexWriter, Order, ReloadPolicy, TantivyDocument, TantivyError, Term};

use crate::query::Query;
use crate::sealed::{Seal, SealedFiles};
use crate::snippet::{Piece, snippet};
use crate::words::analyser;

/// What makes words of texts, by this name; another name when it changes, and the index begins anew.
const WORDS: &str = "sheaf words 1";
/// How much may be gathered before it is put in order, in bytes.
const GATHERED: usize = 20_000_000;
/// How much of a text is looked at, in bytes.
const MOST_TEXT: usize = 2 << 20;
/// The most hits that are given at once.
const MOST_HITS: usize = 1_000;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Its folder cannot be read or written.
    #[error("the index of the search at {path} cannot be used: {error}")]
    Folder {
        /// Where it is.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What is in it is not as it should be.
    #[error("the index of the search is damaged ({0}). It is made anew when Sheaf is opened again.")]
    Damaged(String),
}

impl From<TantivyError> for SearchError {
    fn from(error: TantivyError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// What is known of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its id.
    pub id: String,
    /// The space it is in.
    pub space: String,
    /// Its title.
    pub title: String,
    /// Its words.
    pub text: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Who has written in it.
    pub people: Vec<String>,
    /// When it changed last, in milliseconds since 1970.
    pub changed: u64,
    /// What it was made from: whoever feeds the index knows by this whether that is so still.
    pub stamp: String,
}

/// A document that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document.
    pub id: String,
    /// Its space.
    pub space: String,
    /// Its title.
    pub title: String,
    /// When it changed last, in milliseconds since 1970.
    pub changed: u64,
    /// A piece of its text that shows why, in parts.
    pub snippet: Vec<Piece>,
}

/// The fields of a page.
#[derive(Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) id: Field,
    pub(crate) space: Field,
    pub(crate) title: Field,
    pub(crate) text: Field,
    pub(crate) tag: Field,
    pub(crate) person: Field,
    pub(crate) changed: Field,
    pub(crate) stamp: Field,
}

fn schema() -> (Schema, Fields) {
    let indexing =
        TextFieldIndexing::default().set_tokenizer(WORDS).set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let words = TextOptions::default().set_indexing_options(indexing).set_stored();
    let mut schema = Schema::builder();
    let fields = Fields {
        id: schema.add_text_field("id", STRING | STORED),
        space: schema.add_text_field("space", STRING | STORED),
        title: schema.add_text_field("title", words.clone()),
        text: schema.add_text_field("text", words),
        tag: schema.add_text_field("tag", STRING),
        person: schema.add_text_field("person", STRING),
        changed: schema.add_u64_field("changed", NumericOptions::default().set_fast().set_indexed().set_stored()),
        stamp: schema.add_text_field("stamp", STORED),
    };
    (schema.build(), fields)
}

/// An index in a folder of its own.
pub struct SearchIndex {
    fields: Fields,
    reader: IndexReader,
    writer: IndexWriter,
}

impl SearchIndex {
    /// Opens the index in a folder. What is there and does not open is deleted, and the index begins anew. One index at a
    /// time may have a folder; the caller sees to that.
    pub fn open(folder: &Path, seal: Arc<dyn Seal>) -> Result<Self, SearchError> {
        if let Ok(Some(index)) = Self::try_open(folder, Arc::clone(&seal)) {
            return Ok(index);
        }
        let failed = |error| SearchError::Folder { path: folder.to_owned(), error };
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let nothing = || SearchError::Damaged("an empty folder does not open".into());
        Self::try_open(folder, seal)?.ok_or_else(nothing)
    }

    fn try_open(folder: &Path, seal: Arc<dyn Seal>) -> Result<Option<Self>, SearchError> {
        let failed = |error| SearchError::Folder { path: folder.to_owned(), error };
        let Some(files) = SealedFiles::open(folder, seal).map_err(failed)? else { return Ok(None) };
        let (schema, fields) = schema();
        // One that was made with other fields does not open.
        let index = Index::open_or_create(files, schema)?;
        index.tokenizers().register(WORDS, analyser());
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let writer = index.writer_with_num_threads(1, GATHERED)?;
        Ok(Some(Self { fields, reader, writer }))
    }

    /// Puts a page in, in place of what was known of the document. It is found after the next [`commit`](Self::commit).
    pub fn put(&mut self, page: &Page) -> Result<(), SearchError> {
        self.remove(&page.id);
        let fields = self.fields;
        let mut document = TantivyDocument::default();
        document.add_text(fields.id, &page.id);
        document.add_text(fields.space, &page.space);
        document.add_text(fields.title, &page.title);
        let mut end = page.text.len().min(MOST_TEXT);
        while !page.text.is_char_boundary(end) {
            end -= 1;
        }
        document.add_text(fields.text, &page.text[..end]);
        for tag in &page.tags {
            document.add_text(fields.tag, tag);
        }
        for person in &page.people {
            document.add_text(fields.person, person);
        }
        document.add_u64(fields.changed, page.changed);
        document.add_text(fields.stamp, &page.stamp);
        self.writer.add_document(document)?;
        Ok(())
    }

    /// Takes a document out, after the next [`commit`](Self::commit).
    pub fn remove(&mut self, id: &str) {
        self.writer.delete_term(Term::from_field_text(self.fields.id, id));
    }

    /// Lets everything so far be found, and writes it down.
    pub fn commit(&mut self) -> Result<(), SearchError> {
        self.writer.commit()?;
        self.reader.reload()?;
        Ok(())
    }

    /// The stamps of all documents in the index.
    pub fn stamps(&self) -> Result<HashMap<String, String>, SearchError> {
        let searcher = self.reader.searcher();
        let mut stamps = HashMap::new();
        for segment in searcher.segment_readers() {
            let store = segment.get_store_reader(1).map_err(TantivyError::from)?;
            for document in store.iter::<TantivyDocument>(segment.alive_bitset()) {
                let document = document?;
                let text = |field| document.get_first(field).and_then(|value| value.as_str().map(str::to_owned));
                if let (Some(id), Some(stamp)) = (text(self.fields.id), text(self.fields.stamp)) {
                    stamps.insert(id, stamp);
                }
            }
        }
        Ok(stamps)
    }

    /// What fits a query, the best first; without words, what changed last first.
    pub fn find(&self, query: &Query) -> Result<Vec<Hit>, SearchError> {
        let searcher = self.reader.searcher();
        let wanted = query.wanted();
        let most = TopDocs::with_limit(query.limit.clamp(1, MOST_HITS));
        let built = query.build(&self.fields);
        let found: Vec<_> = if wanted.is_empty() {
            let by_time = most.order_by_fast_field::<u64>("changed", Order::Desc);
            searcher.search(&built, &by_time)?.into_iter().map(|(_, at)| at).collect()
        } else {
            searcher.search(&built, &most.order_by_score())?.into_iter().map(|(_, at)| at).collect()
        };
        let mut hits = Vec::with_capacity(found.len());
        for at in found {
            let document: TantivyDocument = searcher.doc(at)?;
            let text =
                |field| document.get_first(field).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
            hits.push(Hit {
                id: text(self.fields.id),
                space: text(self.fields.space),
                title: text(self.fields.title),
                changed: document.get_first(self.fields.changed).and_then(|value| value.as_u64()).unwrap_or(0),
                snippet: snippet(&text(self.fields.text), &wanted),
            });
        }
        Ok(hits)
    }
}
