//! The store behind everything.
//!
//! # What is kept where
//!
//! A [`Home`] is a folder. In it are
//!
//! - a **journal** ([`Journal`]) of the entries this device wrote: files that only grow, each group of entries synced before
//!   anyone is told *saved* (S1);
//! - a **store** ([`SledStore`], behind the trait [`Store`]) of the entries of everyone, indexes over them, and small
//!   records: fast to look things up in, and allowed to be lost, because own entries come back from the journal and
//!   others' from others;
//! - **blobs** ([`BlobStore`]): what a checkpoint stands for, sealed, in files named by their hash;
//! - **caches** of documents, which cost only time when they are gone.
//!
//! Entries are sealed for the members of their space. Everything else that could be read, records, caches and the small
//! files, is sealed under the home's [`VaultKey`]. So a home is opened in two steps: it is claimed, which locks it and lets
//! the small files be read that say where the key is; and then opened with the key.
//!
//! An own entry goes into the journal, then into the store, then out to others. An entry from others goes into the store.
//!
//! ```no_run
//! # fn main() -> sheaf_store::Result<()> {
//! use sheaf_store::{Claim, Store, VaultKey};
//!
//! let claim = Claim::take("/home/ana/.local/share/sheaf".as_ref())?;
//! let (home, opened) = claim.open(&VaultKey::generate())?;
//! for repair in &opened.repaired {
//!     println!("{repair}");
//! }
//! for space in home.store().spaces()? {
//!     println!("{space}: {:?}", home.store().frontier(space)?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Damage
//!
//! Everything carries its length and a BLAKE3, and is checked when it is read (S2). What fails is never served and never a
//! panic: it is taken out of the way, kept for inspection, and listed in [`Store::damage`].
//!
//! **What the frontier says of a damaged entry.** A frontier is one number a log, so it cannot say "all but the seventh".
//! The damaged entry becomes a *hole*, written down, and the frontier steps back to the sixth at once. The next exchange with
//! anyone who is further offers the seventh and what follows. The seventh fills the hole: only an entry with the hash that
//! is remembered may, and it gets its old arrival number back, so that the order of arrival stays causal. The others are
//! held already and cost nothing. When the last hole is filled, the frontier is where it was. Until then
//! [`Store::since`] and [`Store::range`] give nothing of that log behind the hole, for it could not be accepted anywhere
//! (L2). Whoever wants this to happen without a reconnection looks at [`Store::damage`] after a read.
//!
//! sled has checksums of its own, over whole pages, so a bad sector usually shows as a page that cannot be read. Then a
//! new store is made of all that can be, beside the old one, the indexes are made again from the entries, and what is
//! missing becomes holes. If sled does not open at all, a ladder of remedies ends with an empty store and the journal.
//!
//! # Floors
//!
//! Below a checkpoint that is held, entries may be *pruned* (C3). The store then has a floor for each log: at and below it
//! an entry may be missing without anything being damaged, and the frontier claims it all the same, because the checkpoint
//! stands for it. Access entries are never pruned. The floor is stored and flushed before anything is deleted (C5), and
//! what a crash interrupts goes on when the store is opened. [`Store::cover`] is the other way to a floor: to take over a
//! checkpoint without ever having had the entries.
//!
//! # What this crate does not do
//!
//! It does not know what is in an entry, and does not decide whether one may be stored: `sheaf_log::admit` does, before.
//! It never deletes anything that others could not give back.

mod backup;
mod blobs;
mod branches;
mod caches;
mod damage;
mod disk;
mod error;
mod files;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod home;
mod journal;
mod limits;
mod memory;
mod remake;
mod repair;
mod store;
mod takeover;
mod vault;

pub use backup::{BackupCounts, BackupFile, may_be_replaced, restore};
pub use blobs::{BlobStore, Fetched, FileBlobs, MAX_BUNDLE, MemoryBlobs, bundle_ends, decode_bundle, encode_bundle};
pub use branches::{
    branch_entries, branch_entry, delete_branches, forget_branches, load_forks, main_from, proved_forks, put_branch,
    put_fork,
};
pub use damage::{Damage, Damaged};
pub use disk::SledStore;
pub use error::{Result, StoreError};
pub use files::{Fault, Files, OpenFile, RealFiles, SimulatedDisk};
pub use home::{Claim, Home, Opened, write_whole};
pub use journal::{Completion, IfBroken, Journal, JournalConfig, Replay};
pub use limits::{MAX_CACHE, MAX_KEY, MAX_RECORD};
pub use memory::MemoryStore;
pub use remake::Remade;
pub use repair::Repair;
pub use store::{Arrival, CacheKind, DocumentRow, Pruned, Store, Table};
pub use takeover::TakenOver;
pub use vault::{Purpose, VaultKey};
