//! Items written in other formats. Every function is pure, and writes every block once, in order.

pub mod docx;
mod html;
mod json;
mod links;
pub mod markdown;
mod names;
mod nesting;
mod plain;
mod runs;

pub use self::{
    docx::docx,
    html::{html, html_fragment},
    json::json,
    links::relink_documents,
    markdown::markdown,
    names::{file_name, path_address},
    plain::plain,
};

#[cfg(test)]
pub(crate) mod tests;
