//! Taking over what stores hold that were put aside as damaged.
//!
//! Opening puts a store aside when something in it cannot be read, and goes on with what can. But earlier versions began a store
//! again from the journal alone when they were asked for a new one; and what can be read today may be more than what could be
//! read then. So all of them are looked at once more: in a copy, which is put in order like any store, so that the one that
//! was put aside stays as it is. Whatever entry is whole in it, is signed, and goes on where a log ends here, is taken over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sheaf_access::{DeviceId, SpaceId};
use sheaf_log::{Entry, Frontier, Unverified};

use crate::disk::copy_without_snapshots;
use crate::home::{Home, STORE};
use crate::{Files, RealFiles, Repair, Result, SledStore, Store, StoreError};

/// Where the copy is.
const COPY: &str = "store.looked-at";
/// How much is read, and how many entries are stored, at once.
const READ: usize = 4 * 1024 * 1024;
const ENTRIES: usize = 256;

/// What came of looking at a store that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// Where it is.
    pub store: PathBuf,
    /// How many entries were taken over.
    pub entries: u64,
    /// Of these, the spaces of which nothing was here.
    pub spaces: Vec<SpaceId>,
    /// How many more are whole in it, and not here: something before them in their logs is missing, or another entry has
    /// their place.
    pub left: u64,
    /// Why nothing in it can be read, if so.
    pub unreadable: Option<String>,
}

impl Home {
    /// The stores that were put aside as damaged.
    pub fn damaged_stores(&self) -> Result<Vec<PathBuf>> {
        let failed = |error: &io::Error| StoreError::io(self.folder(), "looking for stores that were put aside", error);
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder()).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(STORE)?.strip_prefix(".damaged-"));
            found.extend(number.and_then(|number| number.parse::<u64>().ok()).map(|number| (number, entry.path())));
        }
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// Takes over what the stores that were put aside hold and the one in use does not. What is of this device, `own`, goes into
    /// the journal as well. Whoever may have used a number of its logs since must not go on with them (L5). Blocks.
    pub fn take_over(&self, own: Option<DeviceId>) -> Result<Vec<TakenOver>> {
        self.damaged_stores()?.into_iter().map(|store| self.take_over_from(store, own)).collect()
    }

    fn take_over_from(&self, store: PathBuf, own: Option<DeviceId>) -> Result<TakenOver> {
        let copy = self.folder().join(COPY);
        clear(self.folder())?;
        let copied = RealFiles.create_folder(&copy).and_then(|()| copy_without_snapshots(&store, &copy.join(STORE)));
        copied.map_err(|error| StoreError::io(&store, "reading a store that was put aside", &error))?;
        // What is damaged in it is no news.
        let opened = SledStore::open_on(&copy, self.vault(), Arc::new(RealFiles), Arc::default(), None);
        let taken = match opened {
            Ok((from, repairs)) => {
                let lost = repairs.into_iter().find_map(|repair| match repair {
                    Repair::StoreLost { why, .. } => Some(why),
                    _ => None,
                });
                let none = from.spaces()?.is_empty().then(|| "there is no entry in it that can be read".to_owned());
                self.take_all(store, &from, own).map(|taken| TakenOver { unreadable: lost.or(none), ..taken })
            }
            Err(error) if error.may_pass() => Err(error),
            Err(error) => {
                let unreadable = Some(error.to_string());
                Ok(TakenOver { store, entries: 0, spaces: Vec::new(), left: 0, unreadable })
            }
        };
        clear(self.folder())?;
        taken
    }

    fn take_all(&self, store: PathBuf, from: &SledStore, own: Option<DeviceId>) -> Result<TakenOver> {
        let known: BTreeSet<SpaceId> = self.store().spaces()?.into_iter().collect();
        let mut taking = Taking { home: self, own, fits: BTreeMap::new(), waiting: Vec::new(), taken: BTreeMap::new() };
        let removed: BTreeSet<SpaceId> = self.store().removed()?.into_iter().collect();
        // In the order in which they came, so that whatever is built on another follows it ...
        for space in from.spaces()?.into_iter().filter(|space| !removed.contains(space)) {
            let mut after = 0;
            loop {
                let batch = from.since(space, after, READ)?;
                let Some((last, _)) = batch.last() else { break };
                after = *last;
                for (_, entry) in batch {
                    taking.take(entry)?;
                }
            }
            taking.store()?;
        }
        // ... and then what comes after something that is damaged there, and is whole here.
        let mut left = 0;
        from.each_entry(|entry| {
            if removed.contains(&entry.space()) {
                return Ok(());
            }
            if taking.waiting.first().is_some_and(|first| first.space() != entry.space()) {
                taking.store()?;
            }
            let (space, hash, place) = (entry.space(), entry.hash(), (entry.log(), entry.seq()));
            if !taking.take(entry)? {
                let floor = self.store().floors(space)?.get(&place.0);
                let here = place.1 <= floor || self.store().by_hash(space, hash)?.is_some();
                left += u64::from(!here);
            }
            Ok(())
        })?;
        taking.store()?;
        let entries = taking.taken.values().sum();
        let spaces = taking.taken.into_keys().filter(|space| !known.contains(space)).collect();
        Ok(TakenOver { store, entries, spaces, left, unreadable: None })
    }
}

struct Taking<'a> {
    home: &'a Home,
    own: Option<DeviceId>,
    /// How far the logs of each space go here, with what waits.
    fits: BTreeMap<SpaceId, Frontier>,
    /// Entries of one space that are to be stored.
    waiting: Vec<Entry>,
    taken: BTreeMap<SpaceId, u64>,
}

impl Taking<'_> {
    /// Takes an entry if it goes on where its log ends here. Answers whether it does.
    fn take(&mut self, entry: Entry) -> Result<bool> {
        let (space, log, seq) = (entry.space(), entry.log(), entry.seq());
        let fits = match self.fits.entry(space) {
            std::collections::btree_map::Entry::Occupied(fits) => fits.into_mut(),
            std::collections::btree_map::Entry::Vacant(empty) => empty.insert(self.home.store().frontier(space)?),
        };
        let signed = || Unverified::decode(entry.encoded()).and_then(Unverified::verify).is_ok();
        if fits.get(&log) + 1 != seq || !signed() {
            return Ok(false);
        }
        fits.advance(log, seq);
        self.waiting.push(entry);
        if self.waiting.len() >= ENTRIES {
            self.store()?;
        }
        Ok(true)
    }

    fn store(&mut self) -> Result<()> {
        for entry in std::mem::take(&mut self.waiting) {
            let (space, one) = (entry.space(), std::slice::from_ref(&entry));
            // Where one is damaged here, only that very entry is taken.
            match self.home.store().append(space, one) {
                Ok(_) => {}
                Err(StoreError::Conflict { .. } | StoreError::OutOfOrder { .. }) => continue,
                Err(error) => return Err(error),
            }
            *self.taken.entry(space).or_insert(0) += 1;
            if Some(entry.log().device) == self.own {
                let held = [(entry.log(), entry.seq() - 1)].into_iter().collect();
                self.home.journal().append_after(space, one, &held)?.wait()?;
            }
        }
        Ok(())
    }
}

/// Removes a copy that is not looked at any more.
pub(crate) fn clear(home: &Path) -> Result<()> {
    let copy = home.join(COPY);
    match fs::remove_dir_all(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io(&copy, "removing the copy of a store that was put aside", &error))
        }
        _ => Ok(()),
    }
}
