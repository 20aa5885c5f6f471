//! Signed receipts (N5): asked for, and sent. What they say is for the node.

use sheaf_access::SpaceId;

use crate::action::Action;
use crate::frame::Frame;
use crate::peer::{Peer, PeerId, Turn};

impl<P: PeerId> Peer<P> {
    /// Our node would like theirs.
    pub fn ask_for_signed(&mut self, turn: &mut Turn<'_, P>, id: SpaceId) {
        if let Some(lane) = self.lanes.get(&id).filter(|lane| lane.share && lane.met) {
            turn.send(self.id, Frame::Sign { tag: lane.tag });
        }
    }

    /// They would like ours. Only a member is told anything.
    pub fn asks_for_signed(&mut self, turn: &mut Turn<'_, P>, id: SpaceId) {
        if self.lanes.get(&id).is_some_and(|lane| lane.share) {
            turn.actions.push(Action::Sign { peer: self.id, space: id });
        }
    }

    /// Our node has signed one for them.
    pub fn send_signed(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, receipt: Vec<u8>) {
        if let Some(lane) = self.lanes.get(&id).filter(|lane| lane.share && lane.met) {
            turn.send(self.id, Frame::Signed { tag: lane.tag, receipt });
        }
    }
}
