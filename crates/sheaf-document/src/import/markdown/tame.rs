//! A limit the parser lacks: for each list, and for each line, it looks at all that is open, so that a text of a few
//! kilobytes that nests lists hundreds deep makes every line after it cost hundreds of times as much.

use std::borrow::Cow;

/// List markers further right than this open no list, in a text where that would cost too much.
const MAX_COLUMN: usize = 100;

/// How much is too much: the size of the text times the depth its lists might have.
const MAX_COST: usize = 5_000_000;

/// Escapes the list markers that stand too far right, if there are enough of them to hurt.
pub(super) fn tame(text: &str) -> Cow<'_, str> {
    let column = text.split('\n').map(|line| last_marker(line).0).max().unwrap_or(0);
    if column <= MAX_COLUMN || text.len().saturating_mul(column / 2) <= MAX_COST {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + text.len() / MAX_COLUMN);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let mut rest = line;
        if let (_, Some(at)) = last_marker(line) {
            out.push_str(&line[..at]);
            out.push('\\');
            rest = &line[at..];
        }
        out.push_str(rest);
    }
    out.into()
}

/// The column of the last list marker at the start of a line, and where to escape the first one that is too far right.
fn last_marker(line: &str) -> (usize, Option<usize>) {
    let bytes = line.as_bytes();
    let (mut at, mut column, mut last, mut too_far) = (0, 0, 0, None);
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes[at..].iter().take(10).take_while(|b| b.is_ascii_digit()).count();
        // What a marker consists of before its sign.
        let number = match byte {
            b' ' | b'>' => {
                (at, column) = (at + 1, column + 1);
                continue;
            }
            b'\t' => {
                (at, column) = (at + 1, (column / 4 + 1) * 4);
                continue;
            }
            b'-' | b'+' | b'*' => 0,
            _ if digits > 0 && matches!(bytes.get(at + digits), Some(b'.' | b')')) => digits,
            _ => break,
        };
        if !matches!(bytes.get(at + number + 1), None | Some(b' ' | b'\t')) {
            break;
        }
        last = column;
        if column > MAX_COLUMN && too_far.is_none() {
            too_far = Some(at + number);
        }
        at += number + 1;
        column += number + 1;
    }
    (last, too_far)
}
