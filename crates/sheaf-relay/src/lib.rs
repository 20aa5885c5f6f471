//! The headless sync node: it stores and forwards what it cannot read.
//!
//! A team stays in step while its laptops are closed, through a node that holds sealed entries, checks who may write them,
//! and has no key to any.
//!
//! ```text
//!   devices ──── frames ────▶ engine ──── deliveries ────▶ keeper ──▶ journal, store
//!              (sheaf-net)    (sheaf-sync)                 (sheaf-log, sheaf-access)
//! ```
//!
//! - [`Relay`] is a running relay: it has a [link](Relay::link), which people give to the app, and it [drains](Relay::drain).
//! - `engine` is the one task that owns the sync machine, the same one that devices have.
//! - `keeper` is what is on the disk, and the rules a header can be held against: signatures, roles, what follows from what.
//! - [`admission`] says whose spaces are taken in; `guests` who is in a space by an invitation alone.
//! - `cluster` is what several relays share, where there are several.
//! - [`config`] is everything that can be set.
//!
//! # What a relay sees
//!
//! Headers: which device wrote when, in which log, how much, and under which epoch; and access entries, which are plain, so
//! that it can tell who is a member. No title, no name, no word, no key that opens one.
//!
//! # What a relay promises
//!
//! - It acknowledges what is durable, and nothing else; it passes on what it has let in before that (R1).
//! - A space that nobody is connected for costs nothing but disk.
//! - Whatever it is sent is capped before it is held.
//! - What it refuses it says why, and the sender keeps.

pub mod accept;
pub mod admission;
pub mod board;
mod cluster;
pub mod config;
mod control;
mod engine;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod guests;
pub mod http;
mod identity;
mod keeper;
pub mod limits;
pub mod meeting;
pub mod meters;
pub mod operate;
pub mod quota;
mod relay;
pub mod signals;
pub mod telemetry;

#[cfg(test)]
mod documented;

pub use cluster::ClusterError;
pub use relay::{Relay, ReloadError, StartError};

/// How many cases a property is tried with: `SHEAF_CASES`, or so many.
#[cfg(test)]
fn cases(usual: u32) -> u32 {
    std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}
