//! Gaps: what is in a stream no more, and may be lacking here. Until the other relays have been asked, and have answered, nothing of
//! that stream is given back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::News;
use super::duty::Duty;
use super::siblings::{Compared, Siblings};
use crate::keeper::Keeper;

/// The first pause before what could not be found out, or was not taken, is asked for again.
const PAUSE: Duration = Duration::from_secs(5);
/// How often what another relay holds and was not taken is asked for again, each time after twice as long: for ten minutes and more.
/// One space that nobody can take anything of must not keep a stream from giving back for ever.
const ROUNDS: u32 = 7;

/// What is said of a stream of which something may be lacking.
pub enum Gap {
    /// What follows the place is in it no more.
    Found(u8),
    /// What the other relays have of it is here.
    Closed(u8),
}

/// Compares what is held of a stream's spaces with what the others hold, until that has been done, and says so. That there is
/// something to be done is written down as long as there is.
pub async fn close_gap(
    shard: u8,
    (siblings, keeper, duty): (&Siblings, &Arc<Keeper>, &Duty),
    news: &UnboundedSender<News>,
    gaps: &UnboundedSender<Gap>,
) {
    note(keeper, shard, true).await;
    let mut round = 0;
    loop {
        match siblings.compare(shard, |space| duty.keeps(space)).await {
            Compared::Level => break,
            Compared::Lacks if round == ROUNDS => {
                tracing::error!(
                    shard,
                    "something that another relay holds cannot be taken here; it is not waited for any more"
                );
                break;
            }
            // It is this relay's own disk that takes nothing.
            Compared::Lacks if keeper.is_failing() => {}
            Compared::Lacks => round += 1,
            Compared::Unanswered => {}
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(round)).await;
        if news.is_closed() {
            return;
        }
    }
    note(keeper, shard, false).await;
    tracing::debug!(shard, "what is held of a stream's spaces was compared with the other relays");
    // The task may have ended; then nobody waits for it.
    let _ = gaps.send(Gap::Closed(shard));
}

async fn note(keeper: &Arc<Keeper>, shard: u8, gap: bool) {
    let keeper = Arc::clone(keeper);
    let noted = tokio::task::spawn_blocking(move || keeper.note_gap(shard, gap)).await;
    if let Ok(Err(error)) = noted {
        tracing::warn!(%error, shard, "that a stream has a gap is not written down");
    }
}
