//! Incoming connections: who gets as far as a greeting.
//!
//! Any device may connect; whether it is welcome is the node's to say, as the redeemer of an invitation is a stranger
//! until then. So what a stranger can cost is bounded here: handshakes at the same time, in all and from one address,
//! and the time each may take. When half of the places are taken, the sender's address must prove itself first (QUIC
//! Retry, which costs us nothing to remember), so that forged addresses cannot fill the other half.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iroh::Endpoint;
use iroh::endpoint::{Accepting, Connection, Incoming, IncomingAddr};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::counters::count;
use crate::frame::{self, StreamEnd};
use crate::greeting::{GREETING_LEN, Greeting};
use crate::link::Control;
use crate::shared::Shared;
use crate::{CloseCode, Limits, Timings};

/// A connection that came in, proved its device's key, and greeted.
pub(crate) struct Offered {
    pub(crate) connection: Connection,
    pub(crate) control: Control,
    pub(crate) greeting: Greeting,
    /// Its place among the handshakes, until it is decided on.
    pub(crate) place: Place,
}

/// Places: for handshakes, and for connections.
#[derive(Debug)]
pub(crate) struct Gate {
    all: usize,
    by_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// By address. Whoever comes through a meeting point has none that could be counted: they all share the places of one.
    by: HashMap<Option<IpAddr>, usize>,
}

impl Gate {
    /// So many places in all, and so many for one address.
    pub(crate) fn new(all: usize, by_address: usize) -> Arc<Self> {
        Arc::new(Self { all, by_address, taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn half_taken(&self) -> bool {
        self.taken().all * 2 >= self.all
    }

    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let mut taken = self.taken();
        let by = taken.by.get(&address).copied().unwrap_or(0);
        if taken.all >= self.all || by >= self.by_address {
            return None;
        }
        taken.all += 1;
        taken.by.insert(address, by + 1);
        Some(Place { gate: self.clone(), address })
    }
}

/// A place, taken until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<Gate>,
    address: Option<IpAddr>,
}

impl Place {
    /// Where whoever has it comes from; none: not directly.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.gate.taken();
        taken.all -= 1;
        if let Some(by) = taken.by.get_mut(&self.address) {
            *by -= 1;
            if *by == 0 {
                taken.by.remove(&self.address);
            }
        }
    }
}

/// Takes in connections until the endpoint closes.
pub(crate) async fn listen(
    endpoint: Endpoint,
    offers: mpsc::Sender<Offered>,
    shared: Arc<Shared>,
    timings: Timings,
    limits: Limits,
) {
    let gate = Gate::new(limits.handshakes, limits.handshakes_per_address);
    let mut handshakes = JoinSet::new();
    loop {
        tokio::select! {
            incoming = endpoint.accept() => {
                let Some(incoming) = incoming else { return };
                let Some((accepting, place)) = screen(incoming, &gate, &shared) else { continue };
                let (offers, shared) = (offers.clone(), shared.clone());
                handshakes.spawn(async move {
                    match timeout(timings.handshake, shake(accepting, place)).await {
                        Ok(Ok(offered)) => {
                            let _ = offers.send(offered).await;
                        }
                        Ok(Err(Some(CloseCode::Version))) => count(&shared.counters.other_version),
                        Ok(Err(Some(CloseCode::TooLarge))) => count(&shared.counters.too_large),
                        Ok(Err(Some(CloseCode::Truncated))) => count(&shared.counters.truncated),
                        Ok(Err(Some(_))) => count(&shared.counters.malformed),
                        Ok(Err(None)) | Err(_) => count(&shared.counters.failed_handshakes),
                    }
                });
            }
            Some(_) = handshakes.join_next() => {}
        }
    }
}

/// Lets an attempt begin its handshake, or turns it away at the price of one packet.
fn screen(incoming: Incoming, gate: &Arc<Gate>, shared: &Shared) -> Option<(Accepting, Place)> {
    if gate.half_taken() && !incoming.remote_addr_validated() {
        // Fails only for an address that is validated.
        let _ = incoming.retry();
        return None;
    }
    let address = match incoming.remote_addr() {
        IncomingAddr::Ip(address) => Some(address.ip().to_canonical()),
        _ => None,
    };
    let Some(place) = gate.enter(address) else {
        count(&shared.counters.refused_handshakes);
        incoming.refuse();
        return None;
    };
    let Ok(accepting) = incoming.accept() else {
        count(&shared.counters.failed_handshakes);
        return None;
    };
    count(&shared.counters.accepted);
    Some((accepting, place))
}

/// The handshake, up to the other side's greeting. The error is what it was closed with, if it was.
async fn shake(accepting: Accepting, place: Place) -> Result<Offered, Option<CloseCode>> {
    let connection = accepting.await.map_err(|_| None)?;
    let (send, mut recv) = connection.accept_bi().await.map_err(|_| None)?;
    match read_greeting(&connection, &mut recv).await {
        Ok(greeting) => Ok(Offered { connection, control: (send, recv), greeting, place }),
        Err(code) => {
            if let Some(code) = code {
                tracing::debug!(device = %connection.remote_id().fmt_short(), %code, "no greeting");
                close_and_tell(&connection, code).await;
            }
            Err(code)
        }
    }
}

/// Reads the other side's greeting. The error is what the other side did wrong; none: the connection is gone.
pub(crate) async fn read_greeting(
    connection: &Connection,
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
) -> Result<Greeting, Option<CloseCode>> {
    let end = match frame::read_frame(stream, GREETING_LEN.max(64)).await {
        Ok(bytes) => match Greeting::decode(&bytes) {
            Ok(greeting) => return Ok(greeting),
            Err(code) => StreamEnd::Fault(code),
        },
        Err(end) => end,
    };
    match end {
        _ if connection.close_reason().is_some() => Err(None),
        StreamEnd::Fault(code) => Err(Some(code)),
        StreamEnd::Finished => Err(Some(CloseCode::Truncated)),
        StreamEnd::Gone => Err(None),
    }
}

/// Closes a connection. Dropping the last handle right after is fine: the code is sent all the same.
async fn close_and_tell(connection: &Connection, code: CloseCode) {
    connection.close(code.wire(), b"");
    connection.closed().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_without_an_address_share_the_places_of_one() {
        let gate = Gate::new(10, 2);
        let first = gate.enter(None);
        let second = gate.enter(None);
        assert!(first.is_some() && second.is_some() && gate.enter(None).is_none());
        assert!(gate.enter("192.0.2.1".parse().ok()).is_some(), "whoever has an address has places of their own");
        drop(first);
        assert!(gate.enter(None).is_some());
        drop(second);
        assert!(gate.taken().by.is_empty() && gate.taken().all == 0);
    }
}
