//! The recovery phrase: a person's root key as 24 words that can be written on paper (BIP-39, English).
//!
//! The words are the key, not a password for it: 256 bits and a checksum of eight, so that a slip of the pen is noticed.

use std::fmt;

use bip39::{Language, Mnemonic};
use zeroize::{Zeroize, Zeroizing};

use crate::PersonKey;

/// How many words a recovery phrase has.
pub const PHRASE_WORDS: usize = 24;

/// Why words are no recovery phrase.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum PhraseError {
    /// More words, or fewer.
    #[error("a recovery phrase has {PHRASE_WORDS} words; these are {0}")]
    Length(usize),
    /// A word that no recovery phrase has. Counted from one; the word itself is not repeated, for it may be a secret.
    #[error("word {0} is not a word of a recovery phrase. Look at how it is written")]
    UnknownWord(usize),
    /// All are such words, and still they do not belong together.
    #[error("these words do not belong together. One of them is another, or two have changed places")]
    Checksum,
}

/// A recovery phrase: 24 words, wiped when dropped.
#[derive(Clone)]
pub struct Phrase(Zeroizing<String>);

impl Phrase {
    /// The words, with a space between each two.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The words.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(..)")
    }
}

impl PersonKey {
    /// The words that this key can be had back from.
    pub fn to_phrase(&self) -> Phrase {
        // 32 bytes are one of the lengths that BIP-39 knows.
        let mnemonic = Mnemonic::from_entropy(&*self.seed()).expect("32 bytes are 24 words");
        let mut text = Zeroizing::new(String::with_capacity(PHRASE_WORDS * 9));
        for word in mnemonic.words() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        Phrase(text)
    }

    /// From those words, however they are spaced and whatever their case.
    pub fn from_phrase(text: &str) -> Result<Self, PhraseError> {
        let count = text.split_whitespace().count();
        if count != PHRASE_WORDS {
            return Err(PhraseError::Length(count));
        }
        let mut words = Zeroizing::new(String::with_capacity(text.len()));
        for word in text.split_whitespace() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.extend(word.chars().flat_map(char::to_lowercase));
        }
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &words).map_err(|error| match error {
            bip39::Error::UnknownWord(at) => PhraseError::UnknownWord(at + 1),
            _ => PhraseError::Checksum,
        })?;
        let (mut entropy, length) = mnemonic.to_entropy_array();
        let seed = entropy.get(..length).and_then(|seed| seed.first_chunk::<32>());
        let key = seed.map(Self::from_seed).ok_or(PhraseError::Checksum);
        entropy.zeroize();
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_gives_the_key_back_and_a_slip_is_noticed() {
        let key = PersonKey::from_seed(&[7; 32]);
        let phrase = key.to_phrase();
        assert_eq!(phrase.words().count(), PHRASE_WORDS);
        assert_eq!(PersonKey::from_phrase(phrase.as_str()).unwrap().id(), key.id());
        let shouted = format!("  {}\n", phrase.as_str().to_uppercase().replace(' ', "\t "));
        assert_eq!(PersonKey::from_phrase(&shouted).unwrap().id(), key.id());

        let mut words: Vec<&str> = phrase.words().collect();
        assert_eq!(PersonKey::from_phrase(&words[1..].join(" ")).unwrap_err(), PhraseError::Length(23));
        let first = std::mem::replace(&mut words[0], "sheafs");
        assert_eq!(PersonKey::from_phrase(&words.join(" ")).unwrap_err(), PhraseError::UnknownWord(1));
        words[0] = if first == "zoo" { "abandon" } else { "zoo" };
        assert_eq!(PersonKey::from_phrase(&words.join(" ")).unwrap_err(), PhraseError::Checksum);
        assert_eq!(format!("{phrase:?}"), "Phrase(..)");
    }

    #[test]
    fn the_words_are_the_ones_everyone_else_has() {
        // The first and last vectors of BIP-39 for 256 bits.
        let zeros = PersonKey::from_seed(&[0; 32]).to_phrase();
        assert_eq!(zeros.as_str(), format!("{}art", "abandon ".repeat(23)));
        let ones = PersonKey::from_seed(&[0xff; 32]).to_phrase();
        assert_eq!(ones.as_str(), format!("{}vote", "zoo ".repeat(23)));
    }
}
