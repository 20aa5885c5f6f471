//! Behind a floor: what was pruned is not sent, but the checkpoint that stands for it is fetched (C3).
//!
//! ```text
//!  Ana (has pruned)                                              Ben (lacks what was pruned)
//!   |<------------------------------------------- Frontier(S) --|
//!   |-- Behind(S, bundle) -------------------------------------->|  Behind -> the node asks: Fetch
//!   |<------------------------------ WantBlob(S, bundle, range) --|
//!   |-- Blob(S, bundle, piece) --------------------------------->|  Piece; and so on, and then the blobs it names
//!   |                                                            |  verified, merged: Covered
//!   |<------------------------------------------- Frontier(S) --|
//!   |-- Entries(S): the tail ---------------------------------->|
//! ```
//!
//! A *bundle* is what makes sense of a checkpoint: the access entries needed and the checkpoint's own entry, as the node
//! has put them together. It is named by its hash and fetched like the blobs that it names. A piece is asked for before it
//! is sent, a few at a time, so a slow reader holds nobody up; where the bytes that are here already end is where asking
//! goes on, on whatever connection. Nothing of it counts before the node has said [`Event::Covered`](crate::Event).
//!
//! Meanwhile the lane sends nothing: what is beyond the floor builds on what is below.

use std::collections::{BTreeSet, VecDeque};

use sheaf_access::SpaceId;
use sheaf_log::{BlobId, BlobLink, Frontier, MAX_BLOB, Range};

use crate::action::Action;
use crate::close::CloseReason;
use crate::event::Ticket;
use crate::frame::{Frame, MAX_PIECE};
use crate::lane::Why;
use crate::peer::{Peer, PeerId, Turn};
use crate::refusal::{Refusal, Verdict};
use crate::space::{Space, Spaces};

/// How many pieces may be asked for ahead, at most.
pub(crate) const MAX_PIECES: u32 = 8;
/// How many pieces a peer may have asked for and not got: a few times as many, for it may change its mind.
const MAX_ASKED: usize = 24;

/// What one lane has to do with blobs.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    /// They were told that they are behind, and to fetch this.
    pub behind: Option<BlobId>,
    /// They do not take these.
    pub declined: BTreeSet<BlobId>,
    /// They have told us that we are behind.
    pub are_behind: bool,
    /// What is being fetched from them.
    fetching: Option<Fetching>,
    /// Pieces that they have asked for, in order; with what the node has read, while it has not read one before.
    serving: VecDeque<(Ticket, Option<Frame>)>,
    /// They know these endorsements.
    endorsed: BTreeSet<Vec<u8>>,
}

#[derive(Debug)]
struct Fetching {
    blob: BlobLink,
    /// Where the next piece to be asked for begins.
    asked: u64,
    /// Where the next piece to come begins.
    come: u64,
}

impl Blobs {
    /// Whether nothing is on its way.
    pub fn at_rest(&self) -> bool {
        self.behind.is_none() && !self.are_behind && self.fetching.is_none() && self.serving.is_empty()
    }

    pub fn footprint(&self) -> usize {
        self.serving.len() + usize::from(self.fetching.is_some())
    }
}

