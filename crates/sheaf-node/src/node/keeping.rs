//! What keeps this home: its passphrase, and the person's recovery phrase.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Node, blocking};
use crate::error::NodeError;
use crate::keeping::SecretText;
use crate::view::Protection;

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
}
