//! The life cycle of the connection with one device: a pure state machine.
//!
//! ```text
//!            want                 connected              synced
//!   Idle ───────────▶ Dialing ───────────────▶ Syncing ─────────▶ Live
//!    ▲                 ▲   │ failed              │ lost            │ lost
//!    │ unwant     timer│   ▼                     ▼                 │
//!    └──────────── Backoff(n) ◀────────────────────────────────────┘
//! ```
//!
//! A device that nobody wants but that dialled us goes `Idle -> Syncing -> Live -> Idle`. The machine has no clock and
//! no dice: the time comes with each input in milliseconds, and so does a random number for the jitter. What it wants
//! done, it returns as effects.

use std::fmt;
use std::time::Duration;

use crate::Timings;

/// Where the connection with a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// No connection, and none wanted.
    Idle,
    /// Being dialled.
    Dialing,
    /// Connected; the two are finding out what each other lacks.
    Syncing,
    /// Connected, and in step.
    Live,
    /// Waiting before the next attempt.
    Backoff {
        /// How many attempts in a row have failed, from 1.
        attempt: u32,
        /// How long it waits in all.
        wait: Duration,
    },
}

impl ConnectionState {
    /// Whether there is a connection now.
    pub fn is_connected(self) -> bool {
        matches!(self, Self::Syncing | Self::Live)
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("idle"),
            Self::Dialing => f.write_str("dialing"),
            Self::Syncing => f.write_str("syncing"),
            Self::Live => f.write_str("live"),
            Self::Backoff { attempt, .. } => write!(f, "backoff({attempt})"),
        }
    }
}

/// What happens to the connection with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The node wants to be in touch with the device.
    Want,
    /// The node does not want to any more.
    Unwant,
    /// The dial failed, or took too long.
    DialFailed {
        /// One side accused the other of breaking the protocol: no hurry to meet again.
        fault: bool,
    },
    /// A connection stands, whoever dialled. Also when it takes the place of another.
    Connected,
    /// The two are in step.
    Synced,
    /// The connection is gone.
    Lost {
        /// As for a failed dial.
        fault: bool,
    },
    /// The network changed, the device was found nearby, or the person said "try now".
    Wake,
    /// The time asked for by [`Effect::Timer`] has come.
    Timer,
}

/// What the life cycle wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Begin a dial. Its end comes back as `Connected` or `DialFailed`.
    Dial,
    /// Give up the dial under way. Nothing comes back.
    CancelDial,
    /// Hang up. The end comes back as `Lost`.
    HangUp,
    /// Send `Timer` at this time, in milliseconds. Takes the place of an earlier timer.
    Timer(u64),
    /// No timer is wanted any more.
    NoTimer,
}

/// How long to wait, and when to forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The wait after the first failure, in milliseconds.
    pub first: u64,
    /// The longest wait, in milliseconds.
    pub cap: u64,
    /// A connection that lasted this long forgets earlier failures, in milliseconds.
    pub steady: u64,
}

impl From<&Timings> for Patience {
    fn from(timings: &Timings) -> Self {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4);
        Self {
            first: millis(timings.retry).max(1),
            cap: millis(timings.retry_cap).max(1),
            steady: millis(timings.steady),
        }
    }
}

impl Patience {
    /// The wait before attempt `n + 1`, after `n >= 1` failures in a row: the doubled wait, of which a random half is
    /// left away, so that devices that lost each other at the same moment do not all come back at the same moment.
    pub fn wait(&self, failures: u32, dice: u32) -> u64 {
        let doublings = failures.saturating_sub(1).min(40);
        let full = u64::try_from(u128::from(self.first) << doublings).unwrap_or(u64::MAX).min(self.cap).max(1);
        let half = full / 2;
        let share = u128::from(full - half) * u128::from(dice) / u128::from(u32::MAX);
        // The share is at most `full - half`, which is a u64.
        half + u64::try_from(share).unwrap_or(full - half)
    }

    /// How many failures bring the longest wait.
    fn most_failures(&self) -> u32 {
        (1..=40).find(|failures| (u128::from(self.first) << (failures - 1)) >= u128::from(self.cap)).unwrap_or(40)
    }
}

/// The life cycle of the connection with one device.
#[derive(Clone, Debug)]
pub struct LifeCycle {
    patience: Patience,
    state: ConnectionState,
    wanted: bool,
    failures: u32,
    connected_at: u64,
}

impl LifeCycle {
    /// At rest.
    pub fn new(patience: Patience) -> Self {
        Self { patience, state: ConnectionState::Idle, wanted: false, failures: 0, connected_at: 0 }
    }

    /// Where it stands.
    pub fn state(&self) -> ConnectionState {
        self.state
    }

    /// Whether the node wants to be in touch.
    pub fn wanted(&self) -> bool {
        self.wanted
    }

