//! What a home is kept by: nothing readable on the disk, a passphrase, backups, the doctor, and homes that were copied or put
//! back and go on from there without a lost word.

use std::fs;

use sheaf_tests::{Home, copy_folder, holding, killed_after};

const TITLE: &str = "Zinnober expedition";
const WORDS: &str = "The periwinkle float sticks below the line.";
const SPACE: &str = "Quarterdeck rota";
const NAME: &str = "Wilhelmina Ferreira";

/// A home with words in it, in a space of its own.
fn written() -> (Home, String) {
    let (home, _, document) = written_in();
    (home, document)
}

/// The same, with the space's id.
fn written_in() -> (Home, String, String) {
    let home = Home::of(NAME);
    let space = home.ok(&["space", "new", SPACE]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, TITLE]).last_line();
    home.ok(&["doc", "edit", &document, "--append", WORDS]);
    (home, space, document)
}

/// The files in which a home keeps the blobs of checkpoints.
fn blobs_of(home: &Home) -> Vec<std::path::PathBuf> {
    let files =
        fs::read_dir(home.path().join("home/blobs")).expect("a folder").map(|file| file.expect("a file").path());
    files.filter(|path| path.extension().is_none()).collect()
}

#[test]
fn nothing_can_be_read_in_a_checkpoint_nor_in_what_a_kill_leaves() {
    let (home, space, document) = written_in();
    home.ok(&["checkpoint", &space]);
    assert!(!blobs_of(&home).is_empty());
    let (folder, texts) = (home.path().join("home"), [TITLE, WORDS, SPACE, NAME, "periwinkle", "Zinnober"]);
    assert_eq!(holding(&folder, &texts), Vec::<String>::new());
    for (kill, lifetime) in [250, 500, 750, 1_000, 1_250].into_iter().enumerate() {
        let from = (kill * 10_000).to_string();
        let lifetime = std::time::Duration::from_millis(lifetime);
        killed_after(lifetime, "pruner", &home, &[&space, &document, &from, WORDS]);
        // As the kill left it, before anything is put in order.
        assert_eq!(holding(&folder, &texts), Vec::<String>::new(), "after kill {kill}");
    }
    assert!(home.show(&document).contains(&format!("w1 {WORDS}")), "something was written before a kill");
    assert_eq!(holding(&folder, &texts), Vec::<String>::new());
}

