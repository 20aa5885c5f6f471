//! What an operator asks of a relay: which spaces it keeps, to remove one, to give back what need not be kept, a backup.
//!
//! A relay that runs is asked through a socket in its data folder, `control`, which only its own user can open; one that does
//! not run is opened for it. Whoever asks need not know which it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sheaf_access::SpaceId;
use sheaf_store::{BlobStore, Pruned, Store, StoreError, VaultKey};

use crate::board::Board;
use crate::config::Config;
use crate::identity::Identity;
use crate::keeper::accept::now;
use crate::keeper::{Keeper, SpaceReport, SpaceRow, Swept};
use crate::relay::{StartError, open_keeper};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// All spaces.
    List,
    /// One of them, by its id or how that begins.
    Show(String),
    /// Remove it.
    Remove(String),
    /// Give back what need not be kept; or only say what that would be.
    Tidy {
        /// Only say it.
        dry_run: bool,
    },
    /// Write a backup to this file.
    BackUp(PathBuf),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The spaces.
    Spaces(Vec<SpaceRow>),
    /// One of them.
    Space(Box<SpaceReport>),
    /// A space was removed.
    Removed {
        /// Its id.
        space: String,
        /// How many entries.
        entries: u64,
        /// Of how many bytes.
        bytes: u64,
        /// What the other relays of its cluster know of it.
        others: Others,
    },
    /// What was given back, or would be.
    Tidied(Tidied),
    /// A backup was written, with so many entries.
    BackedUp(u64),
}

/// What other relays know of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Others {
    /// There are none.
    None,
    /// The cluster has it: each of them removes the space too, one that does not run when it does.
    Know,
    /// The cluster hears of it when this relay runs and its NATS servers are there.
    Later,
}

/// What was given back, or would be.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tidied {
    /// Spaces with entries that a checkpoint stands for: how many, of how many bytes.
    pub pruned: Vec<(String, u64, u64)>,
    /// Spaces that nobody has come for, and since when, in milliseconds since 1970.
    pub abandoned: Vec<(String, u64)>,
    /// Blobs that no checkpoint names, and their bytes. While the relay runs they are left alone: some are on their way.
    pub blobs: Option<(u64, u64)>,
    /// Bytes of the journal that the store has too.
    pub journal: u64,
}

/// Why it is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refused {
    /// No space, or several, are called that.
    #[error("{0} spaces of this relay have an id that begins with `{1}`; `sheaf-relay space list` shows them")]
    NotOne(usize, String),
    /// Something else is in the backup's place.
    #[error("{0} is there already, and is not a backup. Choose another name.")]
    InTheWay(PathBuf),
    /// The backup would lie in what it is of.
    #[error("a backup in the data folder would be lost with it. Choose another place.")]
    Inside,
    /// The disk, mostly.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Does what is asked, of a relay that runs or of one that does not. Blocks.
pub fn ask(config: &Config, request: &Request) -> Result<Answer, Refused> {
    if let Some(answer) = crate::control::ask(&config.data, request) {
        return answer;
    }
    if !config.data.exists() {
        return Err(Refused::Failed(format!("there is no relay in {}.", config.data.display())));
    }
    let opened = open_keeper(config, &Arc::new(Board::new())).map_err(|error| match &error {
        StartError::Store(StoreError::Locked { .. }) => {
            Refused::Failed(format!("{error} It does not answer: stop it first, and ask again."))
        }
        _ => Refused::Failed(error.to_string()),
    })?;
    let keeper = opened.keeper;
    match request {
        // However it is asked, the settings it ran with are what counts.
        Request::Remove(text) if keeper.was_clustered()? => {
            let space = find(&keeper, text)?;
            let removed = keeper.remove_from_all(space, keeper.removal(space, now()), false)?;
            Ok(Answer::removed(space, removed, Others::Later))
        }
        Request::Tidy { dry_run } => {
            let Answer::Tidied(mut tidied) = answer(&keeper, request)? else {
                return Err(Refused::Failed("it was not tidied".to_owned()));
            };
            // Nothing is on its way here.
            tidied.blobs = Some(keeper.stray_blobs(*dry_run)?);
            Ok(Answer::Tidied(tidied))
        }
        _ => answer(&keeper, request),
    }
}

