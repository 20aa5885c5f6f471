//! The command line, as a script uses it.

mod documents;
mod people;
mod verifying;
