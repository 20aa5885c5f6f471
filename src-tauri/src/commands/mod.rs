//! What a window may ask, each a few lines round the node.

pub mod library;
pub mod sessions;
pub mod system;
