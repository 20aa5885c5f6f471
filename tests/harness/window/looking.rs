//! Looking at a window: pictures of it, and what is wrong with what it shows.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::{Window, words};
use crate::{target, workspace};

/// How wide and high a window opens, and how small it may well be.
const SIZES: [(u32, u32); 2] = [(900, 600), (1280, 820)];
/// Everything serious that axe-core finds.
const AXE: &str = r#"
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"], preload: false }).then(
    ({ violations }) => done(violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}\n  ${node.html}\n  ${node.failureSummary}`))),
    (error) => done([String(error)]));
"#;

/// What lies over everything else: the last dialog, or the whole page.
const TOP: &str = r#"
const top = [...document.querySelectorAll("[role=dialog]")].at(-1) ?? document.body;
const name = (e) => e.getAttribute("aria-label") ?? (e.innerText?.trim() || e.id || e.outerHTML);
"#;

/// Controls that Tab should come to. Of a group with a roving tab stop one is enough, and the others say so.
const STOPS: &str = r#"
window.stops = [...top.querySelectorAll("button, input, select, textarea, summary, a[href], [tabindex]")]
    .filter((e) => e.getClientRects().length > 0 && !e.disabled && e.tabIndex >= 0);
window.origin = document.activeElement;
return window.stops.length;
"#;

/// What is not whole: out of the window, wider than its place, or too small to click.
const CUT_OFF: &str = r#"
const faults = [];
const box = top.getBoundingClientRect();
if (box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight) faults.push("the dialog leaves the window");
for (const e of [top, ...top.querySelectorAll("*")]) {
    if (e.getClientRects().length === 0 || e instanceof SVGElement) continue;
    const style = getComputedStyle(e);
    const scrolls = style.overflowX === "auto" || style.overflowX === "scroll";
    if (scrolls && e.scrollWidth > e.clientWidth + 1) faults.push(`${name(e).slice(0, 60)} scrolls sideways`);
    const size = e.getBoundingClientRect();
    const small = size.height < 23.5 || size.width < 23.5;
    if (e.matches("button:not(.textbtn), [role=button]") && small) faults.push(`${name(e)} is too small to click`);
    if (e.matches("button") && e.scrollWidth > e.clientWidth + 1) faults.push(`${name(e)} does not fit in its button`);
}
return faults;
"#;

impl Window {
    /// Saves a picture of the window under `target/screenshots`.
    ///
    /// # Panics
    /// When it cannot be taken or written.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        self.stand_still();
        let path = self.picture(name);
        path.unwrap_or_else(|error| panic!("no picture of “{name}”: {error}"))
    }

    pub(super) fn picture(&self, name: &str) -> Result<PathBuf, Box<dyn Error>> {
        let folder = target().join("screenshots");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.png"));
        self.screen.picture(&path)?;
        Ok(path)
    }

    /// Gives the window another size, and waits until its page has it.
    pub fn resize(&self, width: u32, height: u32) {
        self.screen.resize(width, height);
        let script = format!("return innerWidth === {width} && innerHeight === {height}");
        self.wait_until(&format!("a window of {width} by {height}"), &script);
    }

    /// What of the topmost dialog, or of the page, is not whole as it is shown now.
    pub fn cut_off(&self) -> Vec<String> {
        self.stand_still();
        words(&self.script(&format!("{TOP}{CUT_OFF}"), &[]))
    }

    /// Nothing serious stands in the way of assistive technology in what is shown now, and all of it can be seen and
    /// reached, in a small window too. With a picture of each.
    ///
    /// # Panics
    /// When something does, with what it is.
    pub fn look_at(&self, what: &str) {
        for (width, height) in SIZES {
            self.resize(width, height);
            self.screenshot(&format!("{what}-{width}"));
            assert_eq!(self.accessibility_faults(), [""; 0], "{what} at {width}");
            assert_eq!(self.cut_off(), [""; 0], "{what} at {width}");
        }
        assert_eq!(self.beyond_the_keyboard(), [""; 0], "{what}");
    }

    /// The controls of the topmost dialog, or of the page, that the Tab key does not come to. The focus is where it was
    /// afterwards.
    pub fn beyond_the_keyboard(&self) -> Vec<String> {
        let stops = self.script(&format!("{TOP}{STOPS}"), &[]).as_u64().unwrap_or_default();
        let mut reached = self.script("window.reached = new Set([document.activeElement]); return 1", &[]);
        for _ in 0..stops + 2 {
            self.write("\t");
            reached = self.script("return window.reached.add(document.activeElement).size", &[]);
            if reached.as_u64() > Some(stops) {
                break;
            }
        }
        let missed = "const missed = window.stops.filter((e) => !window.reached.has(e)).map(name); window.origin?.focus(); return missed";
        let missed = words(&self.script(&format!("{TOP}{missed}"), &[]));
        assert!(stops == 0 || !reached.is_null(), "the Tab key does nothing");
        missed
    }

    /// What is still fading in has not got its colours yet, and what was drawn last may not be on the screen.
    fn stand_still(&self) {
        self.wait_until(
            "everything to stand still",
            "return document.getAnimations().every((each) => each.playState !== 'running')",
        );
        let drawn = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50)));";
        self.command("POST", "/execute/async", &json!({ "script": drawn, "args": [] }));
    }

    /// Everything serious that axe-core finds in what is shown now.
    ///
    /// # Panics
    /// When axe-core is not installed, with the command that does it.
    pub fn accessibility_faults(&self) -> Vec<String> {
        let path = workspace().join("ui/node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!(
                "{} cannot be read ({error}). `cargo xtask test` installs it, or: npm ci --prefix ui",
                path.display()
            )
        });
        self.stand_still();
        self.script(&axe, &[]);
        let found = self.command("POST", "/execute/async", &json!({ "script": AXE, "args": [] }));
        words(&found)
    }
}
