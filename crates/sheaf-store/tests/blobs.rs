//! Blobs on a disk that fails, fills up and loses power: what has a blob's name is that blob.

mod support;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use sheaf_access::EntryHash;
use sheaf_log::{BlobId, BlobLink};
use sheaf_store::{BlobStore, Fault, Fetched, FileBlobs, MemoryBlobs, SimulatedDisk};
use support::space;

const FOLDER: &str = "/home/blobs";

fn noise(length: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

fn link(bytes: &[u8]) -> BlobLink {
    BlobLink { id: BlobId::of(bytes), size: bytes.len() as u64 }
}

fn open(disk: &SimulatedDisk) -> FileBlobs {
    FileBlobs::open_with(Path::new(FOLDER), Arc::new(disk.clone())).unwrap()
}

/// What every store of blobs does.
fn behaves(blobs: &dyn BlobStore) {
    let bytes = noise(1_000, 1);
    let blob = link(&bytes);
    assert!(!blobs.has(blob.id).unwrap() && blobs.get(blob.id).unwrap().is_none());
    assert!(blobs.read(blob.id, 0, 10).unwrap().is_none());
    assert_eq!(blobs.add(blob, 0, &bytes[..400]).unwrap(), Fetched::Until(400));
    assert_eq!(blobs.partial(blob.id).unwrap(), 400);
    // A piece that came twice, and one that came too early.
    assert_eq!(blobs.add(blob, 0, &bytes[..400]).unwrap(), Fetched::Until(400));
    assert_eq!(blobs.add(blob, 500, &bytes[500..]).unwrap(), Fetched::Until(400));
    assert_eq!(blobs.add(blob, 400, &bytes[400..]).unwrap(), Fetched::Whole);
    assert_eq!(blobs.get(blob.id).unwrap(), Some(bytes.clone()));
    assert_eq!(blobs.read(blob.id, 990, 100).unwrap(), Some(bytes[990..].to_vec()));
    assert_eq!(blobs.read(blob.id, 2_000, 100).unwrap(), Some(Vec::new()));
    assert_eq!((blobs.partial(blob.id).unwrap(), blobs.list().unwrap()), (0, vec![blob.id]));
    // One that lies about its content, and one that is longer than it said.
    let other = BlobLink { id: BlobId::of(b"other"), size: 5 };
    assert_eq!(blobs.add(other, 0, b"othar").unwrap(), Fetched::Wrong);
    assert_eq!(blobs.partial(other.id).unwrap(), 0);
    assert_eq!(blobs.add(other, 0, b"oth").unwrap(), Fetched::Until(3));
    assert_eq!(blobs.add(other, 3, b"erer").unwrap(), Fetched::Wrong);
    assert_eq!(blobs.add(other, 0, b"other").unwrap(), Fetched::Whole);
    blobs.delete(other.id).unwrap();
    blobs.delete(other.id).unwrap();
    assert_eq!(blobs.list().unwrap(), vec![blob.id]);
    blobs.put(other.id, b"other").unwrap();
    assert!(blobs.has(other.id).unwrap());
    let name = EntryHash::from_bytes([4; 32]);
    blobs.put_bundle(space(0), name, b"bundle").unwrap();
    blobs.put_bundle(space(1), name, b"another").unwrap();
    assert_eq!(blobs.bundles(space(0)).unwrap(), vec![(name, b"bundle".to_vec())]);
    assert_eq!(blobs.bundled_spaces().unwrap(), vec![space(0), space(1)]);
    blobs.delete_bundle(space(0), name).unwrap();
    assert!(blobs.bundles(space(0)).unwrap().is_empty());
    assert_eq!(blobs.bundled_spaces().unwrap(), vec![space(1)]);
    // Neither says anything of blobs.
    assert!(blobs.delete_unneeded(other.id, None).unwrap());
    assert!(!blobs.has(other.id).unwrap());
    blobs.put(other.id, b"other").unwrap();
}

#[test]
fn blobs_in_memory_and_in_files_behave_alike() {
    behaves(&MemoryBlobs::new());
    behaves(&open(&SimulatedDisk::new()));
    let folder = tempfile::tempdir().unwrap();
    let blobs = FileBlobs::open(&folder.path().join("blobs")).unwrap();
    behaves(&blobs);
    drop(blobs);
    let again = FileBlobs::open(&folder.path().join("blobs")).unwrap();
    assert_eq!(again.list().unwrap().len(), 2);
}

#[test]
fn what_was_kept_is_kept_whenever_the_power_goes_and_whatever_fails() {
    let whole = noise(3_000, 1);
    let fetched = noise(2_000, 2);
    for operation in 0..40 {
        for fault in [Fault::Once(ErrorKind::Other), Fault::From(ErrorKind::StorageFull)] {
            let disk = SimulatedDisk::new();
            let blobs = open(&disk);
            disk.fail(operation, fault);
            let put = blobs.put(BlobId::of(&whole), &whole).is_ok();
            let mut done = false;
            for (from, piece) in [(0, &fetched[..1_500]), (1_500, &fetched[1_500..])] {
                done = matches!(blobs.add(link(&fetched), from, piece), Ok(Fetched::Whole));
            }
            let bundled = blobs.put_bundle(space(0), EntryHash::from_bytes([4; 32]), b"bundle").is_ok();
            for seed in 0..4 {
                let after = open(&disk.crash(seed));
                for (bytes, kept) in [(&whole, put), (&fetched, done)] {
                    // Whole or not there; and there if that was said.
                    let found = after.get(BlobId::of(bytes)).unwrap();
                    assert!(found.as_ref().is_none_or(|found| found == bytes));
                    assert!(!kept || found.is_some(), "operation {operation}, seed {seed}: it was said to be kept");
                }
                let found = after.bundles(space(0)).unwrap();
                assert!(!bundled || found.len() == 1);
                assert!(found.iter().all(|(_, bundle)| bundle == b"bundle"));
                // A download goes on, whatever is left of it.
                let mut from = after.partial(BlobId::of(&fetched)).unwrap();
                for _ in 0..3 {
                    match after.add(link(&fetched), from, &fetched[from as usize..]).unwrap() {
                        Fetched::Whole => break,
                        Fetched::Until(next) => from = next,
                        Fetched::Wrong => from = 0,
                    }
                }
                assert_eq!(after.get(BlobId::of(&fetched)).unwrap().as_ref(), Some(&fetched));
            }
        }
    }
}

#[test]
fn a_damaged_blob_is_taken_away_and_can_be_fetched_again() {
    let disk = SimulatedDisk::new();
    let blobs = open(&disk);
    let bytes = noise(500, 1);
    let blob = link(&bytes);
    blobs.put(blob.id, &bytes).unwrap();
    disk.flip(&Path::new(FOLDER).join(blob.id.to_string()), 77);
    assert_eq!(blobs.get(blob.id).unwrap(), None);
    assert!(!blobs.has(blob.id).unwrap());
    assert_eq!(blobs.add(blob, 0, &bytes).unwrap(), Fetched::Whole);
    assert_eq!(blobs.get(blob.id).unwrap(), Some(bytes));
}