    /// Something happened, at `now` milliseconds; `dice` is a random number.
    pub fn handle(&mut self, input: Input, now: u64, dice: u32) -> Vec<Effect> {
        use ConnectionState::{Backoff, Dialing, Idle, Live, Syncing};
        match (input, self.state) {
            (Input::Want, state) => {
                self.wanted = true;
                if state == Idle { self.dial() } else { Vec::new() }
            }
            (Input::Unwant, state) => {
                self.wanted = false;
                self.failures = 0;
                match state {
                    Idle => Vec::new(),
                    Dialing => self.rest(Effect::CancelDial),
                    Backoff { .. } => self.rest(Effect::NoTimer),
                    Syncing | Live => vec![Effect::HangUp],
                }
            }
            (Input::DialFailed { fault }, Dialing) => self.failed(fault, now, dice),
            (Input::Connected, state) => {
                self.state = Syncing;
                self.connected_at = now;
                match state {
                    // The other side was faster.
                    Dialing => vec![Effect::CancelDial],
                    Backoff { .. } => vec![Effect::NoTimer],
                    Idle | Syncing | Live => Vec::new(),
                }
            }
            (Input::Synced, Syncing) => {
                self.state = Live;
                self.failures = 0;
                Vec::new()
            }
            (Input::Lost { fault }, Syncing | Live) => {
                if now.saturating_sub(self.connected_at) >= self.patience.steady {
                    self.failures = 0;
                }
                if self.wanted {
                    self.failed(fault, now, dice)
                } else {
                    self.state = Idle;
                    Vec::new()
                }
            }
            (Input::Wake, Backoff { .. }) => {
                self.failures = 0;
                let mut effects = vec![Effect::NoTimer];
                effects.append(&mut self.dial());
                effects
            }
            (Input::Timer, Backoff { .. }) => self.dial(),
            // What comes late, about a dial or connection that is not this one's any more, says nothing.
            (
                Input::DialFailed { .. } | Input::Synced | Input::Lost { .. } | Input::Wake | Input::Timer,
                Idle | Dialing | Syncing | Live | Backoff { .. },
            ) => Vec::new(),
        }
    }

    fn dial(&mut self) -> Vec<Effect> {
        self.state = ConnectionState::Dialing;
        vec![Effect::Dial]
    }

    fn rest(&mut self, effect: Effect) -> Vec<Effect> {
        self.state = ConnectionState::Idle;
        vec![effect]
    }