#[test]
fn the_doctor_names_a_damaged_blob_and_says_who_has_it() {
    let Pair { ana, kofi, document } = pair();
    add(&kofi, &document, "Kofi, before the checkpoint.");
    exchange(&ana, &kofi);
    kofi.ok(&["checkpoint", "Field station"]);
    {
        let (up, other) = (ana.online(), kofi.online());
        let same = || (blobs_of(&ana).len() == blobs_of(&kofi).len()).then_some(());
        sheaf_tests::eventually("the checkpoint at Ana's", same);
        other.stop();
        up.stop();
    }
    assert_eq!(kofi.ok(&["doctor", "--json"]).json()["healthy"], true);
    let bent = blobs_of(&kofi).pop().expect("a blob");
    let mut bytes = fs::read(&bent).expect("a blob");
    bytes[40] ^= 1;
    fs::write(&bent, bytes).expect("a blob");
    let ran = kofi.run(&["doctor", "--json"]);
    let report = ran.json();
    assert_eq!(report["healthy"], false, "{report}");
    let name = bent.file_name().expect("a name").to_string_lossy().into_owned();
    let said = report["findings"].as_array().expect("a list").iter().any(|finding| {
        let text = finding["text"].as_str().unwrap_or_default();
        finding["of"] == "blobs" && text.contains(&name) && text.contains("the one other device")
    });
    assert!(said, "{name}: {report}");
    // It comes back from Ana, and is what it was.
    let online = ana.online();
    let other = kofi.online();
    sheaf_tests::eventually("the blob", || bent.exists().then_some(()));
    other.stop();
    online.stop();
    assert_eq!(kofi.ok(&["doctor", "--json"]).json()["healthy"], true);
    all_have(&[&ana, &kofi], &document, &["Kofi, before the checkpoint."]);
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
fn a_backup_takes_the_place_of_an_earlier_one_and_of_nothing_else() {
    let (home, _) = written();
    let notes = home.file("notes.txt", "Do not lose me.");
    let ran = home.run(&["backup", notes.to_str().expect("a path")]);
    assert!(ran.code == 8 && ran.stderr.contains("is not a backup"), "{ran:?}");
    assert_eq!(fs::read(&notes).expect("the notes"), b"Do not lose me.");
    let file = home.path().join("backup.sheaf");
    for _ in 0..2 {
        home.ok(&["backup", file.to_str().expect("a path")]);
    }
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
    assert_eq!(ran.code, 0, "{ran:?}");
    home.ok(&["doctor", "--rebuild"]);
    assert!(home.show(&document).contains(WORDS));
    home.ok(&["doc", "edit", &document, "--append", "After the doctor."]);
    assert!(home.show(&document).contains("After the doctor."));
    home.ok(&["doctor"]);
}

/// The part of a home's journal that was begun first.
fn journal_of(home: &Home) -> std::path::PathBuf {
    home.path().join("home/journal/0000000001.own")
}

#[test]
fn a_rebuild_never_gives_less_than_the_journal_and_the_store_hold_together() {
    let (home, document) = written();
    add(&home, &document, "Before the bend.");
    add(&home, &document, "After the bend.");
    let mut bytes = fs::read(journal_of(&home)).expect("a journal");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(journal_of(&home), bytes).expect("a journal");
    let whole = home.show(&document);
    assert!(whole.contains(WORDS) && whole.contains("After the bend."), "{whole}");
    // Looking finds it once, and changes nothing.
    let ran = home.run(&["doctor", "--json"]);
    let report = ran.json();
    let found = report["findings"].as_array().expect("a list").iter().filter(|finding| finding["severity"] == "bad");
    let found: Vec<&str> = found.filter_map(|finding| finding["text"].as_str()).collect();
    assert!(ran.code == 7 && found.len() == 1 && found[0].contains("sheaf doctor --rebuild"), "{report}");
    // Made anew, all is well: the store had what the journal has lost, and both have it now.
    for _ in 0..2 {
        let report = home.ok(&["doctor", "--rebuild", "--json"]).json();
        assert_eq!(report["healthy"], true, "{report}");
        assert_eq!(home.show(&document), whole, "{report}");
        assert_eq!(home.ok(&["doc", "list", "--json"]).json().as_array().map(Vec::len), Some(1));
    }
    home.ok(&["doctor"]);
    assert!(
        home.path().join("home/journal.damaged-1").exists() && !home.path().join("home/journal.damaged-2").exists()
    );
    add(&home, &document, "After the rebuild.");
    // Now the disk takes the store, and the journal alone has every word.
    fs::remove_dir_all(home.path().join("home/store")).expect("a store");
    let text = home.show(&document);
    for words in [WORDS, "Before the bend.", "After the bend.", "After the rebuild."] {
        assert_eq!(text.matches(words).count(), 1, "{words}: {text}");
    }
    let file = home.path().join("backup.sheaf");
    home.ok(&["backup", file.to_str().expect("a path")]);
    let other = Home::empty();
    other.ok(&["restore", file.to_str().expect("a path")]);
    other.ok(&["doctor"]);
    assert_eq!(other.show(&document), text);
}

/// A home as the first version wrote it, when nothing but entries was sealed: Zora's, with a document, a cache of it, and an
/// invitation that was open.
fn home_of_version_1() -> Home {
    let packed: &[u8] = include_bytes!("vectors/home-1.json.gz");
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(packed)).expect("a fixture");
    let files: std::collections::BTreeMap<String, String> = serde_json::from_str(&text).expect("a fixture");
    let home = Home::empty();
    for (name, hex) in files {
        let path = home.path().join("home").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, data_encoding::HEXLOWER.decode(hex.as_bytes()).expect("hex")).expect("a file");
    }
    home
}

