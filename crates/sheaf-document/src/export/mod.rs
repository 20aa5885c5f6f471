//! Items written in other formats. Every function is pure, and writes every block once, in order.

mod html;
mod json;
pub mod markdown;
mod nesting;
mod plain;
mod runs;

pub use self::{
    html::{html, html_fragment},
    json::json,
    markdown::markdown,
    plain::plain,
};

#[cfg(test)]
pub(crate) mod tests;
