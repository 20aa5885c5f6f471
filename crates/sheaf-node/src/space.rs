//! One space as this device takes part in it: its access state, its keys, and this device's own log in it.
//!
//! All of it is behind one lock. An own entry gets its number, is sealed, signed and handed to the writer without letting
//! go, so that entries reach the journal in the order of their numbers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sheaf_access::{
    AccessEntry, AccessHistory, AccessOp, AccessState, ContentKey, DocumentId, EntryHash, EpochId, InvitationLink,
    LogId, Role, SealingSecret, SpaceId,
};
use sheaf_log::{Checkpoint, Content, Draft, Entry, EntryRef, Frontier, MineKey, Needed, Refusal, Sealed};

use crate::checkpoint::Checkpoints;
use crate::counting::{Counted, Void};
use crate::error::NodeError;
use crate::forks::{Forks, Talk};
use crate::identity::Identity;
use crate::own_log::OwnLog;
use crate::removal::Removed;
use crate::unopened::Opened;

/// One space.
pub struct Space {
    /// Its id.
    pub id: SpaceId,
    state: Mutex<State>,
    /// How far entries have been opened. The lock is held by whoever opens, so that rows are noted in order.
    pub opened: Mutex<Opened>,
    /// What counts of what is stored, and how far that is known. Taken before the state.
    pub counted: Mutex<Counted>,
    /// Held while the branches of a forked log are changed. Taken before the state.
    pub branching: Mutex<()>,
    /// What is remembered of what is said of forks. For moments.
    pub talk: Mutex<Talk>,
    /// What is held of checkpoints. Taken after the state where both are, and for moments only.
    checkpoints: Mutex<Checkpoints>,
    /// Held while a checkpoint is being written.
    pub checkpointing: tokio::sync::Mutex<()>,
    /// Held while entries are stored and the network is told of them, so that it hears of them in order of arrival.
    pub storing: Mutex<()>,
}

/// What changes in a space.
pub struct State {
    /// Who may do what; nothing before the first entry has come.
    pub access: Option<AccessHistory>,
    /// This device's own log.
    pub log: OwnLog,
    /// The content keys this device can open, by epoch.
    pub keys: BTreeMap<EpochId, ContentKey>,
    /// Logs that an invalid entry has closed (L3), and the number of that entry.
    pub closed: BTreeMap<LogId, u64>,
    /// Logs of which something does not count (A5), and the first place that does not.
    pub void: Arc<Void>,
    /// Logs in which a place was taken twice (L6).
    pub forks: Arc<Forks>,
    /// What this person knew when they last might write, if they may no longer: what was typed before that was heard, and
    /// is sealed only now, is sealed under this (A6).
    pub typed_under: Option<TypedUnder>,
    /// Whether this person, or this device, is in the space no more, and by whom.
    pub removed: Option<Removed>,
    /// Access entries that are stored and wait for others to come again.
    pub pending_access: Vec<AccessEntry>,
    /// The invitation that is being redeemed.
    pub joining: Option<InvitationLink>,
    /// What others have built on that was not here when they said so.
    pub needed: Arc<Needed>,
}

/// What an entry names of what its author knew.
#[derive(Clone)]
pub struct TypedUnder {
    /// The access heads.
    pub heads: Vec<EntryHash>,
    /// The epoch that was written under.
    pub epoch: EpochId,
}

/// An own change, as the entry that carries it must name it.
pub struct OwnChange {
    /// The actor's place: document, part, slot.
    pub key: MineKey,
    /// Its number among the actor's changes.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Space {
    /// A space with this state.
    pub fn new(id: SpaceId, state: State, opened: Opened) -> Arc<Self> {
        let (state, opened) = (Mutex::new(state), Mutex::new(opened));
        Arc::new(Self {
            id,
            state,
            opened,
            counted: Mutex::default(),
            branching: Mutex::default(),
            talk: Mutex::default(),
            checkpoints: Mutex::default(),
            checkpointing: tokio::sync::Mutex::default(),
            storing: Mutex::new(()),
        })
    }

