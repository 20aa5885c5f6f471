//! What writing promises, tried on documents by the thousand.

mod documents;
mod markdown;