#[test]
fn a_home_of_the_first_version_is_sealed_and_loses_nothing() {
    let home = home_of_version_1();
    let (folder, texts) = (home.path().join("home"), ["Zora", "Unsealed words", "sheaf://join", "sheaf-identity-1:"]);
    assert!(!holding(&folder, &texts).is_empty());
    assert!(home.show("Old title here").contains("Unsealed words."));
    assert_eq!(holding(&folder, &texts), Vec::<String>::new());
    assert_eq!(home.ok(&["whoami", "--json"]).json()["name"], "Zora Neale");
    add(&home, "Old title here", "Sealed words.");
    let text = home.show("Old title here");
    assert!(text.contains("Unsealed words.") && text.contains("Sealed words."), "{text}");
    assert_eq!(home.ok(&["recovery-phrase", "--show", "--json"]).json()["words"].as_array().map(Vec::len), Some(24));
    // The fixture was unpacked with the rights that files have here, and the doctor says so; all else is well.
    let report = home.run(&["doctor", "--json"]).json();
    let findings = report["findings"].as_array().expect("a list");
    let bad = findings.iter().filter(|finding| finding["severity"] == "bad" && finding["of"] != "permissions");
    assert_eq!(bad.count(), 0, "{report}");
}

/// Two people who share a space with a document, both with all of it.
struct Pair {
    ana: Home,
    kofi: Home,
    document: String,
}

