//! What came of importing and exporting.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::DocumentInfo;

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ImportReport {
    /// The documents that were made, in the order of their tree.
    pub documents: Vec<DocumentInfo>,
    /// The files that were not read.
    pub left_out: Vec<LeftOut>,
    /// How many pictures and files in them are only described or linked to.
    pub pictures: usize,
}

/// A file that was left out of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct LeftOut {
    /// Which, from the folder that was imported.
    pub file: String,
    /// Why, in a few words.
    pub why: String,
}

/// What came of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ExportReport {
    /// The folder that was written.
    pub folder: String,
    /// How many documents are in it.
    pub documents: usize,
}
