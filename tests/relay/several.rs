//! Spaces that name several relays: each has everything, and none is left before another has (R3).

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;
use sheaf_tests::{Home, RelayProcess, eventually};

use crate::{TITLE, WORDS, joins, kept};

/// The space as it stands in the list of a relay that it names.
fn listed(home: &Home, space: &str, relay: &str) -> Option<Value> {
    let list = home.ok(&["relay", "list", "--space", space, "--json"]).json();
    list.as_array()?.iter().find(|one| one["id"] == relay).map(|one| one["spaces"][0].clone())
}

#[test]
fn a_space_moves_from_one_relay_to_another_and_a_newcomer_finds_everything_there() {
    let mut kept = kept();
    let other = RelayProcess::start();
    // It is added while it is there: its answer is waited for, and it has everything.
    let added = kept.ana.ok(&["relay", "add", other.link(), "--space", &kept.space, "--wait", "100", "--json"]).json();
    assert_eq!(added[0]["answer"], "keeps", "{added}");
    assert!(listed(&kept.ana, &kept.space, &other.id()).is_some());
    // What is written now reaches both.
    kept.ana.ok(&["doc", "edit", &kept.document, "--append", "For both of them."]);
    kept.ana.sync();
    let leave = || kept.ana.run(&["relay", "remove", &kept.relay.id(), "--space", &kept.space]);
    eventually("the other to have everything", || (leave().code == 0).then_some(()));
    kept.relay.kill();
    let ben = joins(&kept, "Benedikt", "editor");
    let text = ben.show(&kept.document);
    assert!(text.contains(TITLE) && text.contains(WORDS) && text.contains("For both of them."), "{text}");
    ben.ok(&["doc", "edit", &kept.document, "--append", "Ben, by the new one."]);
    ben.sync();
    kept.ana.sync();
    assert!(kept.ana.show(&kept.document).contains("Ben, by the new one."));
}

#[test]
fn a_relay_is_not_left_before_another_has_everything() {
    let kept = kept();
    let mut other = RelayProcess::start();
    let link = other.link().to_owned();
    other.kill();
    // Nobody answers: that is said, and it is named all the same.
    let added = kept.ana.ok(&["relay", "add", &link, "--space", &kept.space, "--wait", "1"]);
    assert!(added.stdout.contains("no answer yet"), "{added:?}");
    let refused = kept.ana.run(&["relay", "remove", &kept.relay.id(), "--space", &kept.space, "--json"]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("relay-needed") && refused.stderr.contains("cannot be reached"), "{refused:?}");
    let list = || kept.ana.ok(&["relay", "list", "--space", &kept.space, "--json"]).json();
    assert_eq!(list().as_array().map(Vec::len), Some(2), "nothing was removed");
    // Somebody who knows what they do gets their way; so does whoever waits until it is there.
    other.start_again();
    eventually("the space to move", || {
        let ran = kept.ana.run(&["relay", "remove", &kept.relay.id(), "--space", &kept.space]);
        (ran.code == 0).then_some(())
    });
    assert_eq!(list().as_array().map(Vec::len), Some(1));
    kept.ana.ok(&["relay", "add", kept.relay.link(), "--space", &kept.space]);
    other.kill();
    kept.ana.ok(&["relay", "remove", &kept.relay.id(), "--space", &kept.space, "--anyway"]);
    assert_eq!(list().as_array().map(Vec::len), Some(1));
}

/// Someone who stays online goes on at the relay that is left.
#[test]
fn when_a_relay_dies_the_other_has_what_is_written_since() {
    let mut kept = kept();
    let other = RelayProcess::start();
    kept.ana.ok(&["relay", "add", other.link(), "--space", &kept.space, "--wait", "100"]);
    let ben = joins(&kept, "Benedikt", "editor");
    let mut online = ben.online();
    let (one, two) = (kept.relay.id(), other.id());
    let in_step = RefCell::new(BTreeSet::new());
    online.wait_for("being in step with each relay", |event| {
        if event["event"] == "synced" && event["space"] == kept.space {
            in_step.borrow_mut().insert(event["device"].as_str().unwrap_or_default().to_owned());
        }
        [&one, &two].into_iter().all(|relay| in_step.borrow().contains(relay))
    });
    kept.relay.kill();
    kept.ana.ok(&["doc", "edit", &kept.document, "--append", "After it died."]);
    kept.ana.sync();
    online.wait_for("Ana's words", |event| event["event"] == "received" && event["space"] == kept.space);
    online.stop();
    // They are at the other relay, where whoever knows of nobody else finds them.
    let cleo = joins(&kept, "Cleo", "viewer");
    assert!(cleo.show(&kept.document).contains("After it died."));
    assert!(ben.show(&kept.document).contains("After it died."));
}

