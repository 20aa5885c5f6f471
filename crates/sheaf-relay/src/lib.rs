//! The headless sync node: it stores and forwards what it cannot read.