    fn failed(&mut self, fault: bool, now: u64, dice: u32) -> Vec<Effect> {
        self.failures = self.failures.saturating_add(1);
        if fault {
            self.failures = self.failures.max(self.patience.most_failures());
        }
        let wait = self.patience.wait(self.failures, dice);
        self.state = ConnectionState::Backoff { attempt: self.failures, wait: Duration::from_millis(wait) };
        vec![Effect::Timer(now.saturating_add(wait))]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patience() -> Patience {
        Patience { first: 400, cap: 60_000, steady: 20_000 }
    }

    fn input() -> impl Strategy<Value = Input> {
        prop_oneof![
            Just(Input::Want),
            Just(Input::Unwant),
            any::<bool>().prop_map(|fault| Input::DialFailed { fault }),
            Just(Input::Connected),
            Just(Input::Synced),
            any::<bool>().prop_map(|fault| Input::Lost { fault }),
            Just(Input::Wake),
            Just(Input::Timer),
        ]
    }

    /// What a faithful driver has going on, by the effects it was given.
    #[derive(Default)]
    struct Driver {
        dialing: bool,
        connected: bool,
        timer: Option<u64>,
    }

    impl Driver {
        /// Whether the input can come, from a driver in this state.
        fn could_send(&self, input: Input) -> bool {
            match input {
                Input::DialFailed { .. } => self.dialing,
                Input::Lost { .. } | Input::Synced => self.connected,
                Input::Timer => self.timer.is_some(),
                Input::Want | Input::Unwant | Input::Connected | Input::Wake => true,
            }
        }

        fn sent(&mut self, input: Input) {
            match input {
                Input::DialFailed { .. } => self.dialing = false,
                Input::Lost { .. } => self.connected = false,
                Input::Timer => self.timer = None,
                Input::Connected => self.connected = true,
                Input::Want | Input::Unwant | Input::Synced | Input::Wake => {}
            }
        }

        fn follow(&mut self, effects: &[Effect]) {
            for effect in effects {
                match *effect {
                    Effect::Dial => {
                        assert!(!self.dialing, "two dials at once");
                        assert!(!self.connected, "a dial while connected");
                        self.dialing = true;
                    }
                    Effect::CancelDial => {
                        assert!(self.dialing, "no dial to give up");
                        self.dialing = false;
                    }
                    Effect::HangUp => assert!(self.connected, "nothing to hang up"),
                    Effect::Timer(at) => self.timer = Some(at),
                    Effect::NoTimer => {
                        assert!(self.timer.is_some(), "no timer to drop");
                        self.timer = None;
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::cases(3000)))]

        /// Whatever happens in whatever order: what the driver has going on is what the state says.
        #[test]
        fn the_state_says_what_goes_on(steps in prop::collection::vec((input(), 0..30_000_u64, any::<u32>()), 0..40)) {
            let mut life = LifeCycle::new(patience());
            let mut driver = Driver::default();
            let mut now = 0;
            for (input, later, dice) in steps {
                if !driver.could_send(input) {
                    continue;
                }
                now += later;
                driver.sent(input);
                let effects = life.handle(input, now, dice);
                driver.follow(&effects);
                let state = life.state();
                prop_assert_eq!(driver.dialing, state == ConnectionState::Dialing);
                prop_assert_eq!(driver.connected, state.is_connected());
                prop_assert_eq!(driver.timer.is_some(), matches!(state, ConnectionState::Backoff { .. }));
                if let ConnectionState::Backoff { attempt, wait } = state {
                    prop_assert!(life.wanted() && attempt >= 1);
                    prop_assert!((200..=60_000).contains(&(wait.as_millis() as u64)));
                }
                // A device that is wanted is always on its way.
                prop_assert!(!(life.wanted() && state == ConnectionState::Idle));
            }
        }

        /// What comes late, or twice, changes nothing it should not.
        #[test]
        fn nothing_panics(steps in prop::collection::vec((input(), any::<u64>(), any::<u32>()), 0..40), first: u64, cap: u64, steady: u64) {
            let mut life = LifeCycle::new(Patience { first, cap, steady });
            for (input, now, dice) in steps {
                life.handle(input, now, dice);
            }
        }

        #[test]
        fn waits_double_up_to_the_cap_and_a_random_half_is_left_away(failures in 1..200_u32, dice: u32) {
            let patience = patience();
            let full = 400_u64.checked_shl(failures - 1).filter(|full| full >> (failures - 1) == 400).unwrap_or(u64::MAX).min(60_000);
            let wait = patience.wait(failures, dice);
            prop_assert!((full / 2..=full).contains(&wait));
            prop_assert_eq!(patience.wait(failures, 0), full / 2);
            prop_assert_eq!(patience.wait(failures, u32::MAX), full);
        }
    }

    /// Runs failing dials, and gives the attempt and wait after each.
    fn fail(life: &mut LifeCycle, times: usize, now: &mut u64) -> Vec<(u32, u64)> {
        let mut waits = Vec::new();
        for _ in 0..times {
            life.handle(Input::DialFailed { fault: false }, *now, u32::MAX);
            let ConnectionState::Backoff { attempt, wait } = life.state() else { panic!("{:?}", life.state()) };
            waits.push((attempt, wait.as_millis() as u64));
            *now += wait.as_millis() as u64;
            life.handle(Input::Timer, *now, 0);
            assert_eq!(life.state(), ConnectionState::Dialing);
        }
        waits
    }

    #[test]
    fn failures_slow_down_and_waking_starts_over() {
        let mut life = LifeCycle::new(patience());
        let mut now = 0;
        assert_eq!(life.handle(Input::Want, now, 0), [Effect::Dial]);
        let waits = fail(&mut life, 10, &mut now);
        assert_eq!(waits[..4], [(1, 400), (2, 800), (3, 1600), (4, 3200)]);
        assert_eq!(waits[9], (10, 60_000));
        life.handle(Input::DialFailed { fault: false }, now, 0);
        assert_eq!(life.handle(Input::Wake, now, 0), [Effect::NoTimer, Effect::Dial]);
        assert_eq!(fail(&mut life, 1, &mut now), [(1, 400)]);
    }

    #[test]
    fn a_connection_that_breaks_at_once_is_no_success() {
        let mut life = LifeCycle::new(patience());
        life.handle(Input::Want, 0, 0);
        for attempt in 1..5 {
            life.handle(Input::Connected, 0, 0);
            life.handle(Input::Lost { fault: false }, 1, 0);
            assert!(matches!(life.state(), ConnectionState::Backoff { attempt: a, .. } if a == attempt));
            life.handle(Input::Timer, 1, 0);
        }
        // One that lasted, or got in step, is.
        life.handle(Input::Connected, 0, 0);
        life.handle(Input::Lost { fault: false }, 20_000, 0);
        assert!(matches!(life.state(), ConnectionState::Backoff { attempt: 1, .. }));
        life.handle(Input::Timer, 0, 0);
        life.handle(Input::Connected, 0, 0);
        life.handle(Input::Synced, 0, 0);
        assert_eq!(life.state(), ConnectionState::Live);
        life.handle(Input::Lost { fault: false }, 1, 0);
        assert!(matches!(life.state(), ConnectionState::Backoff { attempt: 1, .. }));
    }

    #[test]
    fn after_a_fault_there_is_no_hurry() {
        let mut life = LifeCycle::new(patience());
        life.handle(Input::Want, 0, 0);
        life.handle(Input::Connected, 0, 0);
        life.handle(Input::Lost { fault: true }, 1, u32::MAX);
        assert!(matches!(life.state(), ConnectionState::Backoff { wait, .. } if wait == Duration::from_mins(1)));
    }
}
