//! Members, roles, invitations: every command, used rightly and wrongly.

use serde_json::Value;
use sheaf_tests::{Home, Online, Ran, eventually};

/// What a command that failed said, as a script reads it.
fn error(ran: &Ran) -> (i32, String) {
    let said: Value = serde_json::from_str(ran.stderr.lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("not JSON: {ran:?}"));
    let sentence = said["message"].as_str().expect("a sentence");
    assert!(sentence.ends_with('.') || sentence.ends_with('`'), "{sentence}");
    (ran.code, said["error"].as_str().expect("a code").to_owned())
}

pub fn fails(home: &Home, arguments: &[&str]) -> (i32, String) {
    error(&home.run(&[&["--json"], arguments].concat()))
}

/// Ana's home with a space, and Kofi's and Noor's beside it, all reachable.
pub fn three() -> (Home, Home, Home, String) {
    let ana = Home::of("Ana").on_loopback();
    let space = ana.ok(&["space", "new", "Field station"]).last_line();
    (ana, Home::of("Kofi").on_loopback(), Home::of("Noor").on_loopback(), space)
}

/// Someone joins while Ana is up.
pub fn joins(ana: &Home, other: &Home, link: &str) -> Ran {
    let online = ana.online();
    let ran = other.run(&["--json", "join", link]);
    online.stop();
    ran
}

fn roles(home: &Home, space: &str) -> Vec<(String, String)> {
    let members = home.ok(&["members", space, "--json"]).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut roles: Vec<_> =
        members.as_array().expect("a list").iter().map(|m| (text(&m["name"]), text(&m["role"]))).collect();
    roles.sort();
    roles
}

/// Someone exchanges what is new with whoever is up.
pub fn meets(home: &Home, _up: &Online) {
    home.sync();
}

#[test]
fn who_one_is_and_what_one_is_called() {
    let home = Home::empty();
    for asks in [["whoami"].as_slice(), &["space", "list"], &["search", "words"], &["sync", "--once"], &["online"]] {
        assert_eq!(fails(&home, asks), (1, "not-initialised".into()), "{asks:?}");
        let left = home.path().read_dir().map_or(0, Iterator::count);
        assert_eq!(left, 0, "{asks:?} made a home where there was none");
    }
    let person = home.ok(&["init", "--name", "Ana", "--colour", "3"]).last_line();
    let me = home.ok(&["whoami", "--json"]).json();
    assert_eq!((&me["person"], &me["name"], &me["colour"]), (&person.as_str().into(), &"Ana".into(), &3.into()));
    assert_eq!(me["device"].as_str().map(str::len), Some(52));
    assert!(home.ok(&["whoami"]).stdout.contains(&person));
    home.ok(&["profile", "--name", "Ana Ferreira"]);
    home.ok(&["profile", "--colour", "5"]);
    let me = home.ok(&["profile", "--json"]).json();
    assert_eq!((&me["name"], &me["colour"]), (&"Ana Ferreira".into(), &5.into()));
    assert_eq!(home.run(&["profile", "--colour", "9"]).code, 2);
    assert_eq!(fails(&home, &["profile", "--name", " "]), (8, "bad-input".into()));
    let members = home.ok(&["members", "Private", "--json"]).json();
    assert_eq!(members[0]["name"], "Ana Ferreira");
}

