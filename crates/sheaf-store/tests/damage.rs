//! What was stored and is not what it was is reported, set aside, never served, and can be had again.

mod support;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use sheaf_log::Entry;
use sheaf_store::{CacheKind, Damaged, DocumentRow, Home, Repair, SledStore, Store, StoreError, Table};
use support::{Writer, cases, document, sled_at, space, vault};

/// Changes rows behind the store's back. The first byte of a key says what sort of row it is, see the store's `keys`.
fn tamper(home: &Path, mut change: impl FnMut(&[u8], &mut Vec<u8>) -> Change) {
    let db = sled_at(&home.join("store"));
    for row in db.iter().collect::<Result<Vec<_>, _>>().unwrap() {
        let mut value = row.1.to_vec();
        match change(&row.0, &mut value) {
            Change::None => {}
            Change::Write => drop(db.insert(&row.0, value).unwrap()),
            Change::Remove => drop(db.remove(&row.0).unwrap()),
        }
    }
    db.flush().unwrap();
    drop(db);
    drop(sled_at(&home.join("store")));
}

enum Change {
    None,
    Write,
    Remove,
}

fn open(home: &Path) -> SledStore {
    SledStore::open(home, &vault()).unwrap().0
}

/// A store with six entries of one log and two of another, which came last.
fn filled(home: &Path, size: usize) -> (Vec<Entry>, Vec<Entry>) {
    let store = open(home);
    let mut writer = Writer::new(0);
    let first: Vec<Entry> = (0..6).map(|content| writer.entry(space(0), 0, content, size)).collect();
    let second: Vec<Entry> = (0..2).map(|content| writer.entry(space(0), 1, content, size)).collect();
    store.append(space(0), &first).unwrap();
    store.append(space(0), &second).unwrap();
    (first, second)
}

fn entries_since(store: &SledStore, arrival: u64) -> Vec<(u64, Entry)> {
    store.since(space(0), arrival, usize::MAX).unwrap()
}

#[test]
fn a_damaged_entry_is_a_hole_until_it_comes_again() {
    for (size, sort) in [(50, b'e'), (20_000, b'e'), (20_000, b'k')] {
        for remove in [false, true] {
            let home = tempfile::tempdir().unwrap();
            let (first, second) = filled(home.path(), size);
            let log = first[0].log();
            let mut hit = 0;
            tamper(home.path(), |key, value| {
                let third =
                    sort == b'k' || key.ends_with(&[&log.nonce.to_be_bytes()[..], &3u64.to_be_bytes()].concat());
                if key[0] != sort || !third || (sort == b'k' && hit > 0) {
                    return Change::None;
                }
                hit += 1;
                let last = value.len() - 1;
                value[last] ^= 1;
                if remove { Change::Remove } else { Change::Write }
            });
            assert_eq!(hit, 1);

            let store = open(home.path());
            // Whose piece it was is not known beforehand.
            let everything = entries_since(&store, 0);
            let lost: Vec<&Entry> = first
                .iter()
                .chain(&second)
                .filter(|entry| store.entry(space(0), entry.log(), entry.seq()).unwrap().is_none())
                .collect();
            let [lost] = lost.as_slice() else { panic!("{} are lost", lost.len()) };
            assert!(everything.iter().all(|(_, entry)| entry != *lost));
            let damage = store.damage();
            assert_eq!(damage.len(), 1);
            assert_eq!(damage[0].item, Damaged::Entry { space: space(0), log: lost.log(), seq: lost.seq() });
            assert!(damage[0].to_string().contains("fetched again"));

            // The frontier says what can be served, now and after opening again.
            drop(store);
            let store = open(home.path());
            assert_eq!(store.frontier(space(0)).unwrap().get(&lost.log()), lost.seq() - 1);
            assert_eq!(store.by_hash(space(0), lost.hash()).unwrap(), None);
            assert_eq!(store.arrival_of(space(0), lost.log(), lost.seq()).unwrap(), None);
            assert!(
                entries_since(&store, 0).iter().all(|(_, entry)| entry.log() != lost.log() || entry.seq() < lost.seq())
            );
            assert!(store.range(space(0), lost.log(), lost.seq() + 1, usize::MAX).unwrap().is_empty());

            // Nothing else may take its place.
            let other = Writer::new(0).entry_at(space(0), lost.log().nonce, lost.seq(), None, 99, 10);
            assert_eq!(
                store.append(space(0), &[other]),
                Err(StoreError::Conflict { log: lost.log(), seq: lost.seq() })
            );

            // Others send what the frontier does not claim, all of it.
            let whole = if lost.log() == log { &first } else { &second };
            let again: Vec<Entry> = whole.iter().filter(|entry| entry.seq() >= lost.seq()).cloned().collect();
            let arrivals = store.append(space(0), &again).unwrap();
            let offset = if lost.log() == log { 0 } else { 6 };
            assert_eq!(arrivals, again.iter().map(|entry| entry.seq() + offset).collect::<Vec<_>>());
            for store in [open_copy(home.path()), store] {
                let found: Vec<Entry> = entries_since(&store, 0).into_iter().map(|(_, entry)| entry).collect();
                assert_eq!(found, [first.clone(), second.clone()].concat());
                assert_eq!(store.frontier(space(0)).unwrap().get(&log), 6);
                assert_eq!(store.by_hash(space(0), lost.hash()).unwrap(), Some((lost.log(), lost.seq())));
                drop(store);
            }
        }
    }
}

