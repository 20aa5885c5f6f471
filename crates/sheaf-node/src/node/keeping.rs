//! What keeps this home: its passphrase, and the person's recovery phrase.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Node, blocking};
use crate::error::NodeError;
use crate::keeping::{self, SecretText, Surroundings};
use crate::view::{BackupReport, DoctorReport, Me, Protection, RestoreReport};

/// How long what ran for a node may hold on to its home after the end.
const LETTING_GO: Duration = Duration::from_secs(10);
const A_MOMENT: Duration = Duration::from_millis(100);

impl Node {
    /// How this home is protected, as far as the person has to know.
    pub fn protection(&self) -> Protection {
        self.core.protection()
    }

    /// Sets, changes (`old` is the one until now) or removes (`new` is none) the passphrase that opens this home.
    pub async fn set_passphrase(&self, old: Option<SecretText>, new: Option<SecretText>) -> Result<(), NodeError> {
        let core = Arc::clone(&self.core);
        blocking(move || core.set_passphrase(old.as_ref(), new.as_ref())).await
    }

    /// The 24 words that restore this person on a new machine. Where a passphrase is set, it is asked for again: an open
    /// window is not enough to walk away with a person.
    pub async fn recovery_phrase(&self, passphrase: Option<SecretText>) -> Result<Zeroizing<Vec<String>>, NodeError> {
        let core = Arc::clone(&self.core);
        blocking(move || core.recovery_phrase(passphrase.as_ref())).await
    }

    /// The person has written the recovery phrase down. It is forgotten here, unless a passphrase guards it.
    pub async fn phrase_written(&self) -> Result<(), NodeError> {
        let core = Arc::clone(&self.core);
        blocking(move || core.phrase_written()).await
    }

    /// Makes a home that is a copy of another machine's a device of its own. Without the phrase this works only where the
    /// root secret is, and there it has been done already.
    pub async fn renew_device(&self, phrase: Option<SecretText>) -> Result<Me, NodeError> {
        let core = Arc::clone(&self.core);
        blocking(move || Ok(core.renew_device(phrase.as_ref().map(SecretText::as_str))?.me())).await
    }

    /// Writes a backup of everything this home has into one file, and reads it back. The home goes on being used meanwhile.
    pub async fn backup(&self, file: &Path) -> Result<BackupReport, NodeError> {
        let (core, file) = (Arc::clone(&self.core), file.to_path_buf());
        blocking(move || core.back_up(&file)).await
    }

    /// Makes a home from a backup, in a folder that is empty or not there.
    pub async fn restore(
        file: PathBuf,
        home: PathBuf,
        passphrase: Option<SecretText>,
        surroundings: Surroundings,
    ) -> Result<RestoreReport, NodeError> {
        blocking(move || keeping::restore(&file, &home, passphrase.as_ref(), &surroundings)).await
    }

    /// Puts a backup in the place of this home, in which nobody has begun, and ends this node. Whether it succeeds or not,
    /// the home can be opened afterwards.
    pub async fn restore_here(self, file: PathBuf, passphrase: Option<SecretText>) -> Result<RestoreReport, NodeError> {
        if let Some(me) = self.me() {
            return Err(NodeError::AlreadyInitialised(me.name));
        }
        let home = self.core.home().folder().to_path_buf();
        let surroundings = self.core.surroundings.clone();
        self.shutdown().await?;
        drop(self);
        let end = Instant::now() + LETTING_GO;
        loop {
            let (file, home, passphrase) = (file.clone(), home.clone(), passphrase.clone());
            let surroundings = surroundings.clone();
            match blocking(move || keeping::restore_over(&file, &home, passphrase.as_ref(), &surroundings)).await {
                // What ran for this node lets the home go in a moment.
                Err(error) if error.code() == "home-in-use" && Instant::now() < end => {
                    tokio::time::sleep(A_MOMENT).await;
                }
                answer => return answer,
            }
        }
    }

    /// Looks a home over that nobody has open. `rebuild` makes its store anew from all that is
    /// whole in it and beside it.
    pub async fn doctor(
        home: PathBuf,
        passphrase: Option<SecretText>,
        surroundings: Surroundings,
        rebuild: bool,
    ) -> Result<DoctorReport, NodeError> {
        blocking(move || keeping::doctor(&home, passphrase.as_ref(), surroundings, rebuild)).await
    }
}