#[test]
fn a_relay_s_refusal_is_said_at_once_and_in_plain_words() {
    let ana = Home::of("Ana").on_loopback();
    let relay = RelayProcess::start();
    let mut link: sheaf_access::RelayLink = relay.link().parse().expect("a relay's link");
    link.token = None;
    let link = link.to_text().expect("a link can be written");
    let refused = ana.run(&["relay", "add", &link, "--wait", "100"]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("only for those who have its token"), "{refused:?}");
    // With the token it takes it.
    let added = ana.ok(&["relay", "add", relay.link(), "--wait", "100", "--json"]).json();
    assert_eq!(added[0]["answer"], "keeps", "{added}");
}

/// A link that says nothing but a name leads there: it is looked up when the relay is called.
#[test]
fn a_relay_is_found_by_its_name() {
    let relay = RelayProcess::start_with(&["--name", "localhost"]);
    let mut link: sheaf_access::RelayLink = relay.link().parse().expect("a relay's link");
    assert!(link.relay.addresses[0].starts_with("localhost:"), "{link:?}");
    link.relay.addresses.truncate(1);
    let link = link.to_text().expect("a link can be written");
    let ana = Home::of("Ana").on_loopback();
    let added = ana.ok(&["relay", "add", &link, "--wait", "100", "--json"]).json();
    assert_eq!(added[0]["answer"], "keeps", "{added}");
    ana.sync();
}

/// A device may have all its new spaces kept at a relay, and one of them not.
#[test]
fn new_spaces_are_kept_where_this_device_has_them_kept() {
    let relay = RelayProcess::start();
    let ana = Home::empty().on_loopback();
    // Before there is anybody: the link that was pasted waits for the first space.
    ana.ok(&["relay", "add", relay.link()]);
    ana.ok(&["init", "--name", "Ana"]);
    let space = ana.ok(&["space", "new", "Kept"]).last_line();
    let alone = ana.ok(&["space", "new", "Not kept", "--relay", "none"]).last_line();
    ana.sync();
    let count = |space: &str| {
        let list = ana.ok(&["relay", "list", "--space", space, "--json"]).json();
        list.as_array().map(Vec::len)
    };
    assert_eq!((count(&space), count(&alone)), (Some(1), Some(0)));
    assert_eq!(ana.ok(&["relay", "default", "none", "--json"]).json().as_array().map(Vec::len), Some(0));
    let later = ana.ok(&["space", "new", "Later"]).last_line();
    assert_eq!(count(&later), Some(0));
    let other = ana.ok(&["space", "new", "By a link", "--relay", relay.link()]).last_line();
    assert_eq!(count(&other), Some(1));
    assert_ne!(ana.run(&["space", "new", "Nowhere", "--relay", "sheaf-relay://nonsense"]).code, 0);
}

/// A quota that is used up reaches whoever writes, as it does when a space is added.
#[test]
fn a_quota_that_is_used_up_is_said_to_who_adds_a_space() {
    let ana = Home::of("Ana").on_loopback();
    let relay = RelayProcess::start_with_env(&[], &[("SHEAF_RELAY_QUOTAS__SPACE_ENTRIES", "2")]);
    let space = ana.ok(&["space", "new", "Too much"]).last_line();
    for n in 0..4 {
        ana.ok(&["doc", "new", "--space", &space, &format!("Number {n}")]);
    }
    let refused = ana.run(&["relay", "add", relay.link(), "--space", &space, "--wait", "100", "--json"]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("relay-refused") && refused.stderr.contains("all that it may have"), "{refused:?}");
    let documents = ana.ok(&["doc", "list", "--space", &space, "--json"]).json();
    assert_eq!(documents.as_array().map(Vec::len), Some(4), "nothing is lost");
}
