//! What came of something that was asked for: reports.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::SpaceInfo;

/// What was not taken from one device under one rule, since the node was opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusalInfo {
    /// The device that sent it, or, where content turned out to be invalid, the one that wrote it.
    pub device: String,
    /// The rule it breaks.
    pub rule: String,
    /// The refusal's number.
    pub code: u16,
    /// A sentence: why.
    pub reason: String,
    /// How often.
    pub count: u64,
    /// When last, in milliseconds since 1970.
    pub last: u64,
}

/// What writing a checkpoint did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointReport {
    /// The space.
    pub space: String,
    /// How many entries it covers that no checkpoint covered before. None: nothing has been written since the last one, and no
    /// other was.
    pub entries: u64,
    /// How many blobs were written.
    pub blobs: usize,
    /// How many bytes these have.
    pub bytes: u64,
    /// How many entries were pruned. None, as long as nobody else has checked the checkpoint.
    pub pruned: u64,
}

/// What one round of syncing did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncReport {
    /// The devices that were reached.
    pub reached: Vec<String>,
    /// The devices that were tried and not reached.
    pub unreachable: Vec<String>,
    /// How many entries came in.
    pub received: usize,
    /// How many own entries are confirmed by at least one other device.
    pub confirmed: u64,
    /// The spaces that this person turned out to have been removed from.
    pub removed: Vec<SpaceInfo>,
    /// Whether there was nothing left to wait for; else the time was up.
    pub settled: bool,
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct BackupReport {
    /// The file.
    pub file: String,
    /// How long it is.
    #[ts(type = "number")]
    pub bytes: u64,
    /// How many spaces are in it.
    pub spaces: usize,
    /// How many entries.
    #[ts(type = "number")]
    pub entries: u64,
    /// Whether the passphrase is needed to restore it. If not, whoever has the file can read it.
    pub passphrase: bool,
}

/// What was restored from a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct RestoreReport {
    /// The home it was restored to.
    pub home: String,
    /// When the backup was made, in milliseconds since 1970.
    #[ts(type = "number")]
    pub made: u64,
    /// How many entries came out of it.
    #[ts(type = "number")]
    pub entries: u64,
    /// Whether a passphrase opens the home.
    pub passphrase: bool,
}

/// How a home was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DoctorReport {
    /// The home.
    pub home: String,
    /// Whether nothing is wrong with it now.
    pub healthy: bool,
    /// How many entries were looked at.
    #[ts(type = "number")]
    pub entries: u64,
    /// What was found, in the order it was looked at.
    pub findings: Vec<Finding>,
    /// What was put in order.
    pub repaired: Vec<String>,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is of: `lock`, `permissions`, `room`, `key`, `generation`, `identity`, `journal`, `entries`, `records`, `damage`.
    pub of: String,
    /// A sentence for the person.
    pub text: String,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub enum Severity {
    /// It is as it should be.
    Good,
    /// Worth knowing.
    Note,
    /// Something is to be done.
    Bad,
}

/// How much someone has written that counts, and how much is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorReport {
    /// Who.
    pub person: String,
    /// Their name; empty while unknown.
    pub name: String,
    /// How many entries of their logs are stored here.
    pub entries: usize,
    /// How many changes of documents they have made.
    pub changes: usize,
    /// How many characters they have written, whatever became of them.
    pub characters: usize,
    /// What they have written that does not count, log by log.
    pub set_aside: Vec<AsideReport>,
}

/// What one log holds that does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AsideReport {
    /// The log.
    pub log: String,
    /// The number of the first entry that does not count.
    pub first: u64,
    /// How many entries do not.
    pub entries: usize,
    /// How many changes of documents are in them.
    pub changes: usize,
    /// How many characters these write.
    pub characters: usize,
}

/// What came of going over a space or a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// Which space.
    pub space: String,
    /// Which document, if it was one alone.
    pub document: Option<String>,
    /// How many entries are concerned.
    pub entries: usize,
    /// How many signatures were checked.
    pub signatures: usize,
    /// How many entries are sealed with a key that this device does not have.
    pub sealed: usize,
    /// How many checkpoints were held against what they stand for.
    pub checkpoints: usize,
    /// What is wrong: sentences. Empty if nothing is.
    pub problems: Vec<String>,
    /// Who wrote how much, most first.
    pub authors: Vec<AuthorReport>,
}
