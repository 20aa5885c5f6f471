//! A writing session: what was typed where, one step after another. Recorded, or invented from a seed.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::GzDecoder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use sheaf_document::edit::Edit;
use sheaf_document::model::{Block, BlockKind, Item};

/// The most bytes a recorded session has, unpacked.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// A writing session of one person.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// What was there before.
    pub start_content: String,
    /// What was there afterwards.
    pub end_content: String,
    /// The steps: each becomes one change.
    pub txns: Vec<Step>,
}

/// One step.
#[derive(Debug, Deserialize)]
pub struct Step {
    /// Position, how many characters went, and what came instead; positions count characters.
    pub patches: Vec<(usize, usize, String)>,
    /// Of a session of several people at once: the steps it builds on.
    #[serde(default)]
    parents: Option<serde::de::IgnoredAny>,
}

impl Step {
    /// The step that puts a text where there is none; none for none.
    pub fn inserting(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self { patches: vec![(0, 0, text.to_owned())], parents: None })
    }
}

impl Trace {
    /// A recorded one: JSON, packed with gzip.
    pub fn read(file: &Path) -> Result<Self> {
        let unpacked = GzDecoder::new(BufReader::new(File::open(file)?)).take(MAX_BYTES);
        let trace: Self = serde_json::from_reader(BufReader::new(unpacked)).context("not a recorded session")?;
        ensure!(
            trace.txns.iter().all(|step| step.parents.is_none()),
            "several people wrote at once here; take a session that is one after another"
        );
        Ok(trace)
    }

    /// An invented one: it ends at about so many characters. Someone writes a few words here, a few there, takes some
    /// back, and begins a new line now and then.
    pub fn invented(seed: u64, edits: usize, characters: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Of ten keys about one goes into taking another back.
        let start_content: String = filler().take(characters.saturating_sub(edits * 8 / 10)).collect();
        let mut replay = Replay::new(&start_content);
        let (mut txns, mut at) = (Vec::with_capacity(edits), 0);
        let mut letters = filler();
        while txns.len() < edits {
            if rng.random_ratio(1, 40) {
                at = rng.random_range(0..=replay.len());
            }
            let patch = if at > 0 && rng.random_ratio(1, 10) {
                at -= 1;
                (at, 1, String::new())
            } else {
                at += 1;
                (at - 1, 0, letters.next().map(String::from).unwrap_or_default())
            };
            replay.text.splice(patch.0..patch.0 + patch.1, patch.2.chars());
            txns.push(Step { patches: vec![patch], parents: None });
        }
        Self { start_content, end_content: replay.text(), txns }
    }
}

fn filler() -> impl Iterator<Item = char> {
    "the float sticks below the line and the curve stops falling before low water\n".chars().cycle()
}

/// The text as it goes through a trace, which turns steps into edits.
pub struct Replay {
    text: Vec<char>,
    /// How many characters take two UTF-16 units.
    wide: usize,
}

impl Replay {
    /// Begins with this text.
    pub fn new(start: &str) -> Self {
        let text: Vec<char> = start.chars().collect();
        let wide = count_wide(&text);
        Self { text, wide }
    }

    /// Goes one step further. The edits are for a document in which the text begins at place `offset`.
    pub fn step(&mut self, step: &Step, offset: usize) -> Result<Vec<Edit>> {
        let mut edits = Vec::with_capacity(step.patches.len());
        for (at, delete, insert) in &step.patches {
            let Some(gone) = at.checked_add(*delete).and_then(|end| self.text.get(*at..end)) else {
                bail!("a step takes {delete} characters at {at} of {}", self.text.len());
            };
            let before = if self.wide == 0 { *at } else { *at + count_wide(&self.text[..*at]) };
            let wide_gone = count_wide(gone);
            edits.push(Edit::Splice {
                at: u32::try_from(offset + before)?,
                delete: u32::try_from(*delete + wide_gone)?,
                insert: items(insert),
            });
            self.wide = self.wide - wide_gone + insert.chars().filter(|c| c.len_utf16() > 1).count();
            self.text.splice(*at..*at + *delete, insert.chars());
        }
        Ok(edits)
    }

    /// The text now.
    pub fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// How many characters it has.
    pub fn len(&self) -> usize {
        self.text.len()
    }
}

fn count_wide(text: &[char]) -> usize {
    text.iter().filter(|c| c.len_utf16() > 1).count()
}

