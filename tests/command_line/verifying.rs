//! `verify`: everything gone over, and damage named; and what the doctor takes over.

use std::fs;

use sheaf_tests::Home;

#[test]
fn a_space_and_a_document_are_gone_over_and_authors_are_counted() {
    let home = Home::of("Ana");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    home.ok(&["doc", "edit", &document, "--append", "The boat leaves at seven."]);
    home.ok(&["doc", "new", "--space", &space, "Another"]);
    let whole = home.ok(&["verify", "Field station", "--json"]).json();
    assert_eq!(whole["problems"].as_array().map(Vec::len), Some(0), "{whole}");
    assert_eq!(whole["entries"], whole["signatures"]);
    let one = home.ok(&["verify", "Spring visit", "--json"]).json();
    assert_eq!(one["document"], document.as_str());
    assert!(one["entries"].as_u64() < whole["entries"].as_u64(), "{one} {whole}");
    let author = &one["authors"][0];
    assert_eq!(author["name"], "Ana");
    let characters = "Spring visit".len() + "The boat leaves at seven.".len();
    assert!(author["characters"].as_u64() >= Some(characters as u64), "{one}");
    assert!(author["changes"].as_u64() >= Some(2) && author["entries"].as_u64() >= Some(2), "{one}");
    let text = home.ok(&["verify", &document]).stdout;
    assert!(text.contains("Everything is as its authors signed it.") && text.contains("Ana"), "{text}");
    let nothing = home.run(&["verify", "nothing"]);
    assert_eq!(nothing.code, 4, "{nothing:?}");
}

#[test]
fn a_space_is_verified_after_a_checkpoint_too() {
    let home = Home::of("Ana");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    for line in ["One.", "Two.", "Three."] {
        home.ok(&["doc", "edit", &document, "--append", line]);
    }
    let before = home.ok(&["verify", &space, "--json"]).json();
    home.ok(&["checkpoint", &space]);
    home.ok(&["doc", "edit", &document, "--append", "Four."]);
    let after = home.ok(&["verify", &space, "--json"]).json();
    assert_eq!(after["problems"].as_array().map(Vec::len), Some(0), "{after}");
    assert_eq!(after["checkpoints"], 1);
    let characters = |report: &serde_json::Value| report["authors"][0]["characters"].as_u64().expect("a number");
    assert_eq!(characters(&after), characters(&before) + "Four.".len() as u64, "nothing is counted twice or lost");
}

#[test]
fn a_checkpoint_with_nothing_new_to_cover_is_not_written() {
    let home = Home::of("Ana");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    let checkpoint = || home.ok(&["checkpoint", &space, "--json"]).json();
    let entries = || home.ok(&["verify", &space, "--json"]).json()["entries"].as_u64().expect("a number");
    assert!(checkpoint()["entries"].as_u64() > Some(0));
    let before = entries();
    let again = checkpoint();
    assert_eq!((&again["entries"], &again["blobs"], entries()), (&0.into(), &0.into(), before), "{again}");
    let said = home.ok(&["checkpoint", &space]).stdout;
    assert!(said.contains("Nothing has been written since the last checkpoint"), "{said}");
    // What is written next is covered by the next.
    home.ok(&["doc", "edit", &document, "--append", "One."]);
    assert!(checkpoint()["entries"].as_u64() > Some(0));
    assert_eq!(checkpoint()["entries"], 0);
}

#[test]
fn what_a_checkpoint_covers_and_nobody_has_pruned_yet_is_no_problem_and_is_counted_once() {
    let home = Home::of("Ana");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    home.ok(&["doc", "edit", &document, "--append", "One."]);
    home.ok(&["checkpoint", &space]);
    home.ok(&["doc", "edit", &document, "--append", "Two."]);
    let before = home.ok(&["verify", &space, "--json"]).json();
    home.ok(&["checkpoint", &space]);
    let after = home.run(&["verify", &space, "--json"]);
    assert_eq!(after.code, 0, "{after:?}");
    let after = after.json();
    for count in ["characters", "changes"] {
        assert_eq!(after["authors"][0][count], before["authors"][0][count], "{after}");
    }
}

/// An earlier version began the store again from the journal alone when it was asked to, and kept the old one. The words of
/// others that it held come back, also when nobody else is there any more.
#[test]
fn what_a_store_that_was_put_aside_holds_comes_back() {
    let (ana, kofi) = (Home::of("Ana"), Home::of("Kofi"));
    let space = ana.ok(&["space", "new", "Field station"]).last_line();
    let document = ana.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    ana.ok(&["doc", "edit", &document, "--append", "Ana begins."]);
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    let online = ana.online();
    kofi.ok(&["join", &link]);
    kofi.ok(&["doc", "edit", &document, "--append", "Kofi was here."]);
    kofi.ok(&["sync", "--once", "--timeout", "60"]);
    online.stop();
    assert!(ana.show(&document).contains("Kofi was here."));
    let folder = ana.path().join("home");
    fs::rename(folder.join("store"), folder.join("store.damaged-1")).expect("a store");
    for gone in ["store.mark", "cache/snapshot", "cache/view"] {
        let gone = folder.join(gone);
        if gone.is_dir() { fs::remove_dir_all(gone) } else { fs::remove_file(gone) }.expect("it was there");
    }
    let text = ana.show(&document);
    assert!(text.contains("Ana begins.") && !text.contains("Kofi was here."), "{text}");
    let looked = ana.ok(&["doctor"]).stdout;
    assert!(looked.contains("store.damaged-1") && looked.contains("sheaf doctor --rebuild"), "{looked}");
    let anew = ana.ok(&["doctor", "--rebuild"]).stdout;
    assert!(anew.contains("taken over") && anew.contains("may be deleted"), "{anew}");
    let text = ana.show(&document);
    assert!(text.contains("Ana begins.") && text.contains("Kofi was here."), "{text}");
    // There is nothing more in it, and without it all is well.
    fs::remove_dir_all(folder.join("store.damaged-1")).expect("it was kept");
    ana.ok(&["doctor"]);
    let text = ana.show(&document);
    assert!(text.contains("Ana begins.") && text.contains("Kofi was here."), "{text}");
}
