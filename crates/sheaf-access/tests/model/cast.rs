//! Who takes part: six people with three devices each, made once.

use std::sync::OnceLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sheaf_access::{
    ContentKey, DeviceCertificate, DeviceKeys, DeviceRevocation, EpochId, InvitationSecret, PersonKey, SealedKey,
    Signature, SpaceId,
};

pub const PEOPLE: usize = 6;
pub const DEVICES: usize = 3;

pub struct Device {
    pub keys: DeviceKeys,
    pub certificate: DeviceCertificate,
    pub consent: Signature,
    pub revocation: DeviceRevocation,
}

pub struct Cast {
    /// By person.
    pub people: Vec<Vec<Device>>,
    pub invitations: Vec<InvitationSecret>,
    pub key: ContentKey,
    /// A key sealed for someone: what the model looks at is how many there are.
    pub sealed: SealedKey,
}

pub fn cast() -> &'static Cast {
    static CAST: OnceLock<Cast> = OnceLock::new();
    CAST.get_or_init(|| {
        let mut rng = ChaCha20Rng::seed_from_u64(4711);
        let people: Vec<Vec<Device>> = (0..PEOPLE)
            .map(|_| {
                let root = PersonKey::generate(&mut rng);
                let device = |_| {
                    let keys = DeviceKeys::generate(&mut rng);
                    let certificate = DeviceCertificate::issue(&root, &keys);
                    let (consent, revocation) = (certificate.consent(&keys), DeviceRevocation::issue(&root, keys.id()));
                    Device { keys, certificate, consent, revocation }
                };
                (0..DEVICES).map(device).collect()
            })
            .collect();
        let key = ContentKey::generate(&mut rng);
        let invitations = (0..6).map(|_| InvitationSecret::generate(&mut rng)).collect();
        let reader = people[0][0].certificate.sealing_key;
        let sealed = SealedKey::seal(&key, SpaceId::UNBORN, EpochId::UNBORN, reader, &mut rng).unwrap();
        Cast { people, invitations, key, sealed }
    })
}
