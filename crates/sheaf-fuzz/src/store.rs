//! What `sheaf-store` reads from a disk.

use crate::Target;

pub const TARGETS: &[Target] = &[
    Target { name: "store-segment", run: sheaf_store::fuzzing::segment, seeds: sheaf_store::fuzzing::segments },
    Target { name: "store-harmed-segment", run: sheaf_store::fuzzing::harmed_segment, seeds: harms },
    Target { name: "store-value", run: sheaf_store::fuzzing::value, seeds: sheaf_store::fuzzing::values },
    Target { name: "store-backup", run: sheaf_store::fuzzing::backup, seeds: sheaf_store::fuzzing::backups },
];

/// The first half says what is written, the second what happens to it.
fn harms() -> Vec<Vec<u8>> {
    vec![(0..64).collect(), vec![0x55; 80]]
}
