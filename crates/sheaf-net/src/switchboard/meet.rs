//! Dialling and being dialled, up to the point where both sides agree on a connection.

use iroh::endpoint::Connection;
use iroh::{EndpointAddr, EndpointId, TransportAddr};
use sheaf_access::DeviceId;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout_at};

use super::peer::{Agreed, Dial, Peer};
use super::{Switchboard, merged};
use crate::counters::count;
use crate::dial::{Answered, decline, greet, reach};
use crate::greeting::{Greeting, Seen, Standing, verdict};
use crate::lifecycle::Input;
use crate::listen::Offered;
use crate::{CloseCode, DisconnectReason};

/// How far a dial has come.
pub(super) enum Progress {
    Reached(Connection),
    Answered(Box<Answered>),
    Failed(DisconnectReason),
}

impl Switchboard {
    /// Whether this side decides which connection is used with a device.
    fn picks(&self, device: DeviceId) -> bool {
        self.me < device
    }

    pub(super) fn dial(&mut self, device: DeviceId) {
        self.numbers += 1;
        let number = self.numbers;
        let deadline = Instant::now() + self.config.timings.dial;
        let found = self.found.get(&device).cloned().unwrap_or_default();
        let addresses = merged(&[&found, &self.peer(device).given]);
        let ways: Vec<TransportAddr> =
            addresses.into_iter().map(TransportAddr::Ip).chain(self.meetings.ways()).collect();
        let (endpoint, config) = (self.endpoint.clone(), self.outgoing.clone());
        let task = self.dials.spawn(async move {
            let reached = async {
                if ways.is_empty() {
                    return Err(DisconnectReason::Unreachable);
                }
                // Checked when the node asked for it; an id that is no key cannot be proved by anyone anyway.
                let id = EndpointId::from_bytes(device.as_bytes()).map_err(|_| DisconnectReason::Unreachable)?;
                let address = EndpointAddr::from_parts(id, ways);
                reach(endpoint, address, config).await
            };
            let progress = match timeout_at(deadline, reached).await {
                Ok(Ok(connection)) => Progress::Reached(connection),
                Ok(Err(reason)) => Progress::Failed(reason),
                Err(_) => Progress::Failed(DisconnectReason::Unreachable),
            };
            (device, number, progress)
        });
        self.peer(device).dial = Some(Dial { number, task, deadline, promised: 0 });
    }

    pub(super) fn cancel_dial(&mut self, device: DeviceId) {
        if let Some(dial) = self.peers.get_mut(&device).and_then(|peer| peer.dial.take()) {
            dial.task.abort();
        }
    }

    pub(super) fn dialled(&mut self, device: DeviceId, number: u64, progress: Progress) {
        let picks = self.picks(device);
        let Some(peer) = self.peers.get_mut(&device) else { return };
        // A dial that was given up while its end was on the way here.
        let Some(dial) = peer.dial.as_mut().filter(|dial| dial.number == number) else {
            if let Progress::Reached(connection) = progress {
                decline(&connection, CloseCode::Superseded);
            }
            return;
        };
        match progress {
            Progress::Reached(connection) => {
                let greeting = if picks {
                    self.picks += 1;
                    dial.promised = self.picks;
                    Greeting { instance: self.instance, pick: self.picks, seen: Seen::default() }
                } else {
                    Greeting { instance: self.instance, pick: 0, seen: peer.seen }
                };
                let deadline = dial.deadline;
                dial.task = self.dials.spawn(async move {
                    let progress = match timeout_at(deadline, greet(connection, greeting)).await {
                        Ok(Ok(answered)) => Progress::Answered(Box::new(answered)),
                        Ok(Err(reason)) => Progress::Failed(reason),
                        Err(_) => Progress::Failed(DisconnectReason::Unreachable),
                    };
                    (device, number, progress)
                });
            }
            Progress::Answered(answered) => {
                let Answered { connection, control, answer } = *answered;
                let promised = dial.promised;
                peer.dial = None;
                let pick = if picks { promised } else { answer.pick };
                if picks != (answer.pick == 0) {
                    count(&self.shared.counters.malformed);
                    decline(&connection, CloseCode::Malformed);
                    self.dial_failed(device, DisconnectReason::Ours(CloseCode::Malformed));
                    return;
                }
                if !picks {
                    if !peer.seen.is_superseded_by(answer.instance, pick) {
                        decline(&connection, CloseCode::Superseded);
                        self.dial_failed(device, DisconnectReason::Ours(CloseCode::Superseded));
                        return;
                    }
                    peer.seen = Seen { instance: answer.instance, pick };
                }
                let (outgoing, instance) = (true, answer.instance);
                let agreed = Agreed { connection, control, greeting: None, outgoing, instance, pick, seat: None };
                self.agreed(device, agreed);
            }
            Progress::Failed(reason) => {
                peer.dial = None;
                self.dial_failed(device, reason);
            }
        }
    }

