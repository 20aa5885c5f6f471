//! The pictures of the README: two people in a document, with the tree and the outline. `cargo test -p sheaf-tests --test
//! window_pictures -- --ignored` takes them again, under `target/screenshots`.
#![cfg(target_os = "linux")]

use sheaf_tests::{Home, Look, SHIFT, eventually};

const F9: char = '\u{e039}';

const REPORT: &str = "# Spring visit to the outer station

Four days on the island, and one working gauge at the end of them. The boat leaves Ardvane on the morning tide; past the headland there is no signal, so everything here has to be readable without one.

## What is wrong with the gauge

The float came back from the ice without its antenna. It still counts, and **nothing it counted is lost**: the card holds eleven weeks, and the cable to the hut is whole.

- [x] Read the card twice, on two machines
- [x] Dry the housing before it is opened
- [ ] Fit the spare antenna, and test it at *low* water
- [ ] Leave a note for whoever comes in June

## What to bring

1. The spare float, and both reels of line
2. Silt screens, four of them
";

fn picture(look: Look, name: &str) {
    let (ana_home, kofi_home) = (Home::of("Ana Lindqvist").on_loopback(), Home::of("Kofi Mensah").on_loopback());
    ana_home.ok(&["profile", "--colour", "1"]);
    kofi_home.ok(&["profile", "--colour", "6"]);
    let space = ana_home.ok(&["space", "new", "Field station"]).last_line();
    let file = ana_home.file("visit.md", REPORT);
    let import = |title: &str| ana_home.ok(&["doc", "new", "--space", &space, title]).last_line();
    import("Season plan");
    ana_home.ok(&["doc", "import", file.to_str().expect("a path"), "--space", &space]);
    for title in ["Tide tables", "Packing list", "Gauge log", "Who has the key"] {
        import(title);
    }
    ana_home.ok(&["doc", "new", "Letters to answer"]);
    ana_home.ok(&["doc", "new", "Reading list"]);
    let link = ana_home.ok(&["invite", &space, "--role", "editor"]).last_line();
    let online = ana_home.online();
    kofi_home.ok(&["join", &link]);
    kofi_home.sync();
    online.stop();

    let ana = ana_home.window_in(look);
    ana.wait_for_page();
    for (row, under) in
        [("Tide tables", "Spring visit to the outer station"), ("Packing list", "Spring visit to the outer station")]
    {
        ana.drag_row(row, under);
        eventually("it to be under the other", || ana.tree().contains(&(3, row.to_owned())).then_some(()));
    }
    ana.go_to_row("Season plan");
    ana.press(&[SHIFT], '\u{e03a}');
    ana.click("Pin");
    ana.wait_for("Pinned");
    ana.go_to_row("Spring visit to the outer station");
    ana.write("\n");
    ana.wait_for_on_page("Four days on the island");
    ana.press(&[SHIFT], F9);
    ana.wait_for("Outline");
    let kofi = kofi_home.window_in(look);
    kofi.wait_for_page();
    kofi.go_to_row("Spring visit to the outer station");
    kofi.write("\n");
    kofi.wait_for_on_page("Four days on the island");
    ana.wait_for("on Kofi’s laptop");
    ana.resize(1280, 820);
    ana.go_to_the_end();
    kofi.go_to_the_end();
    kofi.write("\nA lamp for the hut, and");
    ana.wait_for_on_page("A lamp for the hut, and");
    ana.wait_for_caret_of("Kofi Mensah");
    kofi.write(" dry matches");
    ana.wait_for_on_page("dry matches");
    ana.point_at_caret_of("Kofi Mensah");
    ana.screenshot(name);
    ana.close();
    kofi.close();
}

#[test]
#[ignore = "takes pictures for the README, and asserts little"]
fn picture_by_day() {
    picture(Look::Light, "screenshot");
}

#[test]
#[ignore = "takes pictures for the README, and asserts little"]
fn picture_by_night() {
    picture(Look::Dark, "screenshot-dark");
}
