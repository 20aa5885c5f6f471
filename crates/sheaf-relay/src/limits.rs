//! How fast anything may come in.
//!
//! Buckets of tokens: what comes takes tokens, and they come back at a rate. Three questions are asked, each where its
//! answer costs the least:
//!
//! - [`Connection::frame`], for every frame, before it is looked at. Someone who sends frames faster than any device has
//!   reason to is hung up on, as there is no room ([`CloseCode::Busy`](sheaf_net::CloseCode::Busy)): that is no
//!   accusation, and they may come again.
//! - [`Connection::presence`]: what is too much is dropped. Later presence says more anyway (N4).
//! - [`Keys::entry`], for each entry before its signature is checked, by the key of the device that brings them and not
//!   by connection, as connections are free and keys in a space are not. What is too much is refused for now
//!   ([`NotNow::Busy`](sheaf_sync::NotNow::Busy)), and tried again by itself: someone who comes home with a month's work is
//!   slowed down, never turned away.
//!
//! The clock is a parameter, so that tests are the clock.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use sheaf_access::DeviceId;

use crate::config::{self, Count};

/// Bytes are counted in these, so that a bucket of a terabyte still fits.
const UNIT: u64 = 1 << 10;
/// Keys that are remembered before those are looked for that are full again, and as good as forgotten.
const MANY_KEYS: usize = 16_384;

/// More than was agreed on came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this came faster than the relay takes it; it is tried again")]
pub struct TooFast;

type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;
type Buckets<C> = RateLimiter<DeviceId, HashMapStateStore<DeviceId>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// So much a second, and so many seconds' worth at once; none: as much as there is.
fn quota(each_second: u64, burst: Duration) -> Option<Quota> {
    let rate = u32::try_from(each_second).ok()?;
    let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
    let burst = u64::from(rate.get()).saturating_mul(burst.as_millis().try_into().unwrap_or(u64::MAX)) / 1_000;
    let burst = NonZeroU32::new(u32::try_from(burst).unwrap_or(u32::MAX)).unwrap_or(NonZeroU32::MIN);
    Some(Quota::per_second(rate).allow_burst(burst))
}

fn units(bytes: usize) -> Option<NonZeroU32> {
    let units = (bytes as u64).div_ceil(UNIT);
    NonZeroU32::new(u32::try_from(units).unwrap_or(u32::MAX))
}

/// What one connection may send.
#[derive(Debug)]
pub struct Connection<C: Clock = MonotonicClock> {
    frames: Option<Bucket<C>>,
    presence: Option<Bucket<C>>,
}

impl<C: Clock + Clone> Connection<C> {
    /// A connection that has sent nothing yet.
    pub fn new(limits: &config::Limits, clock: &C) -> Self {
        let bucket = |rate: Count| {
            quota(rate.0, limits.burst.0).map(|quota| RateLimiter::direct_with_clock(quota, clock.clone()))
        };
        Self { frames: bucket(limits.frames_per_second), presence: bucket(limits.presence_per_second) }
    }

    /// A frame came.
    pub fn frame(&self) -> Result<(), TooFast> {
        self.frames.as_ref().map_or(Ok(()), |bucket| bucket.check().map_err(|_| TooFast))
    }

    /// Presence came. False: drop it.
    pub fn presence(&self) -> bool {
        self.presence.as_ref().is_none_or(|bucket| bucket.check().is_ok())
    }
}

/// What each device's key may bring.
#[derive(Debug)]
pub struct Keys<C: Clock = MonotonicClock> {
    entries: Option<Buckets<C>>,
    bytes: Option<Buckets<C>>,
}

impl<C: Clock + Clone> Keys<C> {
    /// Nobody has brought anything yet.
    pub fn new(limits: &config::Limits, clock: &C) -> Self {
        let buckets = |rate: u64| {
            let quota = quota(rate, limits.burst.0);
            quota.map(|quota| RateLimiter::new(quota, HashMapStateStore::default(), clock.clone()))
        };
        Self { entries: buckets(limits.entries_per_second.0), bytes: buckets(limits.bytes_per_second.0.div_ceil(UNIT)) }
    }

