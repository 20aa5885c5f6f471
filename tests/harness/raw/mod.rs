//! A device that keeps to no rule but its own: real keys, a real connection, and frames, entries, seals and changes that
//! are put together by hand.
//!
//! It shares code with the node only where an honest peer's bytes are wanted, and takes them apart again where they are
//! not: [`forge`] writes headers, seals and changes that the crates themselves would refuse to write. A [`Raw`] is the
//! device; [`Line`] is one connection of its; [`Held`] is what it has of a space, and its own log there.

mod changes;
mod checkpoint;
mod forge;
mod line;
mod quic;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sheaf_access::{
    AccessHistory, AccessOp, ContentKey, DeviceCertificate, DeviceId, DeviceKeys, DocumentId, EntryHash, EpochId,
    InvitationLink, InvitationSecret, LogId, PersonId, PersonKey, Removal, SpaceId, Terms,
};
use sheaf_document::check::peek;
use sheaf_log::{Content, Draft, Entry, EntryRef, Frontier, MAX_LOGS_OF_DEVICE, Mine, MineKey, Part, slot_of};

pub use changes::{Author, billions, deflated, typed, typed_on, typed_over};
pub use checkpoint::{Made, Parts};
pub use forge::{Forged, bomb, seal};
pub use line::{Answer, Line};
pub use quic::Quic;

/// A person with one device, who means harm.
pub struct Raw {
    /// The person's root key.
    pub person: PersonKey,
    /// The device's keys.
    pub device: DeviceKeys,
    /// The person's word for the device.
    pub certificate: DeviceCertificate,
}

/// What a raw device has of a space, and its own log there.
#[derive(Clone)]
pub struct Held {
    /// The space.
    pub space: SpaceId,
    /// Every entry, in the order it came.
    pub entries: Vec<Entry>,
    /// Who may do what.
    pub history: AccessHistory,
    /// The content keys it can open.
    pub keys: BTreeMap<EpochId, ContentKey>,
    /// Its own log.
    pub log: LogId,
    /// The number of its last entry there.
    pub seq: u64,
    /// The hash of its last entry.
    pub tip: Option<EntryHash>,
}

impl Default for Raw {
    fn default() -> Self {
        Self::new()
    }
}

impl Raw {
    /// Somebody new.
    pub fn new() -> Self {
        let (person, device) = (PersonKey::generate(&mut rand::rng()), DeviceKeys::generate(&mut rand::rng()));
        let certificate = DeviceCertificate::issue(&person, &device);
        Self { person, device, certificate }
    }

    /// The device's id, as nodes write it.
    pub fn id(&self) -> String {
        self.device.id().to_string()
    }

    /// Connects to a node and greets it.
    pub async fn call(&self, device: DeviceId, addresses: &[SocketAddr]) -> Line {
        Line::open(*self.device.signing_seed(), device, addresses).await
    }

    /// Connects to whoever made an invitation.
    pub async fn call_inviter(&self, invitation: &str) -> Line {
        let link = parse(invitation);
        self.call(link.device, &addresses(&link)).await
    }

    /// Joins by an invitation, as an honest newcomer would.
    ///
    /// # Panics
    /// When it is not let in.
    pub async fn join(&self, invitation: &str) -> (Line, Held) {
        let mut line = self.call_inviter(invitation).await;
        let mut held = self.look_in(&mut line, invitation).await.expect("the invitation is good");
        let redemption = self.redemption(&mut held, invitation);
        assert_eq!(line.send(held.space, &[redemption.encoded()]).await, Answer::Taken, "a good redemption");
        (line, held)
    }

    /// Shows an invitation and reads what it opens, without redeeming it.
    pub async fn look_in(&self, line: &mut Line, invitation: &str) -> Result<Held, sheaf_sync::RedemptionRefusal> {
        let shown = parse(invitation);
        let proof = shown.secret.prove_on_channel(shown.space, self.device.id(), &line.nonce());
        let proof = [shown.secret.id().as_bytes().as_slice(), &proof.to_bytes()].concat();
        line.redeem(shown.space, proof).await?;
        let mut held = Held::of(shown.space, line.fetch(shown.space, &Frontier::new()).await, self.device.id());
        let keys = held.history.now().content_keys(&shown.secret.sealing_secret());
        held.keys.extend(keys);
        Ok(held)
    }

