//! What the switchboard remembers of one device.

use std::net::SocketAddr;

use iroh::endpoint::Connection;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::ConnectionState;
use crate::greeting::{Greeting, Seen, Standing};
use crate::lifecycle::{LifeCycle, Patience};
use crate::link::{Control, Order};
use crate::listen::Place;

/// A dial under way.
pub(super) struct Dial {
    pub(super) number: u64,
    pub(super) task: AbortHandle,
    pub(super) deadline: Instant,
    /// The number of the pick that our greeting carries, once it is on its way.
    pub(super) promised: u64,
}

/// The connection in use.
pub(super) struct Current {
    pub(super) number: u64,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    pub(super) outgoing: bool,
    pub(super) instance: u64,
    pub(super) pick: u64,
}

/// A connection that both sides have agreed on.
pub(super) struct Agreed {
    pub(super) connection: Connection,
    pub(super) control: Control,
    /// Our greeting, if it is still to be sent.
    pub(super) greeting: Option<Greeting>,
    pub(super) outgoing: bool,
    /// The other side's run, and the number of the pick.
    pub(super) instance: u64,
    pub(super) pick: u64,
    /// Its place among those of its address, if it came in.
    pub(super) seat: Option<Place>,
}

/// Everything about one device.
pub(super) struct Peer {
    /// Where the connection with it stands.
    pub(super) life: LifeCycle,
    /// Where the node says it is.
    pub(super) given: Vec<SocketAddr>,
    /// When the life cycle wants to be woken.
    pub(super) timer: Option<Instant>,
    pub(super) dial: Option<Dial>,
    pub(super) current: Option<Current>,
    /// Takes the current one's place when that has ended.
    pub(super) next: Option<Agreed>,
    /// The last pick seen from it, if it is the one that picks.
    pub(super) seen: Seen,
    /// The state the node has heard of.
    pub(super) told: ConnectionState,
}

impl Peer {
    /// Nothing yet.
    pub(super) fn new(patience: Patience) -> Self {
        Self {
            life: LifeCycle::new(patience),
            given: Vec::new(),
            timer: None,
            dial: None,
            current: None,
            next: None,
            seen: Seen::default(),
            told: ConnectionState::Idle,
        }
    }

    /// What there is with the device, for deciding on another connection.
    pub(super) fn standing(&self) -> Standing {
        if let Some(next) = &self.next {
            return Standing::Linked { outgoing: next.outgoing, instance: next.instance, pick: next.pick };
        }
        if let Some(current) = &self.current {
            return Standing::Linked { outgoing: current.outgoing, instance: current.instance, pick: current.pick };
        }
        match &self.dial {
            Some(dial) if dial.promised > 0 => Standing::Promised,
            _ => Standing::Free,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.life.state() == ConnectionState::Idle
            && !self.life.wanted()
            && self.current.is_none()
            && self.next.is_none()
            && self.dial.is_none()
            && self.told == ConnectionState::Idle
    }
}
