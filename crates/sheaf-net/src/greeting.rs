//! The first frame of each side, and how both come to use the same connection.
//!
//! Two devices that want each other may dial at the same moment, and then there are two connections. Or one of them
//! restarts and dials anew while the other has not yet noticed that the old connection is dead. Both must end up with
//! the same one, and neither case may take an idle timeout to settle. A rule such as "the one dialled by the lower id
//! wins" settles the first case and breaks the second.
//!
//! So *one side decides*: the device with the lower id picks. It numbers its picks, and a connection stands only when
//! the picker's greeting on it carries a number, and the other's greeting has answered. The other follows the highest
//! number, so a pick that was delayed on the way cannot undo a later one. When the follower offers a connection
//! although the picker has one, the follower's greeting tells whether it knew of that one: it says which run of the
//! program it is (`instance`), and the last pick it has seen. See [`verdict`].

use crate::CloseCode;

/// The version of the protocol that greetings announce. The connection's ALPN names the same one.
const VERSION: u8 = 1;

/// The length of a greeting.
pub(crate) const GREETING_LEN: usize = 33;

/// The first frame on the control stream, in each direction. The side that dialled speaks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// Drawn at random each time the network is opened: tells one run of a device from the next.
    pub(crate) instance: u64,
    /// From the picker: the number of its pick of this connection. From the other: 0.
    pub(crate) pick: u64,
    /// From the one who does not pick: the last pick it has seen. From the picker: nothing.
    pub(crate) seen: Seen,
}

/// The last pick seen from a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// By which run of the picker.
    pub(crate) instance: u64,
    /// Its number; 0: none yet.
    pub(crate) pick: u64,
}

impl Seen {
    /// Whether a connection picked as `pick` by run `instance` is news.
    pub(crate) fn is_superseded_by(self, instance: u64, pick: u64) -> bool {
        self.instance != instance || pick > self.pick
    }
}

impl Greeting {
    /// As it is sent.
    pub(crate) fn encode(&self) -> [u8; GREETING_LEN] {
        let mut bytes = [0; GREETING_LEN];
        bytes[0] = VERSION;
        for (place, number) in
            bytes[1..].chunks_exact_mut(8).zip([self.instance, self.pick, self.seen.instance, self.seen.pick])
        {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    /// From what arrived.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CloseCode> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(_) => return Err(CloseCode::Version),
            None => return Err(CloseCode::Malformed),
        }
        let bytes: &[u8; GREETING_LEN] = bytes.try_into().map_err(|_| CloseCode::Malformed)?;
        let number =
            |at: usize| bytes[1 + at * 8..9 + at * 8].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(Self { instance: number(0), pick: number(1), seen: Seen { instance: number(2), pick: number(3) } })
    }
}

/// What the picker has with a device when that device offers a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing, or a dial that has not reached the device yet.
    Free,
    /// A dial of its own that has reached the device, and carries a pick already.
    Promised,
    /// A connection.
    Linked {
        /// Whether the picker dialled it.
        outgoing: bool,
        /// The other side's run.
        instance: u64,
        /// The number of its pick.
        pick: u64,
    },
}

/// Whether the picker takes an offered connection in place of what it has. `me` is the picker's own run.
///
/// It keeps what it has only if the offer was on its way before the other side could know of it: it dialled the
/// connection it has, the same run of the other device answered there, and the offer has not seen that pick. In every
/// other case the other side knows that connection and dials nevertheless, because it has lost it.
pub(crate) fn verdict(me: u64, standing: Standing, offer: &Greeting) -> bool {
    match standing {
        Standing::Free => true,
        Standing::Promised => false,
        Standing::Linked { outgoing, instance, pick } => {
            let knows = offer.seen.instance == me && offer.seen.pick >= pick;
            !outgoing || instance != offer.instance || knows
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crate::cases(2000)))]

        #[test]
        fn greetings_come_back(instance: u64, pick: u64, of: u64, seen: u64) {
            let greeting = Greeting { instance, pick, seen: Seen { instance: of, pick: seen } };
            prop_assert_eq!(Greeting::decode(&greeting.encode()), Ok(greeting));
        }

        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            match Greeting::decode(&bytes) {
                Ok(greeting) => prop_assert_eq!(greeting.encode().to_vec(), bytes),
                Err(code) => prop_assert!(code.is_fault()),
            }
        }
    }

    fn offer(instance: u64, seen: Seen) -> Greeting {
        Greeting { instance, pick: 0, seen }
    }

    #[test]
    fn crossing_dials_keep_the_picker_s() {
        let linked = Standing::Linked { outgoing: true, instance: 7, pick: 3 };
        assert!(!verdict(1, linked, &offer(7, Seen { instance: 1, pick: 2 })));
        assert!(!verdict(1, Standing::Promised, &offer(7, Seen::default())));
    }

    #[test]
    fn whoever_lost_the_connection_gets_a_new_one() {
        let linked = Standing::Linked { outgoing: true, instance: 7, pick: 3 };
        assert!(verdict(1, linked, &offer(7, Seen { instance: 1, pick: 3 })), "it knew the old one");
        assert!(verdict(1, linked, &offer(8, Seen::default())), "it was restarted");
        let theirs = Standing::Linked { outgoing: false, instance: 7, pick: 3 };
        assert!(verdict(1, theirs, &offer(7, Seen::default())), "it dialled the old one itself");
    }
}
