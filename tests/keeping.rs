//! What a home is kept by: nothing readable on the disk, a passphrase, backups, the doctor, and homes that were copied or put
//! back and go on from there without a lost word.

use std::fs;
use std::path::Path;

use sheaf_tests::Home;

const TITLE: &str = "Zinnober expedition";
const WORDS: &str = "The periwinkle float sticks below the line.";
const SPACE: &str = "Quarterdeck rota";
const NAME: &str = "Wilhelmina Ferreira";

/// The files under a folder that hold one of these texts, in UTF-8 or UTF-16.
fn holding(folder: &Path, texts: &[&str]) -> Vec<String> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let wanted: Vec<(&str, Vec<u8>)> =
        texts.iter().flat_map(|text| [(*text, text.as_bytes().to_vec()), (*text, wide(text))]).collect();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, texts));
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        for (text, bytes_of) in &wanted {
            if bytes.windows(bytes_of.len()).any(|window| window == bytes_of) {
                found.push(format!("{}: {text}", path.display()));
            }
        }
    }
    found
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

/// A home with words in it, in a space of its own.
fn written() -> (Home, String) {
    let home = Home::of(NAME);
    let space = home.ok(&["space", "new", SPACE]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, TITLE]).last_line();
    home.ok(&["doc", "edit", &document, "--append", WORDS]);
    (home, document)
}

#[test]
fn nothing_of_what_was_written_can_be_read_on_the_disk() {
    let (home, document) = written();
    let secret = home.file("passphrase", "a long wet summer\n");
    home.ok(&["invite", SPACE, "--role", "editor"]);
    home.ok(&["passphrase", "set", "--new-passphrase-file", secret.to_str().expect("a path")]);
    let opened = ["--passphrase-file", secret.to_str().expect("a path")];
    home.ok(&[&opened[..], &["doc", "edit", &document, "--append", WORDS]].concat());
    assert!(home.ok(&[&opened[..], &["doc", "show", &document]].concat()).stdout.contains(WORDS));
    let backup = home.path().join("backup.sheaf");
    home.ok(&[&opened[..], &["backup", backup.to_str().expect("a path")]].concat());
    let folder = home.path().join("home");
    assert!(folder.join("cache/view").read_dir().expect("caches").next().is_some(), "no cache was written");
    fs::remove_file(&secret).expect("it was there");
    let texts = [TITLE, WORDS, SPACE, NAME, "periwinkle", "Zinnober", "a long wet summer", "sheaf-identity-1:"];
    assert_eq!(holding(home.path(), &texts), Vec::<String>::new());

    // Without the passphrase nothing opens, and nothing is touched.
    let before = fs::metadata(folder.join("store/db")).expect("a store").modified().expect("a time");
    let ran = home.run(&["doc", "list"]);
    assert_eq!(ran.code, 9, "{ran:?}");
    let wrong = home.file("wrong", "a long wet winter");
    let ran = home.run(&["--json", "--passphrase-file", wrong.to_str().expect("a path"), "doc", "list"]);
    assert!(ran.code == 9 && ran.stderr.contains("wrong-passphrase"), "{ran:?}");
    assert_eq!(fs::metadata(folder.join("store/db")).expect("a store").modified().expect("a time"), before);
}

#[test]
fn a_passphrase_is_set_changed_and_removed() {
    let (home, document) = written();
    let (one, other) = (home.file("one", "a long wet summer"), home.file("other", "a short dry winter"));
    let (one, other) = (one.to_str().expect("a path"), other.to_str().expect("a path"));
    home.ok(&["passphrase", "set", "--new-passphrase-file", one]);
    home.ok(&["--passphrase-file", one, "passphrase", "set", "--new-passphrase-file", other]);
    assert_eq!(home.run(&["--passphrase-file", one, "doc", "show", &document]).code, 9);
    let ran = home
        .command(&["doc", "show", &document])
        .env("SHEAF_PASSPHRASE", "a short dry winter")
        .output()
        .expect("the program starts");
    assert!(String::from_utf8_lossy(&ran.stdout).contains(WORDS));
    home.ok(&["--passphrase-file", other, "passphrase", "remove"]);
    assert!(home.show(&document).contains(WORDS));
    let short = home.file("short", "short");
    assert_eq!(home.run(&["passphrase", "set", "--new-passphrase-file", short.to_str().expect("a path")]).code, 8);
}

#[test]
fn the_recovery_phrase_is_shown_until_it_is_written_down() {
    let home = Home::of(NAME);
    assert_eq!(home.run(&["recovery-phrase"]).code, 8);
    let words = home.ok(&["recovery-phrase", "--show", "--json"]).json()["words"].clone();
    assert_eq!(words.as_array().map(Vec::len), Some(24));
    assert_eq!(home.ok(&["recovery-phrase", "--show", "--json"]).json()["words"], words);
    home.ok(&["recovery-phrase", "--written"]);
    assert_ne!(home.run(&["recovery-phrase", "--show"]).code, 0);
}

#[test]
fn a_backup_is_restored_and_a_damaged_one_is_not() {
    let (home, document) = written();
    let file = home.path().join("backup.sheaf");
    home.ok(&["backup", file.to_str().expect("a path")]);
    let other = Home::empty();
    let report = other.ok(&["restore", file.to_str().expect("a path"), "--json"]).json();
    assert!(report["entries"].as_u64().is_some_and(|entries| entries > 3), "{report}");
    assert!(other.show(&document).contains(WORDS));
    other.ok(&["doc", "edit", &document, "--append", "And on."]);
    assert!(other.show(&document).contains("And on."));
    assert_eq!(other.run(&["restore", file.to_str().expect("a path")]).code, 8);

    let mut bytes = fs::read(&file).expect("a backup");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let third = Home::empty();
    let bent = third.file("bent.sheaf", &bytes);
    let ran = third.run(&["restore", bent.to_str().expect("a path")]);
    assert!(ran.code == 7 && ran.stderr.contains("at byte"), "{ran:?}");
    assert!(!third.path().join("home").exists());
}

#[test]
fn the_doctor_finds_a_home_well_and_says_what_is_not() {
    let (home, document) = written();
    let report = home.ok(&["doctor", "--json"]).json();
    assert_eq!(report["healthy"], true, "{report}");
    let sentences = home.ok(&["doctor"]).stdout;
    assert!(sentences.contains("entries") && !sentences.contains("BAD"), "{sentences}");
    // Every file of sled's bent.
    for entry in fs::read_dir(home.path().join("home/store")).expect("a store") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let mut bytes = fs::read(&path).expect("a file");
            for byte in bytes.iter_mut().skip(100).step_by(1_000) {
                *byte ^= 0x55;
            }
            fs::write(&path, bytes).expect("a file");
        }
    }
    let ran = home.run(&["doctor", "--json"]);
    assert!(!ran.json()["repaired"].as_array().expect("a list").is_empty(), "{ran:?}");
    home.ok(&["doctor", "--rebuild"]);
    assert!(home.show(&document).contains(WORDS));
    home.ok(&["doc", "edit", &document, "--append", "After the doctor."]);
    assert!(home.show(&document).contains("After the doctor."));
    home.ok(&["doctor"]);
}
