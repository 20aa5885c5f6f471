//! The document: its model, edits, patches and sessions.

pub mod edit;
pub mod export;
pub mod import;
pub mod model;
pub mod patch;
pub mod session;
