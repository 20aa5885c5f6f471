//! Items written in other formats. Every function is pure, and writes every block once, in order.

mod markdown;
mod nesting;
mod runs;

pub use self::markdown::markdown;

#[cfg(test)]
mod tests;
