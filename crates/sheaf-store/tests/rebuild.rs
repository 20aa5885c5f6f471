//! A store that is made anew on request has all that was whole: in the old one, in the journal, and beside them. So has a
//! journal.

mod support;

use std::fs;
use std::path::Path;

use sheaf_log::Entry;
use sheaf_store::{Claim, Damage, Damaged, DocumentRow, Home, Store, StoreError, Table};
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

/// A store is begun again, and the one there was is kept.
fn put_aside(folder: &Path) {
    fs::rename(folder.join("store"), folder.join("store.damaged-1")).unwrap();
    fs::remove_file(folder.join("store.mark")).unwrap();
}

/// An earlier version began a store again from the journal alone, and put the old one aside. What that held comes back.
#[test]
fn what_a_store_that_was_put_aside_holds_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let entries = home_with_a_bent_journal(folder.path());
    put_aside(folder.path());
    // Of one that is no store, nothing can be had, and nothing is made of it.
    fs::create_dir(folder.path().join("store.damaged-2")).unwrap();
    fs::write(folder.path().join("store.damaged-2/db"), [7; 4_096]).unwrap();
    let whole = |home: &Home| {
        let mut found: Vec<Entry> =
            home.store().since(space(0), 0, usize::MAX).unwrap().into_iter().map(|(_, entry)| entry).collect();
        found.sort_by_key(|entry| (entry.log(), entry.seq()));
        found
    };
    let mut all = entries.clone();
    all.sort_by_key(|entry| (entry.log(), entry.seq()));

    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    let before = whole(&home).len();
    assert!(before < entries.len() / 2, "the journal has own entries, and not all of them");
    let own = entries[0].log().device;
    let taken = home.take_over(Some(own)).unwrap();
    assert_eq!(taken[0].entries as usize + before, entries.len(), "{taken:?}");
    assert_eq!((taken[0].left, &taken[0].unreadable, taken[0].spaces.len()), (0, &None, 0), "{taken:?}");
    assert_eq!((taken[1].entries, taken.len(), taken[1].unreadable.is_some()), (0, 2, true), "{taken:?}");
    assert_eq!(whole(&home), all);
    // Once more there is nothing, and what was put aside stays as it was.
    assert_eq!(home.take_over(Some(own)).unwrap()[0].entries, 0);
    drop(home);
    assert!(folder.path().join("store.damaged-1/db").exists() && !folder.path().join("store.looked-at").exists());
    // A space that was removed here does not come back by it.
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(whole(&home), all);
    home.remove(space(0)).unwrap();
    assert_eq!(home.take_over(Some(own)).unwrap()[0].entries, 0);
    assert!(whole(&home).is_empty());
}

/// What was taken over of this device is in the journal too: it outlives this store as well.
#[test]
fn own_words_that_are_taken_over_are_in_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let entries = home_with_a_bent_journal(folder.path());
    put_aside(folder.path());
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    home.take_over(Some(entries[0].log().device)).unwrap();
    drop(home);
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(home.store().frontier(space(0)).unwrap().get(&entries[0].log()), 20);
}

/// A store in which so much is missing that what comes after it could not be kept is not made anew: that would lose it.
#[test]
fn a_store_that_would_lose_something_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::new(1);
    let far = writer.entry_at(space(0), 0, 20_001, None, 1, 300);
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    home.store().cover(space(0), &[(far.log(), 20_000)].into_iter().collect(), &[]).unwrap();
    home.store().append(space(0), std::slice::from_ref(&far)).unwrap();
    drop(home);
    // Behind the store's back: nothing says any more that a checkpoint stands for what is missing.
    {
        let db = sled_at(&folder.path().join("store"));
        let floor = db.scan_prefix(b"f").keys().next().unwrap().unwrap();
        db.remove(floor).unwrap();
        db.flush().unwrap();
    }
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    let refused = home.rebuild_store().unwrap_err();
    assert!(matches!(refused, StoreError::WouldLose { count: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("It stays as it is"), "{refused}");
    // It goes on as it was, now and when it is opened again.
    let there = |home: &Home| home.store().by_hash(space(0), far.hash()).unwrap();
    assert_eq!(there(&home), Some((far.log(), 20_001)));
    drop(home);
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(there(&home), Some((far.log(), 20_001)));
    for left in ["store.salvage", "store.replaced-1", "store.damaged-1"] {
        assert!(!folder.path().join(left).exists(), "{left}");
    }
}
