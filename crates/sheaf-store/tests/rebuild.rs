//! A store that is made anew on request has all that was whole: in the old one, in the journal, and beside them. So has a
//! journal.

mod support;

use std::fs;
use std::path::Path;

use sheaf_log::Entry;
use sheaf_store::{Claim, Damage, Damaged, DocumentRow, Home, Store, Table};
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

/// The entries of the journal, in its order.
fn journal(home: &Home) -> Vec<Entry> {
    home.journal().replay(0).unwrap().map(|item| item.unwrap().1).collect()
}

#[test]
fn a_broken_journal_is_written_anew_from_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let entries = home_with_a_bent_journal(folder.path());
    let mine: Vec<Entry> = entries.iter().step_by(2).cloned().collect();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(journal(&home).len(), mine.len() - 1);
    let remade = home.remake_journal(None).unwrap().unwrap();
    assert_eq!((remade.entries, remade.recovered, remade.unknown), (20, 1, 0));
    assert!(remade.missing.is_empty(), "{remade:?}");
    drop(home);
    // Killed before anything got another name: what was made so far is in nobody's way.
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(journal(&home).len(), mine.len() - 1);
    assert!(!folder.path().join("journal.remade").exists());
    home.remake_journal(None).unwrap().unwrap();
    drop(home);
    // Killed between the two names.
    fs::rename(folder.path().join("journal"), folder.path().join("journal.damaged-1")).unwrap();
    let (home, opened) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!((opened.restored, opened.copied_back), (0, 0), "{opened:?}");
    assert_eq!(journal(&home), mine);
    assert_eq!(home.remake_journal(None).unwrap(), None);
    drop(home);
    // It is a journal like any other: it goes on, and brings a store back.
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    let (home, opened) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(opened.restored, 20);
    let mut own = Writer::new(0);
    let next = (0..21).map(|content| own.entry(space(0), 0, content, 200)).last().unwrap();
    home.journal().append(space(0), &[next]).unwrap().wait().unwrap();
    assert_eq!(journal(&home).len(), 21);
    let broken = |damage: &Damage| matches!(damage.item, Damaged::Journal { .. });
    assert!(!home.store().damage().iter().any(broken), "{:?}", home.store().damage());
}

#[test]
fn what_was_broken_and_is_in_no_store_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let entries = home_with_a_bent_journal(folder.path());
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    let remade = home.remake_journal(None).unwrap().unwrap();
    assert_eq!((remade.entries, remade.recovered, remade.missing.len()), (19, 0, 1));
    assert!(remade.unknown > 200, "{remade:?}");
    let (_, log, seq) = remade.missing[0];
    assert!(entries.iter().any(|entry| (entry.log(), entry.seq()) == (log, seq)));
    drop(home);
    Claim::take(folder.path()).unwrap().place_remade_journal().unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(journal(&home).len(), 19);
    // The others have it, and then all of it is here again.
    home.store().append(space(0), &entries).unwrap();
    assert_eq!(home.store().since(space(0), 0, usize::MAX).unwrap().len(), entries.len());
}
