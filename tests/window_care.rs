//! What the window says of itself, for whoever is to help or wants to know what it is made of; and of a space that nobody
//! owns any more.
#![cfg(target_os = "linux")]

use std::fs;

use sheaf_tests::{Home, Look};

fn about(look: Look, name: &str) {
    let home = Home::of("Wilhelmina Ferreira");
    let space = home.ok(&["space", "new", "Quarterdeck"]).last_line();
    home.ok(&["doc", "new", "--space", &space, "Zinnober"]);
    let window = home.window_in(look);
    window.wait_for_on_page("Zinnober");
    window.press_ctrl('k');
    window.wait_for("Commands");
    window.write("about sheaf\n");
    window.wait_for("It is made of");
    window.look_at(&format!("about-{name}"));
    window.click("Show them");
    window.wait_for("Documents: 1");
    window.look_at(&format!("about-diagnostics-{name}"));
    let file = home.path().join("diagnostics.txt");
    window.click("Save…");
    window.answer_dialog("Save the diagnostics", &file);
    let saved = sheaf_tests::eventually("the file", || fs::read_to_string(&file).ok());
    for typed in ["Wilhelmina", "Quarterdeck", "Zinnober", &space, home.path().to_str().expect("a path")] {
        assert!(!saved.contains(typed), "{typed} is in {saved}");
    }
    assert!(saved.contains("Spaces: 2") && window.text().contains(saved.trim()), "{saved}");

    window.open_details("MIT");
    window.click_that_begins("Read the licence of tokio ");
    window.wait_for("Licence of tokio");
    window.wait_for("Permission is hereby granted");
    window.look_at(&format!("about-licence-{name}"));
    window.click("Back to the list");
    window.wait_for("It is made of");
    window.close();
}

#[test]
fn about_by_day() {
    about(Look::Light, "light");
}

#[test]
fn about_by_night() {
    about(Look::Dark, "dark");
}

#[test]
fn a_space_that_has_no_owner_left_says_so_and_goes_on_as_a_new_one() {
    let (ana, kofi) = (Home::of("Ana").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana.ok(&["space", "new", "Field station"]).last_line();
    let list = ana.ok(&["doc", "new", "--space", &space, "Packing list"]).last_line();
    let file = ana.file("visit.md", format!("# Spring visit\n\nSee [the list](sheaf://doc/{list}).\n"));
    let visit = ana.ok(&["doc", "import", file.to_str().expect("a path"), "--space", &space]).last_line();
    ana.ok(&["doc", "tag", &list, "trip"]);
    ana.ok(&["doc", "move", &list, "--under", &visit]);
    let link = ana.ok(&["invite", &space, "--role", "owner"]).last_line();
    let online = ana.online();
    kofi.ok(&["join", &link]);
    kofi.sync();
    online.stop();
    assert!(!ana.ok(&["members", &space]).stderr.contains("owner"));
    // Each leaves it to the other, and neither knows.
    ana.ok(&["role", &space, "Ana", "editor"]);
    kofi.ok(&["role", &space, "Kofi", "editor"]);
    let online = ana.online();
    kofi.sync();
    online.stop();
    for home in [&ana, &kofi] {
        assert!(home.ok(&["members", &space]).stderr.contains("“Field station” has no owner any more"));
    }

    // On the command line: what it holds is there again, and its links stay among themselves.
    let anew = kofi.ok(&["space", "continue", &space, "--name", "Station of ours"]).last_line();
    let members = kofi.ok(&["members", &anew, "--json"]).json();
    assert_eq!(members[0]["role"], "owner");
    let copies = kofi.ok(&["doc", "list", "--space", &anew, "--json"]).json();
    let of = |title: &str| {
        copies.as_array().and_then(|all| all.iter().find(|each| each["title"] == title)).expect(title).clone()
    };
    let (copied, below) = (of("Spring visit"), of("Packing list"));
    assert_eq!(below["parent"], copied["id"]);
    assert_eq!(below["tags"][0], "trip");
    let shown = kofi.show(copied["id"].as_str().expect("an id"));
    assert!(shown.contains(below["id"].as_str().expect("an id")) && !shown.contains(&list), "{shown}");
    assert!(kofi.show(&visit).contains(&list), "the old one stays as it was");

    // And in the window.
    let window = ana.window();
    window.wait_for_on_page("Spring visit");
    window.click("Share");
    window.wait_for("This space has no owner any more");
    window.look_at("ownerless-light");
    window.click("Continue as a new space");
    // The page says the same; where it is kept is another matter.
    window.wait_for("Saved here · only on this laptop");
    window.wait_for_on_page("See the list.");
    window.wait_for_no_dialog();
    window.click("Share");
    window.wait_for("Only you, on one device, hold the key.");
    assert!(!window.text().contains("no owner any more"));
    window.close();
    assert_eq!(ana.ok(&["space", "list", "--json"]).json().as_array().map(Vec::len), Some(3));
}