    /// The state, for as long as the guard lives. Held while received access entries are stored, and over nothing else that
    /// waits.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // Each change to the state is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is held of checkpoints, for as long as the guard lives.
    pub fn checkpoints(&self) -> MutexGuard<'_, Checkpoints> {
        self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The access state now.
    pub fn access(&self) -> Option<Arc<AccessState>> {
        self.lock().access.as_ref().map(|history| Arc::clone(history.now()))
    }

    /// Whether an owner has destroyed a document of this space (A8).
    pub fn is_destroyed(&self, document: &DocumentId) -> bool {
        self.lock().access.as_ref().is_some_and(|history| history.now().is_destroyed(document))
    }

    /// This person's role; none while a redemption is on its way.
    pub fn role(&self, me: &Identity) -> Option<Role> {
        self.access()?.role_of(&me.keys.device.id())
    }
}

impl State {
    /// Seals own changes into the log's next entry. `send` gets it before the lock is let go.
    pub fn write(
        &mut self,
        space: SpaceId,
        me: &Identity,
        content: &Content,
        own: &[OwnChange],
        builds_on: Vec<EntryRef>,
        now: u64,
    ) -> Result<Entry, NodeError> {
        let TypedUnder { heads, epoch } = self.written_under(me)?;
        let key = self.keys.get(&epoch).ok_or_else(no_key)?.clone();
        let mut mine = self.log.mine.clone();
        for change in own {
            mine.set(change.key, change.seq, change.hash);
        }
        let draft = Draft { builds_on, mine: mine.root(), ..self.draft(space, &heads, epoch, now) };
        let entry = draft.seal(&key, content, &rand::random(), &me.keys.device).map_err(unsealable)?;
        self.log.mine = mine;
        self.advance(&entry);
        self.builds_on(&entry);
        Ok(entry)
    }

    /// An entry is held, or about to be. What it builds on of a branch is not let go of any more.
    pub fn builds_on(&mut self, entry: &Entry) {
        let named = &entry.header().builds_on;
        if self.forks.lets_go_of(named) {
            Arc::make_mut(&mut self.forks).builds_on(named);
        }
    }

    /// The content keys that are known, as operations are made from them.
    pub fn known_keys(&self) -> Vec<(EpochId, ContentKey)> {
        self.keys.iter().map(|(epoch, key)| (*epoch, key.clone())).collect()
    }

    /// Begins an epoch if there is none that may be written under (E3): after two removals that had not heard of each
    /// other, nobody's key is good.
    pub fn begin_epoch_if_needed(
        &mut self,
        space: SpaceId,
        me: &Identity,
        now: u64,
    ) -> Result<Option<Entry>, NodeError> {
        let Some(access) = self.access.as_ref().map(|history| Arc::clone(history.now())) else { return Ok(None) };
        let device = me.keys.device.id();
        let may = access.role_of(&device).is_some_and(|role| role >= Role::Commenter);
        if !may || access.writable_epoch().is_some() {
            return Ok(None);
        }
        let op = AccessOp::rotate(&access, &device, &self.known_keys(), &mut rand::rng())
            .map_err(|error| NodeError::Role(error.to_string()))?;
        let entry = self.write_access(space, me, &op, now)?;
        self.take_keys(me);
        Ok(Some(entry))
    }

    /// Writes a checkpoint as the log's next entry.
    pub fn write_checkpoint(
        &mut self,
        space: SpaceId,
        me: &Identity,
        checkpoint: &Checkpoint,
        sealed: &Sealed,
        builds_on: Vec<EntryRef>,
        now: u64,
    ) -> Result<Entry, NodeError> {
        if me.copied {
            return Err(NodeError::Copied);
        }
        let access = self.access_state(Role::Editor, me)?;
        let epoch = access.writable_epoch().ok_or_else(no_key)?;
        let key = self.keys.get(&epoch).ok_or_else(no_key)?;
        let draft = Draft { builds_on, ..self.draft(space, access.heads(), epoch, now) };
        let entry = draft.checkpoint(key, checkpoint, sealed, &rand::random(), &me.keys.device).map_err(unsealable)?;
        self.advance(&entry);
        self.builds_on(&entry);
        Ok(entry)
    }