#[test]
fn members_are_listed_changed_and_removed() {
    let (ana, kofi, noor, space) = three();
    let document = ana.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    // A viewer's name is known like anybody's.
    for (other, role) in [(&kofi, "viewer"), (&noor, "editor")] {
        let link = ana.ok(&["invite", "Field station", "--role", role]).last_line();
        assert_eq!(joins(&ana, other, &link).code, 0);
    }
    let members = ana.ok(&["members", "Field station", "--json"]).json();
    let members = members.as_array().expect("a list");
    assert_eq!(members.len(), 3);
    for member in members {
        assert_eq!(member["id"].as_str().map(str::len), Some(52));
        assert_eq!(member["devices"], 1);
        assert_eq!(member["you"], member["name"] == "Ana");
    }
    let kofi_id = kofi.ok(&["whoami", "--json"]).json()["person"].as_str().expect("an id").to_owned();
    for home in [&ana, &noor] {
        let expected = [("Ana", "owner"), ("Kofi", "viewer"), ("Noor", "editor")];
        assert_eq!(roles(home, &space), expected.map(|(name, role)| (name.to_owned(), role.to_owned())));
    }
    let table = ana.ok(&["members", &space]).stdout;
    assert_eq!(table.lines().count(), 3);
    assert!(table.contains("Ana (you, founder)") && table.contains(&kofi_id[..12]), "{table}");

    assert_eq!(fails(&ana, &["members", "nowhere"]), (4, "no-such-space".into()));
    assert_eq!(fails(&ana, &["role", &space, "Nobody", "editor"]), (4, "no-such-person".into()));
    assert_eq!(fails(&ana, &["role", &space, &kofi_id, "king"]), (8, "bad-input".into()));
    assert_eq!(fails(&kofi, &["role", &space, "Ana", "viewer"]), (5, "role".into()));
    assert_eq!(fails(&ana, &["role", &space, "Ana", "viewer"]), (5, "last-owner".into()));
    assert_eq!(fails(&ana, &["leave", &space]), (5, "last-owner".into()));
    assert_eq!(fails(&noor, &["revoke", &space, &kofi_id]), (5, "role".into()));

    let changed = ana.ok(&["--json", "role", &space, &kofi_id[..6], "editor"]).json();
    assert_eq!(changed["role"], "editor");
    let online = ana.online();
    meets(&kofi, &online);
    kofi.ok(&["doc", "edit", &document, "--append", "Kofi may write now."]);
    meets(&kofi, &online);
    meets(&noor, &online);
    online.stop();
    assert!(noor.show(&document).contains("Kofi may write now."));

    assert_eq!(fails(&ana, &["revoke", &space, "Ana"]), (8, "bad-input".into()));
    ana.ok(&["revoke", &space, &kofi_id, "--yes"]);
    assert_eq!(fails(&ana, &["revoke", &space, &kofi_id]), (4, "no-such-person".into()));
    ana.ok(&["doc", "edit", &document, "--append", "Without Kofi."]);
    let online = ana.online();
    meets(&noor, &online);
    for _ in 0..2 {
        let ran = kofi.run(&["--json", "sync", "--once", "--timeout", "60"]);
        assert_eq!(error(&ran), (5, "removed".into()), "{ran:?}");
        assert!(ran.stderr.contains("Ana removed you from “Field station”"), "{ran:?}");
    }
    online.stop();
    assert!(noor.show(&document).contains("Without Kofi."));
    assert!(!kofi.show(&document).contains("Without Kofi."));
    assert_eq!(roles(&noor, &space), [("Ana".into(), "owner".into()), ("Noor".into(), "editor".into())]);

    noor.ok(&["leave", &space, "--yes"]);
    assert_eq!(fails(&noor, &["doc", "edit", &document, "--append", "Still me."]), (5, "role".into()));
    let online = ana.online();
    meets(&noor, &online);
    online.stop();
    assert_eq!(roles(&ana, &space), [("Ana".into(), "owner".into())]);

    // The list says how it ended; what was there is to be had until it is taken off the list.
    let list = |home: &Home| home.ok(&["space", "list"]).stdout;
    assert!(list(&noor).contains("(you left, "), "{}", list(&noor));
    assert!(list(&kofi).contains("(Ana removed you, "), "{}", list(&kofi));
    assert_eq!(fails(&ana, &["space", "forget", &space, "--yes"]), (5, "role".into()));
    assert_eq!(fails(&ana, &["space", "forget", "Private", "--yes"]), (5, "role".into()));
    assert_eq!(fails(&noor, &["leave", &space, "--yes"]), (5, "not-a-member".into()));
    assert!(noor.show(&document).contains("Without Kofi."));
    let forgotten = noor.ok(&["--json", "space", "forget", &space, "--yes"]).json();
    assert_eq!(forgotten["space"].as_str(), Some(space.as_str()));
    assert!(!noor.ok(&["space", "list"]).stdout.contains("Field station"));
    assert_eq!(fails(&noor, &["doc", "show", &document]), (4, "no-such-document".into()));
}

#[test]
fn whoever_has_left_waits_for_nobody_who_knows_it() {
    let (ana, kofi, _, space) = three();
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    assert_eq!(joins(&ana, &kofi, &link).code, 0);
    let device = ana.ok(&["whoami", "--json"]).json()["device"].clone();
    kofi.ok(&["leave", &space, "--yes"]);
    let online = ana.online();
    // It says why it ended: the time was not up. On a busy machine it may take more than one call to reach anybody.
    let sync = || kofi.run(&["--json", "sync", "--once", "--timeout", "120"]);
    let told = eventually("Ana to be told", || Some(sync()).filter(|ran| ran.code == 0));
    let report = told.json();
    assert_eq!((&report["reached"], &report["settled"]), (&serde_json::json!([device]), &true.into()), "{report}");
    // Ana has nothing for Kofi any more, and is not even called.
    let ran = sync();
    let report = ran.json();
    assert_eq!(error(&ran).0, 6);
    assert_eq!((&report["settled"], &report["unreachable"]), (&true.into(), &serde_json::json!([])), "{report}");
    online.stop();
    assert_eq!(roles(&ana, &space), [("Ana".into(), "owner".into())]);
}

