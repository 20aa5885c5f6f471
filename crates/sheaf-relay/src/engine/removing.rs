//! Removing a space while the relay runs: it is let go of here, what is under way of it becomes durable, and then it goes.
//!
//! In a cluster it goes from all relays. The one that an operator has asked removes it, and says so in the space's stream; the others
//! remove it when they come to that. Whatever came before is not waited for any more, and whatever comes after is new.

use sheaf_access::SpaceId;
use sheaf_net::CloseCode;
use sheaf_store::{Pruned, StoreError};
use sheaf_sync::Event;
use tokio::sync::oneshot;

use super::fetching::Fetch;
use super::{Answer, Engine};
use crate::cluster::{Order, PassedOn, Removal, What, shard};
use crate::keeper::accept::now;
use crate::operate::{self, Others, Refused};

/// Whoever asks for a removal hears what became of it.
pub type Told = oneshot::Sender<Result<operate::Answer, Refused>>;

/// A space that is being removed.
#[derive(Default)]
pub struct Removing {
    /// Operators who have asked for it.
    operators: Vec<Told>,
    /// What the cluster has said of it.
    said: Vec<PassedOn>,
    /// The disk is being seen to.
    begun: bool,
}

/// A removal that is not in the cluster yet, and who waits to hear that it is.
pub struct Saying {
    space: SpaceId,
    removal: Removal,
    told: Told,
    answer: operate::Answer,
}

impl Engine {
    /// An operator removes a space.
    pub(super) fn remove(&mut self, id: SpaceId, done: Told) {
        self.removing.entry(id).or_default().operators.push(done);
        self.let_go(id, u64::MAX / 2);
        self.remove_if_asked(id);
    }

    /// Another relay says that a space is removed; or this one has, and now all know.
    pub(super) fn removed_in_cluster(&mut self, passed_on: PassedOn, removal: Removal) {
        let (id, at) = (passed_on.space, passed_on.sequence);
        if !self.keeper.is_ours(id, &removal) {
            self.board.meters().cluster_refused.add(1);
            tracing::warn!(space = %id.short(), "a removal by somebody who does not know this relay's token is not done");
            self.dealt_with(passed_on);
            return;
        }
        if self.keeper.removed(id).is_some_and(|known| known.at >= removal.at) {
            let keeper = std::sync::Arc::clone(&self.keeper);
            self.blocking(move || {
                if let Err(error) = keeper.removal_is_said(id, removal) {
                    tracing::warn!(%error, space = %id.short(), "that a removal was said is not written down");
                }
                Answer::Nothing
            });
            self.dealt_with(passed_on);
            return;
        }
        tracing::info!(space = %id.short(), "removed by an operator at another relay");
        self.removing.entry(id).or_default().said.push(passed_on);
        self.let_go(id, at);
        self.remove_if_asked(id);
    }

    /// Nobody here has to do with a space any more, and nothing that came of it before this place is waited for.
    fn let_go(&mut self, id: SpaceId, before: u64) {
        self.keeper.is_to_go(id);
        let followed = self.spaces.remove(&id);
        let not_begun = followed.iter().flat_map(|followed| &followed.deliveries);
        let not_begun = not_begun.filter(|delivered| delivered.ticket.is_none()).count();
        for passed_on in self.not_waited_for(id, not_begun, before) {
            self.dealt_with(passed_on);
        }
        let Some(followed) = followed else { return };
        self.asked.remove(&id);
        self.order(Order::Unwatch(id));
        self.feed(Event::SpaceRemoved { space: id });
        self.board.meters().spaces_open.set(self.spaces.len() as u64);
        for device in followed.peers {
            // They call again, and hear how things stand now.
            self.net.close(device, CloseCode::Bye);
        }
    }

    /// If nothing of a space is under way any more, and it was to be removed, it is.
    pub(super) fn remove_if_asked(&mut self, id: SpaceId) {
        if self.taking.contains_key(&id) || self.removing.get(&id).is_none_or(|removing| removing.begun) {
            return;
        }
        if self.stop_publishing(id) {
            // What is on its way reaches the streams before the removal does.
            return;
        }
        let Some(removing) = self.removing.get_mut(&id) else { return };
        removing.begun = true;
        let removal = |passed_on: &PassedOn| match passed_on.what {
            What::Removal(removal) => Some(removal),
            _ => None,
        };
        let latest = removing.said.iter().filter_map(removal).max_by_key(|removal| removal.at);
        // One that was asked for here is later than any that was heard of.
        let asked = !removing.operators.is_empty() && self.keeper.is_clustered();
        let said = if asked { None } else { latest };
        let own = if asked { Some(self.keeper.removal(id, now())) } else { None };
        // On the thread that fetches, so that nothing of it is being fetched meanwhile. It lives as long as the engine.
        let _ = self.fetching.send(Fetch::Remove { space: id, own, said });
    }

    /// A space was removed, or could not be.
    pub(super) fn has_removed(&mut self, id: SpaceId, own: Option<Removal>, removed: Result<Pruned, StoreError>) {
        let Some(Removing { operators, said, .. }) = self.removing.remove(&id) else { return };
        let Pruned { entries, bytes } = match removed {
            Ok(pruned) => pruned,
            Err(error) => {
                tracing::error!(%error, space = %id.short(), "a space cannot be removed");
                for told in operators {
                    // Whoever asked may have stopped waiting; here and below.
                    let _ = told.send(Err(Refused::Failed(error.to_string())));
                }
                self.try_later(said);
                return;
            }
        };
        for passed_on in said {
            for before in self.not_waited_for(id, 0, passed_on.sequence) {
                self.dealt_with(before);
            }
            self.dealt_with(passed_on);
        }
        let space = id.to_string();
        let answer = |others| operate::Answer::Removed { space: space.clone(), entries, bytes, others };
        let Some(removal) = own else {
            // Asked for while it went because all were told.
            let others = if self.keeper.is_clustered() { Others::Know } else { Others::None };
            for told in operators {
                let _ = told.send(Ok(answer(others)));
            }
            return;
        };
        self.order(Order::Remove(id, removal));
        let saying =
            operators.into_iter().map(|told| Saying { space: id, removal, told, answer: answer(Others::Know) });
        self.saying.extend(saying);
        self.settle_removals();
    }

    /// That a space is removed is in the cluster.
    pub(super) fn removal_is_said(&mut self, id: SpaceId, removal: Removal) {
        for Saying { told, answer, .. } in self.saying.extract_if(.., |one| one.space == id && one.removal == removal) {
            // Whoever asked may have stopped waiting.
            let _ = told.send(Ok(answer));
        }
    }

    /// Nobody waits for a cluster, or a stream, that is away: it hears of a removal when it is back.
    pub(super) fn settle_removals(&mut self) {
        let board = std::sync::Arc::clone(&self.board);
        for Saying { told, mut answer, .. } in self.saying.extract_if(.., |one| board.is_away(shard(one.space))) {
            if let operate::Answer::Removed { others, .. } = &mut answer {
                *others = Others::Later;
            }
            // Whoever asked may have stopped waiting.
            let _ = told.send(Ok(answer));
        }
    }
}