    /// The first entry of a newcomer's log (I2). It is counted as written; sending it is another matter.
    pub fn redemption(&self, held: &mut Held, invitation: &str) -> Entry {
        self.redemption_of(held, &parse(invitation).secret)
    }

    /// The same, by the secret of the invitation.
    ///
    /// # Panics
    /// When nothing can be written in the space.
    pub fn redemption_of(&self, held: &mut Held, secret: &InvitationSecret) -> Entry {
        let heads = held.history.now().heads().to_vec();
        let op = AccessOp::redeem(held.space, secret, self.certificate, &heads, &held.given_keys(), &mut rand::rng());
        let entry = self.access(held, &op.expect("the keys of a device can be wrapped for"));
        held.take(entry.clone());
        entry
    }

    /// A log of its own that nobody has heard of.
    pub fn log(&self) -> LogId {
        LogId { device: self.device.id(), nonce: rand::random::<u64>() % MAX_LOGS_OF_DEVICE }
    }

    /// Fetches what came since, and takes it in.
    pub async fn catch_up(&self, line: &mut Line, held: &mut Held) {
        for entry in line.fetch(held.space, &held.frontier()).await {
            held.take(entry);
        }
        held.open_keys(self);
    }

    /// The honest removal of a person, who loses nothing that is held.
    ///
    /// # Panics
    /// When it may not remove them.
    pub fn removal(&self, held: &Held, person: PersonId) -> AccessOp {
        let logs = held.frontier();
        let theirs = |log: &LogId| held.history.now().person_of(&log.device) == Some(person);
        let watermarks = logs.iter().filter(|(log, _)| theirs(log)).map(|(log, seq)| (*log, seq)).collect();
        let removal = Removal { person, leaves: None, watermarks };
        let removed = AccessOp::remove(&held.history, &self.device.id(), removal, &held.given_keys(), &mut rand::rng());
        removed.expect("it may remove them")
    }

    /// An access operation as the next entry of its log, without a thought whether it may.
    pub fn access(&self, held: &Held, op: &AccessOp) -> Entry {
        held.draft().access(op, &self.device).expect("an entry can be written")
    }

    /// Changes as the next entry of its log.
    pub fn content(&self, held: &Held, document: DocumentId, part: Part, changes: Vec<Vec<u8>>) -> Entry {
        self.content_on(held, document, part, changes, Vec::new())
    }

    /// The same, building on these entries.
    pub fn content_on(
        &self,
        held: &Held,
        document: DocumentId,
        part: Part,
        changes: Vec<Vec<u8>>,
        builds_on: Vec<EntryRef>,
    ) -> Entry {
        let key = held.key();
        let content = Content { document, part, changes };
        let draft = Draft { builds_on, ..held.draft_for(&content) };
        draft.seal(&key, &content, &rand::random(), &self.device).expect("an entry can be written")
    }

    /// Something to read, as the next entry of its log.
    pub fn words(&self, held: &Held, document: DocumentId, text: &str) -> Entry {
        let author = Author::of(self, held, document);
        self.content(held, document, Part::Body, vec![typed(&author, text)])
    }
}

impl Held {
    /// From a space's entries.
    ///
    /// # Panics
    /// When they are not a space's.
    pub fn of(space: SpaceId, entries: Vec<Entry>, device: DeviceId) -> Self {
        let operations = entries.iter().filter_map(|entry| entry.access_entry()?.ok());
        let history = AccessHistory::evaluate(space, operations).expect("an honest node's access entries");
        let log = LogId { device, nonce: rand::random::<u64>() % MAX_LOGS_OF_DEVICE };
        Self { space, entries, history, keys: BTreeMap::new(), log, seq: 0, tip: None }
    }

    /// Takes an entry in: an own one, or one that came.
    pub fn take(&mut self, entry: Entry) {
        if entry.log() == self.log {
            self.seq = entry.seq();
            self.tip = Some(entry.hash());
        }
        if let Some(Ok(operation)) = entry.access_entry() {
            // What is void is held all the same.
            let _ = self.history.add(operation);
        }
        self.entries.push(entry);
    }

