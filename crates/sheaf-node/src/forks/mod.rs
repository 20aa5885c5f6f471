//! Forked logs (L6), as a node keeps them: see [`Forks`].

mod keep;
mod settled;
mod words;

pub use settled::settle;
pub use sheaf_log::{Forked, Forks, Settled};
pub use sheaf_sync::branches::{Searches, Suspicion, Talk};
