//! What writing promises, tried on documents by the thousand.

pub(crate) mod documents;
mod docx;
mod html;
mod markdown;