/// Opens a copy, for the store itself is open still: as a crash would leave it.
fn open_copy(home: &Path) -> SledStore {
    let copy = home.join("copy");
    fs::create_dir_all(copy.join("store/blobs")).unwrap();
    for file in fs::read_dir(home.join("store")).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), copy.join("store").join(file.file_name())).unwrap();
        }
    }
    open(&copy)
}

#[test]
fn a_damaged_entry_that_is_appended_again_before_anyone_read_it_is_mended() {
    let home = tempfile::tempdir().unwrap();
    let (first, _) = filled(home.path(), 50);
    tamper(home.path(), |key, value| {
        if key[0] == b'e' {
            value[40] ^= 4;
            return Change::Write;
        }
        Change::None
    });
    let store = open(home.path());
    assert_eq!(store.append(space(0), &first).unwrap(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.damage().len(), 6);
    assert_eq!(entries_since(&store, 0).len(), 6);
}

#[test]
fn damaged_records_are_gone_and_said_to_be() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    store.put(Table::Peers, b"ana", &[1; 100]).unwrap();
    store.put(Table::Peers, b"ben", &vec![2; 30_000]).unwrap();
    store.put(Table::Peers, b"cyd", &[3; 100]).unwrap();
    drop(store);
    tamper(home.path(), |key, value| {
        let hit = (key[0] == b'r' && key.ends_with(b"ana")) || key[0] == b'k' && key.ends_with(&[0, 0, 0, 2]);
        value[0] ^= u8::from(hit);
        if hit { Change::Write } else { Change::None }
    });
    let store = open(home.path());
    assert_eq!(store.get(Table::Peers, b"ana").unwrap(), None);
    assert_eq!(store.scan(Table::Peers, b"").unwrap(), [(b"cyd".to_vec(), vec![3; 100])]);
    assert_eq!(store.get(Table::Peers, b"ben").unwrap(), None);
    let named: Vec<Damaged> = store.damage().into_iter().map(|damage| damage.item).collect();
    let record = |key: &[u8]| Damaged::Record { table: Table::Peers, key: key.to_vec() };
    assert_eq!(named, [record(b"ana"), record(b"ben")]);
    store.put(Table::Peers, b"ben", &vec![4; 30_000]).unwrap();
    assert_eq!(store.get(Table::Peers, b"ben").unwrap(), Some(vec![4; 30_000]));
}

#[test]
fn a_damaged_note_makes_everything_be_noted_again() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    let rows: Vec<DocumentRow> = (1..5)
        .map(|arrival| DocumentRow { arrival, log: Writer::new(0).log(0), seq: arrival, changes: vec![[1; 32]] })
        .collect();
    store.note(space(0), document(0), &rows).unwrap();
    store.put(Table::Progress, b"noted", &[4]).unwrap();
    store.put(Table::Settings, b"name", b"Ana").unwrap();
    drop(store);
    tamper(home.path(), |key, value| {
        let hit = key[0] == b'd' && key.ends_with(&[2]);
        value[0] ^= u8::from(hit);
        if hit { Change::Write } else { Change::None }
    });
    let store = open(home.path());
    assert_eq!(store.document_rows(space(0), document(0), 3).unwrap(), rows[2..]);
    assert!(matches!(store.document_rows(space(0), document(0), 0), Err(StoreError::Damaged { .. })));
    assert_eq!(store.get(Table::Progress, b"noted").unwrap(), None);
    assert_eq!(store.get(Table::Settings, b"name").unwrap(), Some(b"Ana".to_vec()));
    assert_eq!(store.document_rows(space(0), document(0), 0).unwrap().len(), 3);
    store.note(space(0), document(0), &rows).unwrap();
    assert_eq!(store.document_rows(space(0), document(0), 0).unwrap(), rows);
}