    /// From which number on a log is not valid, or does not count.
    pub fn invalid_from(&self, log: &LogId) -> Option<u64> {
        let (closed, void) = (self.closed.get(log).copied(), self.void.from.get(log).copied());
        closed.into_iter().chain(void).chain(self.forks.at(log)).min()
    }

    /// The logs of which something does not count that may be made someone's own: from where on, and up to before where. From
    /// the entry on that closed a log, nothing of it is offered.
    pub fn set_aside(&self) -> impl Iterator<Item = (LogId, u64, u64)> {
        let until = |log: &LogId| self.closed.get(log).copied().unwrap_or(u64::MAX);
        let all = self.void.from.iter().map(move |(log, first)| (*log, *first, until(log)));
        all.filter(|(_, first, until)| first < until)
    }

    /// The same for all logs of which that can be said, but for those that are forked: there it depends on the branch.
    pub fn invalid(&self) -> BTreeMap<LogId, u64> {
        let mut invalid = self.closed.clone();
        for (log, seq) in self.void.from.iter().filter(|(log, _)| self.forks.at(log).is_none()) {
            let first = invalid.entry(*log).or_insert(*seq);
            *first = (*first).min(*seq);
        }
        invalid
    }

    /// The content keys that can be opened with what an access history hands out, besides those that are known.
    pub fn keys_with(&self, history: &AccessHistory, me: Option<&Identity>) -> BTreeMap<EpochId, ContentKey> {
        let mut keys = self.keys.clone();
        if let Some(me) = me {
            keys.extend(history.now().content_keys(me.keys.device.sealing_secret()));
        }
        if let Some(link) = &self.joining {
            keys.extend(history.now().content_keys(&link.secret.sealing_secret()));
        }
        keys
    }

    /// Writes an access operation as the log's next entry, and lets it take effect here.
    pub fn write_access(&mut self, space: SpaceId, me: &Identity, op: &AccessOp, now: u64) -> Result<Entry, NodeError> {
        if me.copied {
            return Err(NodeError::Copied);
        }
        let heads = self.access.as_ref().map(|history| history.now().heads().to_vec()).unwrap_or_default();
        let epoch = self.access.as_ref().and_then(|history| history.now().writable_epoch()).unwrap_or(EpochId::UNBORN);
        let entry = self.draft(space, &heads, epoch, now).access(op, &me.keys.device).map_err(unsealable)?;
        self.admit_access(&entry).map_err(|refusal| NodeError::Role(refusal.to_string()))?;
        self.advance(&entry);
        Ok(entry)
    }

    /// Lets an access entry take effect.
    pub fn admit_access(&mut self, entry: &Entry) -> Result<(), Refusal> {
        let Some(operation) = entry.access_entry() else { return Ok(()) };
        let operation = operation?;
        match &mut self.access {
            Some(history) => {
                history.add(operation)?;
            }
            None => self.access = Some(AccessHistory::found(operation)?),
        }
        if let Some(history) = &mut self.access {
            self.pending_access = add_what_fits(history, std::mem::take(&mut self.pending_access));
        }
        Ok(())
    }

    /// Someone else has an entry of this device's own log that is not here: this home has forgotten what it wrote, and what
    /// it writes from now on goes to a new log (L5). Only an entry shows this, which nobody else can have signed; a peer that
    /// merely claims to have more is not believed, or it could use up this device's logs.
    pub fn leave_log(&mut self, held: &Frontier) {
        self.log = OwnLog::after(self.log.id, held);
    }

