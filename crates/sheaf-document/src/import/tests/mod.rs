//! What each format becomes, and that hostile input is only input.

mod files;
mod formats;
mod hostile;
mod revising;
