//! A store that is made anew on request has all that was whole: in the old one, in the journal, and beside them.

mod support;

use std::fs;
use std::path::Path;

use sheaf_log::Entry;
use sheaf_store::{DocumentRow, Home, Store, Table};
use support::{Writer, document, sled_at, space, vault};

/// Own entries, of which the journal has lost some, and another's, which never were in it.
fn home_with_a_bent_journal(folder: &Path) -> Vec<Entry> {
    let (home, _) = Home::open(folder, &vault()).unwrap();
    let (mut own, mut other) = (Writer::new(0), Writer::new(1));
    let mut entries = Vec::new();
    for content in 0..20 {
        let mine = own.entry(space(0), 0, content, 200);
        home.journal().append(space(0), std::slice::from_ref(&mine)).unwrap().wait().unwrap();
        let theirs = other.entry(space(0), 0, content, 9_000);
        let arrivals = home.store().append(space(0), &[mine.clone(), theirs.clone()]).unwrap();
        let row = DocumentRow { arrival: arrivals[0], log: mine.log(), seq: mine.seq(), changes: vec![[1; 32]] };
        home.store().note(space(0), document(0), &[row]).unwrap();
        entries.extend([mine, theirs]);
    }
    home.store().put(Table::Settings, b"key", b"value").unwrap();
    drop(home);
    let journal = folder.join("journal/0000000001.own");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, bytes).unwrap();
    entries
}

fn has_all(home: &Home, entries: &[Entry]) {
    let found: Vec<Entry> =
        home.store().since(space(0), 0, usize::MAX).unwrap().into_iter().map(|(_, entry)| entry).collect();
    assert_eq!(found, entries);
    assert_eq!(home.store().get(Table::Settings, b"key").unwrap(), Some(b"value".to_vec()));
    assert_eq!(home.store().document_rows(space(0), document(0), 0).unwrap().len(), entries.len() / 2);
}

#[test]
fn all_that_is_whole_in_the_store_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let entries = home_with_a_bent_journal(folder.path());
    for number in 1..3 {
        let (home, _) = Home::open(folder.path(), &vault()).unwrap();
        let kept = home.rebuild_store().unwrap();
        assert_eq!(kept, Some(folder.path().join(format!("store.replaced-{number}"))));
        has_all(&home, &entries);
    }
    let (home, opened) = Home::open(folder.path(), &vault()).unwrap();
    assert!(opened.repaired.is_empty(), "{opened:?}");
    has_all(&home, &entries);
}

#[test]
fn a_crash_between_the_two_stores_leaves_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let entries = home_with_a_bent_journal(folder.path());
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    home.rebuild_store().unwrap();
    drop(home);
    // Neither of the renames, with what was written so far in the way; then only the first of them.
    fs::create_dir(folder.path().join("store.salvage")).unwrap();
    fs::write(folder.path().join("store.salvage/db"), b"half of it").unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    has_all(&home, &entries);
    drop(home);
    fs::rename(folder.path().join("store"), folder.path().join("store.salvage")).unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    has_all(&home, &entries);
}

#[test]
fn an_entry_that_cannot_be_read_is_all_that_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let entries = home_with_a_bent_journal(folder.path());
    // Broken behind the store's back, so that its row cannot be read.
    {
        let db = sled_at(&folder.path().join("store"));
        let row = db.scan_prefix(b"e").keys().last().unwrap().unwrap();
        db.insert(row, b"nothing").unwrap();
        db.flush().unwrap();
    }
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    home.rebuild_store().unwrap();
    let found = home.store().since(space(0), 0, usize::MAX).unwrap();
    assert!(found.len() + 1 >= entries.len(), "{} of {}", found.len(), entries.len());
    home.store().append(space(0), &entries[entries.len() - 2..]).unwrap();
    has_all(&home, &entries);
}