fn pair() -> Pair {
    let (ana, kofi) = (Home::of("Ana").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana.ok(&["space", "new", "Field station"]).last_line();
    let document = ana.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    let online = ana.online();
    kofi.ok(&["join", &link]);
    kofi.sync();
    online.stop();
    Pair { ana, kofi, document }
}

fn add(home: &Home, document: &str, words: &str) {
    home.ok(&["doc", "edit", document, "--append", words]);
}

/// One of them stays up while the other exchanges once, both ways round.
fn exchange(a: &Home, b: &Home) {
    for (up, caller) in [(a, b), (b, a)] {
        let online = up.online();
        caller.sync();
        online.stop();
    }
}

/// All of them say the same, and these words are in it, once each.
fn all_have(homes: &[&Home], document: &str, words: &[&str]) {
    let texts: Vec<String> = homes.iter().map(|home| home.show(document)).collect();
    for text in &texts {
        assert_eq!(text, &texts[0]);
        for words in words {
            assert_eq!(text.matches(words).count(), 1, "{words} in {text}");
        }
    }
}

#[test]
fn last_weeks_copy_is_put_back_and_no_word_is_lost() {
    let Pair { ana, kofi, document } = pair();
    add(&kofi, &document, "Kofi, last week.");
    exchange(&ana, &kofi);
    let (home, copy) = (kofi.path().join("home"), kofi.path().join("last week"));
    copy_folder(&home, &copy);
    add(&kofi, &document, "Kofi, since then.");
    exchange(&ana, &kofi);
    fs::remove_dir_all(&home).expect("it was there");
    fs::rename(&copy, &home).expect("a copy");
    // Written before the others are met again: under the old log it would have been a second entry of one number.
    add(&kofi, &document, "Kofi, put back.");
    add(&ana, &document, "Ana, meanwhile.");
    exchange(&ana, &kofi);
    exchange(&ana, &kofi);
    let words = ["Kofi, last week.", "Kofi, since then.", "Kofi, put back.", "Ana, meanwhile."];
    all_have(&[&ana, &kofi], &document, &words);
    add(&kofi, &document, "And on.");
    exchange(&ana, &kofi);
    all_have(&[&ana, &kofi], &document, &["And on."]);
}

/// The texts of what is set aside in the only space that these two share.
fn aside(home: &Home) -> Vec<String> {
    let list = home.ok(&["set-aside", "list", "Field station", "--json"]).json();
    let ids = list.as_array().expect("a list").iter().map(|piece| piece["id"].as_str().expect("an id").to_owned());
    ids.map(|id| home.ok(&["set-aside", "show", "Field station", &id]).stdout).collect()
}

#[test]
fn a_whole_disk_is_put_back_and_written_on_before_anyone_is_met() {
    let Pair { ana, kofi, document } = pair();
    add(&kofi, &document, "Kofi, last week.");
    exchange(&ana, &kofi);
    // Everything of Kofi's, what is kept outside of the home as well: nothing on his disk tells that it was put back.
    let copy = kofi.copied();
    add(&kofi, &document, "Kofi, since then.");
    exchange(&ana, &kofi);
    kofi.put_back(&copy);
    add(&kofi, &document, "Kofi, put back.");
    add(&ana, &document, "Ana, meanwhile.");
    exchange(&ana, &kofi);
    exchange(&ana, &kofi);
    // Both have one verdict, and every word is in the document or set aside, once, at both.
    all_have(&[&ana, &kofi], &document, &["Kofi, last week.", "Ana, meanwhile."]);
    let text = ana.show(&document);
    for home in [&ana, &kofi] {
        let aside = aside(home).concat();
        for words in ["Kofi, since then.", "Kofi, put back."] {
            assert_eq!(text.matches(words).count() + aside.matches(words).count(), 1, "{words}: {text} / {aside}");
        }
    }
    // And nothing is wedged: both write on, and agree.
    for n in 0..2 {
        add(&kofi, &document, &format!("Kofi goes on {n}."));
        add(&ana, &document, &format!("Ana goes on {n}."));
        exchange(&ana, &kofi);
    }
    exchange(&ana, &kofi);
    all_have(&[&ana, &kofi], &document, &["Kofi goes on 0.", "Kofi goes on 1.", "Ana goes on 0.", "Ana goes on 1."]);
}

#[test]
fn a_copy_in_another_folder_and_the_original_both_write_on() {
    let Pair { ana, kofi, document } = pair();
    add(&kofi, &document, "Kofi, before.");
    let copy = Home::empty().on_loopback();
    copy_folder(&kofi.path().join("home"), &copy.path().join("home"));
    for n in 0..3 {
        add(&kofi, &document, &format!("Original {n}."));
        add(&copy, &document, &format!("Copy {n}."));
    }
    exchange(&ana, &kofi);
    exchange(&ana, &copy);
    exchange(&ana, &kofi);
    let words = ["Kofi, before.", "Original 0.", "Original 2.", "Copy 0.", "Copy 2."];
    all_have(&[&ana, &kofi, &copy], &document, &words);
}

#[test]
fn damage_the_doctor_a_backup_and_a_restore_and_all_say_the_same() {
    let Pair { ana, kofi, document } = pair();
    add(&kofi, &document, "Kofi, first.");
    exchange(&ana, &kofi);
    let file = kofi.path().join("backup.sheaf");
    kofi.ok(&["backup", file.to_str().expect("a path")]);
    add(&kofi, &document, "Kofi, after the backup.");
    add(&ana, &document, "Ana, second.");
    exchange(&ana, &kofi);
    // The disk takes the store; the journal is whole.
    for entry in fs::read_dir(kofi.path().join("home/store")).expect("a store") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::write(&path, b"nothing of what was here").expect("a file");
        }
    }
    kofi.run(&["doctor"]);
    kofi.ok(&["doctor", "--rebuild"]);
    // Kofi's own words are in the journal; the space they belong to is Ana's, and comes back from her.
    exchange(&ana, &kofi);
    add(&kofi, &document, "Kofi, rebuilt.");
    exchange(&ana, &kofi);
    let words = ["Kofi, first.", "Kofi, after the backup.", "Ana, second.", "Kofi, rebuilt."];
    all_have(&[&ana, &kofi], &document, &words);
    // Then all of it is gone, and the backup is all there is.
    fs::remove_dir_all(kofi.path().join("home")).expect("it was there");
    kofi.ok(&["restore", file.to_str().expect("a path")]);
    kofi.ok(&["doctor"]);
    add(&kofi, &document, "Kofi, restored.");
    exchange(&ana, &kofi);
    exchange(&ana, &kofi);
    all_have(&[&ana, &kofi], &document, &[&words[..], &["Kofi, restored."]].concat());
}

