//! Verifying a person: the same few words on both screens, compared aloud.

use crate::PersonId;
use crate::domain;
use crate::words::words;

/// The words for a pair of people: the same for both, whoever asks, and for no other pair.
///
/// They stand for both root keys. Someone in the middle, who shows each side a root key of their own, shows each side other
/// words; to make them equal they would have to try some 2^66 keys.
pub fn sas_words(a: PersonId, b: PersonId) -> Vec<&'static str> {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    words(&domain::hash(domain::SAS, &[low.as_bytes(), high.as_bytes()])).to_vec()
}
