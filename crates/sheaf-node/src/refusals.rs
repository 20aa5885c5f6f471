//! What this device did not take from others: counted by device and rule, and said in the log.
//!
//! A hostile device can have itself refused a thousand times a second, and each time costs it nothing. So every refusal is
//! counted, but not every one is a line: of one device and one rule the 1st, 2nd, 4th, 8th, … is written, and never more
//! than [`LINES`] a minute in all, whoever they come from. What stays unsaid is counted too, and said with the next line.
//!
//! The counts are kept in memory alone, since the node was opened, for a bounded number of devices.

use std::collections::BTreeMap;

use sheaf_access::DeviceId;
use sheaf_net::{CloseCode, DisconnectReason};
use sheaf_sync::{CloseReason, Outcome, RedemptionRefusal};

use crate::core::{Core, locked, now};
use crate::view::{NodeEvent, RefusalInfo};

/// How many lines of the log refusals may take in a minute.
const LINES: u32 = 30;
/// A minute, in milliseconds.
const MINUTE: u64 = 60_000;
/// How many devices are remembered. Beyond it, the one that was refused longest ago is forgotten.
const DEVICES: usize = 512;
/// The longest reason that is kept, in bytes: some carry words of Automerge's.
const REASON: usize = 200;
/// The number of "what it builds on is not here", which happens between honest devices too.
const LACKING: u16 = 21;
/// From how many on that is worth a line.
const LACKING_QUIET: u64 = 16;

/// One refusal: its number, the rule it names, and why, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Up to 999 those of `sheaf-log`, from 1,000 those of `sheaf-sync`, from 2,000 those below.
    pub code: u16,
    /// The rule of the protocol.
    pub rule: &'static str,
    /// Why.
    pub reason: String,
}

impl Refused {
    /// What was not taken of what a peer sent.
    pub fn entry(outcome: &Outcome) -> Option<Self> {
        const FORGED: u16 = 8;
        let known = |code: u16| Self {
            code,
            rule: sheaf_log::rule_of(code).unwrap_or("L1"),
            reason: sheaf_log::explain(code).unwrap_or("The entry was refused.").to_owned(),
        };
        match outcome {
            Outcome::Held { .. } | Outcome::Refused(sheaf_sync::Refusal::NotNow(_)) => None,
            Outcome::Forged => Some(known(FORGED)),
            Outcome::Refused(sheaf_sync::Refusal::Missing { .. }) => {
                Some(Self { reason: "It builds on entries that are not here.".to_owned(), ..known(LACKING) })
            }
            Outcome::Refused(sheaf_sync::Refusal::Never(verdict)) => {
                Some(Self { code: verdict.code(), rule: verdict.rule().unwrap_or("N3"), reason: verdict.to_string() })
            }
        }
    }

    /// An entry was in order, and what it held was not.
    pub fn content(reason: &str) -> Self {
        Self { code: 2_000, rule: "L3", reason: reason.to_owned() }
    }

    /// A message of presence that nobody signed.
    pub fn presence(reason: &str) -> Self {
        Self { code: 2_001, rule: "N4", reason: reason.to_owned() }
    }

    /// A receipt that proves nothing.
    pub fn receipt(reason: &str) -> Self {
        Self { code: 2_002, rule: "N5", reason: reason.to_owned() }
    }

    /// Something said between devices, beside the spaces, that is nothing.
    pub fn direct() -> Self {
        Self { code: 2_003, rule: "N3", reason: "It says something that is nothing.".to_owned() }
    }

    /// A checkpoint that is not what was signed for, or a bundle that makes no sense of one.
    pub fn checkpoint(reason: &str) -> Self {
        Self { code: 2_004, rule: "C1", reason: reason.to_owned() }
    }

    /// A word about whose device something is, without what would show it.
    pub fn claim(reason: &str) -> Self {
        Self { code: 2_005, rule: "A7", reason: reason.to_owned() }
    }

