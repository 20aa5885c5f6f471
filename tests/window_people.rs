//! Who may read and write, in real windows: keys and a locked start, sharing and removing, pairing two devices.
#![cfg(target_os = "linux")]

use sheaf_tests::{Home, Look, Window};

const PASSPHRASE: &str = "gauge silt cable hut";

/// Nothing serious stands in the way of assistive technology in what is shown now.
fn check(window: &Window, what: &str) {
    assert_eq!(window.accessibility_faults(), [""; 0], "{what}");
}

/// The same, and a picture of it by day. WebKit's driver does not always answer when it is to take one of a dialog over a
/// dialog, or by night.
fn look_at(window: &Window, what: &str) {
    check(window, what);
    if what.ends_with("light") {
        window.screenshot(what);
    }
}

fn a_locked_start(look: Look, name: &str) {
    let home = Home::of("Ana");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    home.ok(&["doc", "new", "--space", &space, "Spring visit"]);
    let window = home.window_in(look);
    window.wait_for_on_page("Spring visit");
    window.press_ctrl(',');
    window.click("Keys and backup");
    window.wait_for("None is set");
    look_at(&window, &format!("keys-{name}"));
    window.click("Set a passphrase…");
    window.wait_for("Sheaf asks for it at every start.");
    window.click("New passphrase");
    window.write(PASSPHRASE);
    window.click("The same again");
    window.write(PASSPHRASE);
    check(&window, &format!("passphrase-{name}"));
    window.click("Set it");
    window.wait_for("Sheaf asks for it when it starts.");
    window.close();

    let window = home.window_in(look);
    window.wait_for("Sheaf is locked");
    assert!(!window.text().contains("Field station") && !window.text().contains("Spring visit"));
    window.write("gauge silt\n");
    window.wait_for("This is not the passphrase. Try again.");
    look_at(&window, &format!("locked-{name}"));
    assert!(!window.text().contains("Spring visit"));
    // What was typed is selected: the next try takes its place.
    window.write(&format!("{PASSPHRASE}\n"));
    window.wait_for_on_page("Spring visit");
    window.close();
}

/// Ana's space, in her window, and a link to it for Kofi.
fn invited(ana: &Window) -> String {
    ana.wait_for_on_page("Spring visit");
    ana.click("Share");
    ana.wait_for("Only you, on one device, hold the key.");
    ana.click("Make a link");
    let link = ana.value("Invitation link");
    ana.wait_for("One link is open");
    link
}

