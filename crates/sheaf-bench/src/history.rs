//! A home with a long history behind one of its documents: one change for each step of a writing session.
//!
//! A window that is typed in joins keys into fewer changes, and a hundred thousand of them would take hours; so the entries
//! are written straight into the journal and the store of a home that is closed, as this device would have written them in
//! another log: sealed, signed, and each following the one before. Whoever opens the home then checks and applies them like
//! any others.

use anyhow::{Context, Result, ensure};
use sheaf_access::{AccessHistory, ContentKey, DocumentId, EntryHash, EpochId, Identity, LogId, SpaceId};
use sheaf_document::model::len_of;
use sheaf_document::{Committed, Document, Slot};
use sheaf_log::{Content, Draft, Entry, EntryRef, Mine, MineKey, Part, actor};
use sheaf_node::Format;
use sheaf_store::{Home, Purpose, Store};

use crate::home::{self, Folder};
use crate::trace::{self, Replay, Trace};

/// How many changes go into one entry.
const CHANGES: usize = 64;
/// How many entries are stored at once.
const ENTRIES: usize = 256;
/// How many bytes of entries are read at once.
const READ: usize = 1 << 20;

/// A document with a long history.
pub struct History {
    /// The space it is in.
    pub space: String,
    /// Its id.
    pub document: String,
    /// How many places it has: a window that shows fewer does not show all of it.
    pub places: usize,
}

/// Makes a home with a document that was written as the trace says.
pub async fn write(folder: &Folder, trace: &Trace) -> Result<History> {
    let node = home::new(folder, "Ana").await?;
    let space = node.create_space("Field station").await?.id;
    let document = node.create_document(Some(&space), "A long history").await?.id;
    let begun = node.export(&document, Format::Automerge).await?;
    node.shutdown().await?;
    drop(node);
    let mut log = OtherLog::open(home::open_below(folder).await?, space.parse()?, document.parse()?)?;
    let places = log.write(&begun, trace)?;
    Ok(History { space, document, places })
}

/// The keys that the home's identity holds, sealed.
fn keys_of(home: &Home) -> Result<Identity> {
    const FILE: &str = "identity.json";
    let file: serde_json::Value = serde_json::from_slice(&home.file(FILE)?.context("the home has no identity")?)?;
    let sealed = data_encoding::HEXLOWER.decode(file["sealed"].as_str().unwrap_or_default().as_bytes())?;
    let opened = home.vault().open(Purpose::File, FILE.as_bytes(), &sealed).context("the identity does not open")?;
    let identity: serde_json::Value = serde_json::from_slice(&opened)?;
    Ok(Identity::from_secret_text(identity["keys"].as_str().context("the identity has no keys")?)?)
}

/// Another log of the home's own device.
struct OtherLog {
    home: Home,
    keys: Identity,
    space: SpaceId,
    document: DocumentId,
    /// What the document's first entries are: all that is written here comes after them.
    after: Vec<EntryRef>,
    access_heads: Vec<EntryHash>,
    epoch: EpochId,
    key: ContentKey,
    log: LogId,
    seq: u64,
    tip: Option<EntryHash>,
    mine: Mine,
    time: u64,
    waiting: Vec<Entry>,
}

impl OtherLog {
    fn open(home: Home, space: SpaceId, document: DocumentId) -> Result<Self> {
        let keys = keys_of(&home)?;
        let entries: Vec<Entry> = home.store().since(space, 0, READ)?.into_iter().map(|(_, entry)| entry).collect();
        let operations = entries.iter().filter_map(Entry::access_entry).collect::<Result<Vec<_>, _>>()?;
        let access = AccessHistory::evaluate(space, operations)?;
        let epoch = access.now().writable_epoch().context("the space cannot be written to")?;
        let key = access.now().content_key(&epoch, keys.device.sealing_secret())?;
        let after = home
            .store()
            .document_rows(space, document, 0)?
            .iter()
            .filter_map(|row| entries.iter().find(|entry| (entry.log(), entry.seq()) == (row.log, row.seq)))
            .map(Entry::reference)
            .collect();
        let access_heads = access.now().heads().to_vec();
        let log = LogId { device: keys.device.id(), nonce: crate::SEED % sheaf_log::MAX_LOGS_OF_DEVICE };
        let time = entries.last().map_or(0, |entry| entry.header().time);
        Ok(Self {
            home,
            keys,
            space,
            document,
            after,
            access_heads,
            epoch,
            key,
            log,
            seq: 0,
            tip: None,
            mine: Mine::new(),
            time,
            waiting: Vec::new(),
        })
    }