#[test]
fn invitations_are_for_so_many_and_so_long_and_can_be_cancelled() {
    let (ana, kofi, noor, space) = three();
    for wrong in [["--uses", "0"], ["--uses", "many"], ["--expires", "soon"], ["--expires", "0d"]] {
        let ran = ana.run(&[&["invite", &space, "--role", "editor"], &wrong[..]].concat());
        assert_eq!(ran.code, 2, "{wrong:?}: {ran:?}");
    }
    assert_eq!(fails(&ana, &["invite", &space, "--role", "king"]), (8, "bad-input".into()));
    let link = ana.ok(&["invite", &space, "--role", "editor", "--uses", "1", "--expires", "7d"]).last_line();
    assert!(link.starts_with("sheaf://join/"));
    let listed = ana.ok(&["invitations", &space, "--json"]).json();
    assert_eq!((&listed[0]["uses"], &listed[0]["used"], &listed[0]["state"]), (&1.into(), &0.into(), &"open".into()));
    assert_eq!(listed[0]["link"], link.as_str());
    assert!(listed[0]["expires"].as_u64() > listed[0]["opened"].as_u64());
    let table = ana.ok(&["invitations", &space]).stdout;
    assert!(table.contains("0 of 1 used") && table.contains("open for 7 days") && table.contains(&link), "{table}");

    assert_eq!(joins(&ana, &kofi, &link).code, 0);
    let ran = joins(&ana, &noor, &link);
    assert_eq!(error(&ran), (5, "invitation-used-up".into()), "{ran:?}");

    let link = ana.ok(&["invite", &space, "--role", "viewer", "--expires", "1s"]).last_line();
    eventually("the invitation to expire", || {
        let listed = ana.ok(&["invitations", &space, "--json"]).json();
        listed.as_array()?.iter().any(|invitation| invitation["state"] == "expired").then_some(())
    });
    assert_eq!(error(&joins(&ana, &noor, &link)), (5, "invitation-expired".into()));

    let link = ana.ok(&["invite", &space, "--role", "viewer"]).last_line();
    let listed = ana.ok(&["invitations", &space, "--json"]).json();
    let open =
        listed.as_array().expect("a list").iter().find(|one| one["link"] == link.as_str()).expect("it is listed");
    let id = open["id"].as_str().expect("an id");
    assert_eq!(fails(&ana, &["invitation", "cancel", &space, "nothing"]), (4, "no-such-invitation".into()));
    ana.ok(&["invitation", "cancel", &space, &id[..8]]);
    assert_eq!(fails(&ana, &["invitation", "cancel", &space, &id[..8]]), (4, "no-such-invitation".into()));
    assert_eq!(error(&joins(&ana, &noor, &link)), (5, "invitation-cancelled".into()));
    assert_eq!(fails(&kofi, &["invite", &space, "--role", "viewer"]), (5, "role".into()));
}

#[test]
fn words_are_compared_and_noted() {
    let (ana, kofi, _, space) = three();
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    assert_eq!(joins(&ana, &kofi, &link).code, 0);
    let words = ana.ok(&["compare", "Kofi"]).last_line();
    assert_eq!(words.split(' ').count(), 6);
    assert_eq!(words, kofi.ok(&["compare", "Ana"]).last_line());
    assert_eq!(fails(&ana, &["compare", "Zuri"]), (4, "no-such-person".into()));
    for own in [["compare", "Ana"], ["verified", "Ana"]] {
        let ran = ana.run(&own);
        assert!(ran.code == 8 && ran.stderr.contains("that is you"), "{ran:?}");
    }
    let verified = |home: &Home| {
        let members = home.ok(&["members", &space, "--json"]).json();
        members.as_array().expect("a list").iter().find(|m| m["name"] == "Kofi").expect("Kofi")["verified"].clone()
    };
    assert_eq!(verified(&ana), false);
    ana.ok(&["verified", "Kofi"]);
    assert_eq!(verified(&ana), true);
    ana.ok(&["verified", "Kofi", "--not"]);
    assert_eq!(verified(&ana), false);
}

