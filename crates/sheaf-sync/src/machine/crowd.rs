//! Entries that came, on their way to everyone who follows their space: at once, or together with others (R1).

use sheaf_access::SpaceId;

use super::Machine;
use crate::action::Action;
use crate::entry_bytes::Item;
use crate::frame::Frame;
use crate::peer::PeerId;
use crate::sending::News;

impl<P: PeerId> Machine<P> {
    pub(super) fn stored(&mut self, now: u64, id: SpaceId, from: Option<P>, items: Vec<Item>) -> Vec<Action<P>> {
        let Some(space) = self.spaces.get_mut(&id) else { return Vec::new() };
        let news: Vec<(Item, u64)> = items
            .into_iter()
            .filter_map(|item| {
                let before = space.advance(item.log, item.seq)?;
                space.tip(item.log, item.seq, item.hash);
                Some((item, before))
            })
            .collect();
        if space.admitted.is_some_and(|(log, seq)| space.held(&log) >= seq) {
            space.admitted = None;
        }
        let waits = !news.is_empty() && self.holds_back(now, id);
        if let Some(space) = self.spaces.get_mut(&id).filter(|_| waits) {
            space.gathering.store(news.iter().map(|(item, _)| item));
        }
        let news = News { from, items: &news, waits };
        let mut actions = self.with_followers(now, id, |peer, turn, spaces| peer.stored(turn, id, spaces, &news));
        if waits {
            actions.extend(self.plan_flush(now, id));
        }
        actions
    }

    pub(super) fn admitted(&mut self, now: u64, id: SpaceId, from: P, items: &[Item]) -> Vec<Action<P>> {
        let Some(last) = items.last() else { return Vec::new() };
        if let Some(space) = self.spaces.get_mut(&id) {
            space.admitted = Some((last.log, last.seq));
        }
        if self.holds_back(now, id) {
            if let Some(space) = self.spaces.get_mut(&id) {
                space.gathering.let_in(from, items);
            }
            return self.plan_flush(now, id);
        }
        self.with_followers(now, id, |peer, turn, spaces| {
            if peer.id != from {
                peer.forward(turn, id, spaces, items.iter());
            }
        })
    }

    /// Whether what comes to a space now waits for others. What does not, and goes to a crowd, begins its pause.
    fn holds_back(&mut self, now: u64, id: SpaceId) -> bool {
        let Some(space) = self.spaces.get_mut(&id) else { return false };
        let crowded = space.peers.len() > self.config.crowd as usize;
        let waits = space.gathering.holds_back(crowded, now, self.config.crowd_pause);
        if crowded && !waits {
            space.gathering.sent(now);
        }
        waits
    }

    /// Sees to it that what waits goes out when the pause is over, or now if it fills a frame.
    fn plan_flush(&mut self, now: u64, id: SpaceId) -> Vec<Action<P>> {
        let Some(space) = self.spaces.get_mut(&id) else { return Vec::new() };
        let (entries, bytes) = space.gathering.load();
        if entries >= self.config.batch_entries as usize || bytes >= self.config.batch_bytes as usize {
            return self.flush(now, id);
        }
        if space.gathering.due.is_none() {
            let at = space.gathering.pause_over(now, self.config.crowd_pause);
            space.gathering.due = Some(at);
            self.timers.set_flush(at, id);
        }
        Vec::new()
    }

    /// What waits in a space goes out to everyone who follows it.
    pub(super) fn flush(&mut self, now: u64, id: SpaceId) -> Vec<Action<P>> {
        let Some(space) = self.spaces.get_mut(&id) else { return Vec::new() };
        if let Some(at) = space.gathering.due {
            self.timers.clear_flush(at, id);
        }
        let (stored, let_in) = space.gathering.take();
        let actions =
            self.with_followers(now, id, |peer, turn, spaces| peer.flushed(turn, id, spaces, (&stored, &let_in)));
        let entries = |action: &Action<P>| matches!(action, Action::Send { frame: Frame::Entries { .. }, .. });
        // Where everyone had it already, the next word need not wait.
        if let Some(space) = self.spaces.get_mut(&id).filter(|_| actions.iter().any(entries)) {
            space.gathering.sent(now);
        }
        actions
    }
}
