//! What a sealed payload holds: changes of one part of one document.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use sheaf_access::DocumentId;

/// The version of the encoding.
const VERSION: u8 = 1;
/// The most bytes that an entry's content takes unpacked (a protocol constant).
pub const MAX_CONTENT: usize = 2 * 1024 * 1024;
/// The most bytes of one change (a protocol constant).
pub const MAX_CHANGE: usize = 512 * 1024;
/// The most changes in one entry (a protocol constant).
pub const MAX_CHANGES: usize = 4_096;

/// The two Automerge documents that a document is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Part {
    /// The text.
    Body,
    /// The discussion beside it.
    Talk,
}

impl Part {
    /// Its number wherever bytes are hashed.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Body => 0,
            Self::Talk => 1,
        }
    }
}

/// Changes of one part of one document, as an entry carries them.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// The document.
    pub document: DocumentId,
    /// The part of it.
    pub part: Part,
    /// Automerge changes, uncompressed, each after those it depends on. Not checked: see L3.
    pub changes: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Content({:?} of {:?}, {} changes)", self.part, self.document, self.changes.len())
    }
}

/// Why content cannot be carried, or bytes are not content.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum ContentError {
    /// There is nothing in it.
    #[error("an entry without changes")]
    Empty,
    /// More changes than an entry carries.
    #[error("more than {MAX_CHANGES} changes in one entry")]
    TooManyChanges,
    /// A change that is too long.
    #[error("a change of {0} bytes; the most is {MAX_CHANGE}")]
    ChangeTooLarge(usize),
    /// Too long in all.
    #[error("changes of {0} bytes in one entry; the most is {MAX_CONTENT}")]
    TooLarge(usize),
    /// Not content, or not encoded the one way there is.
    #[error("not the content of an entry")]
    Malformed,
    /// A later version.
    #[error("written by a newer Sheaf; update to read it")]
    Newer,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    document: DocumentId,
    part: Part,
    changes: Vec<ByteBuf>,
}

impl Content {
    fn check(&self) -> Result<(), ContentError> {
        if self.changes.is_empty() {
            return Err(ContentError::Empty);
        }
        if self.changes.len() > MAX_CHANGES {
            return Err(ContentError::TooManyChanges);
        }
        match self.changes.iter().map(Vec::len).find(|length| *length > MAX_CHANGE) {
            Some(length) => Err(ContentError::ChangeTooLarge(length)),
            None => Ok(()),
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, ContentError> {
        self.check()?;
        let wire = Wire {
            document: self.document,
            part: self.part,
            changes: self.changes.iter().map(|change| ByteBuf::from(change.as_slice())).collect(),
        };
        // Writing plain data into a growing vector has nothing that can fail.
        let bytes = postcard::to_extend(&wire, vec![VERSION]).expect("content encodes into memory");
        if bytes.len() > MAX_CONTENT { Err(ContentError::TooLarge(bytes.len())) } else { Ok(bytes) }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        if bytes.len() > MAX_CONTENT {
            return Err(ContentError::TooLarge(bytes.len()));
        }
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&version) if version > VERSION => return Err(ContentError::Newer),
            _ => return Err(ContentError::Malformed),
        }
        let wire: Wire = postcard::from_bytes(&bytes[1..]).map_err(|_| ContentError::Malformed)?;
        let content = Self {
            document: wire.document,
            part: wire.part,
            changes: wire.changes.into_iter().map(ByteBuf::into_vec).collect(),
        };
        if content.encode()? == bytes { Ok(content) } else { Err(ContentError::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content { document: DocumentId::from_bytes([1; 32]), part: Part::Talk, changes: vec![vec![1, 2], vec![3]] }
    }

    #[test]
    fn content_has_one_encoding() {
        let bytes = content().encode().unwrap();
        assert_eq!(Content::decode(&bytes), Ok(content()));
        for end in 0..bytes.len() {
            assert_eq!(Content::decode(&bytes[..end]), Err(ContentError::Malformed), "{end}");
        }
        assert_eq!(Content::decode(&[bytes.as_slice(), &[0]].concat()), Err(ContentError::Malformed));
        assert_eq!(Content::decode(&[&[2], &bytes[1..]].concat()), Err(ContentError::Newer));
        assert_eq!(bytes[34], 2);
        let longer = [&bytes[..34], &[0x82, 0], &bytes[35..]].concat();
        assert_eq!(Content::decode(&longer), Err(ContentError::Malformed));
        let huge = [&bytes[..34], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
        assert_eq!(Content::decode(&huge), Err(ContentError::Malformed));
        assert_eq!(Content::decode(&[&bytes[..34], &[0]].concat()), Err(ContentError::Empty));
    }
}