    /// A device that wants to be paired when nobody here pairs one.
    pub fn pairing() -> Self {
        Self { code: 2_006, rule: "A7", reason: "It wants to be paired, and no code is shown here.".to_owned() }
    }

    /// An invitation that does not let in.
    pub fn invitation(reason: RedemptionRefusal) -> Self {
        let (code, rule) = match reason {
            RedemptionRefusal::UnknownSpace => (2_010, "N1"),
            RedemptionRefusal::UnknownInvitation => (2_011, "I2"),
            RedemptionRefusal::Cancelled => (2_012, "I3"),
            RedemptionRefusal::Expired => (2_013, "I3"),
            RedemptionRefusal::UsedUp => (2_014, "I3"),
        };
        Self { code, rule, reason: reason.to_string() }
    }

    /// A session that was ended for what was said in it. None where the entry that ended it is counted already.
    pub fn session(reason: CloseReason) -> Option<Self> {
        let code = match reason {
            CloseReason::Forged => return None,
            CloseReason::Frame(_) => 2_020,
            CloseReason::SecondHello => 2_021,
            CloseReason::NoHello => 2_022,
            CloseReason::WindowTooSmall(_) => 2_023,
            CloseReason::UnknownTag => 2_024,
            CloseReason::TooManySpaces => 2_025,
            CloseReason::TooManyLogs => 2_026,
            CloseReason::Zero => 2_027,
            CloseReason::WindowExceeded => 2_028,
            CloseReason::OutOfStep => 2_029,
            CloseReason::FalseAck => 2_030,
            CloseReason::TooManyRefusals => 2_031,
            CloseReason::SecondWant => 2_032,
            CloseReason::TooManyRedemptions => 2_033,
            CloseReason::BlobTooLarge => 2_034,
            CloseReason::OddTips => 2_035,
        };
        Some(Self { code, rule: "N3", reason: reason.to_string() })
    }

    /// A connection that was ended for its bytes, before anything in them was looked at.
    pub fn connection(reason: DisconnectReason) -> Option<Self> {
        let DisconnectReason::Ours(code) = reason else { return None };
        // What broke the rules of synchronisation was counted when it did.
        if !code.is_fault() || code == CloseCode::Protocol {
            return None;
        }
        Some(Self { code: 2_040 + code as u16, rule: "N3", reason: code.to_string() })
    }
}

/// What there is to say about one refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How many of its kind there have been.
    pub count: u64,
    /// How many refusals of any kind went unsaid since the last line.
    pub unsaid: u64,
}

/// One device's refusals under one number.
#[derive(Clone, Debug)]
struct Counted {
    rule: &'static str,
    reason: String,
    count: u64,
    last: u64,
}

/// All refusals since the node was opened.
#[derive(Debug, Default)]
pub struct Refusals {
    devices: BTreeMap<DeviceId, BTreeMap<u16, Counted>>,
    /// When the minute that is being counted began, and how many lines it has had.
    minute: (u64, u32),
    unsaid: u64,
}

impl Refusals {
    /// Counts one. Answers what to say, if it is to be said.
    pub fn count(&mut self, device: DeviceId, refused: &Refused, now: u64) -> Option<Line> {
        if !self.devices.contains_key(&device) && self.devices.len() >= DEVICES {
            self.forget_one();
        }
        let kinds = self.devices.entry(device).or_default();
        let counted = kinds.entry(refused.code).or_insert_with(|| Counted {
            rule: refused.rule,
            reason: String::new(),
            count: 0,
            last: now,
        });
        counted.count += 1;
        counted.last = now;
        counted.reason = refused.reason.chars().take(REASON).collect();
        let count = counted.count;
        if now.saturating_sub(self.minute.0) >= MINUTE || now < self.minute.0 {
            self.minute = (now, 0);
        }
        let quiet = refused.code == LACKING && count < LACKING_QUIET;
        if !count.is_power_of_two() || quiet || self.minute.1 >= LINES {
            self.unsaid += 1;
            return None;
        }
        self.minute.1 += 1;
        Some(Line { count, unsaid: std::mem::take(&mut self.unsaid) })
    }

