//! Invitations that are over: closed by an owner's node, and what becomes of whoever came too late (I3).

use std::time::Duration;

use sheaf_access::{AccessOp, EntryHash};
use sheaf_log::{Entry, Kind};
use sheaf_node::{InvitationState, NodeEvent, SpaceInfo};
use sheaf_tests::raw::{Answer, Held, Line, Raw, parse};
use sheaf_tests::{soon, told};
use tempfile::TempDir;

use crate::people::{Person, code, field_station, homes};

/// Waits until a space has no open invitation.
async fn closed(owner: &Person, space: &str) {
    soon("the invitation to be closed", || async {
        owner.node().invitations(space).await.expect("invitations").is_empty().then_some(())
    })
    .await;
}

/// Catches up until an entry has come that is looked for.
async fn comes(raw: &Raw, line: &mut Line, held: &mut Held, is: impl Fn(&Entry) -> bool) -> Entry {
    loop {
        if let Some(entry) = held.entries.iter().find(|entry| is(entry)) {
            return entry.clone();
        }
        raw.catch_up(line, held).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_invitation_is_closed_by_an_owners_node_and_the_key_that_its_link_reads_is_changed() {
    let homes = homes();
    let (ana, kofi) =
        (Person::who_closes_after(&homes, "Ana", Duration::ZERO).await, Person::new(&homes, "Kofi").await);
    let (space, document) = field_station(&ana).await;
    ana.lets_in(&space, &kofi, "editor").await;
    // The one link that is open while all of this happens.
    let way_in = ana.node().invitations(&space).await.expect("invitations")[0].link.clone().expect("Ana made it");
    let link = ana.node().invite(&space, "editor", None, Some(Duration::from_secs(1))).await.expect("a link");
    let secret = parse(&link).secret;
    soon("the expired one to be closed", || async {
        let open = ana.node().invitations(&space).await.expect("invitations");
        open.iter().all(|open| open.link.as_deref() != Some(link.as_str())).then_some(())
    })
    .await;
    let open = ana.node().invitations(&space).await.expect("invitations");
    assert_eq!((open.len(), open[0].state), (1, InvitationState::Open), "the other one is nobody's to close");
    ana.comes_to_write(&document, "Between us.").await;
    kofi.comes_to_read(&document, "Between us.").await;
    kofi.comes_to_write(&document, "Kofi is here still.").await;
    ana.comes_to_read(&document, "Kofi is here still.").await;
    assert_eq!(code(Person::new(&homes, "Noor").await.node().join(&link).await), "invitation-expired");

    // A reader who looks at the entries themselves: the close begins an epoch, what is written after it is written under
    // that one, and the link opens it no more, though it opens what was there before.
    let raw = Raw::new();
    let (mut line, mut held) = raw.join(&way_in).await;
    let close = comes(&raw, &mut line, &mut held, |entry| {
        let operation = entry.access_entry().and_then(Result::ok).map(|entry| entry.operation);
        matches!(operation, Some(AccessOp::Close { invitation, .. }) if invitation == secret.id())
    })
    .await;
    let after = |entry: &Entry| {
        entry.header().kind == Kind::Body && EntryHash::from_bytes(*entry.header().epoch.as_bytes()) == close.hash()
    };
    comes(&raw, &mut line, &mut held, after).await;
    let opens = held.history.now().content_keys(&secret.sealing_secret());
    assert!(!opens.is_empty(), "what was there when it was open");
    assert!(opens.iter().all(|(epoch, _)| EntryHash::from_bytes(*epoch.as_bytes()) != close.hash()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_let_in_by_a_cheat_after_the_close_is_nobody() {
    let homes = homes();
    let (ana, kofi) =
        (Person::who_closes_after(&homes, "Ana", Duration::ZERO).await, Person::new(&homes, "Kofi").await);
    let (space, document) = field_station(&ana).await;
    ana.lets_in(&space, &kofi, "editor").await;
    let way_in = ana.node().invitations(&space).await.expect("invitations")[0].link.clone().expect("Ana made it");
    let cheat = Raw::new();
    let (mut line, mut held) = cheat.join(&way_in).await;
    let way_in = ana.node().invitations(&space).await.expect("invitations")[0].id.clone();
    ana.node().cancel_invitation(&space, &way_in).await.expect("it is cancelled");
    let link = ana.node().invite(&space, "editor", None, Some(Duration::from_millis(1))).await.expect("a link");
    closed(&ana, &space).await;
    let secret = parse(&link).secret;
    let late = Raw::new();
    // All that came until the link was made, handed over by the cheat: whoever is late has not heard of the close.
    let opens = |entry: &Entry| {
        let operation = entry.access_entry().and_then(Result::ok).map(|entry| entry.operation);
        matches!(operation, Some(AccessOp::Invite { invitation, .. }) if invitation == secret.id())
    };
    comes(&cheat, &mut line, &mut held, opens).await;
    let invited = held.entries.iter().position(opens).expect("it has come");
    let mut unknowing = Held::of(held.space, held.entries[..=invited].to_vec(), late.device.id());
    unknowing.keys.extend(unknowing.history.now().content_keys(&secret.sealing_secret()));

    // What the cheat passes on is legal in its own past, and nobody can see when it was written: it is held. It does not
    // count, for an owner has said who came by that link.
    let redemption = late.redemption(&mut unknowing, &link);
    assert_eq!(line.send(unknowing.space, &[redemption.encoded()]).await, Answer::Taken);
    let words = late.words(&unknowing, document.parse().expect("an id"), "HOSTILE");
    assert_eq!(line.send(unknowing.space, &[words.encoded()]).await, Answer::Taken);
    ana.comes_to_write(&document, "After all that.").await;
    kofi.comes_to_read(&document, "After all that.").await;
    for person in [&ana, &kofi] {
        let members = person.node().members(&space).await.expect("members");
        assert!(members.iter().all(|member| member.id != late.certificate.person.to_string()), "{}", person.name);
        assert!(!person.reads(&document).await.contains("HOSTILE"), "{}", person.name);
    }
    // Nor is the late one shown the space.
    let mut line = late.call_inviter(&link).await;
    assert!(late.look_in(&mut line, &link).await.is_err());
}

/// Noor, let in by Kofi while Ana slept, has written; Ana has not heard, and closes the invitation. All meet.
struct TooLate {
    ana: Person,
    kofi: Person,
    noor: Person,
    space: String,
    document: String,
    /// What Noor's node says from before she hears of it.
    events: tokio::sync::broadcast::Receiver<NodeEvent>,
}

impl TooLate {
    async fn story(homes: &TempDir) -> Self {
        let (mut ana, mut kofi, mut noor) =
            (Person::new(homes, "Ana").await, Person::new(homes, "Kofi").await, Person::new(homes, "Noor").await);
        let (space, document) = field_station(&ana).await;
        ana.lets_in(&space, &kofi, "editor").await;
        let (other, _) = field_station(&kofi).await;
        kofi.lets_in(&other, &noor, "editor").await;
        let open = ana.node().invitations(&space).await.expect("invitations").len();
        let link = ana.node().invite(&space, "editor", None, None).await.expect("a link");
        soon("Kofi to have heard of the invitation", || async {
            (kofi.node().invitations(&space).await.expect("invitations").len() > open).then_some(())
        })
        .await;
        ana.sleep().await;
        noor.node().join(&link).await.expect("Kofi lets her in");
        noor.comes_to_read(&document, "Two floats").await;
        noor.comes_to_write(&document, "Noor came by night.").await;
        kofi.comes_to_read(&document, "Noor came by night.").await;
        let newcomer = noor.id();
        kofi.sleep().await;
        noor.sleep().await;

        ana.wake().await;
        let invitations = ana.node().invitations(&space).await.expect("invitations");
        let invitation = invitations.iter().find(|one| one.link.as_deref() == Some(link.as_str())).expect("it is open");
        ana.node()
            .cancel_invitation(&space, &invitation.id)
            .await
            .expect("nobody has joined by it, as far as she knows");
        ana.goes_online().await;
        kofi.wake_online().await;
        kofi.comes_to_see(&space, &newcomer, None).await;
        noor.wake().await;
        let events = noor.node().subscribe();
        noor.goes_online().await;
        Self { ana, kofi, noor, space, document, events }
    }

    async fn listed(&self) -> Option<SpaceInfo> {
        let spaces = self.noor.node().spaces().await.expect("spaces");
        spaces.into_iter().find(|space| space.id == self.space)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_too_late_is_told_so_keeps_their_words_and_takes_the_space_off_the_list() {
    let homes = homes();
    let mut story = TooLate::story(&homes).await;
    let (space, document) = (story.space.clone(), story.document.clone());
    told(
        "Noor hearing that she came too late",
        &mut story.events,
        |event| matches!(event, NodeEvent::Removed { space: of, late: true, .. } if *of == space),
    )
    .await;
    let ended = story.listed().await.expect("it is listed still").ended.expect("it has ended");
    assert!(ended.late && !ended.left, "{ended:?}");
    let node = story.noor.node();
    let refused = node.append(&document, "Anyone?").await.expect_err("she is nobody here").to_string();
    assert!(refused.contains("closed before anyone heard") && refused.contains("sheaf space forget"), "{refused}");
    // Her words are to be had, word for word, before she lets go of the space; what others wrote, too.
    let mut pieces = soon("what she wrote", || async {
        Some(node.set_aside(&space).await.expect("a list")).filter(|pieces| !pieces.is_empty())
    })
    .await;
    let piece = pieces.pop().expect("one");
    assert!(piece.reason.contains("invitation"), "{}", piece.reason);
    let words = node.set_aside_text(&space, &piece.id).await.expect("a text");
    assert!(words.contains("Noor came by night."), "{words}");
    assert!(story.noor.reads(&document).await.contains("Two floats"));

    assert_eq!(code(node.leave(&space).await), "not-a-member");
    node.forget_space(&space).await.expect("she lets go of it");
    assert!(story.listed().await.is_none());
    assert_eq!(code(node.members(&space).await), "no-such-space");
    assert!(node.documents(None).await.expect("documents").iter().all(|listed| listed.space != space));
    // Also the next day.
    story.noor.sleep().await;
    story.noor.wake_online().await;
    assert!(story.listed().await.is_none());

    // A new invitation brings her in, and nothing is lost on the way.
    story.ana.lets_in(&space, &story.noor, "editor").await;
    story.noor.comes_to_read(&document, "Two floats").await;
    story.noor.comes_to_write(&document, "Noor came by day.").await;
    for person in [&story.ana, &story.kofi] {
        person.comes_to_read(&document, "Noor came by day.").await;
    }
    assert_eq!(story.listed().await.expect("it is listed").role.as_deref(), Some("editor"));
    assert_eq!(code(story.noor.node().forget_space(&space).await), "role", "she is in it");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_removed_and_who_left_may_forget_the_space_and_nobody_the_private_one() {
    let homes = homes();
    let (ana, kofi, noor) =
        (Person::new(&homes, "Ana").await, Person::new(&homes, "Kofi").await, Person::new(&homes, "Noor").await);
    let (space, _) = field_station(&ana).await;
    ana.lets_in(&space, &kofi, "editor").await;
    ana.lets_in(&space, &noor, "editor").await;
    ana.node().revoke(&space, &noor.id()).await.expect("Noor is removed");
    kofi.node().leave(&space).await.expect("Kofi leaves");
    for person in [&kofi, &noor] {
        soon("them to know", || async { person.node().forget_space(&space).await.ok() }).await;
        let spaces = person.node().spaces().await.expect("spaces");
        assert!(spaces.len() == 1 && spaces[0].private, "{spaces:?}");
        assert_eq!(code(person.node().forget_space(&spaces[0].id).await), "role");
    }
    ana.comes_to_see(&space, &kofi.id(), None).await;
}
