//! What a word is: letters, digits and the marks on them, without case and accents. In scripts that put no spaces between
//! words, each sign is a word, and what stands together is looked for together.

use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, TextAnalyzer, Token, TokenStream, Tokenizer,
};

/// The longest word that is looked for, in bytes.
const LONGEST: usize = 80;

/// A word, and where it stands in its text, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// As it is compared.
    pub(crate) text: String,
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Whether it is a sign that follows the one before without a space.
    pub(crate) joined: bool,
}

/// What makes words of a text, for the index and for everything else.
pub(crate) fn analyser() -> TextAnalyzer {
    TextAnalyzer::builder(Words::default())
        .filter(RemoveLongFilter::limit(LONGEST))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// The words of a text.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut analyser = analyser();
    let mut stream = analyser.token_stream(text);
    let mut words: Vec<Word> = Vec::new();
    while let Some(token) = stream.next() {
        let sign = token.text.chars().next().is_some_and(stands_alone);
        let joined =
            sign && words.last().is_some_and(|last: &Word| last.to == token.offset_from && is_sign(&last.text));
        words.push(Word { text: token.text.clone(), from: token.offset_from, to: token.offset_to, joined });
    }
    words
}

fn is_sign(text: &str) -> bool {
    text.chars().next().is_some_and(stands_alone)
}

/// Whether a letter is a word: Thai, kana, and the signs of Chinese.
const fn stands_alone(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A mark on the letter before it: it belongs to the word.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{65f}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}')
}

/// A mark that is an accent, left out of what is compared.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

#[derive(Clone, Default)]
struct Words {
    token: Token,
}

struct WordStream<'a> {
    text: &'a str,
    at: usize,
    token: &'a mut Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { text, at: 0, token: &mut self.token }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        self.token.text.clear();
        self.token.position = self.token.position.wrapping_add(1);
        let rest = &self.text[self.at..];
        let Some((skipped, first)) = rest.char_indices().find(|(_, c)| c.is_alphanumeric()) else { return false };
        let from = self.at + skipped;
        let mut to = from;
        for c in self.text[from..].chars() {
            let goes_on = to == from || is_mark(c) || (c.is_alphanumeric() && !stands_alone(c));
            if !goes_on || (to > from && stands_alone(first) && !is_accent(c)) {
                break;
            }
            to += c.len_utf8();
            if !is_accent(c) {
                self.token.text.push(c);
            }
        }
        self.token.offset_from = from;
        self.token.offset_to = to;
        self.at = to;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// How many letters may be wrong in a word. Short words are near too many others, and numbers are meant as they are.
pub(crate) fn forgiven(word: &str) -> u8 {
    if word.contains(|c: char| c.is_numeric()) {
        return 0;
    }
    match word.chars().count() {
        0..5 => 0,
        5..9 => 1,
        _ => 2,
    }
}

/// Whether two words differ in no more than `most` letters: one left out, one too many, another one, or two swapped.
pub(crate) fn is_near(a: &str, b: &str, most: u8) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let most = usize::from(most);
    if a.len().abs_diff(b.len()) > most {
        return false;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().is_some_and(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cases(usual: u32) -> ProptestConfig {
        let asked = std::env::var("SHEAF_CASES").ok().and_then(|text| text.parse().ok());
        ProptestConfig::with_cases(asked.unwrap_or(usual))
    }

    fn texts(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_have_neither_case_nor_accents() {
        assert_eq!(texts("The Gauge’s float, 2.5 m"), ["the", "gauge", "s", "float", "2", "5", "m"]);
        assert_eq!(texts("Ärger in Żółw, cafe\u{301}"), ["arger", "in", "zolw", "cafe"]);
        assert_eq!(texts("Привет, Σίγμα हिन्दी"), ["привет", "σίγμα", "हिन्दी"]);
    }

    #[test]
    fn signs_without_spaces_are_words_that_stand_together() {
        let found = words("海辺のhut 山");
        let shown: Vec<_> = found.iter().map(|word| (word.text.as_str(), word.joined)).collect();
        assert_eq!(shown, [("海", false), ("辺", true), ("の", true), ("hut", false), ("山", false)]);
    }

    #[test]
    fn a_letter_or_two_may_be_wrong() {
        for (a, b, most, near) in [
            ("gauge", "guage", 1, true),
            ("gauge", "gauges", 1, true),
            ("gauge", "gage", 1, true),
            ("gauge", "grudge", 1, false),
            ("receive", "recieve", 1, true),
            ("expedition", "expadetion", 2, true),
            ("", "ab", 2, true),
            ("hut", "hat", 0, false),
        ] {
            assert_eq!(is_near(a, b, most), near, "{a} {b}");
        }
    }

    proptest! {
        #![proptest_config(cases(1_000))]

        #[test]
        fn every_word_stands_where_it_says(text in "\\PC{0,40}") {
            let mut end = 0;
            for word in words(&text) {
                prop_assert!(word.from >= end && word.to > word.from, "{:?}", word);
                prop_assert!(text.get(word.from..word.to).is_some_and(|piece| !piece.contains(' ')));
                end = word.to;
            }
        }
    }
}
