//! What the node does with the passphrase and the recovery phrase.

use sheaf_access::PersonKey;
use zeroize::Zeroizing;

use crate::core::{Core, locked};
use crate::error::NodeError;
use crate::keeping::{SecretText, vault};
use crate::view::Protection;

impl Core {
    /// How this home is protected.
    pub fn protection(&self) -> Protection {
        let (keyring, passphrase) = {
            let vault = locked(&self.vault);
            (vault.in_keyring(), vault.has_passphrase())
        };
        let me = self.me().ok();
        Protection {
            keyring,
            passphrase,
            phrase_written: me.as_ref().is_some_and(|me| me.phrase_written),
            phrase_here: me.as_ref().is_some_and(|me| me.keys.root.is_some()),
            copied: me.as_ref().is_some_and(|me| me.copied),
        }
    }

    /// Sets, changes or removes the passphrase. Blocks, for a second or so.
    pub fn set_passphrase(&self, old: Option<&SecretText>, new: Option<&SecretText>) -> Result<(), NodeError> {
        {
            let mut vault = locked(&self.vault);
            vault.check_passphrase(old)?;
            let write = |bytes: &[u8]| Ok(self.home().put_key_file(vault::FILE, bytes)?);
            vault.rewrap(new, self.surroundings.keyring.as_deref(), write)?;
        }
        // Without a passphrase the root secret stays only as long as it is nowhere else.
        if new.is_none() { self.drop_root() } else { Ok(()) }
    }

    /// The recovery phrase, as long as the root secret is here.
    pub fn recovery_phrase(&self, passphrase: Option<&SecretText>) -> Result<Zeroizing<Vec<String>>, NodeError> {
        let me = self.me()?;
        locked(&self.vault).check_passphrase(passphrase)?;
        let root = me.keys.root.as_ref().ok_or(NodeError::PhraseGone)?;
        Ok(Zeroizing::new(root.to_phrase().words().map(str::to_owned).collect()))
    }

    /// The person has the phrase in writing.
    pub fn phrase_written(&self) -> Result<(), NodeError> {
        let me = self.me()?;
        if !me.phrase_written {
            let mut me = (*me).clone();
            me.phrase_written = true;
            self.set_me(me)?;
        }
        self.drop_root()
    }

    /// Forgets the root secret if the person has it in writing and no passphrase guards it here.
    fn drop_root(&self) -> Result<(), NodeError> {
        let Ok(me) = self.me() else { return Ok(()) };
        if me.keys.root.is_none() || !me.phrase_written || locked(&self.vault).has_passphrase() {
            return Ok(());
        }
        let mut me = (*me).clone();
        me.keys.root = None;
        self.set_me(me).map(drop)
    }

    /// The person's root key: from the phrase, or, without one, from this home, as long as it is here (A7).
    pub fn root_key(&self, phrase: Option<&str>) -> Result<PersonKey, NodeError> {
        let me = self.me()?;
        let Some(phrase) = phrase else { return me.keys.root.clone().ok_or(NodeError::NeedsPhrase) };
        let root = PersonKey::from_phrase(phrase).map_err(|error| NodeError::BadPhrase(format!("{error}.")))?;
        if root.id() == me.person() {
            Ok(root)
        } else {
            Err(NodeError::BadPhrase("this is the recovery phrase of somebody else.".into()))
        }
    }
}
