//! Backups of a home, and homes from backups.
//!
//! A backup is sealed with the home's vault key like everything else. What leads to the key stands at its beginning: under
//! the passphrase, where one is set, and else in clear, for a backup is carried where this machine's keyring is not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sheaf_store::{BackupFile, Claim, StoreError};

use crate::core::{Core, locked, now};
use crate::error::NodeError;
use crate::identity::Identity;
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

/// Makes a home from a backup in the place of one in which nobody has begun. Until all of it is there that one stays as it
/// is; nobody may have it open.
pub fn restore_over(
    path: &Path,
    folder: &Path,
    passphrase: Option<&SecretText>,
    surroundings: &Surroundings,
) -> Result<RestoreReport, NodeError> {
    let (arriving, leaving) = (beside(folder, "arriving-backup"), beside(folder, "never-begun"));
    let failed = |error: io::Error| NodeError::File { path: folder.to_path_buf(), error };
    free_of_anyone(folder)?;
    // What a crash in the middle has left: a copy of a backup, and a home without a person.
    for left in [&arriving, &leaving] {
        clear(left).map_err(failed)?;
    }
    let report = restore(path, &arriving, passphrase, surroundings)?;
    let placed = free_of_anyone(folder).and_then(|()| {
        fs::rename(folder, &leaving).map_err(failed)?;
        fs::rename(&arriving, folder).map_err(|error| {
            // Nothing has been lost that was there: the backup is where it was, and nobody had begun.
            let _ = fs::rename(&leaving, folder);
            failed(error)
        })
    });
    if placed.is_err() {
        // Best effort: the next attempt clears it too.
        let _ = clear(&arriving);
    }
    placed?;
    if let Err(error) = clear(&leaving) {
        tracing::warn!(%error, folder = %leaving.display(), "a folder that is not needed any more is still there");
    }
    Ok(RestoreReport { home: folder.display().to_string(), ..report })
}

/// Nobody has begun in a home, and nobody has it open.
fn free_of_anyone(folder: &Path) -> Result<(), NodeError> {
    let claim = Claim::take(folder)?;
    if Identity::is_there(&claim)? {
        let there = format!("somebody has begun in {} already. Choose an empty folder.", folder.display());
        return Err(NodeError::BadInput(there));
    }
    Ok(())
}

fn beside(folder: &Path, word: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(word);
    folder.with_file_name(name)
}

fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::{Node, Options};

    /// A node on a folder of its own.
    async fn open(folder: &std::path::Path) -> Node {
        Node::open(Options::alone(folder.join("home"))).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_backup_takes_the_place_of_a_home_in_which_nobody_has_begun_and_of_no_other() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ana = open(old.path()).await;
        let person = ana.init("Ana", None).await.unwrap().person;
        let file = old.path().join("ana.backup");
        ana.backup(&file).await.unwrap();
        let refused = ana.clone().restore_here(file.clone(), None).await.unwrap_err();
        assert_eq!(refused.code(), "already-initialised");
        assert_eq!(ana.me().unwrap().person, person);
        let under_way = super::restore_over(&file, &old.path().join("home"), None, &crate::Surroundings::default());
        assert_eq!(under_way.unwrap_err().code(), "home-in-use");

        // What is no backup takes nothing away.
        let torn = new.path().join("torn.backup");
        fs::write(&torn, &fs::read(&file).unwrap()[..400]).unwrap();
        let blank = open(new.path()).await;
        blank.restore_here(torn, None).await.unwrap_err();
        let blank = open(new.path()).await;
        assert!(blank.me().is_none());
        blank.restore_here(file.clone(), None).await.unwrap();
        let back = open(new.path()).await;
        assert_eq!(back.me().unwrap().person, person);
        back.shutdown().await.unwrap();
        drop(back);
        let there = fs::read_dir(new.path()).unwrap().count();
        assert_eq!(there, 2, "the home and the torn backup");

        // Nor does it take the place of anyone, though nobody has the home open.
        ana.shutdown().await.unwrap();
        drop(ana);
        let begun = loop {
            match super::restore_over(&file, &old.path().join("home"), None, &crate::Surroundings::default()) {
                Err(error) if error.code() == "home-in-use" => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                other => break other,
            }
        };
        assert_eq!(begun.unwrap_err().code(), "bad-input");
    }
}
