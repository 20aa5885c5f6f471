//! What keeps a person and their words, in real windows: the recovery phrase, backups, and a disk on which nothing can be
//! read.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;

use sheaf_tests::{Home, Look, Window, holding};

const PASSPHRASE: &str = "gauge silt cable hut";
const ESCAPE: &str = "\u{e00c}";
const BACKUP: &str = "With a backup One file that Sheaf has made, with everything there was then.";

/// Opens the settings on what keeps the home.
fn keys_and_backup(window: &Window) {
    window.press_ctrl(',');
    window.click("Keys and backup");
    window.wait_for("24 words on paper");
}

/// Shows the recovery phrase, and gives back the two words that are asked for. The words, as they stand on the paper now.
fn write_down(window: &Window, name: &str) -> Vec<String> {
    keys_and_backup(window);
    window.wait_for("Not written down yet.");
    window.click("Write it down…");
    let words = window.words_of("Recovery phrase");
    assert_eq!(words.len(), 24);
    window.click("I have written it down");
    window.wait_for("Two words back, from your paper.");
    let asked: Vec<usize> = (1..=24).filter(|place| window.text().contains(&format!("Word {place}\n"))).collect();
    assert_eq!(asked.len(), 2, "{}", window.text());
    // One of them is not read from the paper: that is no proof of having one.
    window.write(&format!("{}\tgauge\n", words[asked[0] - 1]));
    window.wait_for(&format!("Word {} is something else.", asked[1]));
    window.click(&format!("Word {}", asked[1]));
    window.press_ctrl('a');
    window.write(&words[asked[1] - 1]);
    window.screenshot(&format!("phrase-answered-{name}"));
    window.click("Done");
    window.wait_for("You have written it down. It is no longer kept on this laptop.");
    window.look_at(&format!("phrase-written-{name}"));
    words
}