impl<P: PeerId> Peer<P> {
    /// Tells them that they are behind what was pruned here. Answers whether they are.
    pub fn check_floor(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>) -> Result<bool, CloseReason> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(false) };
        let below: Vec<_> =
            lane.lacking(space).into_iter().filter(|range| range.from <= space.floors.get(&range.log)).collect();
        if below.is_empty() {
            return Ok(false);
        }
        // The one that helps with most logs; of several, the last.
        let helps = |covers: &Frontier| below.iter().filter(|range| covers.holds(&range.log, range.from)).count();
        let bundles = space.bundles.iter().filter(|(bundle, _)| !lane.blobs.declined.contains(&bundle.id));
        let best = bundles.map(|(bundle, covers)| (*bundle, helps(covers))).max_by_key(|(_, helps)| *helps);
        if let Some((bundle, 1..)) = best {
            lane.blobs.behind = Some(bundle.id);
            turn.send(self.id, Frame::Behind { tag: lane.tag, bundle });
            return Ok(true);
        }
        // What stands below the floor cannot be had here in any other way, nor what follows it.
        let mut blocked = Vec::new();
        for range in below {
            if lane.block(range.log, range.from, Why::Pruned) {
                blocked.push((range.log, range.from, Refusal::Never(Verdict::CHECKPOINT_REFUSED)));
            }
        }
        self.withhold(turn, id, blocked)?;
        Ok(false)
    }

    /// Entries were pruned here, or something else stands for them now. What was being read for them at that moment may have
    /// come with gaps, or not at all; and what they did not get because they declined all that stood for it is offered again
    /// with what is `new`. They may have declined only because it was gone: a checkpoint that takes the place of another is
    /// there, and the other's blobs are not, a moment before this is told.
    pub fn floors_changed(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, spaces: &Spaces<P>, new: bool) {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return };
        lane.blobs.declined.retain(|declined| space.bundles.iter().any(|(bundle, _)| bundle.id == *declined));
        let lifted = new && lane.lift_pruned();
        let below = |range: &Range| range.from <= space.floors.get(&range.log);
        if lane.share && lane.known && (lifted || lane.lacking(space).iter().any(below)) {
            lane.look_again();
            self.pump(turn, id, spaces);
            self.settle(turn, id, space);
        }
    }

    /// They say that we are behind.
    pub fn are_behind(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, bundle: BlobLink) -> Result<(), CloseReason> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        if bundle.size > MAX_BLOB {
            return Err(CloseReason::BlobTooLarge);
        }
        lane.met = true;
        lane.synced = None;
        lane.blobs.are_behind = true;
        turn.actions.push(Action::Behind { peer: self.id, space: id, bundle });
        Ok(())
    }

    /// The node does not take what they told us to.
    pub fn decline(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>, bundle: BlobId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.blobs.are_behind = false;
        lane.blobs.fetching = None;
        turn.send(self.id, Frame::Declined { tag: lane.tag, bundle });
        self.settle(turn, id, space);
    }

    /// They do not take what we told them to.
    pub fn declined(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, spaces: &Spaces<P>, bundle: BlobId) {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return };
        if lane.blobs.behind == Some(bundle) {
            lane.blobs.behind = None;
            lane.blobs.declined.insert(bundle);
            lane.look_again();
            self.pump(turn, id, spaces);
            self.settle(turn, id, space);
        }
    }

    /// The node wants a blob from them, from a place on. It takes the place of what was fetched before.
    pub fn fetch(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, blob: BlobLink, from: u64) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        if from < blob.size {
            lane.blobs.fetching = Some(Fetching { blob, asked: from, come: from });
            self.ask_for_pieces(turn, id);
        }
    }

    fn ask_for_pieces(&mut self, turn: &mut Turn<'_, P>, id: SpaceId) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let Some(fetching) = &mut lane.blobs.fetching else { return };
        let (piece, ahead) = (u64::from(turn.config.piece_bytes), u64::from(turn.config.pieces));
        while fetching.asked < fetching.blob.size && fetching.asked < fetching.come + piece * ahead {
            let length = piece.min(fetching.blob.size - fetching.asked);
            let frame =
                Frame::WantBlob { tag: lane.tag, blob: fetching.blob.id, from: fetching.asked, length: length as u32 };
            turn.actions.push(Action::Send { peer: self.id, frame });
            fetching.asked += length;
        }
    }

    /// They want a piece of a blob.
    pub fn want_blob(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        (blob, from, length): (BlobId, u64, u32),
    ) -> Result<(), CloseReason> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        if length as usize > MAX_PIECE || from > MAX_BLOB {
            return Err(CloseReason::BlobTooLarge);
        }
        if !lane.share {
            // They are no member any more, or not yet: there is nothing to be had.
            turn.send(self.id, Frame::Blob { tag: lane.tag, blob, from, piece: Vec::new() });
            return Ok(());
        }
        if lane.blobs.serving.len() >= MAX_ASKED {
            return Err(CloseReason::WindowExceeded);
        }
        let ticket = turn.ticket();
        lane.blobs.serving.push_back((ticket, None));
        lane.synced = None;
        turn.actions.push(Action::ReadBlob { peer: self.id, space: id, ticket, blob, from, length });
        Ok(())
    }

    /// The node has read a piece.
    pub fn blob_read(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        space: &Space<P>,
        ticket: Ticket,
        (blob, from, mut piece): (BlobId, u64, Vec<u8>),
    ) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let Some((_, answer)) = lane.blobs.serving.iter_mut().find(|(asked, _)| *asked == ticket) else { return };
        if !lane.share {
            piece.clear();
        }
        piece.truncate(MAX_PIECE);
        *answer = Some(Frame::Blob { tag: lane.tag, blob, from, piece });
        // Pieces come in the order in which they were asked for, whichever was read first.
        while let Some((_, Some(_))) = lane.blobs.serving.front() {
            if let Some((_, Some(frame))) = lane.blobs.serving.pop_front() {
                turn.send(self.id, frame);
            }
        }
        self.settle(turn, id, space);
    }

    /// A piece has come.
    pub fn piece(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        (blob, from, piece): (BlobId, u64, Vec<u8>),
    ) -> Result<(), CloseReason> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        // What was asked for before the node thought better of it may still come.
        let Some(fetching) = lane.blobs.fetching.as_mut().filter(|fetching| fetching.blob.id == blob) else {
            return Ok(());
        };
        if from != fetching.come || from + piece.len() as u64 > fetching.asked {
            return if from > fetching.asked || piece.len() > MAX_PIECE { Err(CloseReason::OutOfStep) } else { Ok(()) };
        }
        let whole = fetching.blob;
        if piece.is_empty() {
            lane.blobs.fetching = None;
            turn.actions.push(Action::NoBlob { peer: self.id, space: id, blob: whole });
            return Ok(());
        }
        fetching.come += piece.len() as u64;
        if fetching.come == whole.size {
            lane.blobs.fetching = None;
        } else {
            // A piece shorter than asked for leaves a gap, which is asked for again.
            self.ask_for_pieces(turn, id);
        }
        turn.actions.push(Action::Piece { peer: self.id, space: id, blob: whole, from, piece });
        Ok(())
    }

    /// A checkpoint has been merged here: it is as if all that it covers had been stored.
    pub fn covered(
        &mut self,
        turn: &mut Turn<'_, P>,
        id: SpaceId,
        spaces: &Spaces<P>,
        news: &[(sheaf_access::LogId, u64, u64)],
    ) {
        let (Some(lane), Some(space)) = (self.lanes.get_mut(&id), spaces.get(&id)) else { return };
        for (log, before, now) in news {
            lane.theirs.we_have(*log, *before, *now);
            lane.we_got(log, *now);
            if lane.share {
                lane.untold.insert(*log, *now);
            }
        }
        lane.synced = None;
        lane.lift(space);
        if std::mem::take(&mut lane.blobs.are_behind) {
            lane.blobs.fetching = None;
            self.tell(turn, id, space, true);
        }
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        if lane.share {
            // Also when it is not known yet what they hold: they may turn out to hold what we held before.
            lane.look_again();
        }
        self.plan_receipt(turn, id);
        self.pump(turn, id, spaces);
        self.settle(turn, id, space);
    }

    /// Passes on endorsements that they may not know.
    pub fn endorse(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>) {
        let Some(lane) = self.lanes.get_mut(&id).filter(|lane| lane.share && lane.known) else { return };
        lane.blobs.endorsed.retain(|one| space.endorsements.contains(one));
        for endorsement in &space.endorsements {
            if lane.blobs.endorsed.insert(endorsement.clone()) {
                turn.actions.push(Action::Send {
                    peer: self.id,
                    frame: Frame::Endorsed { tag: lane.tag, endorsement: endorsement.clone() },
                });
            }
        }
    }

    /// They pass on an endorsement.
    pub fn endorsed(&mut self, turn: &mut Turn<'_, P>, id: SpaceId, space: &Space<P>, endorsement: Vec<u8>) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        if space.endorsements.contains(&endorsement) {
            lane.blobs.endorsed.insert(endorsement);
        } else {
            turn.actions.push(Action::Endorsed { peer: self.id, space: id, endorsement });
        }
    }
}
