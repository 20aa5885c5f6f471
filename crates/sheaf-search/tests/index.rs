//! The index: what is found, in which order, and what survives.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sheaf_search::{Page, Query, Seal, SearchIndex};

/// Not a seal: what it hides is hidden from a search for it, and tells when it was changed.
struct Turned(u8);

impl Seal for Turned {
    fn seal(&self, name: &str, plain: &[u8]) -> Vec<u8> {
        let sum =
            plain.iter().chain(name.as_bytes()).fold(self.0, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte));
        plain.iter().map(|byte| byte ^ 0xa5 ^ self.0).chain([sum]).collect()
    }

    fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (_, turned) = sealed.split_last()?;
        let plain: Vec<u8> = turned.iter().map(|byte| byte ^ 0xa5 ^ self.0).collect();
        (self.seal(name, &plain) == sealed).then_some(plain)
    }
}

fn open(folder: &Path) -> SearchIndex {
    SearchIndex::open(folder, Arc::new(Turned(1))).unwrap()
}

fn page(id: &str, title: &str, text: &str) -> Page {
    Page {
        id: id.into(),
        space: "s".into(),
        title: title.into(),
        text: text.into(),
        stamp: format!("{id}1"),
        ..Page::default()
    }
}

fn looking(words: &str) -> Query {
    Query { words: words.into(), limit: 20, ..Query::default() }
}

fn ids(index: &SearchIndex, query: &Query) -> Vec<String> {
    index.find(query).unwrap().into_iter().map(|hit| hit.id).collect()
}

fn filled(folder: &Path) -> SearchIndex {
    let mut index = open(folder);
    index.put(&page("gauge", "The gauge", "It is full of silt.")).unwrap();
    index.put(&page("visit", "Spring visit", "Look after the gauge, and the float in the hut.")).unwrap();
    index.put(&page("japan", "海辺の宿", "東京から海まで")).unwrap();
    index
        .put(&Page {
            tags: vec!["trip".into()],
            people: vec!["ana".into()],
            changed: 50,
            space: "t".into(),
            ..page("boats", "Boats", "Engine oil")
        })
        .unwrap();
    index.commit().unwrap();
    index
}

#[test]
fn words_are_found_as_they_are_as_beginnings_and_with_a_letter_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let index = filled(folder.path());
    for (words, found) in [
        ("gauge", &["gauge", "visit"][..]),
        ("GAUGE silt", &["gauge"]),
        ("gau", &["gauge", "visit"]),
        ("gau ", &[]),
        ("guage", &["gauge", "visit"]),
        ("enigne", &["boats"]),
        ("gauge engine", &[]),
        ("hat", &[]),
        ("海辺", &["japan"]),
        ("東京", &["japan"]),
        ("京東", &[]),
        ("?!", &["boats", "gauge", "visit", "japan"]),
    ] {
        let mut at = ids(&index, &looking(words));
        let mut found = found.to_vec();
        if words == "?!" {
            // Without words it is by time, and those have none.
            at.sort();
            found.sort_unstable();
        }
        assert_eq!(at, found, "{words}");
    }
    let hit = &index.find(&looking("guage")).unwrap()[1];
    assert_eq!(hit.title, "Spring visit");
    assert!(hit.snippet.iter().any(|piece| piece.found && piece.text == "gauge"), "{hit:?}");
}

#[test]
fn what_is_found_can_be_narrowed_down() {
    let folder = tempfile::tempdir().unwrap();
    let index = filled(folder.path());
    let all = Query { limit: 20, ..Query::default() };
    let only = |query: Query| ids(&index, &query);
    assert_eq!(only(all.clone())[0], "boats", "what changed last comes first");
    assert_eq!(only(Query { tags: vec!["trip".into()], ..all.clone() }), ["boats"]);
    assert_eq!(only(Query { people: vec!["ana".into()], ..all.clone() }), ["boats"]);
    assert_eq!(only(Query { people: vec!["ben".into()], ..all.clone() }), [""; 0]);
    assert_eq!(only(Query { spaces: vec!["t".into()], ..looking("oil") }), ["boats"]);
    assert_eq!(only(Query { spaces: vec!["s".into()], ..looking("oil") }), [""; 0]);
    assert_eq!(only(Query { since: Some(50), ..all.clone() }), ["boats"]);
    assert_eq!(only(Query { until: Some(50), ..all.clone() }).len(), 3);
    assert_eq!(only(Query { limit: 2, ..all }).len(), 2);
}

#[test]
fn a_page_takes_the_place_of_the_one_before_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut index = filled(folder.path());
    index.put(&Page { stamp: "new".into(), ..page("gauge", "The gauge", "It is clean.") }).unwrap();
    index.remove("boats");
    assert_eq!(ids(&index, &looking("silt")), ["gauge"], "not before it is said");
    index.commit().unwrap();
    assert_eq!((ids(&index, &looking("silt")), ids(&index, &looking("oil"))), (vec![], vec![]));
    assert_eq!(ids(&index, &looking("clean")), ["gauge"]);
    let stamps = index.stamps().unwrap();
    assert_eq!((stamps.len(), stamps["gauge"].as_str(), stamps.contains_key("boats")), (3, "new", false));
}

#[test]
fn it_opens_as_it_was_written_down_last_and_says_nothing_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut index = filled(folder.path());
    index.put(&page("late", "Late", "It was never written down.")).unwrap();
    // As it is left by a process that was killed: nothing is finished, nothing is tidied up.
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let bytes = fs::read(entry.path()).unwrap();
        for word in ["silt", "gauge", "Engine", "visit", "trip"] {
            assert!(!bytes.windows(word.len()).any(|piece| piece == word.as_bytes()), "{word} in {entry:?}");
        }
        fs::write(copy.path().join(entry.file_name()), bytes).unwrap();
    }
    fs::write(copy.path().join("half.store.new"), b"half").unwrap();
    let again = open(copy.path());
    assert_eq!(ids(&again, &looking("silt")), ["gauge"]);
    assert_eq!(ids(&again, &looking("never")), [""; 0]);
    assert!(!copy.path().join("half.store.new").exists());
}

#[test]
fn what_does_not_open_begins_anew() {
    for harm in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        drop(filled(folder.path()));
        let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let seal = match harm {
            0 => {
                let mut bytes = fs::read(&files[0]).unwrap();
                bytes[0] ^= 1;
                fs::write(&files[0], bytes).unwrap();
                Turned(1)
            }
            1 => {
                let store = files.iter().find(|path| path.extension().is_some_and(|end| end == "store")).unwrap();
                fs::remove_file(store).unwrap();
                Turned(1)
            }
            _ => Turned(2),
        };
        let mut index = SearchIndex::open(folder.path(), Arc::new(seal)).unwrap();
        assert_eq!(index.stamps().unwrap().len(), 0, "{harm}");
        index.put(&page("one", "One", "word")).unwrap();
        index.commit().unwrap();
        assert_eq!(ids(&index, &looking("word")), ["one"]);
    }
}
