//! `search`

use clap::Subcommand;
use sheaf_node::{FoundInfo, Node, Search, SearchReport};

use crate::arguments::Global;
use crate::output::{self, Failure, short};

#[derive(Subcommand)]
pub enum Command {
    /// Find documents by their words, in all spaces
    Search {
        /// The words: all of them have to be there; the last may be the beginning of one, and long ones may have a letter wrong
        words: Vec<String>,
        /// Only in one space
        #[arg(long)]
        space: Option<String>,
        /// Only what this person has written in: their id, the beginning of it, or their name
        #[arg(long)]
        person: Option<String>,
        /// Only with this tag; may be said more than once
        #[arg(long)]
        tag: Vec<String>,
        /// Only what changed on this day or later
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        since: Option<u64>,
        /// Only what changed last before this day
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
        until: Option<u64>,
        /// How many at most
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
}

pub async fn run(node: &Node, global: &Global, command: Command) -> Result<(), Failure> {
    let Command::Search { words, space, person, tag, since, until, limit } = command;
    let space = match space {
        Some(space) => Some(node.find_space(&space).await?.id),
        None => None,
    };
    let search = Search { words: words.join(" "), space, person, tags: tag, since, until, limit, wait: true };
    let report = node.search(search).await?;
    output::print(global.json, &report, text);
    Ok(())
}

fn text(report: &SearchReport) -> String {
    if report.found.is_empty() {
        return "No document here says that.".to_owned();
    }
    let one = |found: &FoundInfo| {
        let snippet: String = found.snippet.iter().map(|piece| piece.text.as_str()).collect();
        format!("{}  {}\n    {}", short(&found.id), found.title, snippet)
    };
    report.found.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The beginning of a day (UTC), in milliseconds since 1970.
fn day(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no day: write it as 2026-03-21.");
    let parts: Vec<i64> = text.split('-').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    let [year, month, day] = parts[..] else { return Err(wrong()) };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month_at = usize::try_from(month - 1).ok().filter(|month| *month < 12).ok_or_else(wrong)?;
    if !(1970..=9999).contains(&year) || !(1..=days[month_at]).contains(&day) {
        return Err(wrong());
    }
    let leaps = |year: i64| year / 4 - year / 100 + year / 400;
    let before = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    let day = before + days[..month_at].iter().sum::<i64>() + day - 1;
    u64::try_from(day * 86_400_000).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written() {
        for (text, time) in [("1970-01-01", 0), ("1970-03-01", 59), ("2000-02-29", 11_016), ("2026-11-21", 20_778)] {
            assert_eq!(day(text), Ok(time * 86_400_000), "{text}");
        }
        for wrong in ["", "2026", "2026-13-01", "2026-02-29", "2026-00-01", "1969-12-31", "yesterday"] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }
}