#[test]
fn damaged_indexes_are_made_again_from_the_entries() {
    for sort in [b'a', b'h', b't', b'o', b'j'] {
        let home = tempfile::tempdir().unwrap();
        let (first, second) = filled(home.path(), 5_000);
        {
            let store = open(home.path());
            store.put(Table::Settings, b"large", &[7; 10_000]).unwrap();
        }
        tamper(home.path(), |key, value| {
            if key[0] != sort {
                return Change::None;
            }
            value.truncate(20);
            Change::Write
        });
        let store = open(home.path());
        for entry in first.iter().chain(&second) {
            assert_eq!(store.by_hash(space(0), entry.hash()).unwrap(), Some((entry.log(), entry.seq())));
            assert_eq!(store.entry(space(0), entry.log(), entry.seq()).unwrap().as_ref(), Some(entry));
        }
        let found: Vec<Entry> = entries_since(&store, 0).into_iter().map(|(_, entry)| entry).collect();
        assert_eq!(found, [first.clone(), second.clone()].concat());
        assert_eq!(store.frontier(space(0)).unwrap().iter().map(|(_, seq)| seq).sum::<u64>(), 8);
        assert_eq!(store.get(Table::Settings, b"large").unwrap(), Some(vec![7; 10_000]));
        let mut writer = Writer::new(1);
        assert_eq!(store.append(space(0), &[writer.entry(space(0), 0, 0, 1)]).unwrap(), [9]);
    }
}

#[test]
fn a_damaged_cache_reads_as_none_once_and_is_reported() {
    let home = tempfile::tempdir().unwrap();
    let store = open(home.path());
    for kind in CacheKind::ALL {
        for length in [0, 10, 100_000] {
            store.put_cache(kind, document(0), &vec![9; length]).unwrap();
            assert_eq!(store.cache(kind, document(0)).unwrap(), Some(vec![9; length]));
        }
    }
    let path = home.path().join("cache/view").join(document(0).to_string());
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[50_000] ^= 1;
    let mut longer = whole.clone();
    longer.push(0);
    // Another kind's cache of the same document, whole, in the wrong place.
    let other = fs::read(home.path().join("cache/snapshot").join(document(0).to_string())).unwrap();
    for (number, bytes) in [&flipped, &whole[..40_000].to_vec(), &Vec::new(), &longer, &other].into_iter().enumerate() {
        fs::write(&path, bytes).unwrap();
        assert_eq!(store.cache(CacheKind::View, document(0)).unwrap(), None);
        assert_eq!(store.cache(CacheKind::View, document(0)).unwrap(), None);
        let damage = store.damage();
        assert_eq!(damage.len(), number + 1);
        assert_eq!(damage[number].item, Damaged::Cache { kind: CacheKind::View, document: document(0) });
        assert!(damage[number].found.contains(path.to_str().unwrap()));
    }
    store.put_cache(CacheKind::View, document(0), b"new").unwrap();
    assert_eq!(store.cache(CacheKind::View, document(0)).unwrap(), Some(b"new".to_vec()));
    // What a crash leaves is swept.
    fs::write(home.path().join("cache/view/x.0.writing"), b"half").unwrap();
    drop(store);
    let store = open(home.path());
    assert_eq!(fs::read_dir(home.path().join("cache/view")).unwrap().count(), 1);
    drop(store);
}

/// One thing that happens to the files of a closed store.
#[derive(Debug, Clone)]
enum Harm {
    Flip { file: usize, at: usize, bit: u8 },
    Zero { file: usize, at: usize, length: usize },
    Truncate { file: usize, at: usize },
    Remove { file: usize },
    Empty { file: usize },
    Generating,
    TornSnapshot,
    Garbage,
}

fn harm() -> impl Strategy<Value = Harm> {
    let file = 0..8usize;
    prop_oneof![
        6 => (file.clone(), any::<usize>(), 0..8u8).prop_map(|(file, at, bit)| Harm::Flip { file, at, bit }),
        4 => (file.clone(), any::<usize>(), 1..5_000usize).prop_map(|(file, at, length)| Harm::Zero { file, at, length }),
        3 => (file.clone(), any::<usize>()).prop_map(|(file, at)| Harm::Truncate { file, at }),
        2 => file.clone().prop_map(|file| Harm::Remove { file }),
        1 => file.prop_map(|file| Harm::Empty { file }),
        2 => Just(Harm::Generating),
        2 => Just(Harm::TornSnapshot),
        1 => Just(Harm::Garbage),
    ]
}

