//! Finding words in many documents, and opening the index of so many.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sheaf_search::{Page, Query, Seal, SearchIndex};
use sheaf_store::{Purpose, VaultKey};

use super::{Context, count};
use crate::figures::Figures;
use crate::home::Folder;
use crate::report::Row;

/// How many documents there are.
const DOCUMENTS: usize = 10_000;
/// How many words each has.
const WORDS: usize = 400;
/// How many different words there are.
const VOCABULARY: usize = 20_000;

/// As the node seals the index.
struct Vault(VaultKey);

impl Seal for Vault {
    fn seal(&self, name: &str, plain: &[u8]) -> Vec<u8> {
        self.0.seal(Purpose::Cache, name.as_bytes(), plain)
    }

    fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.open(Purpose::Cache, name.as_bytes(), sealed)
    }
}

pub fn rows(context: &Context) -> Result<Vec<Row>> {
    let documents = if context.quick { DOCUMENTS / 10 } else { DOCUMENTS };
    let folder = Folder::new()?;
    let place = folder.home().join("search");
    let seal: Arc<dyn Seal> = Arc::new(Vault(VaultKey::generate()));
    let about = format!("{} documents of {} words", count(documents), count(WORDS));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let words: Vec<String> = (0..VOCABULARY).map(|_| word(&mut rng)).collect();
    let filling = Instant::now();
    fill(&place, &seal, &words, documents, &mut rng)?;
    let filled = filling.elapsed();

    let mut opened = Vec::new();
    for _ in 0..context.samples(5) {
        let start = Instant::now();
        let index = SearchIndex::open(&place, Arc::clone(&seal))?;
        let stamps = index.stamps()?;
        opened.push(start.elapsed());
        ensure!(stamps.len() == documents, "{} of {documents} documents are in the index", stamps.len());
    }
    let index = SearchIndex::open(&place, seal)?;
    let mut took = Vec::new();
    for _ in 0..context.samples(500) {
        let words = typed(&words, &mut rng);
        let start = Instant::now();
        let found = index.find(&Query { words, limit: 20, ..Query::default() })?;
        took.push(start.elapsed());
        ensure!(found.len() <= 20, "more were found than were asked for");
    }
    Ok(vec![
        Row::new(
            "search",
            format!("two words, the second half typed, one in four with a letter wrong, {about}"),
            Figures::of(&took),
        ),
        Row::new("search-open", format!("the sealed index, with its stamps, {about}"), Figures::of(&opened))
            .note(format!("filled in {} ms, without reading the documents", filled.as_millis())),
    ])
}

fn fill(place: &Path, seal: &Arc<dyn Seal>, words: &[String], documents: usize, rng: &mut ChaCha8Rng) -> Result<()> {
    let mut index = SearchIndex::open(place, Arc::clone(seal))?;
    for n in 0..documents {
        let text: Vec<&str> = (0..WORDS).map(|_| some(words, rng)).collect();
        let title = format!("{} {}", some(words, rng), some(words, rng));
        let (id, stamp) = (format!("document {n}"), format!("{n}"));
        index.put(&Page { id, stamp, title, text: text.join(" "), ..Page::default() })?;
    }
    Ok(index.commit()?)
}

/// Common words are common: the lower numbers are drawn more often.
fn some<'w>(words: &'w [String], rng: &mut ChaCha8Rng) -> &'w str {
    let most = rng.random_range(1..=words.len());
    &words[rng.random_range(0..most)]
}

fn word(rng: &mut ChaCha8Rng) -> String {
    let syllables = rng.random_range(1..=4);
    (0..syllables)
        .map(|_| ["ka", "lo", "mi", "ter", "en", "sul", "ba", "rin", "to", "va"][rng.random_range(0..10)])
        .collect()
}

/// What somebody has typed so far.
fn typed(words: &[String], rng: &mut ChaCha8Rng) -> String {
    let (mut first, second) = (some(words, rng).to_owned(), some(words, rng));
    if rng.random_range(0..4) == 0 && first.len() > 4 {
        first.replace_range(2..3, "x");
    }
    format!("{first} {}", &second[..second.len().div_ceil(2)])
}
