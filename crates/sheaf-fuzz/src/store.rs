//! What `sheaf-store` reads from a disk, or from whoever sends a checkpoint.

use sheaf_log::SignedHeader;
use sheaf_store::{bundle_ends, decode_bundle, encode_bundle};

use crate::Target;

pub const TARGETS: &[Target] = &[
    Target { name: "store-segment", run: sheaf_store::fuzzing::segment, seeds: sheaf_store::fuzzing::segments },
    Target { name: "store-harmed-segment", run: sheaf_store::fuzzing::harmed_segment, seeds: harms },
    Target { name: "store-value", run: sheaf_store::fuzzing::value, seeds: sheaf_store::fuzzing::values },
    Target { name: "store-bundle", run: bundle, seeds: bundles },
    Target { name: "store-backup", run: sheaf_store::fuzzing::backup, seeds: sheaf_store::fuzzing::backups },
];

/// The first half says what is written, the second what happens to it.
fn harms() -> Vec<Vec<u8>> {
    vec![(0..64).collect(), vec![0x55; 80]]
}

/// What goes with a checkpoint: entries that are not believed yet, and the last headers of logs.
fn bundle(bytes: &[u8]) {
    if let Some(entries) = decode_bundle(bytes) {
        assert!(entries.len() <= bytes.len(), "each takes bytes");
    }
    for end in bundle_ends(bytes) {
        drop(end.verify());
    }
}

fn bundles() -> Vec<Vec<u8>> {
    let [one, other] = crate::log::fork();
    let ends = [SignedHeader::from(&one), SignedHeader::from(&other)];
    vec![encode_bundle(&[one.clone(), other], &ends), encode_bundle(&[one], &[]), encode_bundle(&[], &[])]
}
