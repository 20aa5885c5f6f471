//! Words: what two nodes have to say to each other about a space besides its entries, opaque to the machine.
//!
//! They are for what is rare: telling a former member that they were removed, finding where two branches of a log part.
//! A word carries its sender no further than it had got: one about a space that has no lane here is not looked at.

use sheaf_access::SpaceId;

use crate::action::Action;
use crate::frame::Frame;
use crate::peer::{Peer, PeerId, Turn};
use crate::tag::Tag;

impl<P: PeerId> Peer<P> {
    /// Our node has something to say.
    pub fn say(&self, turn: &mut Turn<'_, P>, space: &SpaceId, word: Vec<u8>) {
        turn.send(self.id, Frame::Word { tag: Tag::of(space, &self.nonce), word });
    }

    /// They say something.
    pub fn said(&self, turn: &mut Turn<'_, P>, tag: Tag, word: Vec<u8>) {
        if let Some(space) = self.tags.get(&tag) {
            turn.actions.push(Action::Said { peer: self.id, space: *space, word });
        }
    }
}
