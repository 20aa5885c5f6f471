//! A limit the tokenizer does not have: it compares each attribute of a tag with all before it.

use std::borrow::Cow;

/// More attributes than any real tag has.
const MAX_ATTRIBUTES: usize = 200;

/// Cuts the attributes of a tag that go past the limit. Nothing of them would be read anyway.
pub(super) fn tame(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        at += found + 1;
        if !bytes.get(at).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/') {
            continue;
        }
        let (end, cut) = tag(bytes, at);
        if let Some(cut) = cut {
            out.push_str(&text[copied..cut]);
            copied = end;
        }
        at = end;
    }
    if copied == 0 {
        return text.into();
    }
    out.push_str(&text[copied..]);
    out.into()
}

/// Where the tag that starts before `at` ends (at its `>`, or at the end of the text), and where to cut it, if it is too
/// long. Both places are next to an ASCII character.
fn tag(bytes: &[u8], mut at: usize) -> (usize, Option<usize>) {
    let mut attributes = 0;
    let mut cut = None;
    let mut quote = None;
    let mut before = b' ';
    while let Some(&byte) = bytes.get(at) {
        let is_blank = byte.is_ascii_whitespace() || byte == b'/';
        match quote {
            Some(mark) if byte == mark => quote = None,
            None if byte == b'>' => break,
            None if (byte == b'"' || byte == b'\'') && before == b'=' => quote = Some(byte),
            None if is_blank => {
                attributes += 1;
                if attributes == MAX_ATTRIBUTES {
                    cut = Some(at);
                }
            }
            // An attribute may follow a quoted value, or start with a quote, without a blank between.
            None if byte == b'"' || byte == b'\'' => attributes += 1,
            _ => {}
        }
        if quote.is_some() || !byte.is_ascii_whitespace() {
            before = byte;
        }
        at += 1;
    }
    (at, cut)
}
