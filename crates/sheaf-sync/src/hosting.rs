//! What a node and a relay say to each other about which spaces the relay is to keep.
//!
//! A relay keeps what it is asked to, if it lets the asker: it knows of no space by itself, and so could not recognise one
//! that is offered under a [`Tag`](crate::Tag). So a node *names* to a relay the spaces that name the relay (and the one that
//! it holds an invitation to), before it greets anyone on that connection. These messages travel on the control stream,
//! beside the machine's frames, and in order with them: whatever comes after one finds the spaces there. The relay answers for
//! each space whether it keeps it.

use serde::{Deserialize, Serialize};
use sheaf_access::{MAX_TOKEN, SpaceId};

use crate::capped;

/// The first byte of these messages: no frame begins with it, and nothing else that travels beside frames.
const MARK: u8 = 0xc1;
/// The most spaces that are named at once.
pub const MAX_HOSTED: usize = 4_096;
/// The longest message.
const MAX_SIZE: usize = MAX_HOSTED * 40 + 1_024;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hosting {
    /// "Keep these." Spaces that the relay keeps already may be among them.
    Ask {
        /// The spaces.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_HOSTED>")]
        spaces: Vec<SpaceId>,
        /// What the relay knows those by who may ask.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_TOKEN>")]
        token: Vec<u8>,
    },
    /// "I do not keep this one."
    Refuse {
        /// The space.
        space: SpaceId,
        /// Why.
        reason: HostingRefusal,
    },
    /// "I keep these", of those that were named and that it was certain about; of the others it says so later.
    Keep {
        /// The spaces.
        #[serde(deserialize_with = "capped::vec::<_, _, MAX_HOSTED>")]
        spaces: Vec<SpaceId>,
    },
}

/// Why a relay does not keep a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HostingRefusal {
    /// It keeps no further spaces for anyone.
    #[error("the relay takes no further spaces. Ask whoever runs it.")]
    Closed,
    /// It wants a token, and was shown none.
    #[error("the relay keeps spaces only for those who have its token. Ask whoever runs it for a link with one.")]
    TokenWanted,
    /// The token is not one of its own.
    #[error("the relay does not know this token any more. Ask whoever runs it for a new link.")]
    TokenUnknown,
    /// The person, or the space, is not on its list.
    #[error("this space is not on the relay's list. Ask whoever runs it.")]
    NotListed,
    /// There is no room.
    #[error("the relay is full, or this space has all that it may have there. Ask whoever runs it.")]
    Quota,
    /// Something there is busy or broken for the moment.
    #[error("the relay cannot take the space just now; it is tried again.")]
    Busy,
}

impl Hosting {
    /// Whether bytes that came on the control stream are such a message.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.first() == Some(&MARK)
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Writing plain data into a growing vector has nothing that can fail.
        postcard::to_extend(self, vec![MARK]).unwrap_or_default()
    }

    /// From its bytes, all of them.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&MARK, rest) = bytes.split_first()? else { return None };
        if bytes.len() > MAX_SIZE {
            return None;
        }
        let (message, rest) = postcard::take_from_bytes(rest).ok()?;
        rest.is_empty().then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Vec<Hosting> {
        let space = SpaceId::from_bytes([7; 32]);
        vec![
            Hosting::Ask { spaces: vec![space; MAX_HOSTED], token: vec![b'x'; MAX_TOKEN] },
            Hosting::Ask { spaces: Vec::new(), token: Vec::new() },
            Hosting::Refuse { space, reason: HostingRefusal::TokenUnknown },
            Hosting::Keep { spaces: vec![space; 3] },
        ]
    }

    #[test]
    fn messages_come_back_and_nothing_else_is_one() {
        for message in messages() {
            let bytes = message.encode();
            assert!(Hosting::is_one(&bytes));
            assert_eq!(Hosting::decode(&bytes).as_ref(), Some(&message));
            assert_eq!(Hosting::decode(&[&bytes[..], &[0]].concat()), None);
            for end in 0..bytes.len().min(200) {
                assert_eq!(Hosting::decode(&bytes[..end]), None);
            }
        }
    }

    #[test]
    fn lists_are_bounded() {
        let space = SpaceId::from_bytes([7; 32]);
        let many = Hosting::Ask { spaces: vec![space; MAX_HOSTED + 1], token: Vec::new() };
        assert_eq!(Hosting::decode(&many.encode()), None);
        let many = Hosting::Keep { spaces: vec![space; MAX_HOSTED + 1] };
        assert_eq!(Hosting::decode(&many.encode()), None);
        let long = Hosting::Ask { spaces: Vec::new(), token: vec![b'x'; MAX_TOKEN + 1] };
        assert_eq!(Hosting::decode(&long.encode()), None);
    }

    /// The machine's frames begin with their version, devices' own words with another mark.
    #[test]
    fn no_frame_is_taken_for_one() {
        assert!(!Hosting::is_one(&[crate::VERSION]) && !Hosting::is_one(&[0x81]) && !Hosting::is_one(&[]));
    }
}
