//! Backups of a home, and homes from backups.
//!
//! A backup is sealed with the home's vault key like everything else. What leads to the key stands at its beginning: under
//! the passphrase, where one is set, and else in clear, for a backup is carried where this machine's keyring is not.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sheaf_store::{BackupFile, StoreError};

use crate::core::{Core, locked, now};
use crate::error::NodeError;
use crate::keeping::generation::{self, Generation};
use crate::keeping::vault::{self, Vault};
use crate::keeping::{SecretText, Surroundings};
use crate::view::{BackupReport, RestoreReport};

/// What is no part of a backup: where the key lies here, and the number that tells this home from the backup (L5).
const LEFT_OUT: &[&str] = &[vault::FILE, generation::FILE];
const VERSION: u32 = 1;

/// What stands at the beginning of a backup, in clear.
#[derive(Serialize, Deserialize)]
struct About {
    version: u32,
    /// When it was made, in milliseconds since 1970.
    made: u64,
    /// A hash of the machine it was made on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    /// What leads to its key.
    vault: Box<serde_json::value::RawValue>,
}

impl Core {
    /// Writes a backup of this home, reads it back, and only then gives it its name. Blocks.
    pub fn back_up(&self, path: &Path) -> Result<BackupReport, NodeError> {
        if path.starts_with(self.home().folder()) {
            return Err(NodeError::BadInput(
                "a backup inside of the folder it is of would be lost with it. Choose another place.".into(),
            ));
        }
        if !sheaf_store::may_be_replaced(path) {
            let there = format!("{} is there already, and is not a backup. Choose another name.", path.display());
            return Err(NodeError::BadInput(there));
        }
        self.flush()?;
        let (vault, locked_up) = {
            let vault = locked(&self.vault);
            (vault.for_backup(), vault.has_passphrase())
        };
        let unsayable =
            |error: serde_json::Error| NodeError::CannotWrite(format!("the backup has no beginning: {error}"));
        let about = About {
            version: VERSION,
            made: now(),
            machine: self.generation().machine(),
            vault: serde_json::from_slice(&vault).map_err(unsayable)?,
        };
        let about = zeroize::Zeroizing::new(serde_json::to_vec(&about).map_err(unsayable)?);
        let counts = self.home().back_up(path, &about, LEFT_OUT)?;
        let size = std::fs::metadata(path).map(|metadata| metadata.len());
        Ok(BackupReport {
            file: path.display().to_string(),
            bytes: size.map_err(|error| NodeError::File { path: path.to_path_buf(), error })?,
            spaces: self.spaces().len(),
            entries: counts.entries,
            passphrase: locked_up,
        })
    }
}

/// Makes a home from a backup, in a folder that is empty or not there. It opens new logs when it is opened (L5).
pub fn restore(
    path: &Path,
    folder: &Path,
    passphrase: Option<&SecretText>,
    surroundings: &Surroundings,
) -> Result<RestoreReport, NodeError> {
    let about: About = serde_json::from_slice(BackupFile::open(path)?.about())
        .map_err(|_| NodeError::Damaged(format!("{}: it does not say what it is a backup of.", path.display())))?;
    if about.version > VERSION {
        return Err(NodeError::Damaged(format!(
            "{} was written by a newer Sheaf. Update to restore it.",
            path.display()
        )));
    }
    let mut vault = Vault::from_backup(about.vault.get().as_bytes(), passphrase)?;
    let restored = Generation::restored(about.machine);
    let files = |vault: &Vault| -> Result<_, StoreError> {
        let file = vault.encode();
        sheaf_store::restore(path, vault.key(), folder, &[(vault::FILE, &file), (generation::FILE, &restored)])
    };
    let counts = files(&vault)?;
    // Only now, when there is a home whose key it is: a key in the keyring that belongs to nothing helps nobody.
    let write = |bytes: &[u8]| Ok(sheaf_store::write_whole(&folder.join(vault::FILE), bytes)?);
    vault.settle(surroundings.keyring.as_deref(), write)?;
    Ok(RestoreReport {
        home: folder.display().to_string(),
        made: about.made,
        entries: counts.entries,
        passphrase: vault.has_passphrase(),
    })
}
