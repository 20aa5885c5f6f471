//! Invitations: for so many, for so long, cancelled, and used while whoever made them sleeps.

use std::time::Duration;

use sheaf_node::InvitationState;
use sheaf_tests::soon;

use crate::people::{Person, code, field_station, homes};

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_for_one_lets_one_in_and_is_closed_by_itself() {
    let homes = homes();
    let (ana, kofi, noor) =
        (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await, Person::new(&homes, "Noor").await);
    let (space, document) = field_station(&ana).await;
    let link = ana.node().invite(&space, "editor", Some(1), None).await.expect("a link");
    let listed = ana.node().invitations(&space).await.expect("invitations");
    assert_eq!((listed[0].uses, listed[0].used, listed[0].state), (Some(1), 0, InvitationState::Open));
    assert_eq!(listed[0].link.as_deref(), Some(link.as_str()), "whoever made it can copy it again");
    kofi.node().join(&link).await.expect("the first one joins");
    assert_eq!(code(noor.node().join(&link).await), "invitation-used-up");
    // An owner's node closes what is used up, which changes the key; the one who joined goes on reading and writing.
    soon("the invitation to be closed", || async {
        ana.node().invitations(&space).await.expect("invitations").is_empty().then_some(())
    })
    .await;
    assert_eq!(code(noor.node().join(&link).await), "invitation-used-up");
    kofi.comes_to_write(&document, "Kofi was here.").await;
    ana.comes_to_read(&document, "Kofi was here.").await;
    assert_eq!(ana.node().members(&space).await.expect("members").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_come_at_once_for_one_place_are_not_both_let_in() {
    let homes = homes();
    let (ana, kofi, noor) =
        (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await, Person::new(&homes, "Noor").await);
    let (space, _) = field_station(&ana).await;
    let link = ana.node().invite(&space, "editor", Some(1), None).await.expect("a link");
    let (first, second) = tokio::join!(kofi.node().join(&link), noor.node().join(&link));
    let mut codes = [code(first), code(second)];
    codes.sort_unstable();
    assert_eq!(codes, ["done", "invitation-used-up"]);
    assert_eq!(ana.node().members(&space).await.expect("members").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_and_a_cancelled_invitation_say_which_they_are() {
    let homes = homes();
    let (ana, kofi) = (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await);
    let (space, _) = field_station(&ana).await;
    let link = ana.node().invite(&space, "viewer", None, Some(Duration::from_millis(1))).await.expect("a link");
    soon("the invitation to expire", || async {
        let invitations = ana.node().invitations(&space).await.expect("invitations");
        (invitations[0].state == InvitationState::Expired).then_some(())
    })
    .await;
    assert_eq!(code(kofi.node().join(&link).await), "invitation-expired");
    assert!(kofi.node().spaces().await.expect("spaces").len() == 1, "nothing of it is left behind");

    let link = ana.node().invite(&space, "viewer", None, None).await.expect("a link");
    let id = ana.node().invitations(&space).await.expect("invitations")[0].id.clone();
    assert_eq!(code(ana.node().cancel_invitation(&space, "nothing").await), "no-such-invitation");
    ana.node().cancel_invitation(&space, &id[..8]).await.expect("it is cancelled");
    assert!(ana.node().invitations(&space).await.expect("invitations").iter().all(|invitation| invitation.id != id));
    assert_eq!(code(kofi.node().join(&link).await), "invitation-cancelled");
    assert_eq!(code(ana.node().invite(&space, "viewer", Some(0), None).await), "bad-input");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_lets_someone_in_while_whoever_invited_sleeps() {
    let homes = homes();
    let (mut ana, kofi, noor) =
        (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await, Person::new(&homes, "Noor").await);
    let (space, document) = field_station(&ana).await;
    ana.lets_in(&space, &kofi, "viewer").await;
    // Kofi and Noor know each other from elsewhere.
    let (other, _) = field_station(&kofi).await;
    kofi.lets_in(&other, &noor, "editor").await;
    let link = ana.node().invite(&space, "editor", Some(1), None).await.expect("a link");
    soon("Kofi to have heard of the invitation", || async {
        (!kofi.node().invitations(&space).await.expect("invitations").is_empty()).then_some(())
    })
    .await;
    assert_eq!(kofi.node().invitations(&space).await.expect("invitations")[0].link, None, "the link is Ana's");
    ana.sleep().await;
    noor.node().join(&link).await.expect("Kofi lets her in");
    noor.comes_to_read(&document, "Two floats").await;
    noor.comes_to_write(&document, "Noor came by night.").await;
    kofi.comes_to_read(&document, "Noor came by night.").await;
    ana.wake_online().await;
    ana.comes_to_see(&space, &noor.id(), Some("editor")).await;
    ana.comes_to_read(&document, "Noor came by night.").await;
}
