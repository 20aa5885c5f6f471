//! Opening a home: its lock, its key, its generation, and then what it holds.

use sheaf_store::{Claim, Home, Opened};

use crate::error::NodeError;
use crate::identity::Identity;
use crate::keeping::generation::{self, Generation, Standing};
use crate::keeping::vault::{self, Vault};
use crate::keeping::{SecretText, Surroundings};

/// A home that has just been opened.
pub struct Start {
    /// The home.
    pub home: Home,
    /// What opening it found.
    pub opened: Opened,
    /// Its key, and where that lies.
    pub vault: Vault,
    /// Its number, outside and inside.
    pub generation: Generation,
    /// Whether it is the home it was.
    pub standing: Standing,
    /// What is outside of it.
    pub surroundings: Surroundings,
}

impl Start {
    /// Opens a home. One that is locked with a passphrase is not touched without it.
    pub fn open(
        folder: &std::path::Path,
        passphrase: Option<&SecretText>,
        surroundings: Surroundings,
    ) -> Result<Self, NodeError> {
        let claim = Claim::take(folder)?;
        let known = claim.file(vault::FILE)?.is_some();
        if !known && Identity::is_sealed(&claim)? {
            let file = folder.join(vault::FILE);
            return Err(NodeError::Damaged(format!(
                "{} is gone, and with it what leads to this home's key. Put it back, or restore a backup.",
                file.display()
            )));
        }
        let vault = Vault::unlock(&claim, passphrase, surroundings.keyring.as_deref())?;
        let generation = Generation::of(*vault.home(), folder, &surroundings);
        let standing = generation.standing(claim.file(generation::FILE)?.as_deref(), known);
        let (home, opened) = claim.open(vault.key())?;
        Ok(Self { home, opened, vault, generation, standing, surroundings })
    }

    /// Whether no log may be gone on with (L5).
    pub fn needs_new_logs(&self) -> bool {
        self.opened.needs_new_logs() || self.standing != Standing::Same
    }

    /// Whether the home comes from another machine.
    pub fn is_moved(&self) -> bool {
        self.standing == Standing::Copied
    }

    /// What there is to tell the person, before the home is used.
    pub fn notices(&self) -> Vec<String> {
        let mut notices: Vec<String> = self.opened.repaired.iter().map(ToString::to_string).collect();
        if self.opened.needs_new_logs() {
            notices.push("what others wrote comes back when one of their devices can be reached.".into());
        }
        match self.standing {
            // What was moved becomes a device of its own when it is used, if it can: see `is_moved`.
            Standing::Same | Standing::Copied => {}
            Standing::PutBack => notices.push(
                "this home was copied or put back as it once was. It goes on from here; what it had sent to others since \
                 comes back when one of them can be reached."
                    .into(),
            ),
        }
        notices
    }
}

/// Opens what a home holds, below the node: for benchmarks, which write what no node would.
pub fn open_below(folder: &std::path::Path) -> Result<Home, NodeError> {
    Ok(Start::open(folder, None, Surroundings::default())?.home)
}
