//! Removing a space while the relay runs: it is let go of here, what is under way of it becomes durable, and then it goes.

use sheaf_access::SpaceId;
use sheaf_net::CloseCode;
use sheaf_sync::Event;
use tokio::sync::oneshot;

use super::Engine;
use super::fetching::Fetch;
use crate::operate::{Answer, Refused};

impl Engine {
    /// A space is to be removed.
    pub(super) fn remove(&mut self, id: SpaceId, done: oneshot::Sender<Result<Answer, Refused>>) {
        self.keeper.is_to_go(id);
        let Some(followed) = self.spaces.remove(&id) else {
            self.remove_now(id, done);
            return;
        };
        self.asked.remove(&id);
        self.feed(Event::SpaceRemoved { space: id });
        self.board.meters().spaces_open.set(self.spaces.len() as u64);
        for device in followed.peers {
            // They call again, and hear how things stand now.
            self.net.close(device, CloseCode::Bye);
        }
        if self.taking.contains_key(&id) {
            self.removing.insert(id, done);
        } else {
            self.remove_now(id, done);
        }
    }

    /// If nothing of a space is under way any more, and it was to be removed, it is.
    pub(super) fn remove_if_asked(&mut self, id: SpaceId) {
        if !self.taking.contains_key(&id)
            && let Some(done) = self.removing.remove(&id)
        {
            self.remove_now(id, done);
        }
    }

    fn remove_now(&self, space: SpaceId, done: oneshot::Sender<Result<Answer, Refused>>) {
        // On the thread that fetches, so that nothing of it is being fetched meanwhile. It lives as long as the engine.
        let _ = self.fetching.send(Fetch::Remove { space, done });
    }
}
