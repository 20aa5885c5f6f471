//! Names of files: what a document is called, as every system's disk takes it.

use std::fmt::Write as _;

/// How long a name may be, in characters and in bytes. The path to a file deep in a tree has its own limits on Windows.
const CHARACTERS: usize = 80;
const BYTES: usize = 180;

/// A title as a file's name, without an extension: nothing that Windows, macOS or Linux refuse or read otherwise.
pub fn file_name(title: &str) -> String {
    let plain: String = title
        .chars()
        .map(|c| if c.is_control() || is_format(c) || r#"/\:*?"<>|"#.contains(c) { ' ' } else { c })
        .collect();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    // A dot at the start hides a file.
    let words = words.trim_start_matches(['.', ' ']);
    let first = words.split('.').next().unwrap_or(words).trim_end();
    let mut name = String::from(if is_device(first) { "_" } else { "" });
    for c in words.chars().take(CHARACTERS - name.len()) {
        if name.len() + c.len_utf8() > BYTES {
            break;
        }
        name.push(c);
    }
    // Windows takes dots and blanks off the end.
    name.truncate(name.trim_end_matches(['.', ' ']).len());
    if name.is_empty() { "Untitled".to_owned() } else { name }
}

/// Names that Windows keeps for devices, whatever they end in.
fn is_device(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let numbered = |device| {
        let number = name.strip_prefix(device).unwrap_or_default();
        matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "\u{b9}" | "\u{b2}" | "\u{b3}")
    };
    matches!(name.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

/// Signs that show nothing and turn the direction of what they stand in.
const fn is_format(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A path as the address of a link: what has a meaning there is written as `%20` and the like.
pub fn path_address(path: &str) -> String {
    let mut address = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            ' ' | '%' | '#' | '?' | '<' | '>' | '"' | '\\' | '^' | '`' | '{' | '}' | '|' | ':' | '(' | ')' | '['
            | ']' => {
                // All of them are one byte.
                let _ = write!(address, "%{:02X}", u32::from(c));
            }
            c => address.push(c),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_disk_takes_the_names() {
        for (title, name) in [
            ("Spring visit", "Spring visit"),
            ("a/b: c?", "a b c"),
            ("..", "Untitled"),
            ("", "Untitled"),
            ("con", "_con"),
            ("COM1.txt", "_COM1.txt"),
            ("Console", "Console"),
            ("ends. ", "ends"),
            ("\u{202e}txt.exe", "txt.exe"),
            ("日本語", "日本語"),
        ] {
            assert_eq!(file_name(title), name, "{title:?}");
        }
        assert_eq!(file_name(&"ä".repeat(300)).chars().count(), CHARACTERS);
        assert_eq!(path_address("a b/(ü).md"), "a%20b/%28ü%29.md");
    }

    proptest! {
        #[test]
        fn no_title_names_anything_else(title in "\\PC{0,200}|[./\\\\:con ]{0,20}") {
            let name = file_name(&title);
            prop_assert!(!name.is_empty() && name.len() <= BYTES);
            prop_assert!(!name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|']));
            prop_assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']));
            prop_assert_eq!(file_name(&name), name);
        }
    }
}
