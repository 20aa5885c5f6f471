//! Removing people: what they no longer get, what they cannot open, and what comes of two removals at once.

use sheaf_log::Kind;
use sheaf_node::NodeEvent;
use sheaf_tests::{Scene, soon, told};

use crate::people::{Person, field_station, homes};

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_is_told_and_gets_nothing_more() {
    let homes = homes();
    let (ana, kofi, noor) =
        (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await, Person::new(&homes, "Noor").await);
    let (space, document) = field_station(&ana).await;
    ana.lets_in(&space, &kofi, "editor").await;
    ana.lets_in(&space, &noor, "editor").await;
    kofi.comes_to_write(&document, "Kofi was here.").await;
    noor.comes_to_read(&document, "Kofi was here.").await;
    let mut events = kofi.node().subscribe();
    ana.node().revoke(&space, "Kofi").await.expect("Kofi is removed");
    told(
        "Kofi hearing of it",
        &mut events,
        |event| matches!(event, NodeEvent::Removed { space: of, by, late: false } if *of == space && by == "Ana"),
    )
    .await;
    ana.node().append(&document, "Between us.").await.expect("words");
    noor.comes_to_read(&document, "Between us.").await;
    noor.comes_to_see(&space, &kofi.id(), None).await;
    let kept = kofi.reads(&document).await;
    assert!(kept.contains("Kofi was here.") && !kept.contains("Between us."), "{kept}");
    assert_eq!(crate::people::code(kofi.node().append(&document, "Still here?").await), "role");
    // A new invitation reads everything, also what was written under earlier keys.
    let maya = Person::new(&homes, "Maya").await;
    ana.lets_in(&space, &maya, "viewer").await;
    maya.comes_to_read(&document, "Between us.").await;
    assert!(maya.reads(&document).await.contains("Two floats"), "parents open what is older");
    // And so does Kofi, if he is let in again.
    ana.node().set_role(&space, &kofi_id(&ana, &space, &kofi).await, "editor").await.expect("Kofi comes back");
    noor.comes_to_see(&space, &kofi.id(), Some("editor")).await;
}

/// His id, which is all that is left of him in the list of those who were here.
async fn kofi_id(ana: &Person, space: &str, kofi: &Person) -> String {
    assert_eq!(ana.role_of(space, &kofi.id()).await, None);
    kofi.id()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_device_cannot_open_a_newer_entry_that_is_handed_to_it() {
    let scene = Scene::new().await;
    let (raw, _line, mut held) = scene.mallory("editor").await;
    let before = held.given_keys().len();
    assert!(before > 0);
    scene.ana.revoke(&scene.space, &raw.certificate.person.to_string()).await.expect("Mallory is removed");
    scene.ana.append(&scene.document, "Under a new key.").await.expect("words");
    // Someone who may read hands everything over, keys as they were wrapped.
    let (friend, mut line, mut all) = scene.mallory("viewer").await;
    friend.catch_up(&mut line, &mut all).await;
    let newest =
        all.entries.iter().rev().find(|entry| entry.header().kind == Kind::Body).expect("what Ana wrote").clone();
    for entry in all.entries.clone() {
        held.take(entry);
    }
    held.open_keys(&raw);
    assert!(!held.keys.contains_key(&newest.header().epoch), "a key that was made after the removal");
    for (_, key) in held.given_keys() {
        assert!(newest.open(&key).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_removals_at_once_come_to_the_same_everywhere_and_somebody_makes_a_key() {
    let homes = homes();
    let (mut ana, mut kofi, zuri, noor) = (
        Person::new(&homes, "Ana").await,
        Person::new(&homes, "Kofi").await,
        Person::new(&homes, "Zuri").await,
        Person::new(&homes, "Noor").await,
    );
    let (space, document) = field_station(&ana).await;
    ana.lets_in(&space, &kofi, "owner").await;
    ana.lets_in(&space, &zuri, "editor").await;
    ana.lets_in(&space, &noor, "editor").await;
    kofi.comes_to_see(&space, &noor.id(), Some("editor")).await;
    ana.sleep().await;
    kofi.sleep().await;
    // Each is offline, and removes someone else.
    ana.wake().await;
    kofi.wake().await;
    ana.node().revoke(&space, &zuri.id()).await.expect("Ana removes Zuri");
    kofi.node().revoke(&space, &noor.id()).await.expect("Kofi removes Noor");
    ana.node().go_online().await.expect("the loopback interface");
    kofi.node().go_online().await.expect("the loopback interface");
    for person in [&ana, &kofi] {
        person.comes_to_see(&space, &zuri.id(), None).await;
        person.comes_to_see(&space, &noor.id(), None).await;
    }
    // Each of the two keys is known to someone who was removed. Whoever writes makes another.
    ana.comes_to_write(&document, "Ana after both.").await;
    kofi.comes_to_read(&document, "Ana after both.").await;
    kofi.comes_to_write(&document, "Kofi after both.").await;
    ana.comes_to_read(&document, "Kofi after both.").await;
    for removed in [&zuri, &noor] {
        let kept = removed.reads(&document).await;
        assert!(!kept.contains("after both"), "{}: {kept}", removed.name);
    }
    soon("both to see the same members", || async {
        let (here, there) = (ana.node().members(&space).await.ok()?, kofi.node().members(&space).await.ok()?);
        let ids =
            |members: Vec<sheaf_node::MemberInfo>| members.into_iter().map(|m| (m.id, m.role)).collect::<Vec<_>>();
        (ids(here) == ids(there)).then_some(())
    })
    .await;
}
