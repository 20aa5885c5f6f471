//! Sessions: open windows on one document (rules W).

mod message;

pub use message::{Caret, Refused, ToCore, ToWindow};
