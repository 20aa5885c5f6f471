//! Who may connect at all: so many in all, so many from one address, and no faster than that.
//!
//! The meeting point speaks to anyone who reaches it, before they have proved anything. What it is built on takes limits on
//! connections and does not keep them, so they are kept here, in front of it: a connection without a place is closed before
//! a byte of it is read.
//!
//! One address is one IPv4 address, or one /64 of IPv6, which is what a single customer is given.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::config;

/// How many seconds' worth of new connections an address may open at once.
const BURST: u32 = 10;
/// Addresses that are remembered before those are forgotten that have been quiet.
const MANY: usize = 16_384;

type Rates<C> = RateLimiter<IpAddr, HashMapStateStore<IpAddr>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Why a connection is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TurnedAway {
    /// All places are taken.
    #[error("all places are taken")]
    Full,
    /// All that this address may have are taken.
    #[error("too many connections from this address")]
    Address,
    /// This address opens them too fast.
    #[error("too many new connections from this address")]
    TooFast,
}

/// The places there are.
#[derive(Debug)]
pub struct Gate<C: Clock = MonotonicClock> {
    clock: C,
    taken: Mutex<Taken<C>>,
}

#[derive(Debug)]
struct Taken<C: Clock> {
    all: usize,
    by: HashMap<IpAddr, usize>,
    rates: Option<Rates<C>>,
    most: usize,
    most_by: usize,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place<C: Clock = MonotonicClock> {
    gate: Arc<Gate<C>>,
    address: IpAddr,
}

fn rates<C: Clock + Clone>(limits: &config::Meeting, clock: &C) -> Option<Rates<C>> {
    let rate = NonZeroU32::new(u32::try_from(limits.accepts_per_second.0).ok()?)?;
    let quota = Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::new(BURST)?));
    Some(RateLimiter::new(quota, HashMapStateStore::default(), clock.clone()))
}

/// What counts as one address.
fn one(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

impl<C: Clock + Clone> Gate<C> {
    /// All places are free.
    pub fn new(limits: &config::Meeting, clock: C) -> Arc<Self> {
        let taken = Taken {
            all: 0,
            by: HashMap::new(),
            rates: rates(limits, &clock),
            most: limits.connections.as_usize(),
            most_by: limits.connections_per_address.as_usize(),
        };
        Arc::new(Self { clock, taken: Mutex::new(taken) })
    }

    /// Other limits from now on. Who has a place keeps it.
    pub fn set_limits(&self, limits: &config::Meeting) {
        let mut taken = self.taken();
        taken.most = limits.connections.as_usize();
        taken.most_by = limits.connections_per_address.as_usize();
        taken.rates = rates(limits, &self.clock);
    }

    /// Someone connects.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Place<C>, TurnedAway> {
        let address = one(address);
        let mut taken = self.taken();
        if taken.all >= taken.most {
            return Err(TurnedAway::Full);
        }
        if taken.by.get(&address).copied().unwrap_or(0) >= taken.most_by {
            return Err(TurnedAway::Address);
        }
        if let Some(rates) = &taken.rates {
            if rates.len() >= MANY {
                rates.retain_recent();
                rates.shrink_to_fit();
            }
            rates.check_key(&address).map_err(|_| TurnedAway::TooFast)?;
        }
        taken.all += 1;
        *taken.by.entry(address).or_default() += 1;
        Ok(Place { gate: self.clone(), address })
    }

    /// How many places are taken.
    pub fn count(&self) -> usize {
        self.taken().all
    }
}

impl<C: Clock> Gate<C> {
    fn taken(&self) -> MutexGuard<'_, Taken<C>> {
        // Its numbers are whole at every moment.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clock> Drop for Place<C> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::config::{Config, Count};

    fn limits(all: u64, by: u64, rate: u64) -> config::Meeting {
        config::Meeting {
            connections: Count(all),
            connections_per_address: Count(by),
            accepts_per_second: Count(rate),
            ..Config::default().meeting
        }
    }

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn places_are_limited_in_all_and_by_address_and_come_free_again() {
        let gate = Gate::new(&limits(3, 2, 1_000), FakeRelativeClock::default());
        let places = [gate.enter(v4(1)), gate.enter(v4(1))];
        assert_eq!(gate.enter(v4(1)).err(), Some(TurnedAway::Address));
        let other = gate.enter(v4(2)).expect("there is a third");
        assert_eq!(gate.enter(v4(3)).err(), Some(TurnedAway::Full));
        drop(other);
        assert!(gate.enter(v4(3)).is_ok());
        drop(places);
        assert_eq!(gate.count(), 0);
        assert!(gate.taken().by.is_empty(), "nobody is remembered for nothing");
    }

    #[test]
    fn an_address_opens_connections_no_faster_than_it_may() {
        let clock = FakeRelativeClock::default();
        let gate = Gate::new(&limits(1_000, 1_000, 2), clock.clone());
        let opened = || (0..100).filter(|_| gate.enter(v4(1)).is_ok()).count();
        assert_eq!(opened(), 20);
        assert!(gate.enter(v4(2)).is_ok(), "another address is not slowed down");
        clock.advance(Duration::from_secs(1));
        assert_eq!(opened(), 2);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_ipv4_in_ipv6_is_ipv4() {
        let gate = Gate::new(&limits(10, 1, 100), FakeRelativeClock::default());
        let _one = gate.enter("2001:db8::1".parse().expect("an address")).expect("a place");
        let same: IpAddr = "2001:db8::ffff:1".parse().expect("an address");
        assert_eq!(gate.enter(same).err(), Some(TurnedAway::Address));
        assert!(gate.enter("2001:db8:0:1::1".parse().expect("an address")).is_ok());
        let _four = gate.enter(v4(9)).expect("a place");
        assert_eq!(gate.enter("::ffff:10.0.0.9".parse().expect("an address")).err(), Some(TurnedAway::Address));
    }

    #[test]
    fn other_limits_hold_from_the_next_on() {
        let gate = Gate::new(&limits(2, 2, 100), FakeRelativeClock::default());
        let places = [gate.enter(v4(1)), gate.enter(v4(2))];
        gate.set_limits(&limits(1, 1, 100));
        assert_eq!(gate.count(), 2, "who has a place keeps it");
        assert_eq!(gate.enter(v4(3)).err(), Some(TurnedAway::Full));
        drop(places);
        assert!(gate.enter(v4(3)).is_ok());
    }
}
