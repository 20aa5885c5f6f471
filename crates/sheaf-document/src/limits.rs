//! How much is too much.
//!
//! Two kinds, and the difference matters. *Protocol constants* are the same on every device, so that all come to the
//! same verdict about a change; altering one is a new version of the protocol. *Local limits* guard this device's memory
//! and time; what fails on one is held and tried again, and never called invalid.

/// Protocol: the operations of one change.
pub const MAX_CHANGE_OPERATIONS: u64 = 50_000;
/// Protocol: the raw bytes of one change.
pub const MAX_CHANGE_BYTES: usize = 512 * 1024;
/// Protocol: operation numbers stay below this.
pub const MAX_OPERATION_NUMBER: u64 = 1 << 31;
/// Protocol: how far a change's first operation number may lie beyond the highest one it builds on.
pub const MAX_OPERATION_GAP: u64 = 1 << 24;
/// Protocol: how many earlier operations the operations of one change may replace, all together.
pub const MAX_CHANGE_PREDECESSORS: u64 = 4 * MAX_CHANGE_OPERATIONS;
/// Protocol: the bytes of all keys and mark names of one change, written out for each operation.
pub const MAX_CHANGE_NAMES: u64 = 8 * 1024 * 1024;
/// Protocol: the dependencies, and the other actors, that one change may name.
pub const MAX_CHANGE_REFERENCES: u64 = 4_096;

/// Our own changes are cut well before the protocol's limits, so that what an estimate misses still fits.
pub(crate) const OWN_CHANGE_OPERATIONS: usize = 20_000;
pub(crate) const OWN_CHANGE_BYTES: usize = 160 * 1024;

/// Local: the bytes of a cursor from outside. Real ones take less than 60.
pub const MAX_CURSOR_BYTES: usize = 128;

/// Local limits for opening a whole document.
#[derive(Clone, Copy, Debug)]
pub struct LoadLimits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Bytes after its columns are inflated.
    pub inflated: u64,
    /// Operations, and changes.
    pub operations: u64,
}

impl Default for LoadLimits {
    fn default() -> Self {
        Self { bytes: 128 * 1024 * 1024, inflated: 192 * 1024 * 1024, operations: 5_000_000 }
    }
}
