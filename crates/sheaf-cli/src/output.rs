//! Printing: results to standard output, failures to standard error, both as text or as JSON.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use sheaf_node::NodeError;

/// What can go wrong on the command line besides the node itself.
#[derive(Debug)]
pub enum Failure {
    /// The node said no.
    Node(NodeError),
    /// A file the person named cannot be read or written.
    File(String, io::Error),
    /// Nobody could be reached.
    Alone(String),
    /// The time was up before those who were reached had everything.
    Unfinished,
    /// The doctor found something that is to be done.
    Unwell,
    /// Whoever was asked said no.
    Declined,
    /// So many things are not as they should be; they have been printed.
    Problems(usize),
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Self::Node(error)
    }
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Self::Node(error) => error.to_string(),
            Self::File(path, error) => format!("{path}: {error}"),
            Self::Alone(text) => text.clone(),
            Self::Unfinished => {
                "the time was up before everything had been exchanged. Nothing is lost: run it again, or give \
                                 it longer with --timeout SECONDS."
                    .to_owned()
            }
            Self::Unwell => "something is wrong with this home; see above".to_owned(),
            Self::Declined => "nothing was done.".to_owned(),
            Self::Problems(found) => format!("{} found.", count(*found, "problem")),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Node(error) => error.code(),
            Self::File(..) => "file",
            Self::Alone(_) => "unreachable",
            Self::Unfinished => "unfinished",
            Self::Unwell => "damaged",
            Self::Declined => "declined",
            Self::Problems(_) => "problems",
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Node(error) => error.exit_code(),
            Self::File(..) | Self::Declined => 1,
            Self::Alone(_) | Self::Unfinished => NodeError::UNREACHABLE,
            Self::Unwell | Self::Problems(_) => 7,
        }
    }
}

/// Says what went wrong, and gives the exit code for it.
pub fn failure(json: bool, failure: &Failure) -> ExitCode {
    if json {
        let object = serde_json::json!({ "error": failure.code(), "message": failure.text() });
        eprintln!("{object}");
    } else {
        eprintln!("sheaf: {}", failure.text());
    }
    ExitCode::from(failure.exit_code())
}

/// Says that the command line was not understood, or what was asked about it (`--help`), and gives the exit code for it.
pub fn misunderstood(error: &clap::Error) -> ExitCode {
    // There are no parsed arguments to ask.
    if error.use_stderr() && std::env::args_os().take_while(|text| text != "--").any(|text| text == "--json") {
        let text = error.render().to_string();
        let said = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        let sentence = said.split_whitespace().collect::<Vec<_>>().join(" ");
        eprintln!("{}", serde_json::json!({ "error": "usage", "message": format!("{sentence}.") }));
    } else if let Err(error) = error.print() {
        eprintln!("sheaf: {error}");
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Prints a value as JSON, or the text made from it.
pub fn print<T: Serialize>(json: bool, value: &T, text: impl FnOnce(&T) -> String) {
    let line = if json {
        // Views are maps with text keys and finite numbers, which JSON can always say.
        serde_json::to_string(value).unwrap_or_default()
    } else {
        text(value)
    };
    write(line.as_bytes(), true);
}

/// Writes bytes to standard output. A reader that has gone (`| head`) is not an error worth a word.
pub fn write(bytes: &[u8], newline: bool) {
    let mut out = io::stdout().lock();
    let written =
        out.write_all(bytes).and_then(|()| if newline && !bytes.is_empty() { out.write_all(b"\n") } else { Ok(()) });
    if let Err(error) = written.and_then(|()| out.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("sheaf: cannot write to standard output: {error}");
    }
}

/// Rows as lines with aligned columns. The last column may be of any width.
pub fn table<R: AsRef<[S]>, S: AsRef<str>>(rows: &[R]) -> String {
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let wide = |column: usize| {
        rows.iter()
            .filter_map(|row| row.as_ref().get(column))
            .map(|cell| cell.as_ref().chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(wide).collect();
    let line = |row: &R| {
        let cells = row.as_ref().iter().zip(&widths).map(|(cell, width)| format!("{:<width$}", cell.as_ref()));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The beginning of an id, which is enough to name it by.
pub fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

/// A number and what it counts.
pub fn count(n: usize, what: &str) -> String {
    let stem = what.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match (n, stem) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{n} {stem}ies"),
        (_, None) => format!("{n} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_where_their_words_do() {
        assert_eq!(table(&[["a", "bb", "c"], ["aaa", "b", ""]]), "a    bb  c\naaa  b");
        assert_eq!(table::<[&str; 0], &str>(&[]), "");
    }

    #[test]
    fn things_are_counted_in_words() {
        assert_eq!(count(1, "entry"), "1 entry");
        assert_eq!(count(2, "entry"), "2 entries");
        assert_eq!(count(0, "device"), "0 devices");
        assert_eq!(count(6, "day"), "6 days");
    }
}