fn do_harm(folder: &Path, harm: &Harm) {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    let snapshot = files.iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap.")).cloned();
    // Most often the database itself, which is `db`.
    files.extend(std::iter::repeat_n(folder.join("db"), 4));
    let pick = |file: &usize| files[file % files.len()].clone();
    let edit = |file: &usize, edit: &dyn Fn(&mut Vec<u8>)| {
        let path = pick(file);
        if let Ok(mut bytes) = fs::read(&path) {
            // The part that is written: sled's file ends in empty space.
            edit(&mut bytes);
            fs::write(path, bytes).unwrap();
        }
    };
    let written = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0).max(1);
    match harm {
        Harm::Flip { file, at, bit } => edit(file, &|bytes| {
            let at = at % written(bytes);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }),
        Harm::Zero { file, at, length } => edit(file, &|bytes| {
            let at = at % written(bytes);
            let end = bytes.len().min(at + length);
            if at < end {
                bytes[at..end].fill(0);
            }
        }),
        Harm::Truncate { file, at } => edit(file, &|bytes| bytes.truncate(at % written(bytes))),
        Harm::Remove { file } => drop(fs::remove_file(pick(file))),
        Harm::Empty { file } => drop(fs::write(pick(file), b"")),
        Harm::Generating => fs::write(folder.join("snap.00000000FFFFFFFF.generating"), b"half").unwrap(),
        Harm::TornSnapshot => {
            if let Some(path) = snapshot {
                let bytes = fs::read(&path).unwrap();
                fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            }
        }
        Harm::Garbage => fs::write(folder.join("db"), vec![0xa5; 700_000]).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(60), max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn however_sled_is_harmed_the_home_opens_with_all_own_entries(
        harms in prop::collection::vec(harm(), 1..4),
        sizes in prop::collection::vec(prop_oneof![4 => 0..500usize, 1 => 4_000..20_000usize], 1..60),
        reopen in 0..40usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut home, _) = Home::open(folder.path(), &vault()).unwrap();
        let (mut own, mut other) = (Writer::new(0), Writer::new(1));
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for (number, size) in sizes.iter().enumerate() {
            if number == reopen {
                drop(home);
                home = Home::open(folder.path(), &vault()).unwrap().0;
            }
            let entry = own.entry(space(0), 0, number as u64, *size);
            home.journal().append(space(0), std::slice::from_ref(&entry)).unwrap().wait().unwrap();
            home.store().append(space(0), std::slice::from_ref(&entry)).unwrap();
            mine.push(entry);
            let entry = other.entry(space(0), 0, number as u64, *size);
            home.store().append(space(0), std::slice::from_ref(&entry)).unwrap();
            theirs.push(entry);
            home.store().put(Table::Settings, &[number as u8], &vec![number as u8; *size]).unwrap();
        }
        drop(home);
        for harm in &harms {
            do_harm(&folder.path().join("store"), harm);
        }

        let (home, opened) = Home::open(folder.path(), &vault()).unwrap();
        let store = home.store();
        for entry in &mine {
            prop_assert_eq!(store.entry(space(0), entry.log(), entry.seq()).unwrap(), Some(entry.clone()));
        }
        for entry in &theirs {
            let found = store.entry(space(0), entry.log(), entry.seq()).unwrap();
            prop_assert!(found.is_none() || found.as_ref() == Some(entry));
        }
        for (number, size) in sizes.iter().enumerate() {
            let found = store.get(Table::Settings, &[number as u8]).unwrap();
            prop_assert!(found.is_none() || found == Some(vec![number as u8; *size]));
        }
        // The frontier claims exactly what is there, from the beginning on.
        let frontier = store.frontier(space(0)).unwrap();
        prop_assert_eq!(frontier.get(&mine[0].log()), mine.len() as u64);
        let claimed = frontier.get(&theirs[0].log()) as usize;
        for entry in &theirs[..claimed] {
            prop_assert_eq!(store.entry(space(0), entry.log(), entry.seq()).unwrap(), Some(entry.clone()));
        }
        // What is served is in order within each log, and nothing twice.
        let served = store.since(space(0), 0, usize::MAX).unwrap();
        prop_assert_eq!(served.len(), mine.len() + claimed);
        // Others send what is missing, and all is as it was.
        store.append(space(0), &theirs[claimed..]).unwrap();
        prop_assert_eq!(store.frontier(space(0)).unwrap().get(&theirs[0].log()), theirs.len() as u64);
        prop_assert_eq!(store.since(space(0), 0, usize::MAX).unwrap().len(), mine.len() + theirs.len());
        let lost = opened.repaired.iter().any(Repair::is_of_damage);
        prop_assert!(!lost || opened.needs_new_logs());
        drop(home);
        let (_home, opened) = Home::open(folder.path(), &vault()).unwrap();
        prop_assert_eq!(opened.repaired, vec![]);
        prop_assert_eq!(opened.restored, 0);
    }
}
