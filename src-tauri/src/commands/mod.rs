//! What a window may ask, each a few lines round the node.

#![allow(clippy::needless_pass_by_value, reason = "Tauri hands a command its arguments by value")]

pub mod about;
pub mod devices;
mod files;
pub mod keeping;
pub mod library;
pub mod people;
pub mod relays;
pub mod sessions;
pub mod system;
pub mod transfer;
pub mod tree;
