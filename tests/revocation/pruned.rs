//! What was set aside here, and counts where others have gone on and pruned.

use sheaf_tests::soon;

use crate::team::{Person, Team, agree};

/// Dave has Ben's late words and knows of the removal, and not who vouches for them: that was covered by a checkpoint, and
/// pruned, while he was away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_is_taken_over_that_covers_what_did_not_count_here() {
    let mut team = Box::pin(Team::new("owner")).await;
    let homes = tempfile::tempdir().expect("a temporary folder");
    let mut dave = Person::new(&homes, "Dave").await;
    let link = team.ana.node.invite(&team.space, "owner", None, None).await.expect("a link");
    dave.node.join(&link).await.expect("he joins");
    dave.reads(&team.document, "Cleo at first.").await;
    dave.writes(&team.document, "Dave at first.").await;
    team.agree(&["Dave at first."]).await;
    for person in [&team.ben, &dave] {
        person.calls(&team.cleo, &team.space).await;
    }

    // While Ana is away Ben writes, and Cleo builds on it once she is alone.
    team.ana.offline().await;
    team.ben.writes(&team.document, "Ben, not knowing.").await;
    for person in [&team.cleo, &dave] {
        person.reads(&team.document, "Ben, not knowing.").await;
    }
    for person in [&mut team.ben, &mut dave, &mut team.cleo] {
        person.offline().await;
    }
    team.cleo.writes(&team.document, "Cleo on top of it.").await;

    // Ana has removed him meanwhile. Dave hears of it, and so Ben's words do not count.
    team.ana.node.revoke(&team.space, &team.ben.id()).await.expect("Ana may");
    team.ana.online().await;
    dave.calls(&team.ana, &team.space).await;
    for person in [&team.ana, &dave] {
        person.sets_aside(&team.space, 1).await;
    }
    dave.offline().await;

    // Without him, Cleo's words vouch for them; a checkpoint covers both, and they are pruned.
    team.cleo.calls(&team.ana, &team.space).await;
    agree(&[&team.ana, &team.cleo], &team.document, &["Ben, not knowing.", "Cleo on top of it."]).await;
    let before = team.ana.node.verify(&team.space).await.expect("a look at it").entries;
    team.ana.node.checkpoint(&team.space).await.expect("a checkpoint");
    for person in [&team.ana, &team.cleo] {
        soon(&format!("{} to prune", person.name), || async {
            (person.node.verify(&team.space).await.ok()?.entries < before).then_some(())
        })
        .await;
    }

    // He takes it over, though it covers what is set aside here.
    dave.calls(&team.ana, &team.space).await;
    team.ana.writes(&team.document, "Ana goes on.").await;
    let all = [&team.ana, &team.cleo, &dave];
    agree(&all, &team.document, &["Ben, not knowing.", "Cleo on top of it.", "Ana goes on."]).await;
    dave.writes(&team.document, "Dave goes on.").await;
    agree(&all, &team.document, &["Dave goes on."]).await;
    for person in all {
        person.sets_aside(&team.space, 0).await;
    }
}
