//! What does not count any more, with real nodes: after removals, and after forks.

mod forks;
mod pruned;
mod removal;
mod settled;
mod team;
