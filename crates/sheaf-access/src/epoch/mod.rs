//! Epochs: the generations of a space's content key, and how a reader is given one (E).
//!
//! Content is sealed under a [`ContentKey`]. The entry that starts an epoch carries an [`EpochStart`]: a [`Commitment`] to the
//! key, the keys of the epochs before it, sealed under the new one, and the key itself, HPKE-sealed to the sealing key of
//! each device and open invitation that may read. Who joins later is given a [`Wrap`], which says of itself which epoch's
//! key it is and for whom. What opens to another key than the one committed to is caught on opening (E4).

mod key;
mod start;
mod wrap;

pub use key::{Commitment, ContentKey};
pub use start::{EpochStart, MAX_PARENTS, MAX_READERS, ParentKey, SealedParent};
pub(crate) use wrap::Kem;
pub use wrap::{SealedKey, UnusableSealingKey, UnwrapError, Wrap, WrapContext};
