//! The tree of documents in the sidebar.

use serde_json::{Value, json};

use super::{Window, words};
use crate::wait::eventually;

/// The rows of the tree.
const TREE: &str = r#"
return [...document.querySelectorAll("[role=treeitem]")]
    .map((row) => [Number(row.ariaLevel), row.querySelector(".grow").textContent]);
"#;

/// Whether a row has a sign of this name.
const NOTED: &str = r#"
const [name, note] = arguments;
return [...document.querySelectorAll("[role=treeitem]")].some((row) =>
    row.querySelector(".grow").textContent === name && row.querySelector(`[aria-label="${note}"]`) !== null);
"#;

/// The middle of a row of the tree.
const ROW: &str = r#"
const row = [...document.querySelectorAll("[role=treeitem]")]
    .find((row) => row.querySelector(".grow").textContent === arguments[0]);
const box = row?.getBoundingClientRect();
return box ? [Math.round(box.left + box.width / 2), Math.round(box.top + box.height / 2)] : null;
"#;

/// The name of the row that has the focus; null if none has it.
const FOCUSED: &str = r#"
return document.activeElement?.closest("[role=treeitem]")?.querySelector(".grow").textContent ?? null;
"#;

const DOWN: char = '\u{e015}';
const F6: char = '\u{e036}';
const HOME: char = '\u{e011}';

/// The names of the documents that the palette shows.
const FOUND: &str = r#"
const group = document.querySelector("[role=group][aria-labelledby=palette-documents]");
return [...(group?.querySelectorAll("[role=option] .grow") ?? [])].map((option) =>
    [...option.childNodes].filter((node) => !node.classList?.contains("sub")).map((node) => node.textContent).join(""));
"#;

impl Window {
    /// The documents that the palette shows.
    pub fn found(&self) -> Vec<String> {
        words(&self.script(FOUND, &[]))
    }

    /// Goes to a row by keys alone: round the regions to the tree, then down its rows.
    ///
    /// # Panics
    /// When no key leads there.
    pub fn go_to_row(&self, name: &str) {
        let mut before = Value::Null;
        eventually(&format!("the row “{name}”"), || {
            let at = self.script(FOCUSED, &[]);
            if at == name {
                return Some(());
            }
            // A page that has just come takes the focus, once; and below the last row there is the first.
            self.press(
                &[],
                if at.is_null() {
                    F6
                } else if at == before {
                    HOME
                } else {
                    DOWN
                },
            );
            before = at;
            None
        });
    }

    /// Waits until a row says something more by a sign of its own, as “a template”.
    pub fn wait_for_row_note(&self, row: &str, note: &str) {
        eventually(&format!("“{note}” at “{row}”"), || {
            (self.script(NOTED, &[json!(row), json!(note)]) == true).then_some(())
        });
    }

    /// Takes hold of a row of the tree, moves over another, and lets go in the middle of it.
    pub fn drag_row(&self, from: &str, to: &str) {
        let middle = |name: &str| {
            let place = eventually(&format!("the row “{name}”"), || {
                let place = self.script(ROW, &[json!(name)]);
                (!place.is_null()).then_some(place)
            });
            (place[0].clone(), place[1].clone())
        };
        let at = |(x, y): &(Value, Value), some: i64| json!({ "type": "pointerMove", "duration": 50, "origin": "viewport", "x": x.as_i64().unwrap_or_default() + some, "y": y });
        let (from, to) = (middle(from), middle(to));
        let acts = [
            at(&from, 0),
            json!({ "type": "pointerDown", "button": 0 }),
            at(&from, 10),
            at(&to, 10),
            at(&to, 0),
            json!({ "type": "pointerUp", "button": 0 }),
        ];
        let mouse =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": acts });
        self.command("POST", "/actions", &json!({ "actions": [mouse] }));
    }

    /// The rows of the tree: how deep each is, and what it is called.
    pub fn tree(&self) -> Vec<(u64, String)> {
        let rows = self.script(TREE, &[]);
        let row = |row: &Value| Some((row[0].as_u64()?, row[1].as_str()?.to_owned()));
        rows.as_array().into_iter().flatten().filter_map(row).collect()
    }
}