    /// Opens what the device's own secret opens.
    pub fn open_keys(&mut self, raw: &Raw) {
        let keys = self.history.now().content_keys(raw.device.sealing_secret());
        self.keys.extend(keys);
    }

    /// Leaves its log for another, as a device does whose log is of no more use.
    pub fn begin_log(&mut self) {
        self.log.nonce = (self.log.nonce + 1) % MAX_LOGS_OF_DEVICE;
        (self.seq, self.tip) = (0, None);
    }

    /// All keys that it has.
    pub fn given_keys(&self) -> Vec<(EpochId, ContentKey)> {
        self.keys.iter().map(|(epoch, key)| (*epoch, key.clone())).collect()
    }

    /// An invitation under a grant, whoever's.
    ///
    /// # Panics
    /// When the keys cannot be wrapped, which they can.
    pub fn invitation(&self, under: EntryHash, secret: &InvitationSecret, terms: impl Into<Terms>) -> AccessOp {
        let keys = self.given_keys();
        AccessOp::invite(self.space, under, secret, terms, &keys, &mut rand::rng()).expect("keys can be wrapped")
    }

    /// The next place in its log, as an honest device would fill it.
    ///
    /// # Panics
    /// When nothing can be written in the space.
    pub fn draft(&self) -> Draft {
        let now = self.history.now();
        Draft {
            space: self.space,
            log: self.log,
            seq: self.seq + 1,
            prev: self.tip,
            access_heads: now.heads().to_vec(),
            epoch: now.writable_epoch().expect("an epoch to write under"),
            time: 1_800_000_000_000,
            builds_on: Vec::new(),
            mine: self.mine().root(),
        }
    }

    /// The next place in its log, for an entry that holds this.
    ///
    /// # Panics
    /// When nothing can be written in the space.
    pub fn draft_for(&self, content: &Content) -> Draft {
        let mut mine = self.mine();
        note(&mut mine, self.log, content);
        Draft { mine: mine.root(), ..self.draft() }
    }

    /// What its log has written up to its tip, as its next entry has to commit to it.
    fn mine(&self) -> Mine {
        let mut branch = Vec::new();
        let mut tip = self.tip;
        while let Some(entry) = tip.and_then(|tip| self.entries.iter().find(|entry| entry.hash() == tip)) {
            tip = entry.header().prev;
            branch.push(entry);
        }
        let mut mine = Mine::new();
        for entry in branch.into_iter().rev() {
            let key = self.keys.get(&entry.header().epoch);
            if let Some(content) = key.and_then(|key| entry.open(key).ok()) {
                note(&mut mine, self.log, &content);
            }
        }
        mine
    }

    /// The key of the epoch that is written under.
    ///
    /// # Panics
    /// When it has none.
    pub fn key(&self) -> ContentKey {
        let epoch = self.history.now().writable_epoch().expect("an epoch to write under");
        self.keys.get(&epoch).expect("the key of that epoch").clone()
    }

    /// What it holds.
    pub fn frontier(&self) -> Frontier {
        let mut frontier = Frontier::new();
        for entry in &self.entries {
            frontier.advance(entry.log(), entry.seq());
        }
        frontier
    }

    /// An entry of somebody else's.
    ///
    /// # Panics
    /// When there is none.
    pub fn of_another(&self, pick: impl Fn(&Entry) -> bool) -> Entry {
        let found = self.entries.iter().rev().find(|entry| entry.log() != self.log && pick(entry));
        found.expect("an entry of somebody else's").clone()
    }
}

/// What content adds to its log's map, as far as it is a log's own and can be read.
fn note(mine: &mut Mine, log: LogId, content: &Content) {
    let Content { document, part, changes } = content;
    for peek in changes.iter().filter_map(|change| peek(change).ok()) {
        if let Some(slot) = slot_of(&log, document, *part, &peek.actor) {
            mine.set(MineKey { document: *document, part: *part, slot }, peek.seq, peek.hash.0);
        }
    }
}

/// What a link says.
///
/// # Panics
/// When it is none.
pub fn parse(invitation: &str) -> InvitationLink {
    invitation.parse().expect("a link that a node has made")
}

/// Where a link says that its maker can be called.
pub fn addresses(link: &InvitationLink) -> Vec<SocketAddr> {
    link.addresses.iter().filter_map(|address| address.parse().ok()).collect()
}
