//! Being asked to keep spaces.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sheaf_access::{DeviceId, SpaceId};
use sheaf_net::{CloseCode, Stream};
use sheaf_sync::{Hosting, HostingRefusal};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Answer, Engine};
use crate::admission::{Ask, Decision, NotHosted};
use crate::cluster::Order;
use crate::keeper::{Keeper, Space};

/// How many spaces the other relays are asked for, of those that a device names at once.
const PULLED: usize = 256;
/// How long a device waits for that.
const PATIENCE: Duration = Duration::from_secs(10);
/// After what time they are asked once more.
const ONCE_MORE: Duration = Duration::from_secs(15);
/// How many spaces a connection may have to do with.
const SPACES: usize = 16_384;
/// How many spaces of which nothing is here are open for one connection at a time: the others it has named are kept in mind.
const EMPTY: usize = 64;

impl Engine {
    /// A device names spaces that it would have kept here.
    pub(super) fn heard_hosting(&mut self, device: DeviceId, bytes: &Bytes) {
        let Some(Hosting::Ask { spaces, token }) = Hosting::decode(bytes) else {
            self.net.close(device, CloseCode::Protocol);
            return;
        };
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if peer.spaces.len() + peer.named.len() + spaces.len() > SPACES {
            self.net.close(device, CloseCode::Busy);
            return;
        }
        peer.looking += 1;
        let connection = peer.connection;
        let mut room = self.room_of(device);
        let keeper = Arc::clone(&self.keeper);
        let mut look = move |spaces: Vec<SpaceId>| {
            let mut looked = Looked { token: keeper.admission().knows(&token), ..Looked::default() };
            for id in spaces {
                match may_open(&keeper, id, &token) {
                    Ok(how) => looked.open(&keeper, (id, how), &mut room),
                    Err(reason) => looked.refused.push((id, reason)),
                }
            }
            Answer::Named { device, connection, looked }
        };
        let Some(orders) = self.elsewhere() else {
            return self.blocking(move || look(spaces));
        };
        self.demand(&spaces);
        let (keeper, answers) = (Arc::clone(&self.keeper), self.answers.clone());
        tokio::spawn(async move {
            let asked = spaces.clone();
            pull(keeper, &orders, &spaces).await;
            // The tasks may have ended meanwhile; then nobody waits for the answer.
            if let Ok(named) = tokio::task::spawn_blocking(move || look(spaces)).await {
                let _ = answers.send(named);
            }
            let _ = answers.send(Answer::Demanded(asked));
        });
    }

    /// From now on what comes of these spaces is taken in, until it is known whether they are kept here.
    fn demand(&mut self, spaces: &[SpaceId]) {
        if let Some(cluster) = &mut self.cluster {
            for space in spaces {
                *cluster.incoming.demanded.entry(*space).or_default() += 1;
            }
        }
    }

    /// It is known whether these are kept here.
    pub(super) fn demanded(&mut self, spaces: &[SpaceId]) {
        let Some(cluster) = &mut self.cluster else { return };
        for space in spaces {
            if let Some(count) = cluster.incoming.demanded.get_mut(space) {
                *count -= 1;
                if *count == 0 {
                    cluster.incoming.demanded.remove(space);
                }
            }
        }
    }

    /// How many more spaces of which nothing is here may be open for a connection.
    fn room_of(&mut self, device: DeviceId) -> usize {
        let Some(peer) = self.peers.get_mut(&device) else { return 0 };
        let spaces = &self.spaces;
        peer.empty.retain(|id| spaces.get(id).is_some_and(|followed| followed.space.is_empty()));
        EMPTY.saturating_sub(peer.empty.len())
    }

    /// Spaces that devices have named and that are not here are opened when others of theirs have come.
    pub(super) fn open_named(&mut self) {
        let waiting = self.peers.iter().filter(|(_, peer)| peer.looking == 0 && !peer.named.is_empty());
        for device in waiting.map(|(device, _)| *device).collect::<Vec<_>>() {
            let mut room = self.room_of(device);
            let Some(peer) = self.peers.get_mut(&device).filter(|_| room > 0) else { continue };
            let next: Vec<(SpaceId, How)> = peer.named.drain(..room.min(peer.named.len())).collect();
            peer.looking += 1;
            let (keeper, connection) = (Arc::clone(&self.keeper), peer.connection);
            self.blocking(move || {
                let mut looked = Looked::default();
                for one in next {
                    looked.open(&keeper, one, &mut room);
                }
                Answer::Named { device, connection, looked }
            });
        }
    }

    /// The spaces that a device has named are open, or kept in mind. What it shows to be a member's device is known by that.
    pub(super) fn named(&mut self, device: DeviceId, connection: u64, looked: Looked) {
        let Some(peer) = self.peers.get_mut(&device).filter(|peer| peer.connection == connection) else { return };
        let Looked { opened: spaces, named, refused, token } = looked;
        peer.named.extend(named);
        peer.empty.extend(spaces.iter().filter(|space| space.is_empty()).map(|space| space.id));
        if token {
            self.net.admit(device);
        }
        let kept: Vec<SpaceId> = spaces.iter().filter(|space| !space.waits()).map(|space| space.id).collect();
        for space in spaces {
            // In this order: with the space comes what the device has offered of it.
            self.open(&space);
            self.follow(device, space.id);
            self.members_changed(space.id);
            if space.had(device) {
                self.part(device, &space);
            }
        }
        self.keeps(device, kept);
        for (space, reason) in refused {
            self.refuse(device, space, reason);
        }
        self.looked(device, connection);
    }