    /// Takes note of every content key that can be opened now. Returns whether there is a new one.
    pub fn take_keys(&mut self, me: &Identity) -> bool {
        let Some(history) = &self.access else { return false };
        let before = self.keys.len();
        let mut open = |secret: &SealingSecret| {
            for (epoch, key) in history.now().content_keys(secret) {
                self.keys.entry(epoch).or_insert(key);
            }
        };
        open(me.keys.device.sealing_secret());
        me.former.iter().for_each(&mut open);
        if let Some(link) = &self.joining {
            open(&link.secret.sealing_secret());
        }
        self.keys.len() > before
    }

    /// Whether this person may write here now, or why not, as a sentence for them.
    pub fn may_write(&self, me: &Identity) -> Result<(), NodeError> {
        self.access_state(Role::Editor, me).map(drop)
    }

    /// What content that is sealed now says its author knew.
    fn written_under(&self, me: &Identity) -> Result<TypedUnder, NodeError> {
        match self.access_state(Role::Editor, me) {
            Ok(access) => {
                let epoch = access.writable_epoch().ok_or_else(no_key)?;
                Ok(TypedUnder { heads: access.heads().to_vec(), epoch })
            }
            Err(error) => self.typed_under.clone().ok_or(error),
        }
    }

    /// To be called before access entries are let in, and its answer given to [`Self::heard`] afterwards.
    pub fn before_hearing(&self, me: &Identity) -> Option<TypedUnder> {
        let access = self.access_state(Role::Editor, me).ok()?;
        Some(TypedUnder { heads: access.heads().to_vec(), epoch: access.writable_epoch()? })
    }

    /// Access entries were let in. If this person may no longer write, what they had typed before is still to be sealed.
    pub fn heard(&mut self, me: &Identity, before: Option<TypedUnder>) {
        match self.access_state(Role::Editor, me) {
            Ok(_) => self.typed_under = None,
            Err(_) => self.typed_under = before.or(self.typed_under.take()),
        }
    }

    fn access_state(&self, least: Role, me: &Identity) -> Result<Arc<AccessState>, NodeError> {
        if me.copied {
            return Err(NodeError::Copied);
        }
        let access = self.access.as_ref().map(|history| Arc::clone(history.now())).ok_or_else(still_arriving)?;
        match access.role_of(&me.keys.device.id()) {
            Some(role) if role >= least => Ok(access),
            Some(Role::Commenter) => {
                Err(NodeError::Role("You can comment here, not write. Ask an owner to change your role.".into()))
            }
            Some(_) => Err(NodeError::Role("You can read here, not write. Ask an owner to change your role.".into())),
            None => {
                Err(self.removed.as_ref().map_or_else(still_arriving, |removed| NodeError::Role(removed.sentence(me))))
            }
        }
    }

    fn draft(&self, space: SpaceId, heads: &[EntryHash], epoch: EpochId, now: u64) -> Draft {
        Draft {
            space,
            log: self.log.id,
            seq: self.log.seq + 1,
            prev: self.log.tip,
            access_heads: heads.to_vec(),
            epoch,
            time: now,
            builds_on: Vec::new(),
            mine: self.log.mine.root(),
        }
    }

    fn advance(&mut self, entry: &Entry) {
        self.log.seq = entry.seq();
        self.log.tip = Some(entry.hash());
    }
}

/// Adds the entries whose past is held, as often as one more fits, and gives back the others.
pub fn add_what_fits(history: &mut AccessHistory, mut waiting: Vec<AccessEntry>) -> Vec<AccessEntry> {
    loop {
        let before = waiting.len();
        waiting.retain(|entry| history.add(entry.clone()).is_err());
        if waiting.is_empty() || waiting.len() == before {
            return waiting;
        }
    }
}

fn no_key() -> NodeError {
    NodeError::Role(
        "this device has not been given the key of this space yet. A member who is online will send it.".into(),
    )
}

/// Nothing can be done in a space of which nothing has come.
pub fn still_arriving() -> NodeError {
    NodeError::Role("this space is still arriving. It can be written to when it is here.".into())
}

fn unsealable(error: impl std::fmt::Display) -> NodeError {
    NodeError::BadInput(format!("this cannot be saved as it is: {error}"))
}
