//! What lies outside of a home and matters to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::keeping::keyring::{Keyring, SystemKeyring};

/// The variable that says which machine this is, in place of the system. For tests.
pub const MACHINE: &str = "SHEAF_MACHINE_ID";

/// Who says which addresses are behind a name now.
pub trait Resolver: Send + Sync + std::fmt::Debug {
    /// Those behind `name`, which has a port (`relay.example.org:4479`). None: nobody knows, or not now. It does not block.
    fn addresses(&self, name: &str) -> Vec<SocketAddr>;
}

/// What a home needs of the machine it lies on. All of it may be missing.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Where the vault key can be kept.
    pub keyring: Option<Arc<dyn Keyring>>,
    /// The user's folder for what programs remember, and nobody backs up: the generation is kept there too (L5). Without
    /// it, a home that was put back is known only by what others hold of it.
    pub state: Option<PathBuf>,
    /// What tells this machine from others.
    pub machine: Option<String>,
    /// Who looks up names; nobody: the system does.
    pub resolver: Option<Arc<dyn Resolver>>,
}

impl Surroundings {
    /// Those of the user who runs this program.
    pub fn of_this_user() -> Self {
        let keyring = SystemKeyring::find().map(|keyring| Arc::new(keyring) as Arc<dyn Keyring>);
        Self { keyring, state: state_folder(), machine: machine(), resolver: None }
    }
}

fn state_folder() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().ok()?;
    // Windows has no such folder; what is local to the machine is next to it.
    Some(strategy.state_dir().unwrap_or_else(|| strategy.cache_dir()).join("sheaf"))
}

/// The system's own id of the machine: `/etc/machine-id`, `IOPlatformUUID`, `MachineGuid`.
fn machine() -> Option<String> {
    if let Some(named) = std::env::var(MACHINE).ok().filter(|named| !named.is_empty()) {
        return Some(named);
    }
    let id = machine_uid::get().inspect_err(|error| tracing::debug!(%error, "this machine has no id")).ok()?;
    let id = id.trim();
    // An image that is started for the first time may not have drawn one yet.
    (!id.is_empty() && id != "uninitialized").then(|| id.to_owned())
}
