//! Entries by members who may not write them.

use sheaf_access::{InvitationSecret, Role};
use sheaf_log::Part;
use sheaf_tests::raw::{Author, typed};
use sheaf_tests::{HOSTILE, Scene};

/// The refusal of what the author's role does not allow.
const ROLE: u16 = 27;
/// The refusal of an invitation by someone who is no owner.
const MAY_NOT_INVITE: u16 = 66;
/// The refusal of an operation under a grant of someone else's.
const NOT_YOUR_GRANT: u16 = 65;
/// The refusal of what is written by nobody of the space.
const NOT_A_MEMBER: u16 = 26;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_writes_nothing() {
    refused(Role::Viewer, &[Part::Body, Part::Talk]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commenter_writes_no_text() {
    refused(Role::Commenter, &[Part::Body]).await;
}

async fn refused(role: Role, parts: &[Part]) {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory(&role.to_string()).await;
    let before = scene.picture().await;
    let author = Author::of(&raw, &held, scene.document_id());
    for (n, part) in (1..).zip(parts) {
        let entry = raw.content(&held, scene.document_id(), *part, vec![typed(&author, HOSTILE)]);
        assert_eq!(line.send(held.space, &[entry.encoded()]).await.verdict(), Some(ROLE), "{part:?}");
        let refusal = scene.counted(&raw, ROLE).await;
        assert_eq!((refusal.rule.as_str(), refusal.count), ("A2", n));
    }
    scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_owner_gives_nobody_anything() {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory("editor").await;
    let before = scene.picture().await;
    let mine = held.history.now().member(&raw.certificate.person).expect("a member").grant;
    let founders = sheaf_access::EntryHash::from_bytes(*held.space.as_bytes());
    for (under, expected) in [(mine, MAY_NOT_INVITE), (founders, NOT_YOUR_GRANT)] {
        let secret = InvitationSecret::generate(&mut rand::rng());
        let op = held.invitation(under, &secret, Role::Owner);
        let entry = raw.access(&held, &op);
        assert_eq!(line.send(held.space, &[entry.encoded()]).await.verdict(), Some(expected));
        scene.counted(&raw, expected).await;
    }
    scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_holds_a_link_writes_nothing_before_joining() {
    let scene = Scene::new().await;
    let raw = sheaf_tests::raw::Raw::new();
    let invitation = scene.ana.invite(&scene.space, "editor", None, None).await.expect("a link");
    let before = scene.picture().await;
    let mut line = raw.call_inviter(&invitation).await;
    let held = raw.look_in(&mut line, &invitation).await.expect("the link is good");
    let entry = raw.words(&held, scene.document_id(), HOSTILE);
    assert_eq!(line.send(held.space, &[entry.encoded()]).await.verdict(), Some(NOT_A_MEMBER));
    scene.counted(&raw, NOT_A_MEMBER).await;
    scene.unharmed(&before).await;
}
