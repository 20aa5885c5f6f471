//! The decoders that cannot be reached from outside without a key, for the fuzz targets alone.

use sheaf_access::ContentKey;

use crate::checkpoint::Checkpoint;
use crate::content::{Content, MAX_CONTENT};
use crate::header::Header;
use crate::seal;

/// Whatever decodes as a header has one encoding, and associated data can be cut from it.
pub fn header(bytes: &[u8]) {
    if let Ok(header) = Header::decode(bytes) {
        assert_eq!(header.encode(), bytes);
        assert_eq!(Header::associated_data(bytes).len() + 32, bytes.len());
    }
}

/// Whatever decodes as content has one encoding.
pub fn content(bytes: &[u8]) {
    if let Ok(content) = Content::decode(bytes) {
        assert_eq!(content.encode().as_deref(), Ok(bytes));
    }
}

/// What a hostile reader seals unpacks within the limit or not at all; what is sealed opens.
pub fn seal(bytes: &[u8]) {
    if let Ok(unpacked) = seal::unpack(bytes, MAX_CONTENT) {
        assert!(unpacked.len() <= MAX_CONTENT);
    }
    let key = ContentKey::from_bytes(&[7; 32]);
    assert!(seal::open(&key, b"header", bytes, MAX_CONTENT).is_err());
    let sealed = seal::seal(&key, &[1; 24], b"header", bytes);
    assert_eq!(seal::open(&key, b"header", &sealed, MAX_CONTENT).as_deref(), Ok(bytes));
}

/// Whatever begins a payload as a checkpoint does has one encoding, and is within the limits.
pub fn checkpoint(bytes: &[u8]) {
    if let Ok((checkpoint, length)) = Checkpoint::decode(bytes) {
        assert_eq!(checkpoint.encode().as_deref(), Ok(&bytes[..length]));
        assert!(checkpoint.blobs.len() <= crate::checkpoint::MAX_BLOBS);
    }
}