/// A home on another machine, with a copy of everything in this one.
fn on_another_machine(home: &Home) -> Home {
    let other = Home::empty().on_loopback().on_machine("another");
    copy_folder(&home.path().join("home"), &other.path().join("home"));
    other
}

#[test]
fn a_copy_on_another_machine_becomes_a_device_of_its_own() {
    let Pair { ana, kofi, document } = pair();
    add(&kofi, &document, "Kofi, before.");
    exchange(&ana, &kofi);
    let other = on_another_machine(&kofi);
    add(&other, &document, "Kofi, on the other machine.");
    add(&kofi, &document, "Kofi, on the first machine.");
    let device = |home: &Home| home.ok(&["whoami", "--json"]).json()["device"].as_str().expect("an id").to_owned();
    assert_ne!(device(&kofi), device(&other));
    exchange(&ana, &other);
    exchange(&ana, &kofi);
    exchange(&ana, &other);
    let words = ["Kofi, before.", "Kofi, on the other machine.", "Kofi, on the first machine."];
    all_have(&[&ana, &kofi, &other], &document, &words);
    let members = ana.ok(&["members", "Field station", "--json"]).json();
    assert_eq!(members.as_array().map(Vec::len), Some(2), "{members}");
    assert!(members.as_array().is_some_and(|all| all.iter().any(|one| one["devices"] == 2)), "{members}");
}

#[test]
fn a_copy_without_the_root_secret_is_read_until_the_phrase_is_typed() {
    let Pair { ana, kofi, document } = pair();
    let words = kofi.ok(&["recovery-phrase", "--show", "--json"]).json()["words"].clone();
    kofi.ok(&["recovery-phrase", "--written"]);
    add(&kofi, &document, "Kofi, before.");
    exchange(&ana, &kofi);
    let other = on_another_machine(&kofi);
    for _ in 0..2 {
        assert!(other.show(&document).contains("Kofi, before."));
        let ran = other.run(&["--json", "doc", "edit", &document, "--append", "Not yet."]);
        assert!(ran.code == 5 && ran.stderr.contains("copied"), "{ran:?}");
        assert_eq!(other.run(&["sync", "--once"]).code, 5);
    }
    let phrase: Vec<&str> = words.as_array().expect("words").iter().filter_map(|word| word.as_str()).collect();
    let phrase = other.file("phrase", phrase.join(" "));
    assert_eq!(other.run(&["renew-device"]).code, 1);
    other.ok(&["renew-device", "--phrase-file", phrase.to_str().expect("a path")]);
    add(&other, &document, "Kofi, on the other machine.");
    add(&kofi, &document, "Kofi, on the first machine.");
    exchange(&ana, &other);
    exchange(&ana, &kofi);
    exchange(&ana, &other);
    all_have(
        &[&ana, &kofi, &other],
        &document,
        &["Kofi, before.", "Kofi, on the other machine.", "Kofi, on the first machine."],
    );
}

#[test]
fn a_machine_that_was_put_back_whole_is_told_by_the_others() {
    let Pair { ana, kofi, document } = pair();
    add(&kofi, &document, "Kofi, last week.");
    exchange(&ana, &kofi);
    // With the witness outside of the home, as a snapshot of a whole disk has it.
    let kept = kofi.path().join("kept");
    for folder in ["home", "state"] {
        copy_folder(&kofi.path().join(folder), &kept.join(folder));
    }
    add(&kofi, &document, "Kofi, since then.");
    exchange(&ana, &kofi);
    for folder in ["home", "state"] {
        fs::remove_dir_all(kofi.path().join(folder)).expect("it was there");
        fs::rename(kept.join(folder), kofi.path().join(folder)).expect("a copy");
    }
    exchange(&ana, &kofi);
    add(&kofi, &document, "Kofi, put back.");
    exchange(&ana, &kofi);
    all_have(&[&ana, &kofi], &document, &["Kofi, last week.", "Kofi, since then.", "Kofi, put back."]);
}
