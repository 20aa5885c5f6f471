//! How many logs there may be.
//!
//! Everything that is told of a space names its logs, so there must not be any number of them; and a device can sign the
//! first entry of as many as it likes, and show other ones to everybody. So how many it has *here* can be no verdict: two
//! receivers would hold on to different ones for ever, and with them to what honest people have built on them. But where a
//! log may stand can: a device has [`MAX_LOGS_OF_DEVICE`] places for logs in a space, the nonce of a log is its place, and
//! a log beyond them is refused by everyone who sees its first entry, whatever else they hold. Two logs in one place are two
//! entries in one place of a log, which is a fork, and is seen and resolved as one (L6).
//!
//! All logs of a space are counted besides. That is a local limit and no verdict: what does not fit is kept by whoever has it, and
//! offered again. It is high, and the last of the room is not for whoever comes first: some of it is kept for what somebody
//! else has built on, and the rest for those who have few.

use std::collections::{BTreeSet, VecDeque};

use sheaf_access::{AccessHistory, AccessOp, DeviceId, EntryHash, LogId, PersonId};

use crate::admit::{Held, NotAdmitted};
use crate::entry::Entry;
use crate::refusal::{Lacking, Refusal};

/// How many logs a device can have in a space: the nonce of each is below this (a protocol constant).
pub const MAX_LOGS_OF_DEVICE: u64 = 1_024;
/// The most logs in one space (a protocol constant).
pub const MAX_LOGS: usize = 5_000;
/// As many are taken of anyone.
const ANYONE: usize = 4_000;
/// As many if somebody else has built on the last.
const NEEDED: usize = 4_500;
/// Beyond that, who has this many here has no more.
const FEW: usize = 8;
/// How much is remembered to be needed.
const REMEMBERED: usize = 256;

/// Whether there is such a place for a log: a function of its name alone, so the same for everyone.
pub(crate) const fn is_place(log: &LogId) -> bool {
    log.nonce < MAX_LOGS_OF_DEVICE
}

/// Whether there is room for one more log, of which this is the first entry.
pub(crate) fn check<H: Held>(first: &Entry, held: &H, access: &AccessHistory) -> Result<(), NotAdmitted<H::Error>> {
    let logs = held.logs().map_err(NotAdmitted::Unreadable)?;
    if logs < ANYONE || logs < NEEDED && held.is_needed(first) {
        return Ok(());
    }
    if logs < MAX_LOGS {
        let theirs = devices_of_author(first, access);
        if held.logs_of(&theirs).map_err(NotAdmitted::Unreadable)? < FEW {
            return Ok(());
        }
    }
    Err(Refusal::TooManyLogs.into())
}

/// The devices of whoever wrote this, as far as they are known.
fn devices_of_author(first: &Entry, access: &AccessHistory) -> BTreeSet<DeviceId> {
    let device = first.log().device;
    let theirs = |person: &PersonId| -> BTreeSet<DeviceId> {
        let now = access.now();
        let devices = now.devices_of(person).map(|certificate| certificate.device);
        devices.chain(now.removed_devices_of(person)).collect()
    };
    let certified = match first.access_op() {
        Some(Ok(AccessOp::Redeem { certificate, .. } | AccessOp::AddDevice { certificate, .. })) => {
            Some(certificate).filter(|certificate| certificate.device == device).map(|certificate| certificate.person)
        }
        _ => None,
    };
    let person = certified.or_else(|| access.now().person_of(&device));
    person.as_ref().map(theirs).unwrap_or_default().into_iter().chain([device]).collect()
}

/// What others have built on of which there was nothing here, the last of it last: it is let in when there is little room.
#[derive(Clone, Default, Debug)]
pub struct Needed {
    logs: VecDeque<LogId>,
    access: VecDeque<EntryHash>,
}

impl Needed {
    /// An entry was not let in for want of this.
    pub fn note(&mut self, entry: &Entry, lacking: &Lacking) {
        let others = lacking.builds_on.iter().map(|on| on.log).filter(|log| log.device != entry.log().device);
        others.for_each(|log| remember(&mut self.logs, log));
        lacking.access.iter().for_each(|head| remember(&mut self.access, *head));
    }

    /// Whether this is some of it.
    pub fn is(&self, entry: &Entry) -> bool {
        self.logs.contains(&entry.log()) || self.access.contains(&entry.hash())
    }
}

fn remember<T: PartialEq>(known: &mut VecDeque<T>, one: T) {
    if !known.contains(&one) {
        known.push_back(one);
        known.drain(..known.len().saturating_sub(REMEMBERED));
    }
}
