//! People who are never online together.

use sheaf_tests::{Home, RelayProcess};

use crate::{TITLE, WORDS, joins, kept};

#[test]
fn two_people_who_are_never_online_together_share_a_space() {
    let kept = kept();
    let ben = joins(&kept, "Benedikt", "editor");
    let text = ben.show(&kept.document);
    assert!(text.contains(TITLE) && text.contains(WORDS), "{text}");
    ben.ok(&["doc", "edit", &kept.document, "--append", "Ben saw it off."]);
    ben.ok(&["sync", "--once"]);
    kept.ana.ok(&["sync", "--once"]);
    let text = kept.ana.show(&kept.document);
    assert!(text.contains("Ben saw it off."), "{text}");
    assert_eq!(text, ben.show(&kept.document));
    // Both see that it is there, and by which relay.
    let list = ben.ok(&["relay", "list", "--json"]).json();
    assert_eq!(list[0]["id"], kept.relay.id());
    assert_eq!(list[0]["spaces"][0]["id"], kept.space);
}

#[test]
fn only_an_owner_names_relays_and_everyone_follows() {
    let kept = kept();
    let ben = joins(&kept, "Benedikt", "editor");
    let other = RelayProcess::start();
    let ran = ben.run(&["relay", "add", other.link(), "--space", &kept.space]);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("owner"), "{ran:?}");
    kept.ana.ok(&["relay", "add", other.link(), "--space", &kept.space]);
    kept.ana.ok(&["relay", "remove", &kept.relay.id(), "--space", &kept.space]);
    // The first relay hears that it is one no more, and the second has everything from Ana; Ben knows of the first alone.
    kept.ana.ok(&["sync", "--once"]);
    let list = kept.ana.ok(&["relay", "list", "--space", &kept.space, "--json"]).json();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list[0]["id"], other.id());
}

#[test]
fn a_link_that_is_none_is_said_to_be_none() {
    let ana = Home::of("Ana");
    let ran = ana.run(&["relay", "add", "sheaf://join/whatever"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("not the link of a relay"), "{ran:?}");
    let relay = RelayProcess::start();
    let cut = &relay.link()[..relay.link().len() - 12];
    let ran = ana.run(&["relay", "add", cut]);
    assert!(ran.stderr.contains("cut short"), "{ran:?}");
}

#[test]
fn a_viewer_reads_through_the_relay_and_cannot_write() {
    let kept = kept();
    let vera = joins(&kept, "Vera", "viewer");
    assert!(vera.show(&kept.document).contains(WORDS));
    assert_ne!(vera.run(&["doc", "edit", &kept.document, "--append", "No."]).code, 0);
}
