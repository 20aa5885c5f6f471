//! The tree of documents in real windows: made under another, moved by keys and by hand, pinned, tagged, copied, thrown away
//! and brought back; there again after a start, and the same for everyone.
#![cfg(target_os = "linux")]

use sheaf_tests::{ALT, Home, SHIFT, Window, eventually};

const DELETE: char = '\u{e017}';
const DOWN: char = '\u{e015}';
const F10: char = '\u{e03a}';
const RIGHT: char = '\u{e014}';

/// Chooses from the menu of a row, by keys alone up to the choice.
fn choose(window: &Window, row: &str, item: &str) {
    window.go_to_row(row);
    window.press(&[SHIFT], F10);
    window.click(item);
}

/// Waits until the tree's rows are these, each with how deep it is.
fn wait_for_tree(window: &Window, rows: &[(u64, &str)]) {
    let rows: Vec<(u64, String)> = rows.iter().map(|&(level, name)| (level, name.to_owned())).collect();
    let mut last = Vec::new();
    let same = || {
        last = window.tree();
        (last == rows).then_some(())
    };
    eventually(&format!("the tree to be {rows:?}"), same);
}

/// A space with three documents that two people write in.
fn station() -> (Home, Home) {
    let (ana, kofi) = (Home::of("Ana").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana.ok(&["space", "new", "Field station"]).last_line();
    for title in ["Season plan", "Spring visit", "Packing list"] {
        ana.ok(&["doc", "new", "--space", &space, title]);
    }
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    let online = ana.online();
    kofi.ok(&["join", &link]);
    kofi.sync();
    online.stop();
    (ana, kofi)
}

#[test]
fn a_tree_of_documents_is_arranged_and_is_there_again_and_the_same_for_everyone() {
    let (ana_home, kofi_home) = station();
    let ana = ana_home.window();
    ana.wait_for_on_page("Season plan");
    ana.wait_for_page();
    choose(&ana, "Season plan", "New document under it");
    ana.wait_for_page();
    ana.write("Tide tables\nHigh water at six.");
    ana.wait_for("Saved here");
    let station = (1, "Field station");
    let private = (1, "Private");
    wait_for_tree(
        &ana,
        &[station, (2, "Season plan"), (3, "Tide tables"), (2, "Spring visit"), (2, "Packing list"), private],
    );
    // By keys, and by hand.
    ana.go_to_row("Packing list");
    ana.press(&[ALT, SHIFT], RIGHT);
    wait_for_tree(
        &ana,
        &[station, (2, "Season plan"), (3, "Tide tables"), (2, "Spring visit"), (3, "Packing list"), private],
    );
    ana.drag_row("Tide tables", "Spring visit");
    ana.go_to_row("Season plan");
    ana.press(&[ALT, SHIFT], DOWN);
    let visit = [(2, "Spring visit"), (3, "Packing list"), (3, "Tide tables")];
    wait_for_tree(&ana, &[&[station], &visit[..], &[(2, "Season plan"), private]].concat());

    choose(&ana, "Packing list", "Pin");
    ana.wait_for("Pinned");
    choose(&ana, "Spring visit", "Tags…");
    ana.wait_for("Another tag");
    ana.write("trip\n");
    ana.wait_for("#trip");
    ana.click("Done");
    choose(&ana, "Packing list", "Use as a template");
    ana.wait_for_row_note("Packing list", "a template");
    choose(&ana, "Tide tables", "Duplicate");
    ana.wait_for_on_page("High water at six.");
    // Found by its tag; and what was open last comes first.
    ana.press_ctrl('k');
    ana.write("#trip");
    eventually("what has the tag, and nothing else", || (ana.found() == ["Spring visit"]).then_some(()));
    ana.write("\n");
    ana.wait_for_on_page("Spring visit");
    ana.press_ctrl('k');
    eventually("what was open before that, next", || {
        ana.found().starts_with(&["Spring visit".into(), "Tide tables (copy)".into()]).then_some(())
    });
    ana.write("New from Packing\n");
    let copy = [(2, "Packing list")];
    let tides = [(3, "Tide tables"), (3, "Tide tables (copy)")];
    wait_for_tree(&ana, &[&[station], &visit[..2], &tides, &[(2, "Season plan")], &copy[..], &[private]].concat());

    // Thrown away and brought back at once; thrown away and brought back from the trash; and destroyed.
    ana.go_to_row("Season plan");
    ana.press(&[], DELETE);
    ana.wait_for("“Season plan” is in the trash.");
    ana.click("Bring it back");
    ana.wait_for_on_page("Season plan");
    ana.wait_for_page();
    ana.go_to_row("Spring visit");
    ana.press(&[], DELETE);
    wait_for_tree(&ana, &[&[station, (2, "Season plan")], &copy[..], &[private]].concat());
    ana.click("Trash");
    ana.wait_for("with 3 documents under it");
    ana.click("Restore Spring visit");
    ana.wait_for_on_page("Spring visit");
    ana.wait_for_page();
    ana.go_to_row("Season plan");
    ana.press(&[], DELETE);
    ana.wait_for("“Season plan” is in the trash.");
    ana.click("Trash");
    ana.click("Destroy Season plan");
    ana.wait_for("for good.");
    ana.click("Destroy it");
    ana.wait_for("Nothing is in the trash.");
    ana.click("Close");
    ana.wait_for("Saved here");
    let rows = ana.tree();
    ana.close();

    // All of it is there again, and Kofi sees the same tree; what Ana pinned is hers.
    let ana = ana_home.window();
    ana.wait_for("Pinned");
    eventually("the tree as it was", || (ana.tree() == rows).then_some(()));
    ana.wait_for_row_note("Packing list", "a template");
    let kofi = kofi_home.window();
    eventually("the same tree at Kofi's", || (kofi.tree() == rows).then_some(()));
    kofi.wait_for_row_note("Packing list", "a template");
    assert!(!kofi.text().contains("Pinned"));
    ana.close();
    kofi.close();
}
