//! Rows, as a table to read and as JSON to keep.

use std::fmt::Write as _;

use anyhow::Result;
use serde::Serialize;

use crate::figures::Figures;
use crate::machine::Machine;
use crate::rows::{Cost, real};

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// A short name that stays the same.
    pub name: &'static str,
    /// What was measured.
    pub what: String,
    /// How long it took, in milliseconds.
    pub took: Figures,
    /// What it is held against.
    pub against: Option<Against>,
    /// What it may cost.
    pub budget: Option<Budget>,
    /// What it cost whoever served, where that is a process of its own.
    pub cost: Option<Cost>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// What a row is held against: measured in the same run.
#[derive(Clone, Debug, Serialize)]
pub struct Against {
    /// What.
    pub what: String,
    /// How long it took, in milliseconds.
    pub took: Figures,
    /// How many times as long the row took, at the percentile that counts.
    pub ratio: f64,
}

/// What a row may cost.
#[derive(Clone, Debug, Serialize)]
pub struct Budget {
    /// In words.
    pub says: String,
    /// Whether it was kept to.
    pub within: bool,
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// What.
    pub rows: Vec<Row>,
}

impl Row {
    /// A row that is held against nothing yet.
    pub fn new(name: &'static str, what: impl Into<String>, took: Figures) -> Self {
        Self { name, what: what.into(), took, against: None, budget: None, cost: None, notes: Vec::new() }
    }

    /// Held against something, at the ninety-ninth percentile.
    pub fn against_p99(self, what: impl Into<String>, took: Figures) -> Self {
        let ratio = self.took.p99 / took.p99;
        Self { against: Some(Against { what: what.into(), took, ratio }), ..self }
    }

    /// Held against something, at the median.
    pub fn against_p50(self, what: impl Into<String>, took: Figures) -> Self {
        let ratio = self.took.p50 / took.p50;
        Self { against: Some(Against { what: what.into(), took, ratio }), ..self }
    }

    /// May take at most so many times as long as what it is held against.
    pub fn at_most(self, ratio: f64, says: impl Into<String>) -> Self {
        let within = self.against.as_ref().is_some_and(|against| against.ratio <= ratio);
        self.budget(says, within)
    }

    /// May take at most so many milliseconds at the median and at the ninety-ninth percentile.
    pub fn at_most_ms(self, p50: f64, p99: f64) -> Self {
        let within = self.took.p50 <= p50 && self.took.p99 <= p99;
        let says =
            if p50.is_finite() { format!("p50 <= {p50} ms, p99 <= {p99} ms") } else { format!("p99 <= {p99} ms") };
        self.budget(says, within)
    }

    /// Was held to something.
    pub fn budget(self, says: impl Into<String>, within: bool) -> Self {
        Self { budget: Some(Budget { says: says.into(), within }), ..self }
    }

    /// Cost the server so much.
    pub fn cost(self, cost: Cost) -> Self {
        let said = format!(
            "{:.2} s of processor time, {:.1} MiB of memory, {:.2} MB on the wire{}",
            cost.cpu_seconds,
            real(cost.memory) / f64::from(1 << 20),
            real(cost.wire) / 1e6,
            if cost.per_second > 0.0 { format!(", {:.0} a second", cost.per_second) } else { String::new() },
        );
        Self { cost: Some(cost), ..self }.note(said)
    }

    /// With something else worth knowing.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl Report {
    /// Nothing measured yet.
    pub fn new(machine: Machine) -> Self {
        Self { machine, rows: Vec::new() }
    }

    /// As JSON.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// As a table: also readable as Markdown.
    pub fn table(&self) -> String {
        let head = ["row", "what", "p50 ms", "p99 ms", "n", "against", "its p50 / p99 ms", "ratio", "budget", ""];
        let mut lines: Vec<[String; 10]> = vec![head.map(str::to_owned)];
        lines.extend(self.rows.iter().map(cells));
        let mut widths = [0; 10];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = format!("\n{}\n\n", self.machine);
        for (n, line) in lines.iter().enumerate() {
            for (width, cell) in widths.iter().zip(line) {
                // Writing into a text cannot fail.
                let _ = write!(text, "| {cell:<width$} ");
            }
            text.push_str("|\n");
            if n == 0 {
                text.extend(widths.iter().map(|width| format!("| {} ", "-".repeat((*width).max(3)))));
                text.push_str("|\n");
            }
        }
        text.push('\n');
        for row in self.rows.iter().filter(|row| !row.notes.is_empty()) {
            for note in &row.notes {
                let _ = writeln!(text, "{}: {note}", row.name);
            }
        }
        text
    }
}

fn cells(row: &Row) -> [String; 10] {
    let against = row.against.as_ref();
    let several = row.took.samples != 1;
    [
        row.name.to_owned(),
        row.what.clone(),
        milliseconds(row.took.p50),
        if several { milliseconds(row.took.p99) } else { String::new() },
        if row.took.samples == 0 { String::new() } else { row.took.samples.to_string() },
        against.map(|against| against.what.clone()).unwrap_or_default(),
        against.map(|against| pair(&against.took)).unwrap_or_default(),
        against.map(|against| ratio(against.ratio)).unwrap_or_default(),
        row.budget.as_ref().map(|budget| budget.says.clone()).unwrap_or_default(),
        row.budget.as_ref().map_or("", |budget| if budget.within { "within" } else { "OVER" }).to_owned(),
    ]
}

fn pair(figures: &Figures) -> String {
    if figures.samples == 1 {
        milliseconds(figures.p50)
    } else {
        format!("{} / {}", milliseconds(figures.p50), milliseconds(figures.p99))
    }
}

fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms >= 100.0 => format!("{ms:.0}"),
        ms if ms >= 1.0 => format!("{ms:.1}"),
        ms => format!("{ms:.3}"),
    }
}

fn ratio(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(p50: f64, p99: f64) -> Figures {
        Figures::given(100, p50, p99, p99)
    }

    #[test]
    fn a_row_says_whether_it_kept_to_its_budget() {
        let row = Row::new("a", "a key", figures(1.0, 6.0)).against_p99("a write", figures(1.0, 2.0));
        assert!(row.clone().at_most(3.0, "p99 <= 3x").budget.unwrap().within);
        assert!(!row.clone().at_most(2.9, "p99 <= 2.9x").budget.unwrap().within);
        assert!(row.clone().at_most_ms(1.0, 6.0).budget.unwrap().within);
        assert!(!row.clone().at_most_ms(0.9, 6.0).budget.unwrap().within);
        assert!(!row.at_most_ms(f64::INFINITY, 5.9).budget.unwrap().within);
    }

    #[test]
    fn the_table_has_a_line_for_each_row_and_the_notes_below() {
        let mut report = Report::new(Machine::here());
        report
            .rows
            .push(Row::new("a", "a key", figures(1.0, 250.0)).at_most_ms(1.0, 2.0).note("of which half is ours"));
        report.rows.push(
            Row::new("b", "a load", Figures::given(1, 3.0, 3.0, 3.0)).against_p50("another", figures(30.0, 40.0)),
        );
        let table = report.table();
        assert_eq!(table.lines().filter(|line| line.starts_with('|')).count(), 4, "{table}");
        assert!(table.contains("OVER") && table.contains("| 250 ") && table.contains("0.10"), "{table}");
        assert!(table.ends_with("a: of which half is ours\n"));
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["rows"][0]["budget"]["within"], false);
    }
}
