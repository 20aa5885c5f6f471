//! Words: what two nodes have to say to each other about a space besides its entries, opaque to the machine.
//!
//! They are for what is rare: telling a former member that they were removed, finding where two branches of a log part.
//! A word carries its sender no further than it had got: one about a space that has no lane here is not looked at.

use sheaf_access::SpaceId;

use crate::action::Action;
use crate::frame::Frame;
use crate::lane::Lane;
use crate::peer::{Peer, PeerId, Turn};
use crate::space::Spaces;
use crate::tag::Tag;

impl<P: PeerId> Peer<P> {
    /// Our node has something to say.
    pub fn say(&self, turn: &mut Turn<'_, P>, space: &SpaceId, word: Vec<u8>) {
        turn.send(self.id, Frame::Word { tag: Tag::of(space, &self.nonce), word });
    }

    /// They say something. Words are said when a branch of a log has grown: what they could not take for want of it they may
    /// take now.
    pub fn said(&mut self, turn: &mut Turn<'_, P>, spaces: &Spaces<P>, tag: Tag, word: Vec<u8>) {
        let Some(id) = self.tags.get(&tag).copied() else { return };
        turn.actions.push(Action::Said { peer: self.id, space: id, word });
        if self.lanes.get_mut(&id).is_some_and(Lane::lift_dependent) {
            self.pump(turn, id, spaces);
        }
    }
}