    /// Writes the trace behind what the document says already. Answers how many places there are then.
    fn write(&mut self, begun: &[u8], trace: &Trace) -> Result<usize> {
        let mut document = Document::load(begun)?;
        let offset = len_of(&document.items());
        let slot = Slot {
            actor: actor(&self.log, &self.document, Part::Body, 0).to_vec(),
            author: self.keys.certificate.person.as_bytes().to_vec(),
        };
        let mut replay = Replay::new("");
        let start = trace::Step::inserting(&trace.start_content);
        let mut changes = Vec::new();
        for step in start.iter().chain(&trace.txns) {
            changes.extend(document.edit(&slot, &replay.step(step, offset)?)?);
            if changes.len() >= CHANGES {
                self.seal(std::mem::take(&mut changes))?;
            }
        }
        self.seal(changes)?;
        self.store()?;
        let items = document.items();
        let says = trace::text_from(&items, offset);
        ensure!(says == trace.end_content, "the document does not say what the session ended with");
        Ok(len_of(&items))
    }

    /// Seals changes into the log's next entries: several, if they are large.
    fn seal(&mut self, changes: Vec<Committed>) -> Result<()> {
        let mut group: Vec<Committed> = Vec::new();
        for change in changes {
            // A long start is several large changes.
            if group.iter().map(|one| one.bytes.len()).sum::<usize>() + change.bytes.len() > sheaf_log::MAX_CHANGE / 2 {
                self.seal_group(std::mem::take(&mut group))?;
            }
            group.push(change);
        }
        self.seal_group(group)
    }

    fn seal_group(&mut self, group: Vec<Committed>) -> Result<()> {
        let Some(last) = group.last() else { return Ok(()) };
        self.mine.set(MineKey { document: self.document, part: Part::Body, slot: 0 }, last.seq, last.hash.0);
        let draft = Draft {
            space: self.space,
            log: self.log,
            seq: self.seq + 1,
            prev: self.tip,
            access_heads: self.access_heads.clone(),
            epoch: self.epoch,
            time: self.time,
            builds_on: if self.seq == 0 { self.after.clone() } else { Vec::new() },
            mine: self.mine.root(),
        };
        let changes = group.into_iter().map(|change| change.bytes).collect();
        let content = Content { document: self.document, part: Part::Body, changes };
        let entry = draft.seal(&self.key, &content, &rand::random(), &self.keys.device)?;
        (self.seq, self.tip) = (entry.seq(), Some(entry.hash()));
        self.waiting.push(entry);
        if self.waiting.len() >= ENTRIES { self.store() } else { Ok(()) }
    }

    fn store(&mut self) -> Result<()> {
        let entries = std::mem::take(&mut self.waiting);
        self.home.journal().append(self.space, &entries)?.wait()?;
        self.home.store().append(self.space, &entries)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Window;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_home_with_a_history_opens_like_any_other_and_can_be_written_in() {
        let folder = Folder::new().unwrap();
        let trace = Trace::invented(3, 300, 1_000);
        let history = write(&folder, &trace).await.unwrap();
        let node = home::open(&folder).await.unwrap();
        assert!(node.notices().is_empty(), "{:?}", node.notices());
        let (_, items) = node.read(&history.document).await.unwrap();
        assert!(trace::text_from(&items, 0).ends_with(&trace.end_content));
        let saved = node.export(&history.document, Format::Automerge).await.unwrap();
        let changes = automerge::Automerge::load(&saved).unwrap().get_changes(&[]).len();
        assert!(changes >= trace.txns.len(), "one change for each step: {changes}");
        let mut window = Window::open(&node, &history.document).await.unwrap();
        window.showing(history.places).await.unwrap();
        window.key();
        window.saved().await.unwrap();
        window.close().await.unwrap();
        node.shutdown().await.unwrap();
    }
}