#[test]
fn joining_a_space_with_a_checkpoint_is_nothing_to_warn_of() {
    let (ana, kofi, _, space) = three();
    ana.ok(&["doc", "new", "--space", &space, "Plan"]);
    // In a space of one, reading it back is enough; what comes after a checkpoint is kept until there are two more.
    let pruned = |home: &Home| home.ok(&["--json", "checkpoint", &space]).json()["pruned"].as_u64().expect("a number");
    assert!(pruned(&ana) > 0);
    for (last, round) in [(false, "one"), (true, "another")] {
        ana.ok(&["doc", "new", "--space", &space, round]);
        assert_eq!(pruned(&ana) > 0, last);
    }
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    let ran = joins(&ana, &kofi, &link);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.stderr.contains("missing here") && !ran.stderr.contains("cannot be offered"), "{ran:?}");
}

#[test]
fn what_is_set_aside_outlives_a_checkpoint() {
    let (ana, kofi, _, space) = three();
    let document = ana.ok(&["doc", "new", "--space", &space, "Plan"]).last_line();
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    assert_eq!(joins(&ana, &kofi, &link).code, 0);
    kofi.ok(&["doc", "edit", &document, "--append", "The fuel is in the shed."]);
    ana.ok(&["revoke", &space, "Kofi", "--yes"]);
    let online = ana.online();
    let ran = kofi.run(&["sync", "--once", "--timeout", "60"]);
    assert_eq!(ran.code, 5, "{ran:?}");
    online.stop();
    let listed = ana.ok(&["set-aside", "list", &space, "--json"]).json();
    assert_eq!(listed[0]["words"], 6, "{listed}");
    // It is verified, and is nobody's writing that counts.
    let aside_in = |report: &serde_json::Value| {
        let authors = report["authors"].as_array().expect("a list").clone();
        let kofi = authors.into_iter().find(|author| author["name"] == "Kofi").expect("Kofi wrote something");
        let aside = kofi["setAside"][0]["characters"].as_u64().expect("a number");
        (kofi["characters"].as_u64().expect("a number"), aside, kofi["setAside"][0]["first"].as_u64() > Some(0))
    };
    let words = "The fuel is in the shed.".len() as u64;
    let verified = ana.ok(&["verify", &document, "--json"]).json();
    let (counted, aside, named) = aside_in(&verified);
    assert!(counted == 0 && aside >= words && named, "{verified}");
    let said = ana.ok(&["verify", &document]).stdout;
    assert!(said.contains("Set aside, and not counted above: 1 entry of Kofi"), "{said}");
    let pruned = ana.ok(&["checkpoint", &space, "--json"]).json();
    assert!(pruned["pruned"].as_u64() > Some(0), "{pruned}");
    let listed = ana.ok(&["set-aside", "list", &space, "--json"]).json();
    assert_eq!(listed[0]["words"], 6, "{listed}");
    let piece = listed[0]["id"].as_str().expect("an id").to_owned();
    assert!(ana.ok(&["set-aside", "show", &space, &piece]).stdout.contains("in the shed"));
    ana.ok(&["set-aside", "adopt", &space, &piece]);
    assert!(ana.show(&document).contains("The fuel is in the shed."));
}

/// Whoever is removed has the link they came by. It is cancelled with that, unless someone says that it should stay.
#[test]
fn whoever_is_removed_does_not_come_back_by_the_link_they_came_by() {
    let (ana, kofi, noor, space) = three();
    let document = ana.ok(&["doc", "new", "--space", &space, "Plan"]).last_line();
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    for home in [&kofi, &noor] {
        assert_eq!(joins(&ana, home, &link).code, 0);
    }
    // Who may not remove anyone cancels nothing by trying.
    assert_eq!(fails(&noor, &["revoke", &space, "Kofi", "--yes"]), (5, "role".into()));
    assert_eq!(ana.ok(&["--json", "invitations", &space]).json().as_array().map(Vec::len), Some(1));

    let removed = ana.ok(&["--json", "revoke", &space, "Kofi", "--yes"]).json();
    assert_eq!((removed["name"].as_str(), removed["cancelledInvitations"].as_u64()), (Some("Kofi"), Some(1)));
    ana.ok(&["doc", "edit", &document, "--append", "Written without Kofi."]);
    let ran = joins(&ana, &kofi, &link);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(!kofi.show(&document).contains("Written without Kofi."));

    // Both can be wished for: the one who is removed is told apart from the link.
    let kept = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    let said = ana.ok(&["revoke", &space, "Noor", "--yes", "--keep-invitations"]).stdout;
    assert!(said.contains("1 link still open: whoever has one, Noor too, reads and joins by it."), "{said}");
    // That they are out they hear only here, and come in anew at once.
    assert_eq!(joins(&ana, &noor, &kept).code, 0);
    assert!(noor.show(&document).contains("Written without Kofi."));
}
