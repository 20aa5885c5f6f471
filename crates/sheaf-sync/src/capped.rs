//! Lists from outside, capped before anything is allocated for them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serializer};

/// Writes bytes as bytes, and not as a list of numbers.
pub(crate) fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Reads at most `N` bytes.
pub(crate) fn byte_buffer<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Capped<const N: usize>;

    impl<const N: usize> Visitor<'_> for Capped<N> {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {N} bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            if bytes.len() > N { Err(E::invalid_length(bytes.len(), &self)) } else { Ok(bytes.to_vec()) }
        }
    }

    deserializer.deserialize_bytes(Capped::<N>)
}

/// Reads a list of at most `N`. The length comes first on the wire, so one that is too long costs nothing.
pub(crate) fn vec<'de, D, T, const N: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Capped<T, const N: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Capped<T, N> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {N}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let said = list.size_hint().unwrap_or(0);
            if said > N {
                return Err(A::Error::invalid_length(said, &self));
            }
            // The list's own word is not worth memory until its elements are there.
            let mut read = Vec::with_capacity(said.min(64));
            while let Some(element) = list.next_element()? {
                if read.len() == N {
                    return Err(A::Error::invalid_length(N + 1, &self));
                }
                read.push(element);
            }
            Ok(read)
        }
    }

    deserializer.deserialize_seq(Capped::<T, N>(PhantomData))
}
