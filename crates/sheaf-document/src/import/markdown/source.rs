//! What is kept as it was written: front matter and tables.

use comrak::nodes::Sourcepos;

/// Splits off front matter: a first line `---`, something, and a line `---` or `...`. A first line `---` with nothing
/// right below it is a divider.
pub(super) fn split_front_matter(text: &str) -> (Option<&str>, &str) {
    let Some(inside) = text.strip_prefix("---\n") else {
        return (None, text);
    };
    if inside.lines().next().is_none_or(|line| line.trim().is_empty() || line.trim_end() == "---") {
        return (None, text);
    }
    let mut end = 4;
    for line in inside.split_inclusive('\n') {
        end += line.len();
        if matches!(line.trim_end(), "---" | "...") {
            return (Some(text[..end].trim_end()), &text[end..]);
        }
    }
    (None, text)
}

/// The text that was parsed, by lines.
pub(super) struct Source<'t> {
    lines: Vec<&'t str>,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { lines: text.split('\n').collect() }
    }

    /// The lines of a block, without what the quotes and list items round it put before them.
    pub(super) fn of(&self, position: Sourcepos) -> String {
        let first = position.start.line.saturating_sub(1);
        let last = position.end.line.min(self.lines.len());
        let column = position.start.column.saturating_sub(1);
        let mut text = String::new();
        for (number, line) in self.lines.get(first..last).unwrap_or_default().iter().enumerate() {
            if number == 0 {
                text.push_str(line.get(column..).unwrap_or(line));
            } else {
                text.push('\n');
                let prefix = line.bytes().take(column).take_while(|b| b" \t>".contains(b)).count();
                text.push_str(&line[prefix..]);
            }
        }
        text.truncate(text.trim_end().len());
        text
    }
}
