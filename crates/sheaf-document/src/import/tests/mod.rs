//! What each format becomes, and that hostile input is only input.

mod docx;
mod files;
mod formats;
mod hostile;
mod notes;
mod revising;
