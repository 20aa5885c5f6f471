//! Writing text so that Markdown reads it as text.

use std::{collections::BTreeSet, fmt::Write};

/// What a text is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Line,
    /// A link's text or an image's description, where bare addresses are no links.
    Link,
    /// A heading, which ends at the line's end.
    Heading,
}

/// What follows a text in its block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    Nothing,
    Something,
    /// A link, so that a `!` before it would make it an image.
    Link,
}

/// Where a text stands, as far as that decides what needs escaping.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub inside: Inside,
    pub follows: Follows,
}

/// Writes a text, escaped. `out` holds what the block's lines have so far; whether it stands at the start of a line
/// decides what is special.
pub(super) fn text(out: &mut String, text: &str, place: Place) {
    let mut before = None;
    let mut digits = 0_usize;
    for (at, c) in text.char_indices() {
        let after = text[at + c.len_utf8()..].chars().next();
        let starts_line = out.is_empty() || out.ends_with('\n');
        // `12.` at the start of a line starts a list.
        let after_number = digits > 0;
        digits = match c {
            '0'..='9' if starts_line || after_number => digits + 1,
            _ => 0,
        };
        match c {
            '\n' => line_break(out, at, text, place),
            ' ' | '\t' if starts_line => character(out, c),
            '\\' | '`' | '*' | '[' | ']' | '<' | '~' => escaped(out, c),
            '_' if !(is_word(before) && is_word(after)) => escaped(out, c),
            '&' if reads_as_entity(&text[at..], place.follows == Follows::Nothing) => escaped(out, c),
            '!' if after.is_none() && place.follows == Follows::Link => escaped(out, c),
            ':' if place.inside != Inside::Link && text[at..].starts_with("://") => escaped(out, c),
            '.' if place.inside != Inside::Link && text[..at].ends_with("www") => escaped(out, c),
            '@' if place.inside != Inside::Link && after.is_some_and(|c| is_word(Some(c)) || "._-".contains(c)) => {
                escaped(out, c);
            }
            '^' if out.ends_with('[') => escaped(out, c),
            '#' if starts_line || place.inside == Inside::Heading && after.is_none() => escaped(out, c),
            '>' | '=' | '|' if starts_line => escaped(out, c),
            '-' | '+' if starts_line && !after.is_some_and(char::is_alphanumeric) => escaped(out, c),
            ':' if starts_line && after == Some('-') => escaped(out, c),
            '.' | ')' if after_number && after.is_none_or(char::is_whitespace) => escaped(out, c),
            '\0' => out.push('\u{fffd}'),
            c if c.is_control() && c != '\t' => character(out, c),
            c if !c.is_ascii() && c.is_whitespace() && (starts_line || after.is_none_or(|c| c == '\n')) => {
                character(out, c);
            }
            c => out.push(c),
        }
        before = Some(c);
    }
}

/// A line break. A backslash does where something stands before and behind it; elsewhere Markdown has none of its own.
fn line_break(out: &mut String, at: usize, text: &str, place: Place) {
    let ends_block = place.follows == Follows::Nothing && at + 1 == text.len();
    let starts_line = out.is_empty() || out.ends_with('\n');
    if out.is_empty() && ends_block {
        // A line that says only `<br>` is an empty paragraph.
        character(out, '\n');
    } else if place.inside != Inside::Line || ends_block || starts_line {
        out.push_str("<br>");
    } else {
        out.push_str("\\\n");
    }
}

fn escaped(out: &mut String, c: char) {
    out.push('\\');
    out.push(c);
}

/// A character by its number.
fn character(out: &mut String, c: char) {
    if c == '\u{a0}' {
        out.push_str("&nbsp;");
    } else {
        // Writing to a string cannot fail.
        let _ = write!(out, "&#{};", u32::from(c));
    }
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

/// Whether a text that starts with `&` starts with something like `&amp;`, or may with what follows it unless it ends there.
pub(super) fn reads_as_entity(text: &str, ends: bool) -> bool {
    let name = text[1..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '#');
    name.starts_with(';') || name.is_empty() && !ends
}

/// Writes a description of an image.
pub(super) fn description(out: &mut String, alt: &str) {
    let place = Place { inside: Inside::Link, follows: Follows::Something };
    let mut line = String::from("[");
    for (number, part) in alt.split('\n').enumerate() {
        if number > 0 {
            character(&mut line, '\n');
        }
        text(&mut line, part, place);
    }
    out.push_str(&line[1..]);
}

/// Writes what stands in the brackets of a link or an image: the address and the title.
pub(super) fn destination(out: &mut String, address: &str, title: &str) {
    let plain = |c: char| !(c.is_control() || c.is_whitespace() || "()<>\\".contains(c));
    let bare = !address.is_empty() && address.chars().all(plain);
    if !bare {
        out.push('<');
    }
    let edges = address.len() - address.trim_start().len()..address.trim_end().len();
    for (at, c) in address.char_indices() {
        match c {
            '<' | '>' | '\\' => escaped(out, c),
            '&' if reads_as_entity(&address[at..], true) => out.push_str("&amp;"),
            c if c.is_control() || c.is_whitespace() && !edges.contains(&at) => character(out, c),
            c => out.push(c),
        }
    }
    if !bare {
        out.push('>');
    }
    if !title.is_empty() {
        out.push_str(" \"");
        for (at, c) in title.char_indices() {
            match c {
                // Not every reader knows that in `\\"` it is not the quote that is escaped.
                '\\' if at + 1 == title.len() => character(out, c),
                '"' | '\\' => escaped(out, c),
                '&' if reads_as_entity(&title[at..], true) => out.push_str("&amp;"),
                '\0' => out.push('\u{fffd}'),
                c if c.is_control() => character(out, c),
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

/// Writes the language of a code block.
pub(super) fn info(out: &mut String, language: &str) {
    for (at, c) in language.char_indices() {
        match c {
            // Else it would make the fence longer.
            '~' if at == 0 => escaped(out, c),
            '\\' => escaped(out, c),
            '&' if reads_as_entity(&language[at..], true) => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
}

/// Writes code: between as many backticks as it does not hold in a row itself.
pub(super) fn code(out: &mut String, code: &str) {
    let fence = "`".repeat(missing_row(code, '`'));
    let blank = |c: char| c == ' ';
    let pad = code.starts_with('`')
        || code.ends_with('`')
        || code.starts_with(blank) && code.ends_with(blank) && !code.chars().all(blank);
    let pad = if pad { " " } else { "" };
    out.push_str(&fence);
    out.push_str(pad);
    out.extend(code.chars().map(|c| match c {
        '\0' => '\u{fffd}',
        '\r' => ' ',
        c => c,
    }));
    out.push_str(pad);
    out.push_str(&fence);
}

/// The lengths of all rows of `mark`s in `text`.
fn rows(text: &str, mark: char) -> BTreeSet<usize> {
    text.split(|c| c != mark).map(|row| row.len() / mark.len_utf8()).collect()
}

/// The smallest number of `mark`s in a row that `text` does not hold.
fn missing_row(text: &str, mark: char) -> usize {
    let rows = rows(text, mark);
    // The rows rise, so the first that is not where counting from 1 would put it leaves a gap before it.
    let counted = rows.into_iter().filter(|row| *row > 0).zip(1..).take_while(|(row, count)| row == count);
    counted.count() + 1
}

/// How many `mark`s `text` holds in a row at most.
pub(super) fn longest_row(text: &str, mark: char) -> usize {
    rows(text, mark).last().copied().unwrap_or(0)
}
