//! What the tests share: people with keys and logs, and a space held in memory.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use proptest::test_runner::Config;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sheaf_access::{
    AccessHistory, AccessOp, ContentKey, DeviceId, DocumentId, EntryHash, EpochId, Identity, InvitationSecret, LogId,
    Role, SpaceId,
};
use sheaf_log::{
    Admitted, Content, Draft, Entry, EntryRef, Held, HeldEntry, Kind, MAX_LOGS_OF_DEVICE, Mine, NotAdmitted, Part,
    Refusal, admit,
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

/// A person on one device, with the log that it writes.
#[derive(Clone)]
pub struct Writer {
    pub identity: Identity,
    pub log: LogId,
    pub tip: Option<EntryRef>,
}

impl Writer {
    pub fn new(seed: u64) -> Self {
        let identity = Identity::generate(&mut rng(seed));
        let log = LogId { device: identity.device.id(), nonce: seed % MAX_LOGS_OF_DEVICE };
        Self { identity, log, tip: None }
    }

    pub fn device(&self) -> DeviceId {
        self.log.device
    }
}

/// A space as one device holds it.
#[derive(Clone)]
pub struct Space {
    pub id: SpaceId,
    pub key: ContentKey,
    pub creation: Entry,
    pub access: AccessHistory,
    pub logs: BTreeMap<LogId, Vec<Entry>>,
}

impl Held for Space {
    type Error = Infallible;

    fn height(&self, log: &LogId) -> Result<u64, Infallible> {
        Ok(self.logs.get(log).map_or(0, |entries| entries.len() as u64))
    }

    fn at(&self, log: &LogId, seq: u64) -> Result<Option<HeldEntry>, Infallible> {
        let place = usize::try_from(seq - 1).unwrap();
        Ok(self.logs.get(log).and_then(|entries| entries.get(place)).map(HeldEntry::from))
    }

    fn logs(&self) -> Result<usize, Infallible> {
        Ok(self.logs.len())
    }

    fn logs_of(&self, devices: &BTreeSet<DeviceId>) -> Result<usize, Infallible> {
        Ok(self.logs.keys().filter(|log| devices.contains(&log.device)).count())
    }
}

impl Space {
    pub fn found(founder: &mut Writer) -> Self {
        let key = ContentKey::from_bytes(&[7; 32]);
        let op = AccessOp::create(founder.identity.certificate, &key, &mut rng(1)).unwrap();
        let creation = Draft::founding(founder.log, 1_000, &op, &founder.identity.device).unwrap();
        founder.tip = Some(creation.reference());
        let access = AccessHistory::found(creation.access_entry().unwrap().unwrap()).unwrap();
        let mut space = Self { id: creation.space(), key, creation: creation.clone(), access, logs: BTreeMap::new() };
        assert_eq!(space.admit(&creation), Ok(Admitted::New));
        space.keep(&creation);
        space
    }

    pub fn epoch(&self) -> EpochId {
        EpochId::from(self.creation.hash())
    }

    pub fn heads(&self) -> Vec<EntryHash> {
        self.access.now().heads().to_vec()
    }

    pub fn draft(&self, by: &Writer) -> Draft {
        Draft {
            space: self.id,
            log: by.log,
            seq: by.tip.map_or(1, |tip| tip.seq + 1),
            prev: by.tip.map(|tip| tip.hash),
            access_heads: self.heads(),
            epoch: self.epoch(),
            time: 2_000,
            builds_on: Vec::new(),
            mine: Mine::new().root(),
        }
    }

    /// Content by someone, on top of some entries.
    pub fn write(&self, by: &Writer, part: Part, builds_on: &[EntryRef]) -> Entry {
        self.seal(by, part, Draft { builds_on: builds_on.to_vec(), ..self.draft(by) })
    }

    pub fn seal(&self, by: &Writer, part: Part, draft: Draft) -> Entry {
        let content = Content { document: DocumentId::from_bytes([3; 32]), part, changes: vec![vec![1, 2, 3]] };
        draft.seal(&self.key, &content, &[draft_nonce(by); 24], &by.identity.device).unwrap()
    }

    pub fn admit(&self, entry: &Entry) -> Result<Admitted, Refusal> {
        match admit(entry, self, &self.access) {
            Ok(admitted) => Ok(admitted),
            Err(NotAdmitted::Refused(refusal)) => {
                assert!(sheaf_log::explain(refusal.code()).is_some() && !refusal.to_string().is_empty());
                Err(refusal)
            }
            Err(NotAdmitted::Unreadable(never)) => match never {},
        }
    }

    /// Holds an entry, whatever admission says.
    pub fn keep(&mut self, entry: &Entry) {
        self.logs.entry(entry.log()).or_default().push(entry.clone());
        if entry.header().kind == Kind::Access {
            self.access.add(entry.access_entry().unwrap().unwrap()).unwrap();
        }
    }

    /// Admits and holds an entry of a writer's own.
    pub fn take(&mut self, by: &mut Writer, entry: &Entry) {
        assert_eq!(self.admit(entry), Ok(Admitted::New));
        self.keep(entry);
        by.tip = Some(entry.reference());
    }

    pub fn invite(&mut self, by: &mut Writer, under: EntryHash, role: Role) -> InvitationSecret {
        let mut rng = rng(by.tip.map_or(0, |tip| tip.seq) + 50);
        let secret = InvitationSecret::generate(&mut rng);
        let keys = [(self.epoch(), self.key.clone())];
        let op = AccessOp::invite(self.id, under, &secret, role, &keys, &mut rng).unwrap();
        let entry = self.draft(by).access(&op, &by.identity.device).unwrap();
        self.take(by, &entry);
        secret
    }

    pub fn redemption(&self, who: &Writer, secret: &InvitationSecret) -> Entry {
        let heads = self.heads();
        let keys = self.access.now().content_keys(&secret.sealing_secret());
        let certificate = who.identity.certificate;
        let op = AccessOp::redeem(self.id, secret, certificate, &heads, &keys, &mut rng(9)).unwrap();
        self.draft(who).access(&op, &who.identity.device).unwrap()
    }

    /// Lets someone in.
    pub fn join(&mut self, owner: &mut Writer, who: &mut Writer, role: Role) -> EntryHash {
        let secret = self.invite(owner, self.creation.hash(), role);
        let entry = self.redemption(who, &secret);
        self.take(who, &entry);
        entry.hash()
    }
}

fn draft_nonce(by: &Writer) -> u8 {
    by.tip.map_or(0, |tip| tip.seq as u8)
}
