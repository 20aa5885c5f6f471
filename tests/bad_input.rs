//! Bad input and bad disks: an answer in words, nothing lost, no panic.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sheaf_tests::Home;

/// A home with a document of some length, and that document.
fn home_with_a_document() -> (Home, String) {
    let home = Home::of("Ana");
    let document = home.ok(&["doc", "new", "Season plan"]).last_line();
    for n in 0..20 {
        home.ok(&["doc", "edit", &document, "--append", &format!("Line {n} of the plan.")]);
    }
    (home, document)
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files.extend(files_under(&entry));
        } else {
            files.push(entry);
        }
    }
    files.sort();
    files
}

#[test]
fn a_store_that_is_lost_whole_comes_back_from_the_journal() {
    let (home, document) = home_with_a_document();
    let before = home.show(&document);
    for lost in ["store", "cache"] {
        std::fs::remove_dir_all(home.path().join("home").join(lost)).expect("it was there");
    }
    assert_eq!(home.show(&document), before);
    home.ok(&["doc", "edit", &document, "--append", "Written afterwards."]);
    assert!(home.show(&document).contains("Written afterwards."));
}

#[test]
fn a_store_that_is_damaged_anywhere_opens_and_loses_nothing_of_ones_own() {
    let (home, document) = home_with_a_document();
    let before = home.show(&document);
    let store = home.path().join("home/store");
    for file in files_under(&store) {
        // What was repaired before may have been put elsewhere.
        let Ok(length) = std::fs::metadata(&file).map(|file| file.len()) else { continue };
        for place in [0, length / 2, length.saturating_sub(1)] {
            if length == 0 {
                continue;
            }
            let mut damaged = std::fs::OpenOptions::new().write(true).open(&file).expect("a file of ours");
            damaged.seek(SeekFrom::Start(place)).expect("within the file");
            damaged
                .write_all(&[0xa5; 16][..usize::try_from((length - place).min(16)).expect("at most 16")])
                .expect("room");
            drop(damaged);
            assert_eq!(home.show(&document), before, "after damage at byte {place} of {}", file.display());
            if !file.exists() {
                break;
            }
        }
    }
}

#[test]
fn a_view_or_snapshot_that_is_damaged_is_made_again() {
    let (home, document) = home_with_a_document();
    let before = home.show(&document);
    for file in files_under(&home.path().join("home/cache")) {
        let bytes = std::fs::read(&file).expect("a file");
        for broken in [Vec::new(), bytes[..bytes.len() / 2].to_vec(), vec![0xff; bytes.len()]] {
            std::fs::write(&file, broken).expect("a file of ours");
            assert_eq!(home.show(&document), before, "{}", file.display());
        }
    }
}

/// The command as it is on a disk that takes no file longer than `blocks` of 512 bytes.
#[cfg(unix)]
fn on_a_full_disk(home: &Home, blocks: u32, arguments: &[&str]) -> (i32, String) {
    let command = home.command(arguments);
    let out = std::process::Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""), "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .output()
        .expect("a shell");
    (out.status.code().unwrap_or(-1), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[cfg(unix)]
#[test]
fn a_full_disk_says_so_and_what_was_saved_stays() {
    let (home, document) = home_with_a_document();
    let before = home.show(&document);
    let long = "A sentence that does not fit any more. ".repeat(2_000);
    let (code, said) = on_a_full_disk(&home, 1, &["doc", "edit", &document, "--append", &long]);
    assert_eq!(code, 7, "{said}");
    assert!(said.contains("full"), "{said}");
    let after = home.show(&document);
    assert!(after.starts_with(before.trim_end()), "{after}");
    home.ok(&["doc", "edit", &document, "--append", "There is room again."]);
    assert!(home.show(&document).contains("There is room again."));
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let home = Home::empty();
    std::fs::write(home.path().join("home"), "a file where the folder should be").expect("a temporary folder");
    let ran = home.run(&["init", "--name", "Ana"]);
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.stderr.contains(&home.path().join("home").display().to_string()), "{ran:?}");
}

#[test]
fn a_damaged_identity_is_named_and_nothing_is_overwritten() {
    let home = Home::of("Ana");
    let file = home.path().join("home/identity.json");
    std::fs::write(&file, "{").expect("a file of ours");
    let ran = home.run(&["doc", "list"]);
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.stderr.contains("identity.json"), "{ran:?}");
    assert_ne!(home.run(&["init", "--name", "Someone else"]).code, 0);
    assert_eq!(std::fs::read_to_string(&file).expect("still there"), "{");
}

#[test]
fn an_invitation_that_was_cut_short_or_mistyped_says_which() {
    let (ana, kofi) = (Home::of("Ana"), Home::of("Kofi"));
    let space = ana.ok(&["space", "new", "Field station"]).last_line();
    let link = ana.ok(&["invite", &space, "--role", "viewer"]).last_line();
    for cut in [link.len() - 1, link.len() - 30, 40, 20] {
        let ran = kofi.run(&["join", &link[..cut]]);
        assert_eq!(ran.code, 8, "{ran:?}");
        assert!(ran.stderr.contains("cut short"), "cut to {cut}: {ran:?}");
    }
    let mut letters: Vec<char> = link.chars().collect();
    letters[60] = if letters[60] == 'b' { 'c' } else { 'b' };
    let ran = kofi.run(&["join", &letters.into_iter().collect::<String>()]);
    assert_eq!(ran.code, 8);
    assert!(ran.stderr.contains("changed"), "{ran:?}");
    assert!(kofi.run(&["join", "https://example.org/join"]).stderr.contains("not an invitation"));
}

#[test]
fn a_fifty_megabyte_file_is_taken_or_refused_in_words_and_the_home_goes_on() {
    let home = Home::of("Ana");
    let file = home.file("huge.txt", "0123456789 abcdefghijklmnopqrstuvwxyz\n".repeat(50 * 1024 * 1024 / 38));
    let ran = home.run(&["doc", "import", file.to_str().expect("a plain path")]);
    assert!(ran.code == 0 || ran.code == 8, "{}", ran.stderr);
    assert!(ran.code == 0 || ran.stderr.contains("huge.txt"), "{}", ran.stderr);
    home.ok(&["doc", "new", "Afterwards"]);
}
