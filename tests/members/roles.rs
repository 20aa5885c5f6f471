//! Roles: given, taken, and what each may not do.

use sheaf_tests::soon;

use crate::people::{Person, code, field_station, homes};

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_changed_is_changed_at_once_for_everyone() {
    let homes = homes();
    let (ana, kofi) = (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await);
    let (space, document) = field_station(&ana).await;
    ana.lets_in(&space, &kofi, "viewer").await;
    kofi.comes_to_read(&document, "Two floats").await;
    assert_eq!(code(kofi.node().append(&document, "No.").await), "role");
    assert_eq!(code(kofi.node().set_role(&space, "Ana", "viewer").await), "role");
    assert_eq!(code(kofi.node().revoke(&space, &ana.id()).await), "role");
    assert_eq!(code(kofi.node().invite(&space, "viewer", None, None).await), "role");

    let now = ana.node().set_role(&space, &kofi.id(), "editor").await.expect("Kofi may write");
    assert_eq!(now.role, "editor");
    kofi.comes_to_write(&document, "Kofi writes.").await;
    ana.comes_to_read(&document, "Kofi writes.").await;
    // Now that he may write, he says what he is called.
    soon("Kofi's name", || async { ana.node().find_member(&space, "Kofi").await.ok() }).await;

    ana.node().set_role(&space, "Kofi", "viewer").await.expect("Kofi may only read");
    kofi.comes_to_see(&space, &kofi.id(), Some("viewer")).await;
    assert_eq!(code(kofi.node().append(&document, "Not again.").await), "role");
    ana.node().append(&document, "Ana goes on.").await.expect("words");
    kofi.comes_to_read(&document, "Ana goes on.").await;
    assert!(ana.reads(&document).await.contains("Kofi writes."), "what he wrote when he might stays");
    assert_eq!(code(ana.node().set_role(&space, "Kofi", "king").await), "bad-input");
    assert_eq!(code(ana.node().set_role(&space, "Nobody", "editor").await), "no-such-person");
    // What they have already is not given again.
    ana.node().set_role(&space, "Kofi", "viewer").await.expect("nothing to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_founder_stays_and_the_last_owner_too() {
    let homes = homes();
    let (ana, kofi) = (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await);
    let (space, _) = field_station(&ana).await;
    assert_eq!(code(ana.node().leave(&space).await), "last-owner");
    assert_eq!(code(ana.node().set_role(&space, &ana.id(), "editor").await), "last-owner");
    assert_eq!(code(ana.node().revoke(&space, &ana.id()).await), "bad-input");
    ana.lets_in(&space, &kofi, "owner").await;
    kofi.comes_to_see(&space, &kofi.id(), Some("owner")).await;
    assert_eq!(code(kofi.node().revoke(&space, &ana.id()).await), "founder");
    assert_eq!(code(kofi.node().set_role(&space, &ana.id(), "viewer").await), "founder");
    let seen = kofi.member(&space, &ana.id()).await.expect("Ana is there");
    assert!(seen.founder && !seen.can_change);
    assert!(ana.member(&space, &kofi.id()).await.expect("Kofi is there").can_change);
    // The founder can step down herself, and then leave.
    ana.node().set_role(&space, &ana.id(), "editor").await.expect("Ana steps down");
    kofi.comes_to_see(&space, &ana.id(), Some("editor")).await;
    ana.node().leave(&space).await.expect("Ana leaves");
    kofi.comes_to_see(&space, &ana.id(), None).await;
    assert_eq!(code(ana.node().leave(&space).await), "not-a-member");
}
