//! The app as people use it: real windows, real keys, two people at once, and the moments when something is cut.
#![cfg(target_os = "linux")]

use sheaf_tests::{Home, Look, Window, eventually};

/// Says who one is, and begins.
fn begin(window: &Window, name: &str) {
    window.wait_for("Start writing");
    window.write(name);
    window.click("Start writing");
    window.wait_for_page();
}

/// The blocks of the page that have something in them.
fn written(window: &Window) -> Vec<(String, String)> {
    window.page().into_iter().filter(|(_, words)| !words.is_empty()).collect()
}

fn blocks(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|&(kind, words)| (kind.to_owned(), words.to_owned())).collect()
}

/// Both windows show the same in the end, with all these words in it.
fn wait_until_equal(one: &Window, other: &Window, words: &[&str]) {
    for window in [one, other] {
        for word in words {
            window.wait_for_on_page(word);
        }
    }
    eventually("both windows to be equal", || (one.page() == other.page()).then_some(()));
}

/// The letters of a text, in the order of the alphabet.
fn letters(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    letters.sort_unstable();
    letters
}

/// Ana's space with Kofi in it, and a document of Ana's that both have.
fn pair() -> (Home, Home, String) {
    let (ana, kofi) = (Home::of("Ana").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana.ok(&["space", "new", "Field station"]).last_line();
    let document = ana.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    let online = ana.online();
    kofi.ok(&["join", &link]);
    kofi.sync();
    online.stop();
    (ana, kofi, document)
}

#[test]
fn what_is_typed_is_there_when_the_window_is_opened_again() {
    let home = Home::empty();
    let window = home.window();
    begin(&window, "Ana Lindqvist");
    window.write("Spring visit\nThe float lost its antenna in the ice.\n## What to bring\n");
    window.write("Kofi has the spare one:\n- the float\ntwo reels of line");
    window.wait_for("Saved here");
    let expected = blocks(&[
        ("h1", "Spring visit"),
        ("p", "The float lost its antenna in the ice."),
        ("h2", "What to bring"),
        ("p", "Kofi has the spare one:"),
        ("div bullet 0", "the float"),
        ("div bullet 0", "two reels of line"),
    ]);
    assert_eq!(written(&window), expected);
    window.screenshot("first-document-light");
    window.close();

    let window = home.window();
    window.wait_for_on_page("two reels of line");
    assert_eq!(written(&window), expected);
    window.close();
}

#[test]
fn two_people_write_in_two_windows() {
    let (ana_home, kofi_home) = (Home::of("Ana").on_loopback(), Home::empty().on_loopback());
    let space = ana_home.ok(&["space", "new", "Field station"]).last_line();
    ana_home.ok(&["doc", "new", "--space", &space, "Spring visit"]);

    let ana = ana_home.window();
    ana.wait_for_on_page("Spring visit");
    ana.click("Share");
    ana.click("Make a link");
    let link = ana.value("Invitation link");
    ana.screenshot("share-light");
    ana.click("Close");

    let kofi = kofi_home.window();
    kofi.wait_for("Start writing");
    kofi.screenshot("welcome-light");
    kofi.write("Kofi");
    kofi.click("Open an invitation");
    kofi.wait_for("Paste the link you were given");
    kofi.write(&link);
    kofi.click("Join");
    kofi.wait_for_on_page("Spring visit");

    ana.go_to_the_end();
    ana.write("\nThe float lost its antenna.");
    kofi.wait_for_on_page("The float lost its antenna.");
    kofi.wait_for_caret_of("Ana");
    kofi.go_to_the_end();
    kofi.write("\nI have a spare one.");
    ana.wait_for_on_page("I have a spare one.");
    ana.wait_for_caret_of("Kofi");
    ana.screenshot("two-people-ana-light");
    kofi.screenshot("two-people-kofi-light");

    // At the same time, in the same place.
    for (a, k) in [(" Then ", " Good,"), ("bring ", " see "), ("it ", "you "), ("along.", "there.")] {
        ana.write(a);
        kofi.write(k);
    }
    // Typed in turns by two people, words may stand in each other's way; no letter is lost or doubled.
    let all = "Spring visitThe float lost its antenna.I have a spare one. Then bring it along. Good, see you there.";
    eventually("every letter", || {
        let page: String = ana.page().into_iter().map(|(_, words)| words).collect();
        (letters(&page) == letters(all)).then_some(())
    });
    wait_until_equal(&ana, &kofi, &[]);
}

#[test]
fn what_both_write_while_cut_off_is_in_both_windows_afterwards() {
    let (ana_home, kofi_home, _) = pair();
    let ana = ana_home.window();
    let kofi = kofi_home.window();
    ana.wait_for_on_page("Spring visit");
    kofi.wait_for_on_page("Spring visit");
    ana.go_to_the_end();
    ana.write("\nWritten together.");
    kofi.wait_for_on_page("Written together.");

    // Kofi's laptop dies. Ana writes on; then hers is closed, and Kofi writes alone.
    kofi.kill();
    ana.write("\nAna, alone.");
    ana.wait_for("Saved here");
    ana.close();
    let kofi = kofi_home.window();
    kofi.wait_for_on_page("Written together.");
    kofi.go_to_the_end();
    kofi.write("\nKofi, alone.");
    assert!(!kofi.text().contains("Ana, alone."));

    let ana = ana_home.window();
    wait_until_equal(&ana, &kofi, &["Written together.", "Ana, alone.", "Kofi, alone."]);
    ana.screenshot("after-the-cut-light");
    // Each sees the other where the other is.
    kofi.write(" Still here.");
    eventually("Kofi's caret after his words", || {
        let seen = ana.words_before_caret(Some("Kofi"));
        (seen.is_some() && seen == kofi.words_before_caret(None)).then_some(())
    });
}

#[test]
fn a_window_and_the_command_line_write_in_one_document() {
    let (ana_home, kofi, document) = pair();
    let ana = ana_home.window();
    ana.wait_for_on_page("Spring visit");
    let online = kofi.online();
    ana.go_to_the_end();
    ana.write("\nFrom the window.");
    ana.wait_for("Kofi’s laptop");
    online.stop();
    eventually("the window's words in the other home", || {
        kofi.show(&document).contains("From the window.").then_some(()).or_else(|| {
            kofi.run(&["sync", "--once"]);
            None
        })
    });

    kofi.ok(&["doc", "edit", &document, "--append", "From the command line."]);
    let online = kofi.online();
    ana.wait_for_on_page("From the command line.");
    online.stop();
    ana.close();
    assert_eq!(ana_home.show(&document), kofi.show(&document));
}

#[test]
fn a_page_loaded_again_in_the_middle_of_typing_loses_nothing_saved() {
    let home = Home::of("Ana");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    let window = home.window();
    window.wait_for_on_page("Spring visit");
    for round in 1..=3 {
        window.go_to_the_end();
        window.write(&format!("\nRound {round} is saved."));
        window.wait_for("Saved here");
        window.write(" and these words are perhaps not");
        window.reload();
        window.wait_for_on_page(&format!("Round {round} is saved."));
        // What was on its way is there up to some letter, and nothing else is.
        let page = written(&window);
        let (_, last) = page.last().expect("the page has blocks");
        assert!(format!("Round {round} is saved. and these words are perhaps not").starts_with(last), "{page:?}");
        assert_eq!(page.len(), round + 1, "{page:?}");
    }
    window.close();
    for round in 1..=3 {
        assert!(home.show(&document).contains(&format!("Round {round} is saved.")));
    }
}

/// What axe-core finds in the first minutes with the app.
fn check_first_minutes(look: Look, name: &str) {
    let home = Home::empty();
    let window = home.window_in(look);
    window.wait_for("Start writing");
    window.screenshot(&format!("welcome-{name}"));
    assert_eq!(window.accessibility_faults(), [""; 0], "the first screen, {name}");
    begin(&window, "Ana Lindqvist");
    window.write("Spring visit\nThe float lost its antenna.\n- the float\n");
    window.wait_for("Saved here");
    window.screenshot(&format!("editor-{name}"));
    assert_eq!(window.accessibility_faults(), [""; 0], "the editor, {name}");
}

#[test]
fn nothing_serious_stands_in_the_way_of_assistive_technology_by_day() {
    check_first_minutes(Look::Light, "light");
}

#[test]
fn nothing_serious_stands_in_the_way_of_assistive_technology_by_night() {
    check_first_minutes(Look::Dark, "dark");
}
