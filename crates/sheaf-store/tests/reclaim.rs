//! What was pruned leaves the disk, however little of it at a time, and across restarts.

mod support;

use std::path::Path;

use sheaf_log::Frontier;
use sheaf_store::{Home, Store};
use support::{Writer, space, vault};

fn room(home: &Path) -> u64 {
    let files = std::fs::read_dir(home.join("store")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn many_small_prunings_give_back_as_much_as_a_large_one() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let (mut writer, entries) = (Writer::new(0), 2_000);
    let log = writer.log(0);
    let written: Vec<_> = (0..entries).map(|seq| writer.entry(space(0), 0, seq, 4_000)).collect();
    {
        let (home, _) = Home::open(&home, &vault()).unwrap();
        for batch in written.chunks(200) {
            home.store().append(space(0), batch).unwrap();
        }
    }
    let had = room(&home);
    // A twentieth of it at a time, by a process of its own.
    for step in 1..20 {
        let (home, _) = Home::open(&home, &vault()).unwrap();
        let floors: Frontier = [(log, step * entries / 20)].into_iter().collect();
        home.store().prune(space(0), &floors).unwrap();
    }
    let kept = room(&home);
    assert!(kept * 3 < had, "{kept} bytes of {had}, and a twentieth of the entries is left");
    let (home, _) = Home::open(&home, &vault()).unwrap();
    for entry in &written[written.len() - 100..] {
        assert_eq!(home.store().entry(space(0), log, entry.seq()).unwrap().as_ref(), Some(entry));
    }
    assert_eq!(home.store().damage(), vec![]);
}
