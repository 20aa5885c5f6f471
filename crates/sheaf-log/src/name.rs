//! What somebody calls themselves, sealed (A1): what stands in an [`Introduction`].
//!
//! ```text
//! colour (1) | name (UTF-8, at most 200 bytes)
//! ```
//!
//! sealed like a payload, which makes it as long for every name, and bound to the space, the epoch and the device whose
//! entry it stands in.

use sheaf_access::{ContentKey, DeviceId, EpochId, Introduction, SpaceId};

use crate::domain;
use crate::seal::{self, Nonce};

/// The most bytes of a name. A longer one is cut where a character ends.
const MAX_NAME: usize = 200;

/// Seals a name and a colour.
pub fn seal_name(
    (space, epoch, key): (SpaceId, EpochId, &ContentKey),
    device: &DeviceId,
    (name, colour): (&str, u8),
    nonce: &Nonce,
) -> Introduction {
    let name = &name[..name.floor_char_boundary(MAX_NAME)];
    let content = [&[colour], name.as_bytes()].concat();
    Introduction { epoch, sealed: seal::seal(key, nonce, &bound_to(&space, &epoch, device), &content) }
}

/// Opens what [`seal_name`] made; nothing, if this is something else, or under another key.
pub fn open_name(
    introduction: &Introduction,
    space: &SpaceId,
    device: &DeviceId,
    key: &ContentKey,
) -> Option<(String, u8)> {
    let bound_to = bound_to(space, &introduction.epoch, device);
    let content = seal::open(key, &bound_to, &introduction.sealed, 1 + MAX_NAME).ok()?;
    let (colour, name) = content.split_first()?;
    Some((String::from_utf8(name.to_vec()).ok()?, *colour))
}

fn bound_to(space: &SpaceId, epoch: &EpochId, device: &DeviceId) -> [u8; 32] {
    domain::hash(domain::NAME, &[space.as_bytes(), epoch.as_bytes(), device.as_bytes()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sheaf_access::SEALED_NAME;

    use super::*;

    fn key() -> ContentKey {
        ContentKey::from_bytes(&[7; 32])
    }

    fn sealed(name: &str) -> Introduction {
        let (space, epoch) = (SpaceId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
        seal_name((space, epoch, &key()), &DeviceId::from_bytes([3; 32]), (name, 5), &[4; 24])
    }

    #[test]
    fn it_opens_for_whom_it_is_and_nowhere_else() {
        let (space, device) = (SpaceId::from_bytes([1; 32]), DeviceId::from_bytes([3; 32]));
        let one = sealed("Noor");
        assert_eq!(open_name(&one, &space, &device, &key()), Some(("Noor".to_owned(), 5)));
        assert_eq!(open_name(&one, &space, &device, &ContentKey::from_bytes(&[8; 32])), None);
        assert_eq!(open_name(&one, &SpaceId::from_bytes([9; 32]), &device, &key()), None);
        assert_eq!(open_name(&one, &space, &DeviceId::from_bytes([9; 32]), &key()), None);
        let other = Introduction { epoch: EpochId::from_bytes([9; 32]), ..one };
        assert_eq!(open_name(&other, &space, &device, &key()), None);
    }

    proptest! {
        #[test]
        fn every_name_is_as_long_and_comes_back_as_far_as_it_fits(name in "\\PC{0,300}") {
            let one = sealed(&name);
            prop_assert_eq!(one.sealed.len(), SEALED_NAME);
            let (space, device) = (SpaceId::from_bytes([1; 32]), DeviceId::from_bytes([3; 32]));
            let (opened, _) = open_name(&one, &space, &device, &key()).unwrap();
            prop_assert!(name.starts_with(&opened) && (opened == name || opened.len() > MAX_NAME - 4));
        }

        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let one = Introduction { epoch: EpochId::from_bytes([2; 32]), sealed: bytes };
            let (space, device) = (SpaceId::from_bytes([1; 32]), DeviceId::from_bytes([3; 32]));
            prop_assert_eq!(open_name(&one, &space, &device, &key()), None);
        }
    }
}
