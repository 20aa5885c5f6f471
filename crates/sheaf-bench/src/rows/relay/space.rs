//! Spaces that are founded beforehand: real keys, real entries, signed and sealed as devices do it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rand_chacha::ChaCha20Rng;
use sheaf_access::{
    AccessHistory, AccessOp, ContentKey, DocumentId, EntryHash, EpochId, Identity, InvitationSecret, LogId, Role,
    SpaceId,
};
use sheaf_log::{Content, Draft, Entry, Frontier, Mine, Part};
use sheaf_sync::Item;

/// The time in every header: nothing here asks for it.
const TIME: u64 = 1_800_000_000_000;

/// A space, and all that its members need to know to write in it.
pub struct Space {
    /// Its id.
    pub id: SpaceId,
    /// Its members, the founder first, and the logs they write in.
    pub members: Vec<(Arc<Identity>, LogId)>,
    /// The entries by which it became what it is, in order.
    pub entries: Vec<Item>,
    key: ContentKey,
    epoch: EpochId,
    heads: Vec<EntryHash>,
}

impl Space {
    /// A space whose first member founds it, and invites the others.
    pub fn of(members: &[Arc<Identity>], rng: &mut ChaCha20Rng) -> Result<Self> {
        let members: Vec<(Arc<Identity>, LogId)> =
            members.iter().map(|member| (Arc::clone(member), LogId { device: member.device.id(), nonce: 1 })).collect();
        let (founder, log) = members.first().context("a space has a founder")?.clone();
        let key = ContentKey::generate(rng);
        let create = AccessOp::create(founder.certificate, &key, rng)?;
        let creation = Draft::founding(log, TIME, &create, &founder.device)?;
        let mut history = AccessHistory::found(creation.access_entry().context("an access entry")??)?;
        let id = history.space();
        let epoch = EpochId::from_bytes(*creation.hash().as_bytes());
        let mut entries = vec![creation];
        if members.len() > 1 {
            let (secret, keys) = (InvitationSecret::generate(rng), [(epoch, key.clone())]);
            let invite = AccessOp::invite(id, entries[0].hash(), &secret, Role::Editor, &keys, rng)?;
            let prev = Some(entries[0].hash());
            let second = Draft { prev, seq: 2, ..draft(id, log, &history, epoch) };
            add(&mut history, &mut entries, second.access(&invite, &founder.device)?)?;
            for (member, log) in &members[1..] {
                let heads = history.now().heads().to_vec();
                let redeem = AccessOp::redeem(id, &secret, member.certificate, &heads, &keys, rng)?;
                let entry = draft(id, *log, &history, epoch).access(&redeem, &member.device)?;
                add(&mut history, &mut entries, entry)?;
            }
        }
        let heads = history.now().heads().to_vec();
        let entries = (1..).zip(&entries).map(|(arrival, entry)| item(arrival, entry)).collect();
        Ok(Self { id, members, entries, key, epoch, heads })
    }

    /// The same with so many words by its founder, each of a document of its own as far as a relay could tell.
    pub fn with_words(mut self, words: usize) -> Result<Self> {
        let (founder, log) = self.members.first().context("a space has a founder")?.clone();
        for _ in 0..words {
            let (seq, prev) = self.tip(&log).context("the founder has founded it")?;
            let entry = self.write(&founder, log, (seq + 1, Some(prev)), b"a word")?;
            let arrival = self.entries.len() as u64 + 1;
            self.entries.push(item(arrival, &entry));
        }
        Ok(self)
    }

    /// How much there is of it before anyone writes.
    pub fn frontier(&self) -> Frontier {
        let mut frontier = Frontier::new();
        for item in &self.entries {
            frontier.advance(item.log, item.seq);
        }
        frontier
    }

    /// The last entry of each log, and its place.
    pub fn tips(&self) -> Vec<(LogId, u64, EntryHash)> {
        // Later ones of a log count over earlier ones.
        self.entries.iter().map(|item| (item.log, item.seq, item.hash)).collect()
    }

    /// The last entry of one log.
    pub fn tip(&self, log: &LogId) -> Option<(u64, EntryHash)> {
        self.entries.iter().rev().find(|item| item.log == *log).map(|item| (item.seq, item.hash))
    }

    /// A word, sealed and signed by a member. What it commits to of its own log nobody here looks into.
    pub fn write(
        &self,
        by: &Identity,
        log: LogId,
        (seq, prev): (u64, Option<EntryHash>),
        word: &[u8],
    ) -> Result<Entry> {
        let draft = Draft {
            space: self.id,
            log,
            seq,
            prev,
            access_heads: self.heads.clone(),
            epoch: self.epoch,
            time: TIME,
            builds_on: Vec::new(),
            mine: Mine::new().root(),
        };
        let document = DocumentId::from_bytes(*self.id.as_bytes());
        let content = Content { document, part: Part::Body, changes: vec![word.to_vec()] };
        Ok(draft.seal(&self.key, &content, &rand::random(), &by.device)?)
    }

    /// What an entry says, opened.
    pub fn read(&self, entry: &Entry) -> Result<Content> {
        Ok(entry.open(&self.key)?)
    }
}

/// An entry as the sync machine wants it.
pub fn item(arrival: u64, entry: &Entry) -> Item {
    let (log, seq, hash) = (entry.log(), entry.seq(), entry.hash());
    Item { arrival, log, seq, hash, bytes: entry.encoded().into() }
}

fn draft(space: SpaceId, log: LogId, history: &AccessHistory, epoch: EpochId) -> Draft {
    let access_heads = history.now().heads().to_vec();
    let mine = Mine::new().root();
    Draft { space, log, seq: 1, prev: None, access_heads, epoch, time: TIME, builds_on: Vec::new(), mine }
}

fn add(history: &mut AccessHistory, entries: &mut Vec<Entry>, entry: Entry) -> Result<()> {
    history.add(entry.access_entry().context("an access entry")??)?;
    entries.push(entry);
    Ok(())
}
