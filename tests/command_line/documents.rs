//! A person, their documents, and what a script is told.

use sheaf_tests::Home;

#[test]
fn a_person_begins_writes_and_reads_it_back() {
    let home = Home::empty();
    let before = home.run(&["doc", "list"]);
    assert_eq!(before.code, 1, "{before:?}");
    assert!(before.stderr.contains("sheaf init"), "{before:?}");

    let me = home.ok(&["init", "--name", "Ana"]).last_line();
    assert_eq!(me.len(), 52);
    assert_eq!(home.run(&["init", "--name", "Ana"]).code, 1);

    let spaces = home.ok(&["space", "list", "--json"]).json();
    assert_eq!(spaces.as_array().unwrap().len(), 1);
    assert_eq!(spaces[0]["private"], true);

    let document = home.ok(&["doc", "new", "Spring visit"]).last_line();
    home.ok(&["doc", "edit", &document, "--append", "The boat leaves at seven."]);
    let text = home.show(&document);
    assert!(text.contains("# Spring visit") && text.contains("The boat leaves at seven."), "{text}");

    let listed = home.ok(&["doc", "list", "--json"]).json();
    assert_eq!(listed[0]["id"], document.as_str());
    assert_eq!(listed[0]["title"], "Spring visit");
    assert_eq!(home.show("Spring visit"), text, "a title names a document");
    assert_eq!(home.show(&document[..8]), text, "so does the beginning of its id");
}

#[test]
fn an_edit_from_a_file_keeps_the_history() {
    let home = Home::of("Ana");
    let document = home.ok(&["doc", "new", "Plan"]).last_line();
    for line in ["First.", "Second.", "Third."] {
        home.ok(&["doc", "edit", &document, "--append", line]);
    }
    let changed = home.show(&document).replace("Second.", "Another second.");
    let file = home.file("plan.md", &changed);
    home.ok(&["doc", "edit", &document, "--from", file.to_str().unwrap()]);
    assert_eq!(home.show(&document), changed);
}

#[test]
fn documents_come_in_and_go_out_in_every_format() {
    let home = Home::of("Ana");
    let markdown = home.file("visit.md", "# Visit\n\nFour **days** on the [island](https://example.org/).\n");
    let document = home.ok(&["doc", "import", markdown.to_str().unwrap()]).last_line();
    let out = home.file("out.automerge", "");
    let path = out.to_str().unwrap();
    // The name of the file says what is to be in it.
    home.ok(&["doc", "export", &document, "-o", path]);
    assert_eq!(home.run(&["doc", "export", &document]).code, 8);
    let nowhere = home.run(&["backup", home.path().join("nowhere/backup").to_str().expect("text")]);
    assert!(nowhere.code == 7 && nowhere.stderr.contains("the path is right"), "{nowhere:?}");
    let again = home.ok(&["doc", "import", path]).last_line();
    assert_ne!(again, document);
    assert_eq!(home.show(&again), home.show(&document));
    let html = home.ok(&["doc", "export", &document, "--format", "html"]).stdout;
    assert!(html.contains("<strong>days</strong>") && html.contains("https://example.org/"), "{html}");
}

#[test]
fn what_cannot_be_read_is_refused_whole_and_by_name() {
    let home = Home::of("Ana");
    let latin = home.file("notes.md", b"caf\xe9");
    let ran = home.run(&["doc", "import", latin.to_str().unwrap()]);
    assert_eq!(ran.code, 8, "{ran:?}");
    assert!(ran.stderr.contains("notes.md") && ran.stderr.contains('3'), "{ran:?}");
    assert_eq!(home.ok(&["doc", "list", "--json"]).json().as_array().unwrap().len(), 0);

    let document = home.ok(&["doc", "new", "Notes"]).last_line();
    let before = home.show(&document);
    let ran = home.run(&["doc", "edit", &document, "--from", latin.to_str().unwrap()]);
    assert_ne!(ran.code, 0);
    assert_eq!(home.show(&document), before);
}

#[test]
fn exit_codes_tell_a_script_what_happened() {
    let home = Home::of("Ana");
    assert_eq!(home.run(&["doc", "show", "nothing"]).code, 4);
    assert_eq!(home.run(&["frobnicate"]).code, 2);
    assert_eq!(home.run(&["join", "https://example.org"]).code, 8);
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    let link = home.ok(&["invite", &space, "--role", "editor"]).last_line();
    let short = &link[..link.len() - 20];
    let ran = Home::of("Kofi").run(&["--json", "join", short]);
    assert_eq!(ran.code, 8);
    let error: serde_json::Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(error["error"], "invitation-cut-short");
    assert_eq!(home.run(&["sync", "--once", "--timeout", "2"]).code, 6);
}

#[test]
fn one_process_owns_a_home() {
    let home = Home::of("Ana").on_loopback();
    let online = home.online();
    let ran = home.run(&["doc", "list"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains(&online.id().to_string()), "{ran:?}");
    online.stop();
    home.ok(&["doc", "list"]);
}

#[test]
fn a_line_that_is_not_understood_is_told_to_a_script_too() {
    let home = Home::of("Ana");
    for wrong in [&["nonsense"][..], &["doc", "show"], &["invite", "Private", "--role", "viewer", "--uses", "0"]] {
        let ran = home.run(&[&["--json"], wrong].concat());
        let error: serde_json::Value = serde_json::from_str(ran.stderr.trim()).expect("JSON and nothing else");
        assert_eq!((ran.code, &error["error"]), (2, &"usage".into()), "{ran:?}");
        assert_eq!(home.run(wrong).code, 2);
    }
    assert_eq!(home.run(&["--json", "--help"]).code, 0);
}
