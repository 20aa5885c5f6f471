//! Keys, certificates, wraps and the stored identity.

mod common;

use common::{Someone, cases, rng};
use proptest::prelude::*;
use sheaf_access::{
    ContentKey, DeviceCertificate, EpochId, Identity, ParseIdentityError, PersonKey, SealingKey, SpaceId, UnwrapError,
    Wrap, WrapContext,
};

fn context(key: &ContentKey) -> WrapContext {
    WrapContext {
        space: SpaceId::from_bytes([1; 32]),
        epoch: EpochId::from_bytes([2; 32]),
        commitment: key.commitment(),
    }
}

fn wrap(key: &ContentKey, to: SealingKey) -> Wrap {
    let WrapContext { space, epoch, .. } = context(key);
    Wrap::seal(key, space, epoch, to, &mut rng(9)).unwrap()
}

#[test]
fn a_certificate_is_good_only_as_it_was_issued() {
    let ana = Someone::new(1);
    ana.certificate.verify().unwrap();
    let bytes = postcard::to_allocvec(&ana.certificate).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut bent = bytes.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        let bent: DeviceCertificate = postcard::from_bytes(&bent).unwrap();
        assert!(bent.verify().is_err(), "bit {bit}");
    }
}

#[test]
fn a_certificate_by_another_root_is_refused() {
    let (ana, eve) = (Someone::new(1), Someone::new(2));
    let forged = DeviceCertificate { person: ana.root.id(), ..DeviceCertificate::issue(&eve.root, &eve.device) };
    assert!(forged.verify().is_err());
}

#[test]
fn a_wrap_opens_for_its_recipient_alone() {
    let (ana, bo) = (Someone::new(1), Someone::new(2));
    let key = ContentKey::generate(&mut rng(3));
    let wrap = wrap(&key, ana.device.sealing_key());
    let opened = wrap.open(&context(&key), ana.device.sealing_secret()).unwrap();
    assert_eq!(opened.as_bytes(), key.as_bytes());
    assert_eq!(wrap.open(&context(&key), bo.device.sealing_secret()).unwrap_err(), UnwrapError::NotForYou);
}

#[test]
fn a_wrap_is_bound_to_its_space_and_epoch() {
    let ana = Someone::new(1);
    let key = ContentKey::generate(&mut rng(3));
    let wrap = wrap(&key, ana.device.sealing_key());
    let secret = ana.device.sealing_secret();
    let other_space = WrapContext { space: SpaceId::from_bytes([9; 32]), ..context(&key) };
    let other_epoch = WrapContext { epoch: EpochId::from_bytes([9; 32]), ..context(&key) };
    let other_key = WrapContext { commitment: ContentKey::from_bytes(&[5; 32]).commitment(), ..context(&key) };
    for wrong in [other_space, other_epoch, other_key] {
        assert_eq!(wrap.open(&wrong, secret).unwrap_err(), UnwrapError::Damaged);
    }
}

#[test]
fn any_flipped_bit_spoils_a_wrap() {
    let ana = Someone::new(1);
    let key = ContentKey::generate(&mut rng(3));
    let bytes = postcard::to_allocvec(&wrap(&key, ana.device.sealing_key())).unwrap();
    // The epoch (first 32 bytes) is said by the context, and not part of what is opened.
    for at in 32..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 0x10;
        let bent: Wrap = postcard::from_bytes(&bent).unwrap();
        assert!(bent.open(&context(&key), ana.device.sealing_secret()).is_err(), "byte {at}");
    }
}

#[test]
fn a_key_cannot_be_wrapped_for_a_point_of_low_order() {
    let key = ContentKey::generate(&mut rng(3));
    let WrapContext { space, epoch, .. } = context(&key);
    let zero = SealingKey::from_bytes([0; 32]);
    assert_eq!(Wrap::seal(&key, space, epoch, zero, &mut rng(4)).unwrap_err().0, zero);
}

#[test]
fn debug_shows_no_secret() {
    let identity = Identity::generate(&mut rng(5));
    let shown = format!("{identity:?} {:?}", ContentKey::from_bytes(&[0xab; 32]));
    let seed = data_encoding::HEXLOWER.encode(identity.device.signing_seed().as_ref());
    assert!(!shown.contains(&seed[..8]) && !shown.contains("171, 171") && !shown.contains("abab"), "{shown}");
}

#[test]
fn an_identity_comes_back_as_it_was_stored() {
    let identity = Identity::generate(&mut rng(6));
    let back = Identity::from_secret_text(&identity.to_secret_text()).unwrap();
    assert_eq!(back.certificate, identity.certificate);
    assert_eq!(back.device.signing_seed(), identity.device.signing_seed());
    assert_eq!(back.root.unwrap().seed(), identity.root.as_ref().unwrap().seed());
    let paired = Identity { root: None, ..identity };
    assert!(Identity::from_secret_text(&paired.to_secret_text()).unwrap().root.is_none());
}

#[test]
fn a_damaged_identity_says_so() {
    let identity = Identity::generate(&mut rng(6));
    let text = identity.to_secret_text().to_string();
    let prefix = text.find(':').unwrap() + 1;
    for at in 0..text.len() {
        let mut bent = text.clone().into_bytes();
        bent[at] = if bent[at] == b'0' { b'1' } else { b'0' };
        let expected = if at < prefix { ParseIdentityError::NotAnIdentity } else { ParseIdentityError::Damaged };
        assert_eq!(Identity::from_secret_text(std::str::from_utf8(&bent).unwrap()).unwrap_err(), expected);
        let cut = Identity::from_secret_text(&text[..at]).unwrap_err();
        assert_eq!(cut, expected, "cut at {at}");
    }
    let mixed = Identity { root: Some(PersonKey::generate(&mut rng(7))), ..identity };
    assert_eq!(Identity::from_secret_text(&mixed.to_secret_text()).unwrap_err(), ParseIdentityError::Mismatch);
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn any_key_wraps_and_opens(seed: u64, key: [u8; 32]) {
        let who = Someone::new(seed);
        let key = ContentKey::from_bytes(&key);
        let opened = wrap(&key, who.device.sealing_key()).open(&context(&key), who.device.sealing_secret()).unwrap();
        prop_assert_eq!(opened.as_bytes(), key.as_bytes());
    }
}

/// What holds a secret is wiped when it goes, down to the libraries' own types.
#[test]
fn secrets_are_wiped() {
    fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}
    is_wiped::<ed25519_dalek::SigningKey>();
    is_wiped::<zeroize::Zeroizing<[u8; 32]>>();
    is_wiped::<sheaf_access::ContentKey>();
    is_wiped::<sheaf_access::SealingSecret>();
    is_wiped::<sheaf_access::InvitationSecret>();
    is_wiped::<sheaf_access::DeviceKeys>();
    is_wiped::<PersonKey>();
}
