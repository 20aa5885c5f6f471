//! The local node: spaces, documents and sessions, and the threads that keep them saved and in step.
//!
//! # Overview
//!
//! [`Node`] is the only way in: the desktop, the command line and the tests all use it. Behind it:
//!
//! - `core`: what every part shares. The home with its store and journal, the spaces, the documents that are open.
//! - `document`: one thread for each open document (W1). It owns the CRDT and its windows' sessions, seals what is written
//!   here, and applies what others wrote.
//! - `space`: this device's part in a space, behind one lock: the access state, the keys, its own log.
//! - `keeping`: where the home's key lies, whether the home is the one it was, and the person's recovery phrase.
//! - `writer`: one thread through which every own entry goes, to the journal first and then to the store.
//! - `accept` and `opening`: entries from others are admitted and stored; stored entries are opened and become changes.
//!   `unopened`: those whose key is not here wait, and nothing else does.
//! - `devices`: the person's devices, pairing one more, and keeping all of them in all of the person's spaces.
//! - `network`: one task that owns the sync machine and carries out what it asks for.
//!
//! - `library`: which documents there are, as a tree (D1), and what is in the trash.
//! - `importing` and `exporting`: files and folders that become documents, and a space that becomes a folder.
//! - `finder`: finds documents by their words, and keeps the index of that in step.
//! - `people`, `invitations` and `upkeep`: who may do what: what a person asks for, and what is done in the background.
//!
//! # The path of what is written here
//!
//! window → document thread → sealed and signed (`document/seal.rs`) → writer → journal (now it is *saved*) → store → network.
//!
//! # The path of what others write
//!
//! network → `accept` → store (now it is acknowledged) → `opening` → document thread → window.
//!
//! # Invariants
//!
//! - No entry leaves the device before it is in the journal (L4).
//! - The network hears of entries in the order in which the store numbered them, which is causal.
//! - Locks are taken in this order: the list of documents, a space's opening, a space's state, its storing. None is held
//!   while waiting for another thread.
//! - Opening a document never writes to it.

mod accept;
mod addresses;
mod adopting;
mod backlinks;
mod beside;
mod checkpoint;
mod core;
mod counting;
mod devices;
mod document;
mod errand;
mod error;
mod exporting;
mod finder;
mod forget;
mod forks;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod identity;
mod importing;
mod invitations;
mod keeping;
mod ledger;
mod left;
mod library;
mod loading;
mod network;
mod node;
mod once;
mod opening;
mod own_log;
mod packed;
mod people;
mod presence;
mod receipts;
mod refusals;
mod relays;
mod removal;
mod set_aside;
mod space;
mod unopened;
mod upkeep;
mod verify;
mod view;
mod writer;

pub use errand::Errand;
pub use error::NodeError;
pub use keeping::{Keyring, KeyringError, Resolver, SecretText, Surroundings, open_below};
pub use node::{Format, NewSpaceRelay, Node, Options, Search, Session};
pub use sheaf_access::phrase_list;
pub use sheaf_document::export::file_name;
pub use sheaf_document::model::Item;
pub use sheaf_document::session::{ToCore, ToWindow};
pub use view::{
    AsideReport, AuthorReport, BacklinkInfo, BackupReport, CheckpointReport, DeviceInfo, DoctorReport, DocumentInfo,
    DocumentPreview, Ended, ExportReport, Failing, Finding, FormerInfo, FoundInfo, FoundPiece, ImportReport,
    InvitationInfo, InvitationLook, InvitationState, JoinRefusal, LeftOut, Link, Me, MemberInfo, NodeEvent,
    PairingCode, PairingPeer, Place, Placement, Present, Protection, Recovered, RefusalInfo, RelayAnswer, RelayInfo,
    RelaySpace, RestoreReport, SearchReport, SetAside, Severity, SpaceInfo, SyncReport, TagInfo, TrashedInfo,
    VerifyReport,
};

/// The folder that holds everything, where nothing else is said: in the user's data folder.
pub fn default_home() -> Result<std::path::PathBuf, NodeError> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy()
        .map_err(|error| NodeError::BadInput(format!("the user's data folder is not known ({error}). Use --home.")))?;
    Ok(strategy.data_dir().join("sheaf"))
}
