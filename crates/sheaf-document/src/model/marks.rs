//! Scalars, and the marks that lie over a run of text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A value that a mark or a block attribute may hold. On the wire it is the bare JSON value.
///
/// Automerge's bytes, counters and timestamps are read as text (hex), number and number: the window shows them, and
/// never writes one it did not get from a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(untagged)]
#[ts(export)]
pub enum Scalar {
    /// Nothing. As a mark's value: the mark is not there.
    Null,
    /// Yes or no, for instance a task that is ticked.
    Bool(bool),
    /// A number; whole ones are exact up to 2^53.
    Number(f64),
    /// A piece of text.
    Text(String),
}

/// The value of a mark. `strong`, `em`, `code` and `strike` hold `true`; `link` holds the JSON text
/// `{"href":…,"title":…}` as the published schema says.
pub type MarkValue = Scalar;

/// The marks over a run of text, by name. Never holds [`Scalar::Null`].
pub type Marks = BTreeMap<String, MarkValue>;
