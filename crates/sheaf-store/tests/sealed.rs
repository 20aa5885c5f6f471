//! What lies on the disk: nothing readable, and stores from before anything was sealed are sealed when they are opened.

mod support;

use std::fs;
use std::path::Path;

use sheaf_store::{CacheKind, Home, SledStore, Store, StoreError, Table, VaultKey};
use support::{Writer, document, sled_at, space, vault};

const WORDS: &[u8] = b"The float sticks below the line";

/// The files under a folder that hold these bytes.
fn holding(folder: &Path, words: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, words));
        } else if fs::read(&path).unwrap().windows(words.len()).any(|window| window == words) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn records_caches_and_sealed_files_are_not_readable_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    let long = WORDS.repeat(1_000);
    for (table, value) in [(Table::Spaces, WORDS), (Table::Settings, long.as_slice())] {
        home.store().put(table, b"key", value).unwrap();
        assert_eq!(home.store().get(table, b"key").unwrap().as_deref(), Some(value));
        assert_eq!(home.store().scan(table, b"k").unwrap(), vec![(b"key".to_vec(), value.to_vec())]);
    }
    home.store().put_cache(CacheKind::View, document(0), WORDS).unwrap();
    home.put_sealed_file("peers", WORDS).unwrap();
    assert_eq!(home.sealed_file("peers").unwrap().as_deref(), Some(WORDS));
    assert_eq!(home.sealed_file("others").unwrap(), None);
    drop(home);
    assert_eq!(holding(folder.path(), WORDS), Vec::<String>::new());
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(home.store().get(Table::Spaces, b"key").unwrap().as_deref(), Some(WORDS));
    assert_eq!(home.store().get(Table::Settings, b"key").unwrap(), Some(long));
    assert_eq!(home.store().cache(CacheKind::View, document(0)).unwrap().as_deref(), Some(WORDS));
}

#[test]
fn another_key_is_refused_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    home.store().put(Table::Spaces, b"key", WORDS).unwrap();
    drop(home);
    let error = Home::open(folder.path(), &VaultKey::generate()).unwrap_err();
    assert!(matches!(error, StoreError::OtherKey { .. }), "{error}");
    let (home, opened) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(opened.repaired, vec![]);
    assert_eq!(home.store().get(Table::Spaces, b"key").unwrap().as_deref(), Some(WORDS));
}

#[test]
fn a_sealed_file_does_not_open_under_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    home.put_sealed_file("one", WORDS).unwrap();
    fs::copy(folder.path().join("one"), folder.path().join("other")).unwrap();
    assert!(matches!(home.sealed_file("other"), Err(StoreError::Damaged { .. })));
}

#[test]
fn what_a_key_file_held_is_overwritten_unless_someone_else_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    home.put_key_file("keys", WORDS).unwrap();
    // A copy that shares its bytes with the file, as some backup programs make them.
    fs::hard_link(folder.path().join("keys"), folder.path().join("copy")).unwrap();
    home.put_key_file("keys", b"other").unwrap();
    assert_eq!(fs::read(folder.path().join("copy")).unwrap(), WORDS);
    assert_eq!(home.file("keys").unwrap().as_deref(), Some(b"other".as_slice()));
}

/// A store as it was written before there was a vault key.
fn unsealed(folder: &Path) {
    let frame = |key: &[u8], payload: &[u8]| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(key.len() as u64).to_le_bytes()).update(key).update(payload);
        [&(payload.len() as u32).to_le_bytes(), hasher.finalize().as_bytes().as_slice(), payload].concat()
    };
    let db = sled_at(&folder.join("store"));
    for row in db.iter() {
        let (key, _) = row.unwrap();
        if matches!(key[0], b'r' | b's') {
            db.remove(key).unwrap();
        }
    }
    db.insert([b'v'], [1].as_slice()).unwrap();
    for (table, key) in [(2, b"one"), (5, b"two")] {
        let row = [[b'r', table].as_slice(), key].concat();
        db.insert(row.as_slice(), frame(&row, &[[0].as_slice(), WORDS].concat())).unwrap();
    }
    // A record that is long enough to be cut in pieces, as `value` does it.
    let row = [[b'r', 1].as_slice(), b"long"].concat();
    let long = WORDS.repeat(500);
    let hash = *blake3::hash(&long).as_bytes();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&hash).update(&row);
    let id = &hasher.finalize().as_bytes()[..16].to_vec();
    let pieces: Vec<&[u8]> = long.chunks(4 * 1024).collect();
    for (number, piece) in (0u32..).zip(&pieces) {
        let name = [[b'k'].as_slice(), id, &number.to_be_bytes()].concat();
        db.insert(name.as_slice(), frame(&name, piece)).unwrap();
    }
    let head =
        [[1].as_slice(), id, &(pieces.len() as u32).to_le_bytes(), &(long.len() as u64).to_le_bytes(), &hash].concat();
    db.insert(row.as_slice(), frame(&row, &head)).unwrap();
    db.flush().unwrap();
    fs::write(folder.join("cache/view").join(document(0).to_string()), WORDS).unwrap();
}

#[test]
fn a_store_from_before_is_sealed_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    let mut writer = Writer::new(1);
    let entries: Vec<_> = (0..20).map(|content| writer.entry(space(0), 0, content, 5_000)).collect();
    home.store().append(space(0), &entries).unwrap();
    drop(home);
    unsealed(folder.path());
    assert!(!holding(folder.path(), WORDS).is_empty());
    // The second time it is as any other.
    for _ in 0..2 {
        let (store, repairs) = SledStore::open(folder.path(), &vault()).unwrap();
        assert_eq!(repairs, vec![]);
        assert_eq!(store.get(Table::Spaces, b"one").unwrap().as_deref(), Some(WORDS));
        assert_eq!(store.get(Table::Logs, b"two").unwrap().as_deref(), Some(WORDS));
        assert_eq!(store.get(Table::Settings, b"long").unwrap(), Some(WORDS.repeat(500)));
        assert_eq!(store.since(space(0), 0, usize::MAX).unwrap().len(), 20);
        assert_eq!(store.cache(CacheKind::View, document(0)).unwrap(), None);
        assert_eq!(store.damage(), vec![]);
        drop(store);
        assert_eq!(holding(folder.path(), WORDS), Vec::<String>::new());
    }
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("damaged")), "{names:?}");
}