#[test]
fn someone_is_invited_made_a_viewer_and_removed_and_sees_it_at_once() {
    let (ana_home, kofi_home) = (Home::of("Ana").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana_home.ok(&["space", "new", "Field station"]).last_line();
    ana_home.ok(&["doc", "new", "--space", &space, "Spring visit"]);
    let ana = ana_home.window();
    let link = invited(&ana);
    ana.click("Close");

    // The link was clicked somewhere: it is shown, and asked about.
    let kofi = kofi_home.window_opening(&link);
    kofi.wait_for("You would join as an editor");
    look_at(&kofi, "join-light");
    kofi.click("Join");
    kofi.wait_for_on_page("Spring visit");
    kofi.go_to_the_end();
    kofi.write("\nI have a spare float.");
    ana.wait_for_on_page("I have a spare float.");

    // Made a viewer while the page is open: no more keys, and no word lost.
    ana.click("Share");
    ana.wait_for("Two people, on two devices");
    ana.click("Role of Kofi: Editor");
    ana.click("Viewer: Reads");
    kofi.wait_for("You can read here, not write.");
    kofi.wait_for_read_only();
    kofi.wait_for_on_page("I have a spare float.");
    ana.click("Role of Kofi: Viewer");
    ana.click("Editor: Reads and writes");
    kofi.go_to_the_end();
    kofi.write(" Two of them.");
    ana.wait_for_on_page("Two of them.");

    ana.click("Role of Kofi: Editor");
    ana.click("Remove Kofi…");
    ana.wait_for("Kofi keeps what is already there.");
    ana.click("Remove Kofi");
    ana.wait_for("Only you, on one device, hold the key.");
    kofi.wait_for("Ana removed you from this space");
    kofi.wait_for_read_only();
    look_at(&kofi, "removed-light");
    ana.click("Close");
    ana.go_to_the_end();
    ana.write("\nFor those who are here.");
    ana.wait_for("Saved here");
    assert!(kofi.text().contains("Two of them.") && !kofi.text().contains("For those who are here."));
    ana.close();
    kofi.close();
}

#[test]
fn a_second_device_is_paired_has_everything_and_is_removed() {
    let (ana_home, other_home) = (Home::of("Ana").on_loopback(), Home::empty().on_loopback());
    let space = ana_home.ok(&["space", "new", "Field station"]).last_line();
    ana_home.ok(&["doc", "new", "--space", &space, "Spring visit"]);
    let ana = ana_home.window();
    ana.wait_for_on_page("Spring visit");

    let other = other_home.window();
    other.click("I already use Sheaf");
    check(&other, "again");
    other.click("With another device of mine It is at hand and switched on, and takes a code from here.");
    let code = other.value("Pairing code");
    check(&other, "pair-show");

    ana.press_ctrl(',');
    ana.click("Devices");
    ana.click("Add a device…");
    ana.click("Code");
    ana.write(&code);
    ana.click("Find it");
    let words = ana.words_of("Words to compare");
    assert_eq!(words, other.words_of("Words to compare"));
    check(&ana, "pair-words-light");
    ana.click("They match: add it");
    ana.wait_for("It is fetching everything you belong to.");
    ana.click("Done");
    other.wait_for("Spring visit");

    // What it is called is known on both; and once it is removed, it is told so.
    other.press_ctrl(',');
    other.click("Devices");
    other.click("Rename");
    other.click("Name of this device");
    other.press_ctrl('a');
    other.write("Kitchen table\n");
    other.wait_for("Kitchen table");
    ana.wait_for("Kitchen table");
    check(&ana, "devices");
    ana.click("Remove Kitchen table");
    ana.wait_for("It keeps what is on it.");
    ana.click("Remove it");
    ana.wait_for("Removed: it gets nothing any more");
    other.click("Close");
    other.wait_for("This device was removed from your devices.");
    ana.close();
    other.close();
}

/// Every dialog about people, as assistive technology finds it.
fn people_dialogs(look: Look, name: &str) {
    let (ana_home, kofi) = (Home::of("Ana").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana_home.ok(&["space", "new", "Field station"]).last_line();
    ana_home.ok(&["doc", "new", "--space", &space, "Spring visit"]);
    let link = ana_home.ok(&["invite", &space, "--role", "editor", "--uses", "3"]).last_line();
    let online = ana_home.online();
    kofi.ok(&["join", &link]);
    kofi.ok(&["sync", "--once"]);
    online.stop();

    let ana = ana_home.window_in(look);
    ana.wait_for_on_page("Spring visit");
    ana.click("Share");
    ana.wait_for("Two people, on two devices");
    look_at(&ana, &format!("share-{name}"));
    ana.click("Compare words with Kofi");
    ana.wait_for("Both of you see the same words");
    check(&ana, &format!("compare-{name}"));
    ana.click("They match");
    ana.wait_for("Verified");
    ana.click("Role of Kofi: Editor");
    ana.click("Remove Kofi…");
    ana.wait_for("Also cancel the open invitation");
    check(&ana, &format!("remove-{name}"));
    ana.click("Cancel");
    ana.click("Leave this space…");
    ana.wait_for("You are the only owner.");
    check(&ana, &format!("leave-{name}"));
    ana.close();
}

#[test]
fn dialogs_about_people_by_day() {
    people_dialogs(Look::Light, "light");
}

#[test]
fn dialogs_about_people_by_night() {
    people_dialogs(Look::Dark, "dark");
}

#[test]
fn nothing_is_shown_before_the_passphrase_by_day() {
    a_locked_start(Look::Light, "light");
}

#[test]
fn nothing_is_shown_before_the_passphrase_by_night() {
    a_locked_start(Look::Dark, "dark");
}
