//! Two people on one machine with no internet: an invitation, a cut link, and both texts afterwards.

use sheaf_tests::{Home, eventually};

/// Ana's space with Kofi in it, and a document of Ana's.
struct Pair {
    ana: Home,
    kofi: Home,
    document: String,
}

fn pair(role: &str) -> Pair {
    let (ana, kofi) = (Home::of("Ana").on_loopback(), Home::of("Kofi").on_loopback());
    let space = ana.ok(&["space", "new", "Field station"]).last_line();
    let document = ana.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    let link = ana.ok(&["invite", &space, "--role", role]).last_line();
    let online = ana.online();
    assert_eq!(kofi.ok(&["join", &link]).last_line(), space);
    kofi.sync();
    online.stop();
    Pair { ana, kofi, document }
}

/// One of them stays up while the other exchanges once, both ways round.
fn exchange(a: &Home, b: &Home) {
    for (up, caller) in [(a, b), (b, a)] {
        let online = up.online();
        caller.sync();
        online.stop();
    }
}

#[test]
fn an_invited_editor_reads_and_writes() {
    let Pair { ana, kofi, document } = pair("editor");
    assert!(kofi.show(&document).contains("# Spring visit"));
    kofi.ok(&["doc", "edit", &document, "--append", "Bring the spare float."]);
    exchange(&ana, &kofi);
    assert!(ana.show(&document).contains("Bring the spare float."));
    assert_eq!(ana.show(&document), kofi.show(&document));
}

#[test]
fn both_write_while_apart_and_both_texts_are_there_when_they_meet() {
    let Pair { ana, kofi, document } = pair("editor");
    for n in 0..5 {
        ana.ok(&["doc", "edit", &document, "--append", &format!("Ana {n}.")]);
        kofi.ok(&["doc", "edit", &document, "--append", &format!("Kofi {n}.")]);
    }
    exchange(&ana, &kofi);
    let (a, k) = (ana.show(&document), kofi.show(&document));
    assert_eq!(a, k);
    for n in 0..5 {
        assert!(a.contains(&format!("Ana {n}.")) && a.contains(&format!("Kofi {n}.")), "{a}");
    }
}

#[test]
fn a_viewer_reads_and_cannot_write() {
    let Pair { ana, kofi, document } = pair("viewer");
    let before = kofi.show(&document);
    assert!(before.contains("# Spring visit"));
    let ran = kofi.run(&["doc", "edit", &document, "--append", "Not for me."]);
    assert_eq!(ran.code, 5, "{ran:?}");
    assert_eq!(kofi.show(&document), before);
    exchange(&ana, &kofi);
    assert_eq!(ana.show(&document), before);
}

#[test]
fn two_nodes_that_stay_up_find_each_other_again_after_a_crash() {
    let Pair { ana, kofi, document } = pair("editor");
    let ana_online = ana.online();
    let mut kofi_online = kofi.online();
    kofi_online.wait_for("being in step", |event| event["event"] == "synced");
    ana_online.kill();
    kofi_online.wait_for("losing Ana", |event| event["event"] == "disconnected");
    ana.ok(&["doc", "edit", &document, "--append", "After the crash."]);
    let ana_online = ana.online();
    kofi_online.wait_for("the words", |event| event["event"] == "received");
    kofi_online.wait_for("being in step again", |event| event["event"] == "synced");
    ana_online.stop();
    kofi_online.stop();
    eventually("the words in Kofi's home", || kofi.show(&document).contains("After the crash.").then_some(()));
}

#[test]
fn a_member_whose_store_is_lost_keeps_their_own_words_and_gets_the_rest_back() {
    let Pair { ana, kofi, document } = pair("editor");
    kofi.ok(&["doc", "edit", &document, "--append", "Kofi before the loss."]);
    exchange(&ana, &kofi);
    kofi.ok(&["doc", "edit", &document, "--append", "Kofi, not yet sent."]);
    // The caches stay, and speak of a store that is no more.
    std::fs::remove_dir_all(kofi.path().join("home/store")).expect("it was there");
    let private = kofi.ok(&["doc", "new", "Written at once"]).last_line();
    exchange(&ana, &kofi);
    let (a, k) = (ana.show(&document), kofi.show(&document));
    assert_eq!(a, k);
    for words in ["# Spring visit", "Kofi before the loss.", "Kofi, not yet sent."] {
        assert!(k.contains(words), "{k}");
    }
    kofi.ok(&["doc", "edit", &document, "--append", "And on."]);
    exchange(&ana, &kofi);
    assert!(ana.show(&document).contains("And on."));
    assert!(kofi.show(&private).contains("Written at once"));
}
