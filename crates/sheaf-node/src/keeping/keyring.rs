//! The system's keyring, behind a small trait.
//!
//! It is the Secret Service on Linux, the Keychain on macOS, the Credential Manager on Windows. Whether there is one that
//! answers is found out by asking it, with a deadline: a keyring may want the person to unlock it first.

use std::fmt;
use std::sync::mpsc;
use std::time::Duration;

use zeroize::Zeroizing;

/// The variable that, set to `off`, keeps the system's keyring out of it.
pub const SWITCH: &str = "SHEAF_KEYRING";

/// Why a keyring did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyringError(pub String);

/// A place of the system's for small secrets.
pub trait Keyring: Send + Sync + fmt::Debug {
    /// What is kept under a name.
    fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError>;
    /// Keeps something under a name.
    fn put(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError>;
    /// Forgets what is kept under a name, if anything is.
    fn remove(&self, name: &str) -> Result<(), KeyringError>;
}

/// The system's own.
#[derive(Clone, Copy, Debug)]
pub struct SystemKeyring(());

/// What all entries of this program are filed under.
const SERVICE: &str = "Sheaf";
/// How long the keyring may take. Long enough for the person to type its password, for it may ask for that.
const PATIENCE: Duration = Duration::from_mins(1);

impl SystemKeyring {
    /// The system's keyring, unless it is switched off or there plainly is none.
    pub fn find() -> Option<Self> {
        let off = std::env::var_os(SWITCH).is_some_and(|value| value == "off");
        (!off && Self::may_be_there()).then_some(Self(()))
    }

    /// Without a session bus nothing can answer, and asking would only take time.
    #[cfg(all(unix, not(target_os = "macos")))]
    fn may_be_there() -> bool {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR");
        std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty())
            || runtime.is_some_and(|folder| std::path::Path::new(&folder).join("bus").exists())
    }

    #[cfg(not(all(unix, not(target_os = "macos"))))]
    fn may_be_there() -> bool {
        true
    }

    /// Asks on a thread of its own: the client may not be used from within an async runtime, and may never answer.
    fn ask<R: Send + 'static>(
        name: &str,
        question: impl FnOnce(&::keyring::v1::Entry) -> Result<R, ::keyring::v1::Error> + Send + 'static,
    ) -> Result<R, KeyringError> {
        let (answer, answered) = mpsc::channel();
        let name = name.to_owned();
        let work = move || {
            let asked = ::keyring::v1::Entry::new(SERVICE, &name).and_then(|entry| question(&entry));
            // Whoever asked may have stopped waiting.
            let _ = answer.send(asked.map_err(|error| KeyringError(error.to_string())));
        };
        std::thread::Builder::new()
            .name("keyring".into())
            .spawn(work)
            .map_err(|error| KeyringError(error.to_string()))?;
        answered.recv_timeout(PATIENCE).unwrap_or_else(|_| Err(KeyringError("it does not answer".to_owned())))
    }
}

impl Keyring for SystemKeyring {
    fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
        Self::ask(name, |entry| match entry.get_secret() {
            Ok(secret) => Ok(Some(Zeroizing::new(secret))),
            Err(::keyring::v1::Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn put(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
        let secret = Zeroizing::new(secret.to_vec());
        Self::ask(name, move |entry| entry.set_secret(&secret))
    }

    fn remove(&self, name: &str) -> Result<(), KeyringError> {
        Self::ask(name, |entry| match entry.delete_credential() {
            Err(::keyring::v1::Error::NoEntry) => Ok(()),
            done => done,
        })
    }
}

#[cfg(test)]
pub mod test {
    //! Keyrings for tests: none of them is the system's.

    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::{Keyring, KeyringError, Zeroizing};
    use crate::core::locked;

    /// A keyring in memory, which can be made to refuse.
    #[derive(Debug, Default)]
    pub struct InMemory {
        pub entries: Mutex<BTreeMap<String, Vec<u8>>>,
        pub refuses: Mutex<bool>,
    }

    impl InMemory {
        fn ask(&self) -> Result<(), KeyringError> {
            if *locked(&self.refuses) { Err(KeyringError("it is locked".into())) } else { Ok(()) }
        }
    }

    impl Keyring for InMemory {
        fn get(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyringError> {
            self.ask()?;
            Ok(locked(&self.entries).get(name).cloned().map(Zeroizing::new))
        }

        fn put(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
            self.ask()?;
            locked(&self.entries).insert(name.to_owned(), secret.to_vec());
            Ok(())
        }

        fn remove(&self, name: &str) -> Result<(), KeyringError> {
            self.ask()?;
            locked(&self.entries).remove(name);
            Ok(())
        }
    }
}
