//! Connections in use: begun, replaced, closed, ended.

use std::time::Duration;

use sheaf_access::DeviceId;
use tokio::sync::mpsc;
use tokio::task::JoinError;

use super::Switchboard;
use super::peer::{Agreed, Current};
use crate::dial::decline;
use crate::lifecycle::Input;
use crate::link::{Link, Order};
use crate::outbox::Outbox;
use crate::{CloseCode, ConnectionState, DisconnectReason, NetEvent};

impl Switchboard {
    /// Both sides agreed on a connection: use it, now or when the one before it has ended.
    pub(super) fn agreed(&mut self, device: DeviceId, agreed: Agreed) {
        self.cancel_dial(device);
        let peer = self.peer(device);
        if let Some(current) = &peer.current {
            let order = Order::Close { code: CloseCode::Superseded, flush: Duration::ZERO, quiet: false };
            let _ = current.orders.send(order);
            if let Some(older) = peer.next.replace(agreed) {
                decline(&older.connection, CloseCode::Superseded);
            }
        } else {
            self.start(device, agreed);
        }
    }

    pub(super) fn start(&mut self, device: DeviceId, agreed: Agreed) {
        let Agreed { connection, control, greeting, outgoing, instance, pick, seat } = agreed;
        self.numbers += 1;
        let number = self.numbers;
        let admitted = outgoing || self.known(device);
        let (outbox, opened) = Outbox::new(self.config.limits);
        let (orders, receiver) = mpsc::unbounded_channel();
        let carrying = connection.weak_handle();
        let link = Link {
            device,
            connection,
            control: Some(control),
            greeting,
            outgoing,
            admitted,
            outbox,
            opened,
            orders: receiver,
            events: self.events.clone(),
            shared: self.shared.clone(),
            timings: self.config.timings,
            limits: self.config.limits,
            _seat: seat,
        };
        let task = self.links.spawn(link.run());
        self.link_of.insert(task.id(), (device, number));
        self.peer(device).current = Some(Current { number, orders, outgoing, instance, pick });
        self.shared.entry(device, |entry| {
            entry.state = ConnectionState::Syncing;
            entry.connection = Some(carrying);
            entry.outgoing = Some(outgoing);
            entry.admitted = admitted;
        });
        self.apply(device, Input::Connected);
    }

    /// Ends the connection with a device. Its end comes back later.
    pub(super) fn close(&mut self, device: DeviceId, code: CloseCode, flush: Duration) {
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if let Some(next) = peer.next.take() {
            decline(&next.connection, code);
        }
        if let Some(current) = &peer.current {
            let _ = current.orders.send(Order::Close { code, flush, quiet: false });
        }
    }

    pub(super) fn ended(&mut self, ended: Result<(tokio::task::Id, DisconnectReason), JoinError>) {
        let (task, reason) = match ended {
            Ok(ended) => ended,
            // A link that panicked could not say that it ended. A bug, and the node must hear of it all the same.
            Err(error) => {
                let Some((device, number)) = self.link_of.remove(&error.id()) else { return };
                tracing::error!(device = %device.short(), %error, "a connection broke off");
                let (events, reason) = (self.events.clone(), DisconnectReason::Lost);
                let task = self.links.spawn(async move {
                    let _ = events.send(NetEvent::Disconnected { device, reason }.into()).await;
                    reason
                });
                self.link_of.insert(task.id(), (device, number));
                return;
            }
        };
        let Some((device, number)) = self.link_of.remove(&task) else { return };
        let Some(peer) = self.peers.get_mut(&device) else { return };
        if peer.current.as_ref().is_none_or(|current| current.number != number) {
            return;
        }
        tracing::debug!(device = %device.short(), %reason, "disconnected");
        peer.current = None;
        if let Some(next) = peer.next.take() {
            self.start(device, next);
            return;
        }
        self.shared.entry(device, |entry| {
            entry.last = Some(reason);
            entry.connection = None;
            entry.outgoing = None;
        });
        self.apply(device, Input::Lost { fault: reason.is_fault() });
    }
}
