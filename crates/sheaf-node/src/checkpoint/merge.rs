//! Holding a checkpoint: what was verified takes effect (C3), in the order that C5 wants.

use std::sync::Arc;

use sheaf_access::{AccessHistory, DeviceId};
use sheaf_log::{BlobId, BlobLink, Entry, Kind};
use sheaf_store::{BlobStore, CacheKind, encode_bundle};

use super::bundle::Bundle;
use super::verify::{Means, Problem};
use super::write::genesis_of;
use super::{Base, Offer};
use crate::core::{Core, locked};
use crate::document::load::load;
use crate::document::{Message, cache_name};
use crate::error::NodeError;
use crate::network::Input;
use crate::refusals::Refused;
use crate::space::Space;
use crate::view::NodeEvent;

impl Core {
    /// Holds a verified checkpoint of which every entry is here. Its blobs and its entry are on the disk.
    pub fn hold(&self, space: &Space, base: Base) -> Result<(), NodeError> {
        self.home().blobs().put_bundle(space.id, base.entry.hash(), &base.bundle)?;
        self.part_from(space, &base, &self.store.frontier(space.id)?)?;
        let changed = space.checkpoints().changed(&base);
        self.take_base(space, base)?;
        self.thin_snapshots(space, &changed)?;
        self.say_floors(space)?;
        Ok(())
    }

    /// Takes over a verified checkpoint of which entries are not here, and may never come: its frontier is ours now.
    pub fn merge(
        &self,
        space: &Arc<Space>,
        base: Base,
        bundle: &Bundle,
        access: AccessHistory,
    ) -> Result<(), NodeError> {
        let covers = base.checkpoint.covers.clone();
        // Blobs and bundle first, then the floor: a crash in between is made good when the home is opened.
        self.home().blobs().put_bundle(space.id, base.entry.hash(), &base.bundle)?;
        self.part_from(space, &base, &self.store.frontier(space.id)?)?;
        {
            let _storing = locked(&space.storing);
            self.store.cover(space.id, &covers, &bundle.access)?;
        }
        let own_is_behind = {
            let mut state = space.lock();
            let entries = std::mem::take(&mut state.pending_access);
            let mut history = access;
            if let Some(known) = &state.access {
                // What came meanwhile.
                let news: Vec<_> = known.entries().filter(|entry| !history.contains(&entry.hash)).cloned().collect();
                crate::space::add_what_fits(&mut history, news);
            }
            state.pending_access = crate::space::add_what_fits(&mut history, entries);
            state.access = Some(history);
            if let Ok(me) = self.me() {
                state.take_keys(&me);
            }
            covers.get(&state.log.id) > state.log.seq
        };
        for (document, _) in base.attested.keys() {
            self.put_home_of(*document, space.id)?;
            // A saved copy from before lacks what the checkpoint has.
            self.store.drop_cache(CacheKind::Snapshot, cache_name(space.id, *document))?;
        }
        let hash = base.entry.hash();
        self.take_base(space, base)?;
        self.endorse(space, hash);
        if own_is_behind {
            // This home has been put back: what it wrote after that is known elsewhere, so nothing is written there again (L5).
            self.new_log(space)?;
        }
        self.tell_network(Input::Covered { space: space.id, covers });
        {
            // Documents let go of what it does not stand for before they take what it does.
            let _opened = locked(&space.opened);
            self.recount(space)?;
        }
        self.tell_documents(space.id, |_| Message::Covered);
        self.reckoned_anew(space)?;
        self.access_changed(space);
        self.index_changed(space);
        self.judge_anew(space)
    }

    /// What was found invalid is looked at again: what a checkpoint stands for counts for good, and need not be named by what
    /// builds on it. Blocks.
    fn judge_anew(&self, space: &Space) -> Result<(), NodeError> {
        let closed = space.lock().closed.clone();
        let first = self.reopen_logs(space)?;
        self.open_new(space, first);
        // Of what is seen in a document alone, the document is looked at now: until then all that follows it would count.
        for (log, seq) in closed {
            let Some(entry) = self.store.entry(space.id, log, seq)? else { continue };
            if let Some((document, _)) = self.open_stored(space, &entry)? {
                load(self, space, document, genesis_of(space, document))?;
            }
        }
        Ok(())
    }

