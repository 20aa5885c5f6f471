//! The screens about documents, as assistive technology finds them, in small and usual windows, by day and by night; and
//! the windows themselves: remembered, and several of them.
#![cfg(target_os = "linux")]

use sheaf_tests::{Home, Look, SHIFT, eventually};

const ESCAPE: &str = "\u{e00c}";
const F9: char = '\u{e039}';
const F10: char = '\u{e03a}';

fn station() -> Home {
    let home = Home::of("Ana");
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    for title in ["Season plan", "Spring visit", "Packing list"] {
        home.ok(&["doc", "new", "--space", &space, title]);
    }
    home
}

fn screens(look: Look, name: &str) {
    let home = station();
    let window = home.window_in(look);
    window.wait_for_on_page("Season plan");
    window.go_to_the_end();
    window.write("\n## The float\nIt lost its antenna in the ice.\n### Spare parts\nTwo reels of line.");
    window.press(&[SHIFT], F9);
    window.wait_for("Outline");
    window.press_ctrl('f');
    window.write("line");
    window.wait_for("of 1");
    window.look_at(&format!("outline-find-{name}"));
    window.write(ESCAPE);
    window.press(&[SHIFT], F9);
    window.go_to_the_end();
    window.press_ctrl('k');
    window.wait_for("Commands");
    window.look_at(&format!("palette-{name}"));
    window.write("zzz");
    window.wait_for("No document here says");
    window.look_at(&format!("palette-none-{name}"));
    window.write(ESCAPE);

    window.go_to_row("Spring visit");
    window.press(&[SHIFT], F10);
    window.wait_for("Move to the trash");
    window.look_at(&format!("row-menu-{name}"));
    window.click("Tags…");
    window.wait_for("Another tag");
    window.write("trip\n");
    window.wait_for("#trip");
    window.look_at(&format!("tags-{name}"));
    window.click("Done");
    window.click("Trash");
    window.wait_for("Nothing is in the trash.");
    window.look_at(&format!("trash-empty-{name}"));
    window.click("Close");
    window.go_to_row("Spring visit");
    window.press(&[], '\u{e017}');
    window.wait_for("“Spring visit” is in the trash.");
    window.look_at(&format!("thrown-{name}"));
    window.click("Trash");
    window.click("Destroy Spring visit");
    window.wait_for("for good.");
    window.look_at(&format!("destroy-{name}"));
    window.click("Cancel");
    window.look_at(&format!("trash-{name}"));
    window.click("Close");
    for page in ["Writing", "Shortcuts"] {
        window.press_ctrl(',');
        window.click(page);
        window.look_at(&format!("settings-{}-{name}", page.to_lowercase()));
        window.click("Close");
    }
    window.close();
}

#[test]
fn screens_by_day() {
    screens(Look::Light, "light");
}

#[test]
fn screens_by_night() {
    screens(Look::Dark, "dark");
}

#[test]
fn a_window_is_as_large_as_it_was_and_a_document_opens_in_one_of_its_own() {
    let home = station();
    let window = home.window();
    window.wait_for_on_page("Season plan");
    window.resize(1000, 700);
    window.close();

    let window = home.window();
    window.wait_for_on_page("Season plan");
    window.wait_for_page();
    eventually("the window to be as large as it was", || (window.size() == (1000, 700)).then_some(()));
    window.go_to_row("Packing list");
    window.press(&[SHIFT], F10);
    window.click("Open in a new window");
    eventually("a second window, on the other document", || {
        let mut titles = window.titles();
        titles.sort();
        (titles == ["Packing list · Sheaf", "Season plan · Sheaf"]).then_some(())
    });
    // The first shows what it did, also when it is loaded again.
    window.reload();
    window.wait_for_on_page("Season plan");
    window.close();
}

#[test]
fn a_link_makes_the_document_that_is_not_there_yet_and_the_caret_is_where_it_was() {
    let home = station();
    let window = home.window();
    window.wait_for_on_page("Season plan");
    window.go_to_the_end();
    window.write("\nSee [[Tide tables");
    window.wait_for("New document “Tide tables”");
    // The Tab key chooses from this list: it is looked at without.
    window.screenshot("link-new-light");
    assert_eq!(window.accessibility_faults(), [""; 0]);
    window.write("\n");
    eventually("it to be in the tree", || window.tree().contains(&(2, "Tide tables".to_owned())).then_some(()));
    window.wait_for_on_page("See Tide tables");
    window.write(" first");
    window.wait_for_on_page("See Tide tables first");

    window.go_to_row("Tide tables");
    window.write("\n");
    eventually("its page", || (window.titles() == ["Tide tables · Sheaf"]).then_some(()));
    window.wait_for_page();
    window.go_to_row("Season plan");
    window.write("\n");
    window.wait_for_on_page("See Tide tables first");
    window.wait_for_page();
    eventually("the caret", || {
        (window.words_before_caret(None).as_deref() == Some("See Tide tables first")).then_some(())
    });
    window.close();
}
