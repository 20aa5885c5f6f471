//! Who may read and write, in real windows: keys and a locked start, sharing and removing, pairing two devices.
#![cfg(target_os = "linux")]

use sheaf_tests::{Home, Look, Window};

const PASSPHRASE: &str = "gauge silt cable hut";

fn a_locked_start(look: Look, name: &str) {
    let home = Home::of("Ana");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    home.ok(&["doc", "new", "--space", &space, "Spring visit"]);
    let window = home.window_in(look);
    window.wait_for_on_page("Spring visit");
    window.press_ctrl(',');
    window.click("Keys and backup");
    window.wait_for("None is set");
    window.look_at(&format!("keys-{name}"));
    window.click("Set a passphrase…");
    window.wait_for("Sheaf asks for it at every start.");
    window.click("New passphrase");
    window.write(PASSPHRASE);
    window.click("The same again");
    window.write(PASSPHRASE);
    window.look_at(&format!("passphrase-{name}"));
    window.click("Set it");
    window.wait_for("Sheaf asks for it when it starts.");
    window.close();

    let window = home.window_in(look);
    window.wait_for("Sheaf is locked");
    assert!(!window.text().contains("Field station") && !window.text().contains("Spring visit"));
    window.write("gauge silt\n");
    window.wait_for("This is not the passphrase. Try again.");
    window.look_at(&format!("locked-{name}"));
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
    // A camera reads the same.
    assert_eq!(ana.codes("share-code-light"), [link.as_str()]);
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
    kofi.look_at("join-light");
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
    ana.wait_for("Kofi is no longer here, and can still read what had reached their devices by then");
    kofi.wait_for("Ana removed you from this space");
    kofi.wait_for_read_only();
    kofi.look_at("removed-light");
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
    other.look_at("again-light");
    other.click("With another device of mine It is at hand and switched on, and takes a code from here.");
    let code = other.value("Pairing code");
    other.look_at("pair-show-light");
    assert_eq!(other.codes("pair-code-light"), [code.as_str()]);

    ana.press_ctrl(',');
    ana.click("Devices");
    ana.click("Add a device…");
    ana.click("Code");
    ana.write(&code);
    ana.click("Find it");
    let words = ana.words_of("Words to compare");
    assert_eq!(words, other.words_of("Words to compare"));
    ana.look_at("pair-words-light");
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
    ana.look_at("devices-light");
    ana.click("Remove Kitchen table");
    ana.wait_for("It keeps what is on it.");
    ana.click("Remove it");
    ana.wait_for("Removed: it gets nothing any more");
    // It has no say about the others any more, and still knows what they are called.
    other.wait_for("This device was removed from them.");
    other.look_at("device-removed-light");
    assert!(other.text().contains("Kitchen table") && !other.text().contains("Add a device"));
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
    kofi.sync();
    online.stop();

    let ana = ana_home.window_in(look);
    ana.wait_for_on_page("Spring visit");
    ana.click("Share");
    ana.wait_for("Two people, on two devices");
    ana.look_at(&format!("share-{name}"));
    ana.click("Compare words with Kofi");
    ana.wait_for("Both of you see the same words");
    ana.look_at(&format!("compare-{name}"));
    ana.click("They match");
    ana.wait_for("Verified");
    ana.click("Role of Kofi: Editor");
    ana.click("Remove Kofi…");
    ana.wait_for("Also cancel the open invitation");
    ana.look_at(&format!("remove-{name}"));
    ana.click("Cancel");
    ana.click("Leave this space…");
    ana.wait_for("You are the only owner.");
    ana.look_at(&format!("leave-{name}"));
    ana.click("Cancel");
    ana.click("Role of you: Owner");
    ana.click("Viewer: Reads");
    ana.wait_for("You are the only owner.");
    ana.look_at(&format!("step-down-{name}"));
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

/// Every page of the settings, and what opens from them.
fn settings(look: Look, name: &str) {
    let home = Home::of("Ana").on_loopback();
    home.ok(&["doc", "new", "Spring visit"]);
    let window = home.window_in(look);
    window.wait_for_on_page("Spring visit");
    window.press_ctrl(',');
    window.wait_for("Data folder");
    window.look_at(&format!("settings-you-{name}"));
    window.click("Devices");
    window.wait_for("This laptop, added");
    window.click("Rename");
    window.look_at(&format!("settings-devices-{name}"));
    window.click("Cancel");
    window.click("Add a device…");
    window.click("Code");
    window.write("sheaf://pair/gauge\n");
    window.wait_for("cut short");
    window.look_at(&format!("pair-code-{name}"));
    window.click("Cancel");
    window.click("Keys and backup");
    window.click("Write it down…");
    let words = window.words_of("Recovery phrase");
    assert_eq!(words.len(), 24);
    window.look_at(&format!("phrase-{name}"));
    window.click("I have written it down");
    window.wait_for("Two words back, from your paper.");
    window.write("gauge\n");
    window.wait_for("Look at your paper again.");
    window.look_at(&format!("phrase-check-{name}"));
    window.click("See the words again");
    window.click("Later");
    window.click("Put a backup back…");
    window.wait_for("It goes into an empty folder of its own");
    window.look_at(&format!("restore-{name}"));
    window.click("Cancel");
    window.close();
}

#[test]
fn settings_by_day() {
    settings(Look::Light, "light");
}

#[test]
fn settings_by_night() {
    settings(Look::Dark, "dark");
}

/// Someone who uses Sheaf already, on a new machine.
fn a_new_machine(look: Look, name: &str) {
    let home = Home::empty().on_loopback();
    let window = home.window_in(look);
    window.click("I already use Sheaf");
    window.click("With my recovery phrase The 24 words on paper, when no other device is left or at hand.");
    window.wait_for("Type your recovery phrase");
    // What is no word of a phrase is said at once, and the others are completed.
    window.write("ability gouge aban");
    window.wait_for("“gouge”: no such word is in a recovery phrase.");
    window.look_at(&format!("recover-{name}"));
    window.click("abandon");
    assert_eq!(window.value("The 24 words"), "ability gouge abandon ");
    window.click("Back");
    window.click("With another device of mine It is at hand and switched on, and takes a code from here.");
    window.value("Pairing code");
    window.look_at(&format!("pair-show-{name}"));
    window.close();
}

#[test]
fn a_new_machine_by_day() {
    a_new_machine(Look::Light, "light");
}

#[test]
fn a_new_machine_by_night() {
    a_new_machine(Look::Dark, "dark");
}

#[test]
fn an_invitation_that_cannot_be_used_says_which_of_four_things_is_wrong() {
    let (ana, mara, kofi) =
        (Home::of("Ana").on_loopback(), Home::of("Mara").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana.ok(&["space", "new", "Field station"]).last_line();
    let link = |more: &[&str]| ana.ok(&[&["invite", &space, "--role", "editor"], more].concat()).last_line();
    let (expired, used_up, cancelled) = (link(&["--expires", "1s"]), link(&["--uses", "1"]), link(&[]));
    let listed = ana.ok(&["invitations", &space, "--json"]).json();
    let of = |link: &str| {
        let found = listed.as_array().and_then(|all| all.iter().find(|each| each["link"] == link));
        found.and_then(|each| each["id"].as_str()).expect("an invitation").to_owned()
    };
    ana.ok(&["invitation", "cancel", &space, &of(&cancelled)]);
    let online = ana.online();
    mara.ok(&["join", &used_up]);

    let window = kofi.window();
    window.wait_for_page();
    let cut_short = &cancelled[..cancelled.len() - 9];
    let cases = [
        (expired.as_str(), "The invitation has expired."),
        (&used_up, "The invitation was used up."),
        (&cancelled, "The invitation was cancelled."),
        (cut_short, "This invitation was cut short on its way"),
    ];
    for (link, says) in cases {
        window.press_ctrl('k');
        window.write("Open an invitation\n");
        window.wait_for("Paste the link you were given.");
        window.write(&format!("{link}\n"));
        window.wait_for(says);
        window.click("Copy a note that asks for another");
        window.wait_for("Copied.");
        window.look_at(&format!("join-{}-light", says.split(' ').next_back().unwrap_or_default().trim_matches('.')));
        window.click("Cancel");
    }
    // It was said where it was asked, and nowhere again.
    assert!(!window.text().contains("The invitation"));
    window.close();
    online.stop();
}

#[test]
fn what_someone_wrote_without_knowing_that_they_were_removed_is_read_and_taken_over() {
    let homes = ["Ana", "Mara", "Kofi"].map(|name| Home::of(name).on_loopback());
    let [ana_home, mara, kofi] = &homes;
    let space = ana_home.ok(&["space", "new", "Field station"]).last_line();
    let document = ana_home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    // Kofi knows where Mara is, and not where Ana is.
    for (from, role, to) in [(ana_home, "owner", mara), (mara, "editor", kofi)] {
        let link = from.ok(&["invite", &space, "--role", role]).last_line();
        let online = from.online();
        to.ok(&["join", &link]);
        to.sync();
        online.stop();
    }
    let online = mara.online();
    ana_home.sync();
    online.stop();

    ana_home.ok(&["revoke", &space, "Kofi"]);
    kofi.ok(&["doc", "edit", &document, "--append", "The spare float is in the shed."]);
    let online = mara.online();
    kofi.sync();

    let ana = ana_home.window();
    ana.wait_for_on_page("Spring visit");
    ana.wait_for("Kofi wrote 7 words here that do not count.");
    ana.click("Look at it…");
    ana.click("Read: what Kofi wrote in Spring visit");
    ana.wait_for("The spare float is in the shed.");
    ana.look_at("set-aside-light");
    ana.click("Take it over: what Kofi wrote in Spring visit");
    ana.wait_for_on_page("The spare float is in the shed.");
    ana.close();
    online.stop();
}
