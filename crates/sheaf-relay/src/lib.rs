//! The headless sync node: it stores and forwards what it cannot read.
//!
//! A team stays in step while its laptops are closed, through a node that holds sealed entries, checks who may write them,
//! and has no key to any.

pub mod admission;
pub mod config;
pub mod quota;

#[cfg(test)]
mod documented;

/// How many cases a property is tried with: `SHEAF_CASES`, or so many.
#[cfg(test)]
fn cases(usual: u32) -> u32 {
    std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}
