//! Receipts (N5): which device has confirmed which of this device's own entries, and when.
//!
//! The window's status line is made from these and from nothing else. There are two kinds. What a *connection* confirms is
//! known at once and forgotten when the program ends; what a device has *signed* comes within a second or so, is checked,
//! kept, and proves the same to anyone. Whoever has confirmed more than they have signed is asked to sign, once for each
//! piece of news, so that nobody signs while a letter waits.

use std::collections::{BTreeMap, BTreeSet};

use sheaf_access::{DeviceId, LogId, SpaceId};
use sheaf_log::Frontier;
use sheaf_store::{StoreError, Table};

use crate::core::{Core, locked, now};
use crate::refusals::Refused;
use crate::space::Space;
use crate::view::NodeEvent;

/// A signed receipt, as it is kept: the last of each device in each space.
const RECEIPT: &[u8] = b"receipt/";

/// What one device has confirmed of one space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The highest sequence number of this device's own log that it holds durably.
    pub own: u64,
    /// When it said so, in milliseconds since 1970.
    pub at: u64,
    /// Up to where it has signed that.
    pub signed: u64,
    /// When it signed, by its own clock.
    pub signed_at: Option<u64>,
    /// The own log that all this is about.
    log: LogId,
}

/// The last receipt of every device for every space.
#[derive(Default)]
pub struct Receipts {
    last: BTreeMap<(SpaceId, DeviceId), Receipt>,
    /// Who has confirmed more than they have signed, and has not been asked to sign.
    unasked: BTreeSet<(SpaceId, DeviceId)>,
}

impl Receipts {
    /// Takes in what a connection confirms of the own log; what says less than an earlier word changes only the time.
    /// Returns whether it says more.
    pub fn note(&mut self, space: SpaceId, device: DeviceId, log: LogId, own: u64, at: u64) -> bool {
        let last = self.about(space, device, log);
        let more = own > last.own;
        last.own = last.own.max(own);
        last.at = last.at.max(at);
        if last.own > last.signed {
            self.unasked.insert((space, device));
        }
        more
    }

    /// Takes in what a device has signed. Returns whether it says more than it had signed before.
    pub fn note_signed(&mut self, space: SpaceId, device: DeviceId, log: LogId, own: u64, time: u64) -> bool {
        let last = self.about(space, device, log);
        if own <= last.signed && last.signed_at.is_some() {
            return false;
        }
        last.own = last.own.max(own);
        last.signed = own;
        last.signed_at = Some(time);
        // Its own clock may be ahead, and the person's is the one that is shown.
        last.at = if last.at == 0 { time } else { last.at };
        true
    }

    /// Who is to be asked to sign now, among those who can be.
    pub fn take_unsigned(&mut self, can_be_asked: impl Fn(&SpaceId, &DeviceId) -> bool) -> Vec<(SpaceId, DeviceId)> {
        // Whoever is away comes up again when they are back and say what they hold.
        let news = std::mem::take(&mut self.unasked);
        news.into_iter().filter(|(space, device)| can_be_asked(space, device)).collect()
    }

    /// A device's last receipt for a space.
    pub fn of(&self, space: SpaceId, device: DeviceId) -> Option<Receipt> {
        self.last.get(&(space, device)).copied()
    }

    /// The highest own sequence number that at least one other device has confirmed.
    pub fn confirmed(&self, space: SpaceId) -> u64 {
        self.last.iter().filter(|((of, _), _)| *of == space).map(|(_, receipt)| receipt.own).max().unwrap_or(0)
    }

    /// The devices that have said, since a time, that they hold a log up to a place.
    pub fn holders(&self, space: SpaceId, log: LogId, upto: u64, since: u64) -> Vec<DeviceId> {
        let holds = |receipt: &Receipt| receipt.log == log && receipt.own >= upto && receipt.at >= since;
        let of = self.last.iter().filter(|((of, _), receipt)| *of == space && holds(receipt));
        of.map(|((_, device), _)| *device).collect()
    }

    /// The receipt about this log. One about an earlier log of this device says nothing of the new one.
    fn about(&mut self, space: SpaceId, device: DeviceId, log: LogId) -> &mut Receipt {
        let none = Receipt { own: 0, at: 0, signed: 0, signed_at: None, log };
        let last = self.last.entry((space, device)).or_insert(none);
        if last.log != log {
            *last = none;
        }
        last
    }
}

impl Core {
    /// A device has confirmed on its connection what it holds of a space.
    pub fn receipt(&self, device: DeviceId, space: SpaceId, frontier: &Frontier) {
        let Some(held) = self.space(space) else { return };
        let (log, written) = {
            let state = held.lock();
            (state.log.id, state.log.seq)
        };
        let own = frontier.get(&log);
        if own > written {
            tracing::warn!(%device, %space, own, written, "it claims to hold more than was ever written here: that is no receipt");
            return;
        }
        locked(&self.receipts).note(space, device, log, own, now());
        self.note_taken(&held, (log, own));
        self.say(NodeEvent::Placement { space: space.to_string() });
    }

