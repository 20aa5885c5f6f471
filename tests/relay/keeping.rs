//! People who are never online together.

use sheaf_tests::{Home, RelayProcess, eventually};

use crate::{SPACE, TITLE, WORDS, joins, kept};

#[test]
fn two_people_who_are_never_online_together_share_a_space() {
    let kept = kept();
    let ben = joins(&kept, "Benedikt", "editor");
    let text = ben.show(&kept.document);
    assert!(text.contains(TITLE) && text.contains(WORDS), "{text}");
    ben.ok(&["doc", "edit", &kept.document, "--append", "Ben saw it off."]);
    ben.sync();
    kept.ana.sync();
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
    let leave = || kept.ana.run(&["relay", "remove", &kept.relay.id(), "--space", &kept.space]);
    eventually("the other to have everything", || (leave().code == 0).then_some(()));
    // The first relay hears that it is one no more, and the second has everything from Ana; Ben knows of the first alone.
    kept.ana.sync();
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

/// A device that has pruned cannot send what is pruned: the relay takes the checkpoint over, and newcomers fetch it there.
#[test]
fn a_pruned_space_is_kept_and_read_from_its_checkpoint() {
    let (ana, ben) = (Home::of("Anastasia").on_loopback(), Home::of("Benedikt").on_loopback());
    let space = ana.ok(&["space", "new", SPACE]).last_line();
    let document = ana.ok(&["doc", "new", "--space", &space, TITLE]).last_line();
    for n in 0..20 {
        ana.ok(&["doc", "edit", &document, "--append", &format!("{WORDS} {n}")]);
    }
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    let online = ana.online();
    assert_eq!(ben.ok(&["join", &link]).last_line(), space);
    ben.sync();
    online.stop();
    ana.ok(&["checkpoint", &space]);
    // One call is enough for Ben to fetch it, vouch for it and prune; Ana hears so, now or the next time.
    let entries = |home: &Home| home.ok(&["verify", &space, "--json"]).json()["entries"].as_u64().expect("a number");
    let online = ana.online();
    ben.sync();
    assert!(entries(&ben) < 20);
    online.stop();
    eventually("Ana to prune", || {
        let online = ana.online();
        ben.sync();
        online.stop();
        (entries(&ana) < 20).then_some(())
    });

    let relay = RelayProcess::start();
    ana.ok(&["relay", "add", relay.link(), "--space", &space]);
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    ana.sync();
    let held = || relay.disk().iter().any(|(path, _)| path.extension().is_some_and(|kind| kind == "checkpoint"));
    eventually("the relay holding the checkpoint", || held().then_some(()));
    let cleo = Home::of("Cleo").on_loopback();
    assert_eq!(cleo.ok(&["join", &link]).last_line(), space);
    cleo.sync();
    let text = cleo.show(&document);
    for n in 0..20 {
        assert!(text.contains(&format!("{WORDS} {n}")), "{text}");
    }
    cleo.ok(&["doc", "edit", &document, "--append", "Cleo was here."]);
    cleo.sync();
    ana.sync();
    assert!(ana.show(&document).contains("Cleo was here."));
}

/// A space that names two relays goes on at one when the other dies, whichever that is, and comes back.
#[test]
fn a_space_moves_on_when_a_relay_dies() {
    let kept = kept();
    let mut other = RelayProcess::start();
    kept.ana.ok(&["relay", "add", other.link(), "--space", &kept.space]);
    let ben = joins(&kept, "Benedikt", "editor");
    let mut first = kept.relay;
    for (round, dies) in [&mut first, &mut other].into_iter().enumerate() {
        dies.kill();
        let words = format!("Written while one of them was gone, {round}.");
        kept.ana.ok(&["doc", "edit", &kept.document, "--append", &words]);
        kept.ana.sync();
        ben.sync();
        assert!(ben.show(&kept.document).contains(&words), "round {round}");
        dies.start_again();
    }
}

/// Who is removed hears it from the relay, though nobody else is there, and gets nothing that was written since.
#[test]
fn who_is_removed_is_told_by_the_relay() {
    let kept = kept();
    let ben = joins(&kept, "Benedikt", "editor");
    kept.ana.sync();
    kept.ana.ok(&["revoke", &kept.space, "Benedikt", "--yes"]);
    kept.ana.ok(&["doc", "edit", &kept.document, "--append", "Without Ben."]);
    kept.ana.sync();
    let mut online = ben.online();
    online.wait_for("hearing of the removal", |event| event["event"] == "removed");
    online.stop();
    assert!(!ben.show(&kept.document).contains("Without Ben."));
    assert_ne!(ben.run(&["doc", "edit", &kept.document, "--append", "Still here."]).code, 0);
}