/// Answers everything but what the engine has to know of. Blocks.
pub(crate) fn answer(keeper: &Keeper, request: &Request) -> Result<Answer, Refused> {
    Ok(match request {
        Request::List => Answer::Spaces(keeper.rows(now())?),
        Request::Show(text) => Answer::Space(Box::new(keeper.report(find(keeper, text)?, now())?)),
        Request::Tidy { dry_run } => {
            let Swept { pruned, abandoned, journal } = keeper.sweep(now(), *dry_run)?;
            Answer::Tidied(Tidied {
                pruned: pruned.into_iter().map(|(space, entries, bytes)| (space.to_string(), entries, bytes)).collect(),
                abandoned: abandoned.into_iter().map(|(space, seen)| (space.to_string(), seen)).collect(),
                blobs: None,
                journal,
            })
        }
        Request::BackUp(path) => back_up(keeper, path)?,
        Request::Remove(text) => {
            let space = find(keeper, text)?;
            Answer::removed(space, keeper.remove(space)?, Others::None)
        }
    })
}

/// The space whose id begins like this.
pub(crate) fn find(keeper: &Keeper, text: &str) -> Result<SpaceId, Refused> {
    let spaces = keeper.home().store().spaces()?;
    let found: Vec<SpaceId> = spaces.into_iter().filter(|space| space.to_string().starts_with(text)).collect();
    match found.as_slice() {
        [one] if text.len() >= 4 => Ok(*one),
        _ => Err(Refused::NotOne(found.len(), text.to_owned())),
    }
}

impl Answer {
    fn removed(space: SpaceId, Pruned { entries, bytes }: Pruned, others: Others) -> Self {
        Self::Removed { space: space.to_string(), entries, bytes, others }
    }
}

/// What a backup says at its beginning, in clear: the relay's key file, without which nobody could read it.
fn back_up(keeper: &Keeper, path: &Path) -> Result<Answer, Refused> {
    let home = keeper.home();
    let above = path.parent().and_then(|above| above.canonicalize().ok());
    if above.is_some_and(|above| home.folder().canonicalize().is_ok_and(|folder| above.starts_with(folder))) {
        return Err(Refused::Inside);
    }
    if !sheaf_store::may_be_replaced(path) {
        return Err(Refused::InTheWay(path.to_owned()));
    }
    let key = home.file(crate::identity::FILE)?.unwrap_or_default();
    let counts = home.back_up(path, &key, &[crate::identity::FILE])?;
    Ok(Answer::BackedUp(counts.entries))
}

/// Makes a data folder, which is empty or not there, from a backup. Answers how many entries are in it. Blocks.
pub fn restore(path: &Path, data: &Path) -> Result<u64, Refused> {
    let key = sheaf_store::BackupFile::open(path)?.about().to_vec();
    let vault: VaultKey = Identity::read(&key)
        .map(|identity| identity.vault)
        .ok_or_else(|| Refused::Failed(format!("{} is not a relay's backup.", path.display())))?;
    Ok(sheaf_store::restore(path, &vault, data, &[(crate::identity::FILE, &key)])?.entries)
}

impl Keeper {
    /// Blobs that no checkpoint names, and their bytes: left behind by a crash, or by a checkpoint that was not taken. Only
    /// where none is on its way. Blocks.
    fn stray_blobs(&self, dry_run: bool) -> Result<(u64, u64), StoreError> {
        let mut named = std::collections::BTreeSet::new();
        for id in self.home().store().spaces()? {
            named.extend(
                self.open(id)?.checkpoints().held.iter().flat_map(|kept| kept.blobs.iter().map(|blob| blob.id)),
            );
        }
        let blobs = self.home().blobs();
        let (mut count, mut bytes) = (0, 0);
        for blob in blobs.list()?.into_iter().filter(|blob| !named.contains(blob)) {
            count += 1;
            bytes += blobs.get(blob)?.map_or(0, |blob| blob.len() as u64);
            if !dry_run {
                blobs.delete(blob)?;
            }
        }
        Ok((count, bytes))
    }
}