    /// Says that spaces are kept here.
    pub(super) fn keeps(&mut self, device: DeviceId, spaces: Vec<SpaceId>) {
        if !spaces.is_empty() {
            self.send_bytes(device, Stream::Control, Bytes::from(Hosting::Keep { spaces }.encode()));
        }
    }

    /// Says that a space is not kept here.
    pub(super) fn refuse(&mut self, device: DeviceId, space: SpaceId, reason: HostingRefusal) {
        self.board.meters().not_hosted.add(1);
        tracing::info!(device = %device.short(), space = %space.short(), %reason, "a space is not taken in");
        let refusal = Hosting::Refuse { space, reason }.encode();
        self.send_bytes(device, Stream::Control, Bytes::from(refusal));
    }
}

/// Asks the other relays for those of the spaces that are not here. Each is asked for once more in a while: what was on its way from one
/// relay to another meanwhile may have passed by.
async fn pull(keeper: Arc<Keeper>, orders: &UnboundedSender<Order>, spaces: &[SpaceId]) {
    let named = spaces.to_vec();
    let lacking = tokio::task::spawn_blocking(move || {
        let lacking = |id: &SpaceId| keeper.keeps(*id).is_ok_and(|kept| !kept);
        named.into_iter().filter(lacking).take(PULLED).collect::<Vec<_>>()
    });
    let lacking = lacking.await.unwrap_or_default();
    let mut pulls = Vec::with_capacity(lacking.len());
    for space in lacking {
        let (done, pulled) = oneshot::channel();
        if orders.send(Order::Pull(space, Some(done))).is_ok() {
            pulls.push((space, pulled));
        }
    }
    let spaces: Vec<SpaceId> = pulls.iter().map(|(space, _)| *space).collect();
    let all = async {
        for (_, pulled) in pulls {
            // An error: it is ending.
            let _ = pulled.await;
        }
    };
    if timeout(PATIENCE, all).await.is_err() {
        tracing::info!("a space that is asked for is not here yet; what is, is served");
    }
    if !spaces.is_empty() {
        let orders = orders.clone();
        tokio::spawn(async move {
            tokio::time::sleep(ONCE_MORE).await;
            for space in spaces {
                // The task may have ended; then nobody waits for it.
                let _ = orders.send(Order::Pull(space, None));
            }
        });
    }
}

/// What came of a look for spaces that a device has named.
#[derive(Default)]
pub struct Looked {
    /// They are open.
    opened: Vec<Arc<Space>>,
    /// Nothing of them is here, and as many such are open as may be.
    named: Vec<(SpaceId, How)>,
    refused: Vec<(SpaceId, HostingRefusal)>,
    /// It knows the token.
    token: bool,
}

/// Why a space may be opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It is kept here.
    Kept,
    /// It would be, if it came.
    Wanted,
    /// It depends on whose device asks, which is not known yet.
    WhoAsks,
}

impl Looked {
    fn open(&mut self, keeper: &Keeper, (id, how): (SpaceId, How), room: &mut usize) {
        if how != How::Kept {
            if *room == 0 {
                self.named.push((id, how));
                return;
            }
            *room -= 1;
        }
        match keeper.open(id) {
            Ok(space) => {
                if how == How::WhoAsks {
                    space.wait_for_person();
                }
                self.opened.push(space);
            }
            Err(error) => self.refused.push((id, busy(id, &error))),
        }
    }
}

fn busy(id: SpaceId, error: &dyn std::fmt::Display) -> HostingRefusal {
    tracing::error!(%error, space = %id.short(), "a space cannot be opened");
    HostingRefusal::Busy
}

/// Whether a space may be opened: one that is kept here already, or one that may be.
fn may_open(keeper: &Keeper, id: SpaceId, token: &[u8]) -> Result<How, HostingRefusal> {
    if keeper.is_going(id).map_err(|error| busy(id, &error))? {
        return Err(HostingRefusal::Busy);
    }
    if keeper.keeps(id).map_err(|error| busy(id, &error))? {
        return Ok(How::Kept);
    }
    let token = std::str::from_utf8(token).ok().filter(|token| !token.is_empty());
    match keeper.admission().decide(&Ask { space: id, person: None, token }) {
        Decision::Refused(reason) => Err(reason.into()),
        Decision::Admitted => Ok(How::Wanted),
        Decision::WhoAsks => Ok(How::WhoAsks),
    }
}

impl From<NotHosted> for HostingRefusal {
    fn from(reason: NotHosted) -> Self {
        match reason {
            NotHosted::NoToken => Self::TokenWanted,
            NotHosted::WrongToken => Self::TokenUnknown,
            NotHosted::NotListed => Self::NotListed,
        }
    }
}
