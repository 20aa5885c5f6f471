//! What other relays of the cluster ask of this one: which spaces, how far, entries, pieces of blobs.

use sheaf_access::{EntryHash, SpaceId};
use sheaf_log::{BlobId, BlobLink, Frontier, Range, Unverified};
use sheaf_store::{BlobStore, StoreError, Table, branch_entries, branch_entry};

use super::Keeper;
use super::checkpoints::HELD;
use super::sharing::SHARED;
use crate::cluster::asking::{BYTES, ENTRIES, Holding, Listed, Question, Reply, SPACES};
use crate::cluster::{Shared, shard};

/// A stream of which this relay lacks something that the others may have: shard.
const GAP: &[u8] = b"gap/";

impl Keeper {
    /// Answers another relay. Blocks.
    pub fn answer(&self, question: Question) -> Reply {
        self.try_answer(question).unwrap_or_else(|error| {
            tracing::warn!(%error, "another relay's question cannot be answered");
            Reply::NotNow
        })
    }

    fn try_answer(&self, question: Question) -> Result<Reply, StoreError> {
        Ok(match question {
            Question::Spaces { shard: of, after } => {
                let mut spaces = self.store.spaces()?;
                spaces.retain(|space| shard(*space) == of && after.is_none_or(|after| *space > after));
                spaces.sort_unstable();
                spaces.truncate(SPACES);
                let listed = |space| Ok(Listed { space, digest: self.digest(space)?.unwrap_or_default() });
                Reply::Spaces(spaces.into_iter().map(listed).collect::<Result<_, StoreError>>()?)
            }
            Question::Space(space) if self.keeps(space)? && !self.is_going(space)? => {
                Reply::Space(Some(Box::new(self.holding(space)?)))
            }
            Question::Space(_) => Reply::Space(None),
            Question::Entries { space, after, lacking } => {
                let (items, end) = self.read_for(space, after.saturating_add(1), &lacking, BYTES, ENTRIES)?;
                let next = items.last().filter(|_| !end).map(|item| item.arrival);
                Reply::Entries(items.into_iter().map(|item| item.bytes.as_slice().to_vec()).collect(), next)
            }
            Question::Removals { shard: of, after } => Reply::Removals(self.removals_after(of, after, SPACES)),
            Question::Removed(space) => Reply::Removed(self.removed(space)),
            Question::Beside { space, after } => self.entries_beside(space, after)?,
            Question::Blob { space, blob, from } => {
                let space = self.open(space)?;
                let mut piece = self.read_blob(&space, blob, from, BYTES)?;
                if piece.is_empty() && !space.checkpoints().held.is_empty() {
                    // What is offered is made anew when a space is opened.
                    self.offers(&space)?;
                    piece = self.read_blob(&space, blob, from, BYTES)?;
                }
                if piece.is_empty() {
                    piece = self.read_kept_bundle(space.id, blob, from)?;
                }
                Reply::Blob(piece)
            }
        })
    }

    /// A piece of the bundle of a checkpoint that is held, as it was shared: the object store may have lost it.
    fn read_kept_bundle(&self, space: SpaceId, blob: BlobId, from: u64) -> Result<Vec<u8>, StoreError> {
        let bundles = self.home().blobs().bundles(space)?;
        let kept = bundles.into_iter().find(|(_, bytes)| BlobId::of(bytes) == blob);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(kept.map(|(_, bytes)| bytes.into_iter().skip(from).take(BYTES).collect()).unwrap_or_default())
    }

    /// What is the same at two relays that hold the same of a space; none, if nothing of it is kept here. Blocks.
    pub fn digest(&self, space: SpaceId) -> Result<Option<[u8; 32]>, StoreError> {
        let frontier = self.store.frontier(space)?;
        if frontier.is_empty() {
            return Ok(None);
        }
        let mut hasher = blake3::Hasher::new_derive_key("sheaf 2026 what a relay holds of a space v1");
        hasher.update(frontier.digest().as_bytes());
        let prefix = [HELD, space.as_bytes()].concat();
        for (key, _) in self.store.scan(Table::Spaces, &prefix)? {
            hasher.update(&key[prefix.len()..]);
        }
        Ok(Some(*hasher.finalize().as_bytes()))
    }

