//! A home that was put back whole and written on, in real windows: they say what happened in plain words, show what was set
//! aside, and bring it back.
#![cfg(target_os = "linux")]

use sheaf_tests::{Home, Window, eventually};

/// The words of a page, in its order.
fn words(window: &Window) -> Vec<String> {
    window.page().into_iter().map(|(_, words)| words).collect()
}

#[test]
fn a_home_that_was_put_back_and_written_on_says_so_and_no_word_is_lost() {
    let (ana_home, kofi_home) = (Home::of("Ana").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana_home.ok(&["space", "new", "Field station"]).last_line();
    let document = ana_home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    let link = ana_home.ok(&["invite", &space, "--role", "editor"]).last_line();
    let online = ana_home.online();
    kofi_home.ok(&["join", &link]);
    kofi_home.sync();
    // Everything of Kofi's, what is kept outside of the home as well: nothing on his disk tells afterwards.
    let copy = kofi_home.copied();
    kofi_home.ok(&["doc", "edit", &document, "--append", "Kofi, before the disk was put back."]);
    kofi_home.sync();
    online.stop();
    ana_home.ok(&["doc", "edit", &document, "--append", "Ana, on top of it."]);
    kofi_home.put_back(&copy);

    let kofi = kofi_home.window();
    kofi.wait_for_on_page("Spring visit");
    kofi.go_to_the_end();
    kofi.write("\nKofi, afterwards.");
    kofi.wait_for("Saved here");
    let ana = ana_home.window();
    ana.wait_for_on_page("Ana, on top of it.");
    kofi.wait_for("This home was copied or put back");
    for (window, name) in [(&ana, "ana"), (&kofi, "kofi")] {
        window.wait_for("do not count");
        window.look_at(&format!("fork-{name}-light"));
    }
    ana.click("Look at it…");
    ana.wait_for("two different things");
    ana.look_at("fork-aside-light");
    ana.click("Take it over: what Kofi wrote in Spring visit");
    let all = ["Kofi, before the disk was put back.", "Ana, on top of it.", "Kofi, afterwards."];
    eventually("every word in both windows, once", || {
        let (one, other) = (words(&ana), words(&kofi));
        let once = |words: &&str| one.iter().filter(|block| block.contains(words)).count() == 1;
        (one == other && all.iter().all(once)).then_some(())
    });
    // And writing goes on.
    kofi.go_to_the_end();
    kofi.write("\nKofi goes on.");
    ana.wait_for_on_page("Kofi goes on.");
    ana.close();
    kofi.close();
}
