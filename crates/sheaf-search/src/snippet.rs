//! The piece of a text that shows why it was found.

use crate::words::{Word, forgiven, is_near, words};

/// About how long a snippet is, in bytes.
const LONG: usize = 180;
/// How much of a text is gone through for a snippet, in bytes.
const SEEN: usize = 200_000;

/// A part of a snippet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The words.
    pub text: String,
    /// Whether they were looked for.
    pub found: bool,
}

/// How well a word is what was looked for: as it stands, as its beginning, nearly, or not at all.
fn fit(word: &str, wanted: &Word, last: bool) -> u32 {
    if word == wanted.text {
        return 4;
    }
    if last && word.starts_with(&wanted.text) {
        return 3;
    }
    u32::from(is_near(word, &wanted.text, forgiven(&wanted.text)))
}

/// The piece of a text in which most of what was looked for stands, in parts; its beginning, if none does.
pub(crate) fn snippet(text: &str, wanted: &[Word]) -> Vec<Piece> {
    let mut end = text.len().min(SEEN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &text[..end];
    let all = words(text);
    let hits: Vec<(usize, usize, u32)> = all
        .iter()
        .enumerate()
        .filter_map(|(at, word)| {
            let best = wanted.iter().enumerate();
            let best = best.map(|(which, one)| (fit(&word.text, one, which + 1 == wanted.len()), which));
            let (fit, which) = best.max_by_key(|(fit, _)| *fit)?;
            (fit > 0).then_some((at, which, fit))
        })
        .collect();
    let worth = |first: usize| {
        let from = all[hits[first].0].from;
        let mut best = vec![0; wanted.len()];
        for (at, which, fit) in &hits[first..] {
            if all[*at].to > from + LONG * 2 / 3 {
                break;
            }
            best[*which] = (*fit).max(best[*which]);
        }
        best.iter().sum::<u32>()
    };
    // Of those that are worth as much, the first.
    let chosen = (0..hits.len()).rev().max_by_key(|first| worth(*first));
    let start = chosen.map_or(0, |first| from_a_word(text, all[hits[first].0].from));
    let stop = to_a_word(text, start + LONG);
    let mut pieces = Vec::new();
    let mut at = start;
    let mut push = |from: usize, to: usize, found: bool| {
        let words = text[from..to].split_whitespace().collect::<Vec<_>>().join(" ");
        let open = text[from..to].starts_with(char::is_whitespace) && from > start;
        let close = text[from..to].ends_with(char::is_whitespace) && to < stop && !words.is_empty();
        let text = format!("{}{words}{}", if open { " " } else { "" }, if close { " " } else { "" });
        if !text.is_empty() {
            pieces.push(Piece { text, found });
        }
    };
    for word in hits.iter().map(|(at, ..)| &all[*at]).filter(|word| word.from >= start && word.to <= stop) {
        push(at, word.from, false);
        push(word.from, word.to, true);
        at = word.to;
    }
    push(at, stop.max(at), false);
    if start > 0 {
        pieces.insert(0, Piece { text: "… ".into(), found: false });
    }
    if stop < text.len() {
        pieces.push(Piece { text: " …".into(), found: false });
    }
    pieces
}

/// A place a little before this one, at the beginning of a word.
fn from_a_word(text: &str, at: usize) -> usize {
    let mut from = at.saturating_sub(LONG / 4);
    if from == 0 {
        return 0;
    }
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..at].find(char::is_whitespace).map_or(at, |space| {
        let after = from + space;
        after + text[after..at].chars().take_while(|c| c.is_whitespace()).map(char::len_utf8).sum::<usize>()
    })
}

/// A place at about this one, at the end of a word.
fn to_a_word(text: &str, at: usize) -> usize {
    if at >= text.len() {
        return text.len();
    }
    let mut to = at;
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    text[..to].rfind(char::is_whitespace).filter(|space| to - space < LONG / 4).unwrap_or(to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str, wanted: &str) -> String {
        let piece = |piece: Piece| if piece.found { format!("[{}]", piece.text) } else { piece.text };
        snippet(text, &words(wanted)).into_iter().map(piece).collect()
    }

    #[test]
    fn what_was_looked_for_is_marked_where_most_of_it_stands() {
        assert_eq!(shown("The gauge shows silt.", "guage sil"), "The [gauge] shows [silt].");
        assert_eq!(shown("Café au lait", "cafe"), "[Café] au lait");
        let long = format!(
            "A gauge here. {} The gauge is full of\nsilt again, says Kofi. {}",
            "More words. ".repeat(60),
            "And more. ".repeat(60)
        );
        let found = shown(&long, "silt gauge");
        assert!(
            found.starts_with("… ") && found.ends_with(" …") && found.contains("[gauge] is full of [silt] again"),
            "{found}"
        );
        assert!(found.len() < 2 * LONG, "{found}");
    }

    #[test]
    fn without_words_it_is_the_beginning() {
        assert_eq!(shown("Only this.", "other"), "Only this.");
        assert_eq!(shown("", "other"), "");
        assert_eq!(snippet("Only this.", &[]), [Piece { text: "Only this.".into(), found: false }]);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,400}", wanted in "\\PC{0,20}") {
            let pieces = snippet(&text, &words(&wanted));
            let length: usize = pieces.iter().map(|piece| piece.text.len()).sum();
            prop_assert!(length <= LONG * 2 + 20);
        }
    }
}
