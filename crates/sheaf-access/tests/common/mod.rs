//! What the tests share: people with keys, and entries as the log would hand them over.
#![allow(dead_code, reason = "each test file uses its part")]

use proptest::test_runner::Config;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sheaf_access::{
    AccessEntry, AccessHistory, AccessOp, ContentKey, Denied, DeviceCertificate, DeviceKeys, EntryHash, EpochId,
    InvitationSecret, LogId, PersonKey, Removal, Role, SpaceId, Verdict, Void, WriteError,
};

/// How many cases a property is tried on: `usual`, or what `SHEAF_CASES` says.
pub fn cases(usual: u32) -> Config {
    long_cases(usual, 1)
}

/// The same for properties of which each case is `worth` many: a whole history rather than one value.
pub fn long_cases(usual: u32, worth: u32) -> Config {
    let wanted = std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse::<u32>().ok());
    let cases = wanted.map_or(usual, |cases| cases.div_ceil(worth));
    Config { cases, failure_persistence: None, ..Config::default() }
}

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A person on one device.
#[derive(Clone)]
pub struct Someone {
    pub root: PersonKey,
    pub device: DeviceKeys,
    pub certificate: DeviceCertificate,
    pub log: LogId,
}

impl Someone {
    pub fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let (root, device) = (PersonKey::generate(&mut rng), DeviceKeys::generate(&mut rng));
        let certificate = DeviceCertificate::issue(&root, &device);
        let log = LogId { device: device.id(), nonce: seed };
        Self { root, device, certificate, log }
    }

    pub fn entry(&self, space: SpaceId, seq: u64, heads: &[EntryHash], operation: AccessOp) -> AccessEntry {
        let mut access_heads = heads.to_vec();
        access_heads.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        hasher.update(space.as_bytes()).update(self.log.device.as_bytes()).update(&self.log.nonce.to_le_bytes());
        hasher.update(&seq.to_le_bytes());
        for head in &access_heads {
            hasher.update(head.as_bytes());
        }
        hasher.update(&operation.encode());
        let hash = EntryHash::from_bytes(*hasher.finalize().as_bytes());
        AccessEntry { hash, space, log: self.log, seq, access_heads, time: seq, operation }
    }
}

/// A space with its founder.
#[derive(Clone)]
pub struct World {
    pub founder: Someone,
    pub history: AccessHistory,
    pub space: SpaceId,
    pub key: ContentKey,
    pub creation: EntryHash,
}

impl World {
    pub fn new() -> Self {
        let mut rng = rng(1);
        let founder = Someone::new(100);
        let key = ContentKey::generate(&mut rng);
        let op = AccessOp::create(founder.certificate, &key, &mut rng).unwrap();
        let creation = founder.entry(SpaceId::UNBORN, 1, &[], op);
        let hash = creation.hash;
        let history = AccessHistory::found(creation).unwrap();
        Self { founder, space: history.space(), history, key, creation: hash }
    }

    pub fn heads(&self) -> Vec<EntryHash> {
        self.history.now().heads().to_vec()
    }

    pub fn keys(&self) -> Vec<(EpochId, ContentKey)> {
        vec![(EpochId::from(self.creation), self.key.clone())]
    }

    /// An invitation by someone, under a grant, as an entry on top of all there is.
    pub fn invite(
        &self,
        by: &Someone,
        seq: u64,
        under: EntryHash,
        role: Role,
        seed: u64,
    ) -> (InvitationSecret, AccessEntry) {
        let mut rng = rng(seed);
        let secret = InvitationSecret::generate(&mut rng);
        let op = AccessOp::invite(self.space, under, &secret, role, &self.keys(), &mut rng).unwrap();
        (secret, by.entry(self.space, seq, &self.heads(), op))
    }

    /// A redemption on top of all there is.
    pub fn redeem(&self, who: &Someone, secret: &InvitationSecret) -> AccessEntry {
        let heads = self.heads();
        let op = AccessOp::redeem(self.space, secret, who.certificate, &heads, &self.keys(), &mut rng(who.log.nonce))
            .unwrap();
        who.entry(self.space, 1, &heads, op)
    }

    /// Lets someone in with a role.
    pub fn join(&mut self, who: &Someone, role: Role, seq: u64) -> EntryHash {
        let (secret, invitation) = self.invite(&self.founder, seq, self.creation, role, who.log.nonce + 7000);
        self.history.add(invitation).unwrap();
        let redemption = self.redeem(who, &secret);
        let hash = redemption.hash;
        self.history.add(redemption).unwrap();
        hash
    }

    /// All content keys that someone's device opens.
    pub fn keys_of(&self, who: &Someone) -> Vec<(EpochId, ContentKey)> {
        self.history.now().content_keys(who.device.sealing_secret())
    }

    /// An operation as an entry on top of all there is.
    pub fn entry(&self, by: &Someone, seq: u64, operation: AccessOp) -> AccessEntry {
        by.entry(self.space, seq, &self.heads(), operation)
    }

    /// The same, let in.
    pub fn write(&mut self, by: &Someone, seq: u64, operation: AccessOp) -> EntryHash {
        let entry = self.entry(by, seq, operation);
        let hash = entry.hash;
        self.history.add(entry).unwrap();
        hash
    }

    /// What ends someone's time here, or lowers their role, with these watermarks.
    pub fn removal(
        &self,
        by: &Someone,
        of: &Someone,
        leaves: Option<Role>,
        watermarks: &[(LogId, u64)],
    ) -> Result<AccessOp, WriteError> {
        let removal = Removal { person: of.root.id(), leaves, watermarks: watermarks.to_vec() };
        AccessOp::remove(&self.history, &by.device.id(), removal, &self.keys_of(by), &mut rng(by.log.nonce))
    }

    pub fn remove(&mut self, by: &Someone, seq: u64, of: &Someone, watermarks: &[(LogId, u64)]) -> EntryHash {
        let operation = self.removal(by, of, None, watermarks).unwrap();
        self.write(by, seq, operation)
    }

    /// Takes in what somebody else holds.
    pub fn hear(&mut self, other: &Self) {
        for entry in other.history.entries() {
            self.history.add(entry.clone()).unwrap();
        }
    }

    pub fn verdict(&self, entry: &EntryHash) -> Verdict {
        self.history.now().verdict(entry).unwrap()
    }

    pub fn role(&self, who: &Someone) -> Option<Role> {
        self.history.now().member(&who.root.id()).map(|member| member.role)
    }

    /// Why an entry is kept out for good.
    pub fn refuses(&self, entry: &AccessEntry) -> Void {
        let mut history = self.history.clone();
        assert_eq!(history.check(entry), history.add(entry.clone()));
        match history.check(entry) {
            Err(Denied::Unfounded(void)) => void,
            other => panic!("{other:?}"),
        }
    }
}

impl Someone {
    /// Another device of the same person.
    pub fn other_device(&self, seed: u64) -> Self {
        let device = DeviceKeys::generate(&mut rng(seed));
        let certificate = DeviceCertificate::issue(&self.root, &device);
        let log = LogId { device: device.id(), nonce: seed };
        Self { root: self.root.clone(), device, certificate, log }
    }

    /// The same device, in another log.
    pub fn other_log(&self, nonce: u64) -> Self {
        Self { log: LogId { nonce, ..self.log }, ..self.clone() }
    }

    /// The device's own entry that adds it.
    pub fn adds_itself(&self, world: &World) -> AccessEntry {
        let consent = self.certificate.consent(&self.device);
        let op = AccessOp::AddDevice { certificate: self.certificate, consent, under: None, wraps: Vec::new() };
        world.entry(self, 1, op)
    }
}
