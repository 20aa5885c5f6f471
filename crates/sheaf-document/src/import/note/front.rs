//! Front matter, as far as Sheaf has a place for what it says: a title, tags, other names. It is YAML; these three are
//! read in the ways they are written in practice, and nothing else of YAML is.

/// What front matter says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Front {
    pub title: Option<String>,
    pub tags: Vec<String>,
    pub aliases: Vec<String>,
    /// What is left without the title and the tags, if anything is.
    pub rest: Option<String>,
}

/// Reads front matter with its lines `---`.
pub(super) fn read(text: &str) -> Front {
    let mut front = Front::default();
    let mut kept: Vec<&str> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let key = line.split_once(':').filter(|(key, _)| !key.starts_with([' ', '\t', '-', '#']));
        let Some((key, value)) = key else {
            kept.push(line);
            continue;
        };
        let mut values = of(value);
        let mut own = vec![line];
        // A list may also stand below its name, an item a line.
        while let Some(item) = lines.next_if(|next| is_below(next)) {
            own.push(item);
            values.extend(item.trim_start().strip_prefix('-').map(|item| plain(item).to_owned()));
        }
        values.retain(|value| !value.is_empty());
        match key.trim().to_ascii_lowercase().as_str() {
            "title" => front.title = Some(plain(value).to_owned()).filter(|title| !title.is_empty()),
            "tags" | "tag" => front.tags.extend(values.iter().flat_map(|value| words(value))),
            "aliases" | "alias" => {
                front.aliases.extend(values);
                kept.extend(own);
            }
            _ => kept.extend(own),
        }
    }
    // The two lines that it stands between are no words.
    if kept.iter().filter(|line| !line.trim().is_empty()).count() > 2 {
        front.rest = Some(kept.join("\n"));
    }
    front
}

fn is_below(line: &str) -> bool {
    line.starts_with([' ', '\t']) || line.starts_with("- ")
}

/// What stands behind a key: a list in brackets, or one thing.
fn of(value: &str) -> Vec<String> {
    let value = value.trim();
    match value.strip_prefix('[').and_then(|value| value.strip_suffix(']')) {
        Some(list) => list.split(',').map(|item| plain(item).to_owned()).collect(),
        None => vec![plain(value).to_owned()],
    }
}

/// Tags in one line are set apart by commas or blanks.
fn words(value: &str) -> impl Iterator<Item = String> {
    value.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned)
}

/// Without quotation marks.
fn plain(value: &str) -> &str {
    let value = value.trim();
    let quoted = |mark| value.strip_prefix(mark).and_then(|value| value.strip_suffix(mark));
    quoted('"').or_else(|| quoted('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_tags_and_names_are_read_as_they_are_written() {
        let front = read(
            "---\ntitle: \"The gauge: a story\"\ntags: [water, 'field/work']\naliases:\n  - Pegel\n  - \"The post\"\ndate: 2026-01-02\n---",
        );
        assert_eq!(front.title.as_deref(), Some("The gauge: a story"));
        assert_eq!(front.tags, ["water", "field/work"]);
        assert_eq!(front.aliases, ["Pegel", "The post"]);
        assert_eq!(front.rest.as_deref(), Some("---\naliases:\n  - Pegel\n  - \"The post\"\ndate: 2026-01-02\n---"));
        let front = read("---\ntags: water, silt\n---");
        assert_eq!((front.tags, front.rest), (vec!["water".to_owned(), "silt".to_owned()], None));
        assert_eq!(read("---\ntags:\n- a\n- b\nother: 1\n---").tags, ["a", "b"]);
        assert_eq!(read("---\n---"), Front::default());
    }
}