fn back_with_the_phrase(look: Look, name: &str) {
    let (ana_home, kofi_home) = (Home::of("Ana Lindqvist").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana_home.ok(&["space", "new", "Field station"]).last_line();
    let document = ana_home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    ana_home.ok(&["doc", "edit", &document, "--append", "The float lost its antenna."]);
    let link = ana_home.ok(&["invite", &space, "--role", "owner"]).last_line();
    let online = ana_home.online();
    kofi_home.ok(&["join", &link]);
    kofi_home.sync();
    online.stop();

    let ana = ana_home.window_in(look);
    ana.wait_for_on_page("Spring visit");
    let words = write_down(&ana, name);
    ana.close();
    // Neither the laptop nor anything on it is left.
    drop(ana_home);

    let link = kofi_home.ok(&["invite", &space, "--role", "viewer"]).last_line();
    let kofi = kofi_home.window_in(look);
    kofi.wait_for_on_page("The float lost its antenna.");
    let new = Home::empty().on_loopback().on_machine("another machine");
    let window = new.window_in(look);
    window.click("I already use Sheaf");
    window.click("With my recovery phrase The 24 words on paper, when no other device is left or at hand.");
    window.wait_for("Type your recovery phrase");
    window.write(&words.join(" "));
    window.wait_for("24 of 24 words");
    window.click("Where to ask (optional)");
    window.write(&link);
    window.screenshot(&format!("recover-typed-{name}"));
    window.click("Go on");
    window.wait_for_on_page("The float lost its antenna.");
    window.wait_for("Field station");
    window.look_at(&format!("recovered-{name}"));
    // It is Ana, with all that she may do here.
    window.go_to_the_end();
    window.write("\nAna is back.");
    kofi.wait_for_on_page("Ana is back.");
    window.press_ctrl(',');
    assert_eq!(window.value("Name"), "Ana Lindqvist");
    window.close();
    kofi.close();
}

#[test]
fn a_person_comes_back_with_nothing_but_the_phrase_by_day() {
    back_with_the_phrase(Look::Light, "light");
}

#[test]
fn a_person_comes_back_with_nothing_but_the_phrase_by_night() {
    back_with_the_phrase(Look::Dark, "dark");
}

/// A backup of Ana's in a file, made in her window, with the words it says.
fn backed_up(ana: &Window, file: &Path, name: &str) {
    ana.wait_for_on_page("Spring visit");
    ana.go_to_the_end();
    ana.write("\nThe float lost its antenna.");
    ana.wait_for("Saved here");
    keys_and_backup(ana);
    ana.click("Back up…");
    ana.answer_dialog("Back up everything", file);
    ana.wait_for("It is read back before it counts as made.");
    ana.wait_for("2 spaces, ");
    ana.look_at(&format!("backed-up-{name}"));
}

/// Puts a file back on a home where nobody has begun.
fn put_back(window: &Window, file: &Path) {
    window.click("I already use Sheaf");
    window.click(BACKUP);
    window.wait_for("Everything that is in it comes to this laptop.");
    window.click("Choose the backup…");
    window.answer_dialog("Which backup?", file);
}

fn back_with_a_backup(look: Look, name: &str) {
    let home = Home::of("Ana Lindqvist");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("Ana.sheafbackup");
    let ana = home.window_in(look);
    backed_up(&ana, &file, name);
    ana.wait_for("No passphrase guards it");
    ana.close();
    // The laptop is gone, and the backup is what there is.
    drop(home);

    let new = Home::empty().on_machine("another machine");
    let window = new.window_in(look);
    // What is no backup is said to be none, and the way goes on.
    let other = new.file("letter.txt", "Dear Ana,");
    put_back(&window, &other);
    window.wait_for("is not a backup of Sheaf");
    window.look_at(&format!("putback-wrong-{name}"));
    window.click("Choose the backup…");
    window.answer_dialog("Which backup?", &file);
    window.wait_for_on_page("The float lost its antenna.");
    window.look_at(&format!("putback-{name}"));
    window.go_to_the_end();
    window.write("\nAna is back.");
    window.wait_for("Saved here");
    window.close();
    let there = new.show(&document);
    assert!(there.contains("The float lost its antenna.") && there.contains("Ana is back."), "{there}");
    // Nothing is left beside it of how it came.
    let beside = fs::read_dir(new.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut beside: Vec<String> = beside.map(|name| name.to_string_lossy().into_owned()).collect();
    beside.sort();
    assert_eq!(beside, ["home", "letter.txt", "state"]);
}

#[test]
fn a_backup_is_made_and_put_back_on_a_new_machine_by_day() {
    back_with_a_backup(Look::Light, "light");
}

#[test]
fn a_backup_is_made_and_put_back_on_a_new_machine_by_night() {
    back_with_a_backup(Look::Dark, "dark");
}

#[test]
fn a_backup_under_a_passphrase_is_put_back_with_it_and_not_without() {
    let home = Home::of("Ana Lindqvist");
    home.ok(&["doc", "new", "Spring visit"]);
    let secret = home.file("passphrase", PASSPHRASE);
    home.ok(&["passphrase", "set", "--new-passphrase-file", secret.to_str().expect("a path")]);
    let file = home.path().join("Ana.sheafbackup");
    let opened = ["--passphrase-file", secret.to_str().expect("a path")];
    home.ok(&[&opened[..], &["backup", file.to_str().expect("a path")]].concat());

    let new = Home::empty();
    let window = new.window();
    put_back(&window, &file);
    window.wait_for("Passphrase of Ana.sheafbackup");
    window.look_at("putback-passphrase-light");
    window.write("gauge silt\n");
    window.wait_for("This is not the passphrase of that backup. Try again.");
    assert!(!window.text().contains("Spring visit"));
    // What was typed is selected: the next try takes its place.
    window.write(&format!("{PASSPHRASE}\n"));
    window.wait_for_on_page("Spring visit");
    window.close();
    let window = new.window();
    window.wait_for("Sheaf is locked");
    window.close();
}

#[test]
fn nothing_that_was_written_and_looked_for_in_a_window_can_be_read_on_the_disk() {
    const TITLE: &str = "Zinnober expedition";
    const WORDS: &str = "The periwinkle float sticks below the line.";
    let home = Home::of("Wilhelmina Ferreira");
    let secret = home.file("passphrase", PASSPHRASE);
    home.ok(&["passphrase", "set", "--new-passphrase-file", secret.to_str().expect("a path")]);
    fs::remove_file(&secret).expect("it was there");
    let texts = [TITLE, WORDS, "Quarterdeck", "Wilhelmina", "periwinkle", "Zinnober", "expedition", PASSPHRASE];

    let window = home.window();
    window.wait_for("Sheaf is locked");
    window.write(&format!("{PASSPHRASE}\n"));
    window.wait_for_page();
    window.write(&format!("{TITLE}\n{WORDS}"));
    window.wait_for("Saved here");
    window.press_ctrl('k');
    window.wait_for("Commands");
    window.write("periwinkle");
    window.wait_for("float sticks below");
    window.write(ESCAPE);
    assert_eq!(holding(home.path(), &texts), [""; 0], "while the window is open");
    window.kill();
    assert_eq!(holding(home.path(), &texts), [""; 0], "after a power cut");

    // Closed in good order, it keeps what it has drawn and found, sealed.
    let window = home.window();
    window.write(&format!("{PASSPHRASE}\n"));
    window.wait_for_on_page(WORDS);
    window.press_ctrl('k');
    window.write("periwinkle");
    window.wait_for("float sticks below");
    window.write(ESCAPE);
    window.close();
    let folder = home.path().join("home");
    for cache in ["cache/view", "cache/search"] {
        let kept = folder.join(cache).read_dir().is_ok_and(|mut files| files.next().is_some());
        assert!(kept, "nothing is in {cache}: {:?}", fs::read_dir(folder.join("cache")).map(Iterator::count));
    }
    assert_eq!(holding(home.path(), &texts), [""; 0], "after a clean end");
}
