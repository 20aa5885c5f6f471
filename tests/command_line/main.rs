//! The command line, as a script uses it.

mod documents;
mod library;
mod people;
mod search;
mod transfer;
mod verifying;