    /// What stands beside forked logs, after so many.
    fn entries_beside(&self, space: SpaceId, after: u64) -> Result<Reply, StoreError> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let mut rest =
            branch_entries(&*self.store, space)?.into_iter().skip(usize::try_from(after).unwrap_or(usize::MAX));
        for entry in rest.by_ref() {
            let encoded = entry.encoded().to_vec();
            if !entries.is_empty() && (bytes + encoded.len() > BYTES || entries.len() >= ENTRIES) {
                let next = after + entries.len() as u64;
                return Ok(Reply::Entries(entries, Some(next)));
            }
            bytes += encoded.len();
            entries.push(encoded);
        }
        Ok(Reply::Entries(entries, None))
    }

    /// Of what stands beside logs elsewhere, that which does not here and goes on from what is held here. Blocks.
    pub fn not_beside(&self, space: SpaceId, entries: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let frontier = self.store.frontier(space)?;
        let mut news = Vec::new();
        for bytes in entries {
            let Ok(entry) = Unverified::decode(&bytes).and_then(Unverified::verified_before) else { continue };
            let goes_on = entry.space() == space && frontier.get(&entry.log()) + 1 >= entry.seq();
            if goes_on && branch_entry(&*self.store, space, entry.log(), entry.hash())?.is_none() {
                news.push(bytes);
            }
        }
        Ok(news)
    }

    fn holding(&self, id: SpaceId) -> Result<Holding, StoreError> {
        let space = self.open(id)?;
        let floors = self.store.floors(id)?;
        let held: Vec<EntryHash> = space.checkpoints().held.iter().map(|kept| kept.entry).collect();
        let offers = self.offers(&space)?;
        let mut checkpoints = Vec::with_capacity(held.len());
        for (at, checkpoint) in held.iter().enumerate() {
            // Offers are in the order of what is held, where something is pruned.
            let shared = self.store.get(Table::Spaces, &[SHARED, id.as_bytes(), checkpoint.as_bytes()].concat())?;
            let shared = shared.and_then(|row| postcard::from_bytes::<BlobLink>(&row).ok());
            if let Some(bundle) = offers.get(at).map(|(link, _)| *link).or(shared) {
                checkpoints.push(Shared { bundle, endorsements: Self::words_on(&space, *checkpoint) });
            }
        }
        Ok(Holding { frontier: self.store.frontier(id)?, floors, checkpoints, proof: self.admission().proof(id) })
    }

    /// What is lacking here of what another relay has of a space; and whether some of it is only in its checkpoints. Blocks.
    pub fn lacks(&self, space: SpaceId, theirs: &Holding) -> Result<(Vec<Range>, bool), StoreError> {
        let frontier: Frontier = self.store.frontier(space)?;
        let lacking = theirs.frontier.beyond(&frontier).collect();
        Ok((lacking, !frontier.covers(&theirs.floors)))
    }

    /// The streams of which something may be lacking here that is in them no more. Blocks.
    pub fn gaps(&self) -> Result<Vec<u8>, StoreError> {
        let rows = self.store.scan(Table::Settings, GAP)?;
        Ok(rows.iter().filter_map(|(key, _)| key.last().copied()).collect())
    }

    /// A stream has a gap, or what was in it is here. Blocks.
    pub fn note_gap(&self, shard: u8, gap: bool) -> Result<(), StoreError> {
        let key = [GAP, &[shard]].concat();
        if gap { self.store.put(Table::Settings, &key, &[]) } else { self.store.delete(Table::Settings, &key) }
    }
}