/// A text as someone typing it would have it: each line is a paragraph. A line end and a block marker both take one place,
/// so positions stay what they are.
pub fn items(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            items.push(paragraph());
        }
        if !line.is_empty() {
            items.push(Item::Text { text: line.to_owned(), marks: [].into() });
        }
    }
    items
}

/// What a document says from place `offset` on, its paragraphs as lines.
pub fn text_from(items: &[Item], offset: usize) -> String {
    let mut units: Vec<u16> = Vec::new();
    for item in items {
        match item {
            Item::Text { text, .. } => units.extend(text.encode_utf16()),
            Item::Block { .. } | Item::Embed { .. } => units.push(u16::from(b'\n')),
        }
    }
    String::from_utf16_lossy(units.get(offset..).unwrap_or_default())
}

fn paragraph() -> Item {
    let kind = BlockKind::Paragraph.name().unwrap_or("paragraph").to_owned();
    Item::Block { block: Block { kind, parents: Vec::new(), attrs: [].into(), is_embed: false } }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use sheaf_document::Reading;

    use super::*;

    /// Replays into a document's reading, and says what it reads from `offset` on.
    fn replayed(trace: &Trace, before: Vec<Item>) -> String {
        let offset = sheaf_document::model::len_of(&before);
        let mut reading = Reading::from_items(before.into_iter().chain(items(&trace.start_content)));
        let mut replay = Replay::new(&trace.start_content);
        for step in &trace.txns {
            for edit in replay.step(step, offset).unwrap() {
                reading.apply_edit(&edit).unwrap();
            }
        }
        assert_eq!(replay.text(), trace.end_content);
        text_from(&reading.items(), offset)
    }

    fn step(patches: &[(usize, usize, &str)]) -> Step {
        Step { patches: patches.iter().map(|(at, del, ins)| (*at, *del, (*ins).to_owned())).collect(), parents: None }
    }

    #[test]
    fn steps_make_the_text_they_say_also_with_lines_and_wide_characters() {
        let trace = Trace {
            start_content: "one\ntwo".into(),
            end_content: "o\u{1f600}ne!\n\ntw".into(),
            txns: vec![step(&[(1, 0, "\u{1f600}")]), step(&[(4, 0, "!\n"), (9, 1, "")])],
        };
        assert_eq!(replayed(&trace, vec![paragraph()]), trace.end_content);
    }

    #[test]
    fn a_wide_character_goes_whole() {
        let trace = Trace {
            start_content: "a\u{1f600}b\u{1f600}".into(),
            end_content: "abc".into(),
            txns: vec![step(&[(1, 1, "")]), step(&[(2, 1, "c")])],
        };
        assert_eq!(replayed(&trace, Vec::new()), trace.end_content);
    }

    #[test]
    fn a_step_beyond_the_end_is_an_error() {
        assert!(Replay::new("abc").step(&step(&[(3, 1, "")]), 0).is_err());
        assert!(Replay::new("abc").step(&step(&[(usize::MAX, 2, "")]), 0).is_err());
    }

    #[test]
    fn an_invented_session_is_the_same_for_the_same_seed_and_ends_where_it_says() {
        let (a, b) = (Trace::invented(7, 2_000, 5_000), Trace::invented(7, 2_000, 5_000));
        assert_eq!(a.end_content, b.end_content);
        assert_ne!(a.end_content, Trace::invented(8, 2_000, 5_000).end_content);
        assert!((4_500..5_500).contains(&a.end_content.len()), "{}", a.end_content.len());
        assert_eq!(replayed(&a, vec![paragraph()]), a.end_content);
    }

    #[test]
    fn a_recorded_session_is_read_and_one_of_several_people_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |json: &str| {
            let path = folder.path().join("trace.json.gz");
            let mut file = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
            file.write_all(json.as_bytes()).unwrap();
            file.finish().unwrap();
            path
        };
        let alone = r#"{"startContent":"","endContent":"ab","txns":[{"time":"","patches":[[0,0,"b"],[0,0,"a"]]}]}"#;
        let trace = Trace::read(&write(alone)).unwrap();
        assert_eq!(replayed(&trace, Vec::new()), "ab");
        let together = r#"{"startContent":"","endContent":"","txns":[{"parents":[],"agent":0,"patches":[]}]}"#;
        assert!(Trace::read(&write(together)).is_err());
        assert!(Trace::read(&write("[]")).is_err());
    }
}
