//! Backups: what goes in comes out, and what is damaged is refused whole.

mod support;

use std::fs;
use std::path::Path;

use sheaf_store::{BackupFile, Home, Store, StoreError, Table, restore};
use support::{Writer, space, vault};

const WORDS: &[u8] = b"The float sticks below the line";

fn filled(folder: &Path) -> Home {
    let (home, _) = Home::open(folder, &vault()).unwrap();
    let (mut own, mut other) = (Writer::new(0), Writer::new(1));
    for content in 0..40 {
        let entry = own.entry(space(0), 0, content, 9_000);
        home.journal().append(space(0), std::slice::from_ref(&entry)).unwrap().wait().unwrap();
        home.store().append(space(0), &[entry]).unwrap();
        home.store().append(space(0), &[other.entry(space(0), 0, content, 100_000)]).unwrap();
    }
    home.store().put(Table::Spaces, b"key", WORDS).unwrap();
    home.put_sealed_file("peers", WORDS).unwrap();
    home.put_file("generation", b"1").unwrap();
    fs::create_dir_all(folder.join("blobs")).unwrap();
    fs::write(folder.join("blobs/abcdef"), vec![7; 600_000]).unwrap();
    home
}

#[test]
fn what_goes_into_a_backup_comes_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new, file) = (folder.path().join("old"), folder.path().join("new"), folder.path().join("backup"));
    let home = filled(&old);
    let counts = home.back_up(&file, b"about", &["generation"]).unwrap();
    assert_eq!(counts.entries, 80);
    let before = home.store().since(space(0), 0, usize::MAX).unwrap();
    assert_eq!(BackupFile::open(&file).unwrap().about(), b"about");
    assert!(!fs::read(&file).unwrap().windows(WORDS.len()).any(|window| window == WORDS));
    assert_eq!(restore(&file, &vault(), &new, &[("generation", b"2")]).unwrap(), counts);
    let (again, opened) = Home::open(&new, &vault()).unwrap();
    assert_eq!((opened.repaired, opened.restored, opened.copied_back), (vec![], 0, 0));
    assert_eq!(again.store().since(space(0), 0, usize::MAX).unwrap(), before);
    assert_eq!(again.store().get(Table::Spaces, b"key").unwrap().as_deref(), Some(WORDS));
    assert_eq!(again.sealed_file("peers").unwrap().as_deref(), Some(WORDS));
    assert_eq!(again.file("generation").unwrap().as_deref(), Some(b"2".as_slice()));
    assert_eq!(again.journal().replay(0).unwrap().count(), 40);
    assert_eq!(fs::read(new.join("blobs/abcdef")).unwrap(), vec![7; 600_000]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for path in [&file, &new, &new.join("peers")] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
        }
    }
    // Not into what is there.
    let error = restore(&file, &vault(), &old, &[]).unwrap_err();
    assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
}

#[test]
fn a_backup_is_made_while_the_home_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new, file) = (folder.path().join("old"), folder.path().join("new"), folder.path().join("backup"));
    let home = filled(&old);
    let mut own = Writer::new(5);
    std::thread::scope(|scope| {
        let home = &home;
        scope.spawn(move || {
            for content in 0..200 {
                let entry = own.entry(space(1), 0, content, 500);
                home.journal().append(space(1), std::slice::from_ref(&entry)).unwrap().wait().unwrap();
                home.store().append(space(1), &[entry]).unwrap();
            }
        });
        home.back_up(&file, b"", &[]).unwrap();
    });
    restore(&file, &vault(), &new, &[]).unwrap();
    let (again, opened) = Home::open(&new, &vault()).unwrap();
    assert_eq!(opened.repaired, vec![]);
    // Whatever had been written by then is there without a gap.
    let held = again.store().since(space(1), 0, usize::MAX).unwrap();
    assert!(held.iter().zip(1..).all(|((arrival, entry), number)| (*arrival, entry.seq()) == (number, number)));
    assert_eq!(again.store().since(space(0), 0, usize::MAX).unwrap().len(), 80);
}

#[test]
fn a_damaged_backup_is_refused_with_the_place_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (new, file) = (folder.path().join("new"), folder.path().join("backup"));
    filled(&folder.path().join("old")).back_up(&file, b"about", &[]).unwrap();
    let whole = fs::read(&file).unwrap();
    let refuse = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let error = restore(&file, &vault(), &new, &[]).unwrap_err();
        assert!(!new.exists() && !folder.path().join("new.restoring").exists());
        match error {
            StoreError::DamagedBackup { at, .. } => at,
            // Its first bytes are what says that it is one.
            StoreError::NoBackup { .. } => 0,
            other => panic!("{other}"),
        }
    };
    for n in 0..12 {
        let at = n * (whole.len() - 1) / 11;
        let mut bent = whole.clone();
        bent[at] ^= 1 << (n % 8);
        assert!(refuse(&bent) <= at as u64);
        assert!(refuse(&whole[..at]) <= at as u64);
    }
    assert!(refuse(&[whole.as_slice(), b"more"].concat()) <= whole.len() as u64);
    fs::write(&file, &whole).unwrap();
    restore(&file, &vault(), &new, &[]).unwrap();
}