    /// A dial was given up, or panicked. The latter is a bug somewhere below, and no reason to stop dialling.
    pub(super) fn dial_broke(&mut self, error: &JoinError) {
        let broken = |peer: &Peer| peer.dial.as_ref().is_some_and(|dial| dial.task.id() == error.id());
        if let Some(device) = self.peers.iter().find_map(|(device, peer)| broken(peer).then_some(*device)) {
            tracing::error!(device = %device.short(), %error, "a dial broke off");
            self.peer(device).dial = None;
            self.dial_failed(device, DisconnectReason::Unreachable);
        }
    }

    pub(super) fn dial_failed(&mut self, device: DeviceId, reason: DisconnectReason) {
        tracing::debug!(device = %device.short(), %reason, "dial failed");
        self.shared.entry(device, |entry| entry.last = Some(reason));
        self.apply(device, Input::DialFailed { fault: reason.is_fault() });
    }

    pub(super) fn offered(&mut self, offered: Offered) {
        let Offered { connection, control, greeting: offer, place } = offered;
        let device = DeviceId::from_bytes(*connection.remote_id().as_bytes());
        let picks = self.picks(device);
        if picks != (offer.pick == 0) {
            count(&self.shared.counters.malformed);
            decline(&connection, CloseCode::Malformed);
            return;
        }
        let (standing, seen) =
            self.peers.get(&device).map_or((Standing::Free, Seen::default()), |peer| (peer.standing(), peer.seen));
        let taken = if picks {
            verdict(self.instance, standing, &offer)
        } else {
            seen.is_superseded_by(offer.instance, offer.pick)
        };
        if !taken {
            decline(&connection, CloseCode::Superseded);
            return;
        }
        if !self.has_room_for(device) {
            count(&self.shared.counters.refused_connections);
            decline(&connection, CloseCode::Busy);
            return;
        }
        let Some(seat) = self.seats.enter(place.address()) else {
            count(&self.shared.counters.refused_connections);
            decline(&connection, CloseCode::Busy);
            return;
        };
        let (pick, answer) = if picks {
            self.picks += 1;
            (self.picks, Greeting { instance: self.instance, pick: self.picks, seen: Seen::default() })
        } else {
            let seen = Seen { instance: offer.instance, pick: offer.pick };
            self.peer(device).seen = seen;
            (offer.pick, Greeting { instance: self.instance, pick: 0, seen })
        };
        let greeting = Some(answer);
        let (outgoing, instance, seat) = (false, offer.instance, Some(seat));
        let agreed = Agreed { connection, control, greeting, outgoing, instance, pick, seat };
        self.agreed(device, agreed);
    }

    pub(super) fn known(&self, device: DeviceId) -> bool {
        self.admitted.contains(&device) || self.peers.get(&device).is_some_and(|peer| peer.life.wanted())
    }

    pub(super) fn has_room_for(&self, device: DeviceId) -> bool {
        let connected = |peer: &Peer| peer.current.is_some() || peer.next.is_some();
        if self.peers.get(&device).is_some_and(connected) {
            // It only takes the place of its own.
            return true;
        }
        let all = self.peers.values().filter(|peer| connected(peer)).count();
        if all >= self.config.limits.connections {
            return false;
        }
        self.known(device) || {
            let strangers = self.peers.iter().filter(|(device, peer)| connected(peer) && !self.known(**device)).count();
            strangers < self.config.limits.strangers
        }
    }
}
