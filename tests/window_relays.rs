//! The relays of a space, in real windows: named, listed, not there, removed; and what is asked before.
#![cfg(target_os = "linux")]

use sheaf_tests::{Home, Look, RelayProcess};

const ESCAPE: &str = "\u{e00c}";

fn relays(look: Look, name: &str) {
    let mut relay = RelayProcess::start();
    let home = Home::of("Ana").on_loopback();
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    home.ok(&["doc", "new", "--space", &space, "Spring visit"]);
    let window = home.window_in(look);
    window.wait_for_on_page("Spring visit");
    window.click("Share");
    window.wait_for("None. A relay keeps this space");
    window.look_at(&format!("relays-none-{name}"));

    // What is no link of a relay, and what was cut short, is said where it was typed.
    window.click("Link of a relay");
    window.write("https://relay.example.org\n");
    window.wait_for("This is not the link of a relay.");
    window.look_at(&format!("relays-wrong-{name}"));
    window.press_ctrl('a');
    window.write(&relay.link()[..relay.link().len() - 3]);
    window.write("\n");
    window.wait_for("This link was cut short on its way");

    // One that is not there is taken all the same, and said to be not there.
    relay.kill();
    window.click("Link of a relay");
    window.press_ctrl('a');
    window.write(&format!("{}\n", relay.link()));
    window.wait_for("Not connected; it is called again by itself");
    window.look_at(&format!("relays-away-{name}"));
    relay.start_again();
    window.wait_for("\nConnected");
    window.wait_for("A relay keeps it and passes it on, and has no key");
    window.look_at(&format!("relays-one-{name}"));
    window.click("Close");
    window.wait_for("Saved here · on relay");
    window.press_ctrl('s');
    window.wait_for("The relay keeps what it cannot read.");
    window.look_at(&format!("relays-where-{name}"));
    window.write(ESCAPE);

    window.click("Share");
    window.click(&format!("Remove the relay {}", relay.listens()));
    window.wait_for("It gets nothing new.");
    window.look_at(&format!("relays-remove-{name}"));
    window.click("Remove");
    window.wait_for("None. A relay keeps this space");
    window.click("Close");
    window.wait_for("Saved here · only on this laptop");
    window.close();
}

#[test]
fn relays_by_day() {
    relays(Look::Light, "light");
}

#[test]
fn relays_by_night() {
    relays(Look::Dark, "dark");
}
