//! A key, inside the window: the page's own benchmark, run by Node.js, folded in here.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::count;
use crate::figures::Figures;
use crate::report::Row;

#[derive(Deserialize)]
struct Measured {
    state: Vec<State>,
    view: Vec<View>,
}

/// The page without a screen.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    characters: usize,
    dispatch: Times,
    update: Times,
}

/// The page in a simulated DOM.
#[derive(Deserialize)]
struct View {
    characters: usize,
    key: Times,
}

#[derive(Clone, Copy, Deserialize)]
struct Times {
    p50: f64,
    p99: f64,
    max: f64,
}

pub fn rows() -> Result<Vec<Row>> {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let out = Command::new(npm)
        .args(["run", "--silent", "bench"])
        .current_dir("ui")
        .output()
        .context("npm cannot be started; run this as `cargo xtask bench`, from the top of the workspace")?;
    ensure!(out.status.success(), "the page's benchmark failed: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().rev().find(|line| line.starts_with('{')).context("the page's benchmark said nothing")?;
    rows_of(&serde_json::from_str(line)?)
}

fn rows_of(measured: &Measured) -> Result<Vec<Row>> {
    let small_key = measured.state.first().context("the page's benchmark is empty")?;
    let small_view = measured.view.first().context("the page's benchmark is empty")?;
    let mut rows = Vec::new();
    for state in measured.state.iter().filter(|state| state.characters > small_key.characters) {
        let size = count(state.characters);
        let budget = if state.characters > 100_000 { 16.0 } else { 8.0 };
        let (against, small) = (format!("at {} characters", count(small_key.characters)), small_key);
        rows.push(
            row("window-key", format!("key on the page, {size} characters"), state.dispatch)
                .against_p50(against.clone(), figures(small.dispatch))
                .at_most_ms(f64::INFINITY, budget),
        );
        rows.push(
            row("window-update", format!("another's key on the page, {size} characters"), state.update)
                .against_p50(against, figures(small.update)),
        );
    }
    for view in measured.view.iter().filter(|view| view.characters > small_view.characters) {
        let budget = if view.characters > 100_000 { 16.0 } else { 8.0 };
        rows.push(
            row(
                "window-drawn",
                format!("key, and drawn without a screen, {} characters", count(view.characters)),
                view.key,
            )
            .against_p50(format!("at {} characters", count(small_view.characters)), figures(small_view.key))
            .at_most_ms(f64::INFINITY, budget),
        );
    }
    Ok(rows)
}

fn row(name: &'static str, what: String, times: Times) -> Row {
    Row::new(name, what, figures(times))
}

/// The page says no number of samples; there are hundreds.
fn figures(times: Times) -> Figures {
    Figures::given(0, times.p50, times.p99, times.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_own_figures_become_rows() {
        let times = r#"{"p50":1,"p99":9,"max":10}"#;
        let sizes = [10_000, 100_000, 500_000];
        let state = sizes.map(|n| format!(r#"{{"characters":{n},"blocks":1,"dispatch":{times},"update":{times}}}"#));
        let view = sizes.map(|n| format!(r#"{{"characters":{n},"open":5,"key":{times}}}"#));
        let text = format!(r#"{{"bench":"window","state":[{}],"view":[{}]}}"#, state.join(","), view.join(","));
        let rows = rows_of(&serde_json::from_str(&text).unwrap()).unwrap();
        let keys: Vec<bool> =
            rows.iter().filter(|row| row.name == "window-key").map(|row| row.budget.as_ref().unwrap().within).collect();
        assert_eq!(keys, [false, true], "8 ms at 100,000 characters, 16 at 500,000");
        assert_eq!(rows.len(), 6);
    }
}