    fn take_base(&self, space: &Space, base: Base) -> Result<(), NodeError> {
        let base = Arc::new(base);
        let tail = self.tail_of(space.id, &base.checkpoint.covers)?;
        let mut held = space.checkpoints();
        held.pending.retain(|entry| entry.hash() != base.entry.hash());
        if held.held.iter().any(|one| one.entry.hash() == base.entry.hash()) {
            return Ok(());
        }
        held.held.push(base);
        // The last one is that which covers most of what is here.
        held.held.sort_by_key(|base| base.checkpoint.covers.entries());
        (held.tail, held.due) = (tail, None);
        drop(held);
        self.say(NodeEvent::Placement { space: space.id.to_string() });
        Ok(())
    }

    /// Tells the network what is pruned here, and what is to be fetched instead.
    pub fn say_floors(&self, space: &Space) -> Result<(), NodeError> {
        let floors = self.store.floors(space.id)?;
        let held = space.checkpoints().held.clone();
        let access = space.lock().access.clone();
        // Who was removed has heard so beside the logs: of that entry there is nothing to pass on, and nobody asks them.
        let was_removed = |access: &AccessHistory| {
            self.me().is_ok_and(|me| {
                let (person, device) = (me.person(), me.keys.device.id());
                access.now().was_removed_by(&person).is_some() || access.now().is_removed(&person, &device)
            })
        };
        let access = access.filter(|access| !was_removed(access));
        // As long as some of it has only been told of, what was offered before stays: once it has come, this is asked again.
        if let (Some(access), false) = (access, held.is_empty())
            && let Some(entries) = self.stored_access_entries(space, &access, access.now().heads())?
        {
            let offer = |base: &Arc<Base>| {
                let bundled = [entries.as_slice(), std::slice::from_ref(&base.entry)].concat();
                // For whoever cannot open it, and is to know that the logs go as far as it says.
                let ends: Vec<_> = base.covered.values().map(|covered| covered.history.header.clone()).collect();
                let bytes: Arc<[u8]> = encode_bundle(&bundled, &ends).into();
                let link = BlobLink { id: BlobId::of(&bytes), size: bytes.len() as u64 };
                Offer { link, covers: base.checkpoint.covers.clone(), bytes }
            };
            let offers = held.iter().map(offer).collect();
            space.checkpoints().offer(offers);
        }
        let bundles = space.checkpoints().bundles();
        self.tell_network(Input::Floors { space: space.id, floors, bundles });
        self.say_endorsements(space);
        Ok(())
    }

    /// Loads what is held of a space's checkpoints, when the home is opened.
    pub fn load_checkpoints(&self, space: &Space) -> Result<(), NodeError> {
        let blobs: &dyn BlobStore = &**self.home().blobs();
        for (hash, bytes) in blobs.bundles(space.id)? {
            let Ok(bundle) = Bundle::read(&bytes, space.id) else { continue };
            let (access, keys) = {
                let mut state = space.lock();
                let Ok(mut access) = bundle.history(state.access.as_ref()) else { continue };
                // What it told of access is known, though the store may have no place for it: beside a forked log.
                state.pending_access =
                    crate::space::add_what_fits(&mut access, std::mem::take(&mut state.pending_access));
                state.access = Some(access.clone());
                let me = self.me().ok();
                if let Some(me) = &me {
                    state.take_keys(me);
                }
                let keys = state.keys_with(&access, me.as_deref());
                (access, keys)
            };
            let invalid = std::collections::BTreeMap::new();
            // It was verified whole before it was kept as a bundle; what is read of it is checked by its hash.
            let means = Means { blobs, access: &access, keys: &keys, invalid: &invalid, known: None, documents: false };
            match means.verify(&bundle.checkpoint, bytes.into()) {
                Ok(base) => self.take_base(space, base)?,
                Err(problem) => {
                    tracing::warn!(%problem, checkpoint = %hash, "a checkpoint is not whole any more; it is fetched again");
                    space.checkpoints().pending.push(bundle.checkpoint);
                }
            }
        }
        self.load_endorsements(space)?;
        self.load_parted(space)?;
        Self::doubt_checkpoints(space);
        let covers = space.checkpoints().covers();
        let tail = self.tail_of(space.id, &covers)?;
        space.checkpoints().tail = tail;
        Ok(())
    }

