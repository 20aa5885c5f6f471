//! What the fuzz targets and the tests drive: the readers of everything that lies on a disk, with what must hold of them
//! whatever the bytes are.

use sheaf_access::SpaceId;

use crate::backup::format::{BackupFile, around, packed};
use crate::journal::segment::{self, Contents, Header};
use crate::{VaultKey, disk, frame};

/// Any bytes as a segment of the journal.
pub fn segment(bytes: &[u8]) {
    for acknowledged in [0, bytes.len() / 2, bytes.len()] {
        check(bytes, &segment::decode(1, bytes, acknowledged));
    }
}

/// A segment that was written and then harmed: what is read of it is what was written, in order. The first half of the
/// input says what is written, the second what happens to it.
pub fn harmed_segment(input: &[u8]) {
    let (writes, harms) = input.split_at(input.len() / 2);
    let space = SpaceId::from_bytes([7; 32]);
    let mut bytes = Header { number: 1, before: 0 }.encode().to_vec();
    let mut entries = Vec::new();
    for chunk in writes.chunks(9) {
        let (head, entry) = (chunk[0], &chunk[1..]);
        let group = bytes.len();
        let mut buffer = Vec::new();
        for _ in 0..=head % 3 {
            let at = group + buffer.len();
            segment::push(&mut buffer, 1, group, space, entry);
            entries.push((at, entry));
        }
        bytes.extend_from_slice(&buffer);
    }
    let whole = segment::decode(1, &bytes, 0);
    assert!(whole.damaged.is_empty() && whole.length == bytes.len() && whole.frames.len() == entries.len());
    for harm in harms.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([harm[0], harm[1]])) % bytes.len().max(1);
        match harm[2] % 4 {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_slice(harm),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= harm[3];
                }
            }
        }
    }
    let contents = segment::decode(1, &bytes, 0);
    check(&bytes, &contents);
    for frame in &contents.frames {
        let at = frame.place.start;
        let written = entries.iter().find(|(place, _)| *place == at).map(|(_, entry)| *entry);
        assert_eq!(written, Some(&bytes[frame.entry.clone()]), "a frame that nobody wrote");
        assert_eq!(frame.space, space);
    }
}

fn check(bytes: &[u8], contents: &Contents) {
    assert!(contents.length <= bytes.len());
    let mut at = 0;
    for frame in &contents.frames {
        assert!(at <= frame.place.start && frame.group <= frame.place.start);
        assert!(frame.place.start < frame.entry.start && frame.entry.end == frame.place.end);
        at = frame.place.end;
    }
    assert!(at <= contents.length);
    // What is broken and what is whole do not overlap, and nothing is left out.
    let covered = contents.frames.iter().map(|frame| &frame.place).chain(&contents.damaged).map(ExactSizeIterator::len);
    let head = if contents.header.is_some() { segment::HEADER } else { 0 };
    assert_eq!(contents.length, covered.sum::<usize>() + head);
}

/// Any bytes as a value, and as what is inside one that is whole.
pub fn value(bytes: &[u8]) {
    const PLACE: &[u8] = b"key";
    if let Ok(payload) = frame::open(PLACE, bytes) {
        assert_eq!(frame::seal(PLACE, payload), bytes);
    }
    let sealed = frame::seal(PLACE, bytes);
    assert_eq!(frame::open(PLACE, &sealed), Ok(bytes));
    assert!(frame::open(b"yek", &sealed).is_err());
    disk::decode_all(bytes);
}

/// The key of every backup here.
fn backup_key() -> VaultKey {
    VaultKey::from_bytes(&[42; 32])
}

/// Any bytes as a backup, and as what is packed and sealed in one: what somebody hands us to restore.
pub fn backup(bytes: &[u8]) {
    let key = backup_key();
    let path = std::path::Path::new("a backup");
    let read = |bytes: &[u8]| BackupFile::read_from(path, bytes).and_then(|file| file.check(&key));
    if read(bytes).is_ok() {
        // Whole, to the last byte: nothing can be cut off or added.
        assert!(read(&bytes[..bytes.len() - 1]).is_err());
        assert!(read(&[bytes, &[0]].concat()).is_err());
    }
    for chunks in [vec![bytes.to_vec()], vec![packed(), bytes.to_vec()], vec![bytes.to_vec(), packed()]] {
        // Either what it says is what is in it, or it is refused; none of it is believed before the end.
        drop(read(&around(bytes.get(..40).unwrap_or(bytes), &chunks, &key)));
    }
}

/// A backup, and what is packed in one.
pub fn backups() -> Vec<Vec<u8>> {
    vec![around(b"about it", &[packed()], &backup_key()), packed()]
}

/// A segment with two groups of entries.
pub fn segments() -> Vec<Vec<u8>> {
    let space = SpaceId::from_bytes([7; 32]);
    let mut bytes = Header { number: 1, before: 0 }.encode().to_vec();
    for group in [[1_usize, 40], [300, 2]] {
        let begin = bytes.len();
        let mut buffer = Vec::new();
        for length in group {
            segment::push(&mut buffer, 1, begin, space, &vec![5; length]);
        }
        bytes.extend_from_slice(&buffer);
    }
    vec![bytes]
}

/// Values, whole, and what is inside one.
pub fn values() -> Vec<Vec<u8>> {
    vec![frame::seal(b"key", b"a value"), frame::seal(b"key", &[9; 300]), vec![0, 1, 2, 3, 4, 5, 6, 7, 8]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn the_backup_that_fuzzing_begins_with_is_one() {
        let [whole, _] = super::backups().try_into().unwrap();
        let path = std::path::Path::new("a backup");
        let counts = super::BackupFile::read_from(path, whole.as_slice()).unwrap().check(&super::backup_key()).unwrap();
        assert_eq!((counts.files, counts.rows), (1, 1));
        super::backup(&whole);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(
            std::env::var("SHEAF_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
        ))]

        #[test]
        fn a_segment_may_be_anything(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            super::segment(&bytes);
        }

        #[test]
        fn of_a_harmed_segment_only_what_was_written_is_read(input in prop::collection::vec(any::<u8>(), 0..120)) {
            super::harmed_segment(&input);
        }

        #[test]
        fn a_backup_may_be_anything(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            super::backup(&bytes);
        }

        #[test]
        fn a_value_may_be_anything(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            super::value(&bytes);
        }
    }
}