    /// A device has sent a signed receipt. One that is not what it should be is worth a line in the log, no more. Blocks.
    pub fn signed_receipt(&self, device: DeviceId, space: SpaceId, bytes: &[u8]) {
        let receipt = match sheaf_log::Receipt::verify(bytes) {
            Ok(receipt) if receipt.space == space && receipt.device == device => receipt,
            Ok(_) => return self.refused(device, &Refused::receipt("It is another device's, or for another space.")),
            Err(error) => return self.refused(device, &Refused::receipt(&error.to_string())),
        };
        let Some(held) = self.space(space) else { return };
        let (log, written) = {
            let state = held.lock();
            (state.log.id, state.log.seq)
        };
        let own = receipt.held.get(&log);
        if own > written {
            return self.refused(device, &Refused::receipt("It is for more than was ever written."));
        }
        if locked(&self.receipts).note_signed(space, device, log, own, receipt.time) {
            if let Err(error) = self.store.put(Table::Peers, &record(space, device), bytes) {
                tracing::warn!(%error, "a receipt is not kept");
            }
            self.say(NodeEvent::Placement { space: space.to_string() });
        }
    }

    /// Signs what is durable here of these devices' logs in a space.
    pub fn sign_receipt(&self, space: SpaceId, held: &Frontier, of: &BTreeSet<DeviceId>) -> Option<Vec<u8>> {
        let me = self.me().ok()?;
        let held = held.iter().filter(|(log, _)| of.contains(&log.device)).map(|(log, seq)| (*log, seq)).collect();
        Some(sheaf_log::Receipt::sign(space, held, now(), &me.keys.device).encoded().to_vec())
    }

    /// Takes the kept receipts of a space out of the store; each was checked when it came, and is again.
    pub fn load_receipts(&self, space: &Space) -> Result<(), StoreError> {
        let (log, written) = {
            let state = space.lock();
            (state.log.id, state.log.seq)
        };
        let prefix = [RECEIPT, space.id.as_bytes()].concat();
        let mut receipts = locked(&self.receipts);
        for (_, bytes) in self.store.scan(Table::Peers, &prefix)? {
            let Ok(receipt) = sheaf_log::Receipt::verify(&bytes) else { continue };
            let own = receipt.held.get(&log).min(written);
            if receipt.space == space.id && own > 0 {
                receipts.note_signed(space.id, receipt.device, log, own, receipt.time);
            }
        }
        Ok(())
    }
}

fn record(space: SpaceId, device: DeviceId) -> Vec<u8> {
    [RECEIPT, space.as_bytes(), device.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (SpaceId, DeviceId, LogId) {
        let device = DeviceId::from_bytes([2; 32]);
        (SpaceId::from_bytes([1; 32]), device, LogId { device: DeviceId::from_bytes([3; 32]), nonce: 7 })
    }

    #[test]
    fn a_receipt_never_takes_back_what_an_earlier_one_proved() {
        let (space, device, log) = ids();
        let mut receipts = Receipts::default();
        assert!(receipts.note(space, device, log, 5, 100));
        assert!(!receipts.note(space, device, log, 3, 200));
        let last = receipts.of(space, device).unwrap();
        assert_eq!((last.own, last.at, last.signed), (5, 200, 0));
        assert_eq!(receipts.confirmed(space), 5);
        assert_eq!(receipts.confirmed(SpaceId::from_bytes([9; 32])), 0);
        assert!(receipts.note_signed(space, device, log, 5, 150));
        assert!(!receipts.note_signed(space, device, log, 4, 160), "an older one changes nothing");
        assert_eq!(receipts.of(space, device).unwrap().signed_at, Some(150));
    }

    #[test]
    fn each_is_asked_to_sign_once_for_each_piece_of_news() {
        let (space, device, log) = ids();
        let mut receipts = Receipts::default();
        receipts.note(space, device, log, 1, 100);
        receipts.note(space, device, log, 2, 110);
        assert_eq!(receipts.take_unsigned(|_, _| true), vec![(space, device)]);
        assert!(receipts.take_unsigned(|_, _| true).is_empty());
        receipts.note_signed(space, device, log, 2, 120);
        receipts.note(space, device, log, 2, 130);
        assert!(receipts.take_unsigned(|_, _| true).is_empty(), "all of it is signed");
        receipts.note(space, device, log, 3, 140);
        assert!(receipts.take_unsigned(|_, _| false).is_empty(), "they are away");
        assert!(receipts.take_unsigned(|_, _| true).is_empty(), "and asked when they are heard of again");
        receipts.note(space, device, log, 3, 150);
        assert_eq!(receipts.take_unsigned(|_, _| true), vec![(space, device)]);
    }

    #[test]
    fn a_receipt_for_one_log_says_nothing_of_the_next() {
        let (space, device, log) = ids();
        let next = LogId { nonce: 8, ..log };
        let mut receipts = Receipts::default();
        receipts.note(space, device, log, 50, 100);
        assert!(receipts.note(space, device, next, 1, 200));
        assert_eq!(receipts.of(space, device).unwrap().own, 1);
    }
}
