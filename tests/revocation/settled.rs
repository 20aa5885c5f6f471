//! A fork, and a checkpoint that covers one side of it (L6, C1): what someone else vouches for is the log, for all.

use sheaf_node::NodeEvent;
use sheaf_tests::raw::Answer;
use sheaf_tests::{soon, told};

use crate::forks::Forger;
use crate::team::{Person, Team, agree};

/// Ana and Cleo have one side, and cover it with a checkpoint; Ben has the other, or both and so the proof, and nobody else
/// ever hears of that before.
async fn covered(knows: bool) {
    let mut team = Box::pin(Team::new("editor")).await;
    let mut forger = Forger::new(&team).await;
    let mut sides = [("Red.", forger.entry(&team, "Red.")), ("Blue.", forger.entry(&team, "Blue."))];
    // As long as nobody has built on either, the one with the lower hash counts: that is not the one that is covered.
    sides.sort_by_key(|(_, entry)| entry.hash());
    let [(other, entry), (covered, covered_entry)] = sides;
    team.ana.offline().await;
    team.cleo.offline().await;
    forger.call(&team.ben).await;
    assert_eq!(forger.send(&entry).await, Answer::Taken);
    team.ben.reads(&team.document, other).await;
    if knows {
        forger.send(&covered_entry).await;
        team.ben.sets_aside(&team.space, 1).await;
    }
    team.ben.writes(&team.document, "Ben on top of it.").await;
    team.ben.offline().await;

    team.ana.online().await;
    team.cleo.calls(&team.ana, &team.space).await;
    forger.call(&team.ana).await;
    assert_eq!(forger.send(&covered_entry).await, Answer::Taken);
    let both = [&team.ana, &team.cleo];
    agree(&both, &team.document, &[covered]).await;
    team.ana.writes(&team.document, "Ana on top of it.").await;
    agree(&both, &team.document, &["Ana on top of it."]).await;
    let before = team.ana.node.verify(&team.space).await.expect("a look at it").entries;
    team.ana.node.checkpoint(&team.space).await.expect("a checkpoint");
    pruned(&both, &team.space, before).await;

    // The checkpoint decides at Ben's too, and he loses nothing: his own words are made again, the others are set aside.
    team.ben.calls(&team.ana, &team.space).await;
    team.agree(&[covered, "Ana on top of it.", "Ben on top of it."]).await;
    let piece = team.ben.sets_aside(&team.space, 1).await.remove(0);
    assert_eq!(team.ben.node.set_aside_text(&team.space, &piece.id).await.expect("a text"), other);
    for person in team.all() {
        assert!(!person.text(&team.document).await.contains(other), "at {}'s", person.name);
        person.writes(&team.document, &format!("{} goes on.", person.name)).await;
    }
    team.agree(&["Ana goes on.", "Ben goes on.", "Cleo goes on."]).await;
    // It is so after a start, and what is set aside can still be had.
    team.ben.offline().await;
    team.ben.sets_aside(&team.space, 1).await;
    team.ben.calls(&team.ana, &team.space).await;
    team.ben.node.adopt(&team.space, &piece.id).await.expect("Ben may write");
    team.agree(&[covered, other, "Ben on top of it."]).await;
    for person in team.all() {
        person.sets_aside(&team.space, 0).await;
        let text = person.text(&team.document).await;
        for words in [covered, other, "Ben on top of it."] {
            assert_eq!(text.matches(words).count(), 1, "at {}'s: {text}", person.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_only_the_other_side_counts_what_a_checkpoint_covers() {
    Box::pin(covered(false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_knew_the_fork_before_counts_what_a_checkpoint_covers() {
    Box::pin(covered(true)).await;
}

/// What builds on covered words need not name them. Ben does not hold the checkpoint when such an entry comes, and finds it
/// invalid; when he holds it, he looks at it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_invalid_without_a_checkpoint_is_judged_anew_with_it() {
    let mut team = Box::pin(Team::new("editor")).await;
    let mut forger = Forger::new(&team).await;
    team.ana.offline().await;
    team.cleo.offline().await;
    forger.call(&team.ben).await;
    let mut events = team.ben.node.subscribe();
    assert_eq!(forger.send(&forger.unnamed(&team, "On top of all.")).await, Answer::Taken);
    told("Ben finding it invalid", &mut events, |event| matches!(event, NodeEvent::Quarantined { .. })).await;
    assert!(!team.ben.text(&team.document).await.contains("On top of all."));
    team.ben.offline().await;

    team.ana.online().await;
    team.cleo.calls(&team.ana, &team.space).await;
    team.ana.writes(&team.document, "Ana goes on.").await;
    agree(&[&team.ana, &team.cleo], &team.document, &["Ana goes on."]).await;
    let before = team.ana.node.verify(&team.space).await.expect("a look at it").entries;
    team.ana.node.checkpoint(&team.space).await.expect("a checkpoint");
    pruned(&[&team.ana, &team.cleo], &team.space, before).await;
    team.ben.calls(&team.ana, &team.space).await;
    team.agree(&["On top of all.", "Ana goes on."]).await;
}

/// On one side of a fork an owner opens an invitation, on the other they write, and that is what others build on. The
/// invitation is open for all (A1), and checkpoints go on: whoever comes after one knows of it, also after a start, and can
/// write the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_go_on_where_one_side_of_a_fork_says_who_may_come_in() {
    let mut team = Box::pin(Team::new("owner")).await;
    let mut forger = Forger::with_role(&team, "owner").await;
    let (words, (invitation, id)) = (forger.entry(&team, "In the same place."), forger.invitation());
    for person in [&mut team.ben, &mut team.cleo] {
        person.offline().await;
    }
    forger.call(&team.ana).await;
    assert_eq!(forger.send(&words).await, Answer::Taken);
    team.ana.reads(&team.document, "In the same place.").await;
    team.ana.writes(&team.document, "Ana on top of it.").await;
    forger.send(&invitation).await;
    for person in [&mut team.ben, &mut team.cleo] {
        person.online().await;
    }
    for person in [&team.ben, &team.cleo] {
        person.calls(&team.ana, &team.space).await;
    }
    team.agree(&["In the same place.", "Ana on top of it."]).await;
    for person in [&team.ana, &team.cleo] {
        knows_of(person, &team.space, &id).await;
    }

    let entries = team.ana.node.verify(&team.space).await.expect("a look at it").entries;
    team.ana.node.checkpoint(&team.space).await.expect("a checkpoint");
    pruned(&[&team.ana, &team.cleo], &team.space, entries).await;
    let homes = tempfile::tempdir().expect("a temporary folder");
    let mut dave = Person::new(&homes, "Dave").await;
    let link = team.ana.node.invite(&team.space, "owner", None, None).await.expect("a link");
    dave.node.join(&link).await.expect("he joins");
    dave.reads(&team.document, "Ana on top of it.").await;
    knows_of(&dave, &team.space, &id).await;
    dave.offline().await;
    knows_of(&dave, &team.space, &id).await;
    dave.writes(&team.document, "Dave goes on.").await;
    dave.node.checkpoint(&team.space).await.expect("he can write one");
    dave.online().await;
    dave.calls(&team.ana, &team.space).await;
    agree(&[&team.ana, &team.ben, &team.cleo, &dave], &team.document, &["Dave goes on."]).await;
}

/// Waits until somebody knows of an invitation.
async fn knows_of(person: &Person, space: &str, invitation: &str) {
    soon(&format!("{} knowing of the invitation", person.name), || async {
        let invitations = person.node.invitations(space).await.ok()?;
        invitations.iter().any(|one| one.id == invitation).then_some(())
    })
    .await;
}

/// Waits until these have fewer entries than so many.
async fn pruned(people: &[&Person], space: &str, before: usize) {
    for person in people {
        soon(&format!("{} to prune", person.name), || async {
            (person.node.verify(space).await.ok()?.entries < before).then_some(())
        })
        .await;
    }
}
