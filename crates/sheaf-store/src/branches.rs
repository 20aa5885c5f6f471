//! What is kept beside forked logs (L6): the proof of each fork, and the entries that are not in the log proper, one record
//! for each.

use sheaf_access::{EntryHash, LogId, SpaceId};
use sheaf_log::{Entry, ForkProof, Forks, Kind, Unverified};

use crate::{Result, Store, Table};

/// That a log is forked.
const FORK: &[u8] = b"fork/";
/// An entry beside a log.
const BRANCH: &[u8] = b"branch/";
/// How many bytes of entries are read at a time.
const READ: usize = 1 << 20;

/// The forks that a store knows of, as their proofs have them; of one space, or of all.
pub fn proved_forks(store: &dyn Store, space: Option<SpaceId>) -> Result<Vec<ForkProof>> {
    let prefix = space.map_or_else(|| FORK.to_vec(), |space| key(FORK, space, None));
    let proofs = store.scan(Table::Spaces, &prefix)?;
    Ok(proofs.iter().filter_map(|(_, bytes)| ForkProof::verify(bytes).ok()).collect())
}

/// What is known of the forks of a space, and the access entries that are on branches.
pub fn load_forks(store: &dyn Store, space: SpaceId) -> Result<(Forks, Vec<Entry>)> {
    let mut forks = Forks::default();
    let mut proofs = proved_forks(store, Some(space))?;
    // Of several of one log the first fork is what counts: it is begun last.
    proofs.sort_by_key(|proof| std::cmp::Reverse(proof.seq()));
    for proof in &proofs {
        forks.begin(proof, &main_from(store, space, proof.log(), proof.seq())?);
    }
    let mut entries = branch_entries(store, space)?;
    for entry in &entries {
        forks.add(entry);
    }
    entries.retain(|entry| entry.header().kind == Kind::Access);
    // What is stored that builds on entries of branches.
    let mut after = 0;
    while !forks.is_empty() {
        let batch = store.since(space, after, READ)?;
        let Some((last, _)) = batch.last() else { break };
        after = *last;
        for (_, entry) in &batch {
            forks.builds_on(&entry.header().builds_on);
        }
    }
    Ok((forks, entries))
}

/// All entries beside the logs of a space, each after those of its log that it may follow.
pub fn branch_entries(store: &dyn Store, space: SpaceId) -> Result<Vec<Entry>> {
    let rows = store.scan(Table::Spaces, &key(BRANCH, space, None))?.into_iter();
    let mut entries: Vec<Entry> =
        rows.filter_map(|(_, bytes)| Unverified::decode(&bytes).ok()?.verified_before().ok()).collect();
    entries.sort_by_key(Entry::seq);
    Ok(entries)
}

/// What the log proper has from a place on.
pub fn main_from(store: &dyn Store, space: SpaceId, log: LogId, seq: u64) -> Result<Vec<Entry>> {
    let (mut entries, mut from) = (Vec::new(), seq);
    loop {
        let batch = store.range(space, log, from, READ)?;
        let Some(last) = batch.last() else { return Ok(entries) };
        from = last.seq() + 1;
        entries.extend(batch);
    }
}

/// Keeps the proof of a fork. The first of a log is what counts: one that was known `behind` it would only take room.
pub fn put_fork(store: &dyn Store, proof: &ForkProof, behind: Option<u64>) -> Result<()> {
    let named = |at: u64| key(FORK, proof.space(), Some((proof.log(), &at.to_be_bytes())));
    store.put(Table::Spaces, &named(proof.seq()), &proof.encode())?;
    behind.map_or(Ok(()), |behind| store.delete(Table::Spaces, &named(behind)))
}

/// An entry beside a log.
pub fn branch_entry(store: &dyn Store, space: SpaceId, log: LogId, hash: EntryHash) -> Result<Option<Entry>> {
    let bytes = store.get(Table::Spaces, &key(BRANCH, space, Some((log, hash.as_bytes()))))?;
    Ok(bytes.and_then(|bytes| Unverified::decode(&bytes).ok()?.verified_before().ok()))
}

/// Keeps an entry beside its log.
pub fn put_branch(store: &dyn Store, entry: &Entry) -> Result<()> {
    let name = key(BRANCH, entry.space(), Some((entry.log(), entry.hash().as_bytes())));
    store.put(Table::Spaces, &name, entry.encoded())
}

/// Lets go of entries beside a log.
pub fn delete_branches(store: &dyn Store, space: SpaceId, log: LogId, gone: &[EntryHash]) -> Result<()> {
    gone.iter().try_for_each(|hash| store.delete(Table::Spaces, &key(BRANCH, space, Some((log, hash.as_bytes())))))
}

/// Forgets all forks of a space that was removed.
pub fn forget_branches(store: &dyn Store, space: SpaceId) -> Result<()> {
    for prefix in [FORK, BRANCH] {
        for (name, _) in store.scan(Table::Spaces, &key(prefix, space, None))? {
            store.delete(Table::Spaces, &name)?;
        }
    }
    Ok(())
}

fn key(prefix: &[u8], space: SpaceId, rest: Option<(LogId, &[u8])>) -> Vec<u8> {
    let mut key = [prefix, space.as_bytes()].concat();
    if let Some((log, rest)) = rest {
        key.extend_from_slice(log.device.as_bytes());
        key.extend_from_slice(&log.nonce.to_le_bytes());
        key.extend_from_slice(rest);
    }
    key
}
