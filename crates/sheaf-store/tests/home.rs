//! A home: its layout, what only its owner may read, and what happens when parts of it are gone or the disk is full.

mod support;

use std::fs;
use std::path::Path;

use sheaf_log::Entry;
use sheaf_store::{CacheKind, Home, Repair, Store, StoreError, Table};
use support::{Writer, document, sled_at, space, vault};

/// Writes own entries and another's, as the node does.
fn fill(home: &Home, own: &mut Writer, other: &mut Writer, count: u64) -> (Vec<Entry>, Vec<Entry>) {
    let mut entries = (Vec::new(), Vec::new());
    for content in 0..count {
        let entry = own.entry(space(0), 0, content, 200);
        home.journal().append(space(0), std::slice::from_ref(&entry)).unwrap().wait().unwrap();
        home.store().append(space(0), std::slice::from_ref(&entry)).unwrap();
        entries.0.push(entry);
        let entry = other.entry(space(0), 0, content, 200);
        home.store().append(space(0), std::slice::from_ref(&entry)).unwrap();
        entries.1.push(entry);
    }
    entries
}

#[test]
fn sled_lost_whole_is_rebuilt_from_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (home, opened) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(opened.repaired, vec![]);
    let (mine, theirs) = fill(&home, &mut Writer::new(0), &mut Writer::new(1), 20);
    home.store().put_cache(CacheKind::Snapshot, document(0), b"as it was").unwrap();
    drop(home);
    fs::remove_dir_all(folder.path().join("store")).unwrap();
    let (home, opened) = Home::open(folder.path(), &vault()).unwrap();
    assert!(matches!(opened.repaired.as_slice(), [Repair::Salvaged { .. }]), "{:?}", opened.repaired);
    assert_eq!(opened.restored, 20);
    assert!(opened.needs_new_logs());
    let frontier = home.store().frontier(space(0)).unwrap();
    assert_eq!((frontier.get(&mine[0].log()), frontier.get(&theirs[0].log())), (20, 0));
    assert_eq!(home.store().cache(CacheKind::Snapshot, document(0)).unwrap(), Some(b"as it was".to_vec()));
    // The rest comes from others.
    home.store().append(space(0), &theirs).unwrap();
    assert_eq!(home.store().since(space(0), 0, usize::MAX).unwrap().len(), 40);
}

#[test]
fn own_entries_the_journal_has_lost_come_back_from_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    let (mine, _) = fill(&home, &mut Writer::new(0), &mut Writer::new(1), 5);
    drop(home);
    let segment = folder.path().join("journal/0000000001.own");
    let length = fs::metadata(&segment).unwrap().len();
    fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(length - 100).unwrap();
    let (home, opened) = Home::open(folder.path(), &vault()).unwrap();
    assert!(matches!(opened.repaired.as_slice(), [Repair::TornJournal { .. }]));
    assert_eq!(opened.copied_back, 1);
    assert!(opened.needs_new_logs());
    let replayed: Vec<Entry> = home.journal().replay(0).unwrap().map(|entry| entry.unwrap().1).collect();
    assert_eq!(replayed, mine);
}

#[test]
fn small_files_are_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (home, _) = Home::open(folder.path(), &vault()).unwrap();
    assert_eq!(home.file("keys").unwrap(), None);
    home.put_file("keys", b"secret").unwrap();
    home.put_file("keys", b"another").unwrap();
    assert_eq!(home.file("keys").unwrap(), Some(b"another".to_vec()));
    let names = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.contains("writing")));
}

#[cfg(unix)]
#[test]
fn everything_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    fn check(path: &Path) {
        let metadata = fs::symlink_metadata(path).unwrap();
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, expected, "{}", path.display());
        if metadata.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                check(&entry.unwrap().path());
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("new/home");
    for _ in 0..2 {
        let (home, _) = Home::open(&folder, &vault()).unwrap();
        home.put_file("keys", b"secret").unwrap();
        home.store().put_cache(CacheKind::View, document(0), b"blocks").unwrap();
        home.store().put(Table::Settings, b"key", b"value").unwrap();
        check(&folder);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    // A file in its way does the same to everyone, the superuser too, whom permissions do not stop.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = Home::open(&file.join("home"), &vault()).unwrap_err();
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    for name in ["store", "journal", "cache"] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), b"").unwrap();
        let error = Home::open(folder.path(), &vault()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(Home::open(folder.path(), &vault()).unwrap());
    let db = sled_at(&folder.path().join("store"));
    db.insert(b"v", &[3]).unwrap();
    db.flush().unwrap();
    drop(db);
    let error = Home::open(folder.path(), &vault()).unwrap_err();
    assert!(error.to_string().contains("later version of Sheaf"), "{error}");
    assert!(!folder.path().join("store.damaged-1").exists());
}

/// A disk that fills up under sled, and then has room again: the size a file may have is limited for a child process.
#[cfg(target_os = "linux")]
mod full {
    use std::process::Command;

    use super::*;

    const CHILD: &str = "SHEAF_FULL_CHILD";

    #[test]
    fn a_disk_that_fills_up_is_named_and_all_goes_on_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        // What it prints goes through a pipe: into a file, the limit would be on that too.
        let out = Command::new("sh")
            // Ignored, for else the system kills whoever passes the limit. 4 MiB in units of 512 bytes.
            .args(["-c", "trap '' XFSZ; ulimit -S -f 8192; exec \"$0\" --exact full::child --ignored --nocapture"])
            .arg(std::env::current_exe().unwrap())
            .env(CHILD, folder.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    }

    #[test]
    #[ignore = "a part of the test above"]
    fn child() {
        let Some(folder) = std::env::var_os(CHILD) else { return };
        let folder = Path::new(&folder);
        let (home, _) = Home::open(folder, &vault()).unwrap();
        let mut other = Writer::new(1);
        let mut stored = Vec::new();
        let error = loop {
            let entry = other.entry(space(0), 0, stored.len() as u64, 30_000);
            stored.push(entry);
            assert!(stored.len() < 1_000, "the disk never filled up");
            if let Err(error) = home.store().append(space(0), &stored[stored.len() - 1..]) {
                break error;
            }
        };
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
        assert!(error.to_string().contains("store/db") && error.to_string().contains("Free some space"), "{error}");
        assert!(error.may_pass());
        // Whatever is asked meanwhile is answered, and nothing that was acknowledged is gone.
        let _ = home.store().append(space(0), &stored[stored.len() - 1..]);
        let _ = home.store().frontier(space(0));

        let raised = Command::new("prlimit")
            .args(["--fsize=unlimited:unlimited", "--pid", &std::process::id().to_string()])
            .status();
        assert!(raised.unwrap().success());
        assert_eq!(home.store().append(space(0), &stored).unwrap().len(), stored.len());
        let found: Vec<Entry> =
            home.store().since(space(0), 0, usize::MAX).unwrap().into_iter().map(|(_, entry)| entry).collect();
        assert_eq!(found, stored);
        // The last one may have been written in part.
        drop(home);
        let (home, opened) = Home::open(folder, &vault()).unwrap();
        assert_eq!(opened.repaired, vec![]);
        assert_eq!(home.store().since(space(0), 0, usize::MAX).unwrap().len(), stored.len());
    }
}