    /// All of them, by device and number.
    pub fn list(&self) -> Vec<RefusalInfo> {
        let one = |device: &DeviceId, code: u16, counted: &Counted| RefusalInfo {
            device: device.to_string(),
            rule: counted.rule.to_owned(),
            code,
            reason: counted.reason.clone(),
            count: counted.count,
            last: counted.last,
        };
        let of = |(device, kinds): (&DeviceId, &BTreeMap<u16, Counted>)| -> Vec<RefusalInfo> {
            kinds.iter().map(|(code, counted)| one(device, *code, counted)).collect()
        };
        self.devices.iter().flat_map(of).collect()
    }

    fn forget_one(&mut self) {
        let last = |kinds: &BTreeMap<u16, Counted>| kinds.values().map(|counted| counted.last).max();
        if let Some(oldest) = self.devices.iter().min_by_key(|(_, kinds)| last(kinds)).map(|(device, _)| *device) {
            self.devices.remove(&oldest);
        }
    }
}

impl Core {
    /// Something that a device sent was not taken: it is counted, and explained in the log.
    pub fn refused(&self, device: DeviceId, refused: &Refused) {
        let said = locked(&self.refusals).count(device, refused, now());
        let Some(Line { count, unsaid }) = said else { return };
        let Refused { code, rule, reason } = refused;
        tracing::warn!(%device, rule, code, count, unsaid, "refused: {reason}");
        self.say(NodeEvent::Refused {
            device: device.to_string(),
            rule: (*rule).to_owned(),
            code: *code,
            reason: reason.clone(),
            count,
        });
    }

    /// Counts what became of entries that a device sent.
    pub fn refused_of(&self, device: DeviceId, outcomes: &[Outcome]) {
        for refused in outcomes.iter().filter_map(Refused::entry) {
            self.refused(device, &refused);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u64) -> DeviceId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        DeviceId::from_bytes(bytes)
    }

    fn refused(code: u16) -> Refused {
        Refused { code, rule: "L1", reason: "no".to_owned() }
    }

    #[test]
    fn all_are_counted_and_few_are_said() {
        let mut refusals = Refusals::default();
        let said = (0..1_000_000).filter(|n| refusals.count(device(1), &refused(8), n / 100).is_some()).count();
        assert_eq!(said, 20, "the 1st, 2nd, 4th, … of a million");
        assert_eq!(refusals.list()[0].count, 1_000_000);
    }

    #[test]
    fn a_crowd_does_not_fill_the_log_or_the_memory() {
        let mut refusals = Refusals::default();
        let crowd = 100_000;
        let said: Vec<Line> = (0..crowd).filter_map(|n| refusals.count(device(n), &refused(8), n)).collect();
        assert!(said.len() <= LINES as usize * 2, "{} lines in 100 seconds", said.len());
        assert_eq!(refusals.list().len(), DEVICES);
        // Whatever is not said is told of later.
        let line = refusals.count(device(crowd), &refused(8), crowd + MINUTE).expect("a new minute");
        let before: u64 = said.iter().map(|line| line.unsaid + 1).sum();
        assert_eq!(before + line.unsaid, crowd);
    }

    #[test]
    fn what_happens_between_honest_devices_is_said_when_it_goes_on() {
        let mut refusals = Refusals::default();
        let said: Vec<u64> =
            (0..40).filter_map(|n| Some(refusals.count(device(1), &refused(LACKING), n)?.count)).collect();
        assert_eq!(said, [16, 32]);
    }

    #[test]
    fn a_clock_that_goes_back_silences_nothing() {
        let mut refusals = Refusals::default();
        for n in 0..u64::from(LINES) {
            assert!(refusals.count(device(n), &refused(8), 1_000_000).is_some());
        }
        assert!(refusals.count(device(99), &refused(8), 1_000_000).is_none());
        assert!(refusals.count(device(100), &refused(8), 1_000).is_some());
    }
}
