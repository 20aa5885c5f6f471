//! Words to compare: a hash as six words that two people, or one person with two devices, can say to each other.
//!
//! Six words of the BIP-39 list are 66 bits: someone in between would have to find a second exchange with the same ones
//! while the first is still waiting.

/// How many words are compared.
pub const COMPARED_WORDS: usize = 6;

/// The words that recovery phrases and comparisons are made of, in the order of the alphabet.
pub fn phrase_list() -> &'static [&'static str] {
    bip39::Language::English.word_list()
}

/// The words of a hash.
pub(crate) fn words(hash: &[u8; 32]) -> [&'static str; COMPARED_WORDS] {
    let list = bip39::Language::English.word_list();
    let (mut bits, mut held, mut rest) = (0_u32, 0, hash.iter());
    std::array::from_fn(|_| {
        while held < 11 {
            // Six times eleven bits are nine bytes of the 32.
            bits = bits << 8 | u32::from(*rest.next().unwrap_or(&0));
            held += 8;
        }
        held -= 11;
        list[(bits >> held & 0x7ff) as usize]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_stands_for_eleven_bits() {
        assert_eq!(words(&[0; 32]), ["abandon"; 6]);
        assert_eq!(words(&[0xff; 32]), ["zoo"; 6]);
        let mut hash = [0; 32];
        hash[8] = 0b0100_0000;
        assert_eq!(words(&hash), ["abandon", "abandon", "abandon", "abandon", "abandon", "ability"]);
        hash[8] = 0b0010_0000;
        assert_eq!(words(&hash), ["abandon"; 6], "what comes after 66 bits is not shown");
    }
}