    /// A device brings an entry of so many bytes.
    pub fn entry(&self, device: &DeviceId, bytes: usize) -> Result<(), TooFast> {
        take(self.entries.as_ref(), device, Some(NonZeroU32::MIN))?;
        take(self.bytes.as_ref(), device, units(bytes))
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, RateLimiter::len).max(self.bytes.as_ref().map_or(0, RateLimiter::len))
    }

    /// Whether no key is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn take<C: Clock>(buckets: Option<&Buckets<C>>, device: &DeviceId, amount: Option<NonZeroU32>) -> Result<(), TooFast> {
    let (Some(buckets), Some(amount)) = (buckets, amount) else { return Ok(()) };
    if buckets.len() >= MANY_KEYS {
        buckets.retain_recent();
        buckets.shrink_to_fit();
    }
    // The outer error: more than the whole bucket holds.
    match buckets.check_key_n(device, amount) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(TooFast),
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;
    use crate::cases;
    use crate::config::{Bytes, Config, Span};

    fn limits(rate: u64, burst: u64) -> config::Limits {
        config::Limits {
            frames_per_second: Count(rate),
            entries_per_second: Count(rate),
            presence_per_second: Count(rate),
            bytes_per_second: Bytes(rate * UNIT),
            burst: Span(Duration::from_secs(burst)),
            ..Config::default().limits
        }
    }

    const ANA: DeviceId = DeviceId::from_bytes([1; 32]);
    const BEN: DeviceId = DeviceId::from_bytes([2; 32]);

    #[test]
    fn a_burst_passes_and_a_flood_does_not() {
        let clock = FakeRelativeClock::default();
        let connection = Connection::new(&limits(10, 5), &clock);
        assert_eq!((0..100).filter(|_| connection.frame().is_ok()).count(), 50);
        clock.advance(Duration::from_secs(1));
        assert_eq!((0..100).filter(|_| connection.frame().is_ok()).count(), 10);
        assert_eq!((0..100).filter(|_| connection.presence()).count(), 50, "presence has a bucket of its own");
    }

    #[test]
    fn one_key_cannot_use_up_anothers() {
        let keys = Keys::new(&limits(10, 1), &FakeRelativeClock::default());
        assert_eq!((0..20).filter(|_| keys.entry(&ANA, 1).is_ok()).count(), 10);
        assert_eq!((0..20).filter(|_| keys.entry(&BEN, 1).is_ok()).count(), 10);
        assert_eq!(keys.len(), 2);
    }

    #[test]
    fn bytes_count_as_well_as_entries() {
        let clock = FakeRelativeClock::default();
        let keys = Keys::new(&limits(100, 1), &clock);
        assert_eq!(keys.entry(&ANA, 101 << 10), Err(TooFast), "more than the bucket holds never passes");
        assert_eq!(keys.entry(&ANA, 100 << 10), Ok(()));
        assert_eq!(keys.entry(&ANA, 1), Err(TooFast));
        clock.advance(Duration::from_millis(10));
        assert_eq!(keys.entry(&ANA, 1), Ok(()));
    }

    #[test]
    fn without_a_limit_everything_passes() {
        let connection = Connection::new(&limits(u64::MAX / UNIT, 1), &FakeRelativeClock::default());
        assert!((0..10_000).all(|_| connection.frame().is_ok()));
    }

    #[test]
    fn keys_that_are_quiet_again_are_forgotten() {
        let clock = FakeRelativeClock::default();
        let keys = Keys::new(&limits(1_000, 1), &clock);
        for number in 0..MANY_KEYS as u64 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_le_bytes());
            assert_eq!(keys.entry(&DeviceId::from_bytes(id), 1), Ok(()));
        }
        assert_eq!(keys.len(), MANY_KEYS);
        clock.advance(Duration::from_mins(1));
        assert_eq!(keys.entry(&ANA, 1), Ok(()));
        assert!(keys.len() < 10, "{}", keys.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases(256)))]

        #[test]
        fn never_more_than_the_burst_and_the_rate(
            rate in 1..100u64,
            burst in 1..10u64,
            waits in prop::collection::vec(0..200u64, 1..200),
        ) {
            let clock = FakeRelativeClock::default();
            let keys = Keys::new(&config::Limits { bytes_per_second: Bytes(u64::MAX), ..limits(rate, burst) }, &clock);
            let (mut taken, mut passed) = (0, 0);
            for wait in waits {
                clock.advance(Duration::from_millis(wait));
                passed += wait;
                taken += u64::from(keys.entry(&ANA, 1).is_ok());
                prop_assert!(taken <= rate * burst + rate * passed / 1_000 + 1);
            }
        }
    }
}