    /// A checkpoint entry has come, or was here already. Answers whether its blobs are to be fetched: not, if it stands for
    /// nothing new.
    pub fn checkpoint_came(space: &Space, entry: &Entry) -> bool {
        if entry.header().kind != Kind::Checkpoint {
            return false;
        }
        let Some(Ok(checkpoint)) = entry.checkpoint() else { return false };
        let mut held = space.checkpoints();
        let known = held.held.iter().any(|base| base.entry.hash() == entry.hash());
        let less = held.held.iter().any(|base| base.checkpoint.covers.covers(&checkpoint.covers));
        let wanted = !known && !less && !held.refused.contains(&entry.hash());
        if wanted {
            held.put_pending(entry);
        }
        wanted
    }

    /// Verifies a checkpoint whose entry is here, when all its blobs are; holds it, and says so to the others.
    pub fn verify_pending(&self, space: &Space, entry: &Entry) -> Result<(), Problem> {
        let access = space.lock().access.clone().ok_or(Problem::NoKey)?;
        let heads = &entry.header().access_heads;
        let bundle = self.access_entries(space, &access, heads).map(|mut entries| {
            entries.push(entry.clone());
            encode_bundle(&entries, &[])
        });
        let bundle = bundle.map_err(|error| {
            tracing::warn!(%error, "access entries cannot be read");
            Problem::NoKey
        })?;
        let vouched = space.checkpoints().is_vouched(entry, access.now());
        let result = if vouched {
            self.verify_vouched(space, entry, &access, bundle.into())
        } else {
            self.verify_checkpoint(space, entry, &access, bundle.into())
        };
        match result {
            Ok(base) => {
                if let Err(error) = self.hold(space, base) {
                    tracing::error!(%error, "a checkpoint cannot be kept");
                    return Ok(());
                }
                self.endorse(space, entry.hash());
                if let Err(error) = self.judge_anew(space) {
                    tracing::error!(%error, "what was found invalid is not looked at again");
                }
                if let Err(error) = self.prune(space) {
                    tracing::error!(%error, "entries cannot be pruned");
                }
                Ok(())
            }
            Err(problem) => {
                self.checkpoint_refused(space, None, entry, &problem);
                Err(problem)
            }
        }
    }

    /// A checkpoint was found not to be acceptable: it is not fetched again, what was fetched of it goes, and the person is
    /// told. It is counted against its author, and against who told us to take it over.
    pub fn checkpoint_refused(&self, space: &Space, from: Option<DeviceId>, entry: &Entry, problem: &Problem) {
        if !problem.is_verdict() {
            return;
        }
        {
            let mut held = space.checkpoints();
            held.pending.retain(|one| one.hash() != entry.hash());
            held.refused.insert(entry.hash());
        }
        if let Some(Ok(checkpoint)) = entry.checkpoint() {
            for blob in &checkpoint.blobs {
                self.forget_blob(blob.id);
            }
        }
        let author = entry.log().device;
        let refused = Refused::checkpoint(&problem.to_string());
        for device in std::iter::once(author).chain(from.filter(|from| *from != author)) {
            self.refused(device, &refused);
        }
        let (space, device) = (space.id.to_string(), author.to_string());
        self.say(NodeEvent::Quarantined { space, device, reason: format!("a checkpoint was refused: {problem}") });
    }
}
