//! The app in a real window: the built program on a screen of its own, driven through its page as a person would.
//!
//! Keys are real key events, controls are found by the names that assistive technology reads, and closing is what a
//! window manager sends when the cross is pressed. Everything it starts ends with it, also when a test panics.

mod codes;
mod dialogs;
mod driver;
mod looking;
pub(crate) mod screen;
mod tree;

use std::thread;

use serde_json::{Value, json};

use self::driver::{Driver, Fault};
use self::screen::Screen;
use crate::wait::eventually;
use crate::{Home, program, workspace};

/// The key that holds an element's id in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// The Ctrl key, as WebDriver knows it.
pub const CTRL: char = '\u{e009}';
/// The Alt key.
pub const ALT: char = '\u{e00a}';
/// The Shift key.
pub const SHIFT: char = '\u{e008}';
/// As many keys as go into one message.
const AT_ONCE: usize = 40;

/// Shown controls that may have a name; which of them has it, the accessibility tree says.
const NAMED: &str = r#"
const name = arguments[0];
const shown = (e) => e.getClientRects().length > 0 && !e.disabled && !e.closest("[inert], [aria-hidden=true]");
const words = (e) => [e.getAttribute("aria-label"), e.textContent, e.title, e.placeholder,
    ...[...(e.labels ?? [])].map((label) => label.textContent)];
return [...document.querySelectorAll("button, a[href], input, select, textarea, [role]")]
    .filter((e) => shown(e) && words(e).some((each) => each?.includes(name)));
"#;

/// The page's blocks: what each is, and its content without what only this window draws (others' carets and
/// selections, a placeholder).
const PAGE: &str = r#"
const page = document.querySelector(".ProseMirror");
return [...(page?.children ?? [])].map((block) => {
    const copy = block.cloneNode(true);
    copy.querySelectorAll(".caret, .ProseMirror-widget, .ProseMirror-trailingBreak, .ProseMirror-separator")
        .forEach((e) => e.remove());
    copy.querySelectorAll(".sel").forEach((e) => e.replaceWith(...e.childNodes));
    copy.normalize();
    const kind = [block.localName, block.dataset.list, block.dataset.depth].filter((part) => part !== undefined);
    return [kind.join(" "), copy.innerHTML];
});
"#;

/// The words of a block up to a caret: someone's, or one's own.
const BEFORE_CARET: &str = r#"
const who = arguments[0];
const before = document.createRange();
const block = (node) => (node instanceof Element ? node : node.parentElement).closest(".ProseMirror > *");
if (who === null) {
    const { focusNode, focusOffset } = getSelection();
    before.setStart(block(focusNode), 0);
    before.setEnd(focusNode, focusOffset);
} else {
    const caret = [...document.querySelectorAll(".ProseMirror .caret")].find((e) => e.textContent === who);
    if (!caret) return null;
    before.setStart(block(caret), 0);
    before.setEndBefore(caret);
}
const words = before.cloneContents();
words.querySelectorAll(".caret").forEach((e) => e.remove());
return words.textContent;
"#;

/// Light or dark, as the system has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Ink on paper.
    Light,
    /// By lamplight.
    Dark,
}

/// A running app with one window.
pub struct Window {
    // In this order: the app ends before its screen.
    driver: Driver,
    screen: Screen,
    app: u32,
}

impl Home {
    /// Opens the app on this home, with this home's flags.
    pub fn window(&self) -> Window {
        self.window_in(Look::Light)
    }

    /// The same, on a desktop with this look.
    pub fn window_in(&self, look: Look) -> Window {
        self.window_with(look, &[])
    }

    /// Opens the app with a link, as the system does when one is clicked.
    pub fn window_opening(&self, link: &str) -> Window {
        self.window_with(Look::Light, &[link])
    }

    /// Opens the app with more arguments.
    ///
    /// # Panics
    /// When something it needs is not installed, with the command that does it, or the app does not start.
    fn window_with(&self, look: Look, more: &[&str]) -> Window {
        let program = program("sheaf-desktop");
        let bundle = workspace().join("ui/dist/index.html");
        assert!(
            bundle.exists(),
            "the app has no page. `cargo xtask test` builds it, or: npm run build --prefix ui && cargo build -p sheaf-desktop"
        );
        // The app takes the same flags as the command.
        let command = self.command(more);
        let flags: Vec<String> = command.get_args().map(|flag| flag.to_string_lossy().into_owned()).collect();
        let theme = match look {
            Look::Light => "Adwaita",
            Look::Dark => "Adwaita:dark",
        };
        let screen = Screen::start();
        // And what surrounds the home is the same.
        let mut surroundings = vec![("GTK_THEME".into(), theme.into())];
        surroundings.extend(command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
        let driver = Driver::start(&screen, &program, &flags, &surroundings);
        let app = driver.app(&program).expect("the driver has started the app");
        let window = Window { driver, screen, app };
        window.wait_until("the first paint", "return document.body.innerText.trim() !== ''");
        window
    }
}

impl Window {
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.driver.command(method, path, body).unwrap_or_else(|fault| panic!("{method} {path}: {fault}"))
    }

    fn script(&self, script: &str, arguments: &[Value]) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Types text where the caret is, key by key; a line break is the Enter key, a tab the Tab key.
    pub fn write(&self, text: &str) {
        let keys: Vec<String> = text.chars().map(|char| key(char).to_string()).collect();
        for some in keys.chunks(AT_ONCE) {
            let both =
                |key: &String| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
            self.keys(&some.iter().flat_map(both).collect::<Vec<_>>());
        }
    }

    /// Presses Ctrl and another key.
    pub fn press_ctrl(&self, key: char) {
        self.press(&[CTRL], key);
    }

    /// Presses a key while others are held.
    pub fn press(&self, held: &[char], key: char) {
        let event = |kind: &str, key: &char| json!({ "type": kind, "value": key.to_string() });
        let mut events: Vec<Value> = held.iter().map(|key| event("keyDown", key)).collect();
        events.extend([event("keyDown", &key), event("keyUp", &key)]);
        events.extend(held.iter().rev().map(|key| event("keyUp", key)));
        self.keys(&events);
    }

    /// Clicks on the page and goes to its end, once it can be written on.
    pub fn go_to_the_end(&self) {
        eventually("a page to click on", || {
            let body = json!({ "using": "css selector", "value": ".ProseMirror[contenteditable=true]" });
            let page = Self::moving(self.driver.command("POST", "/element", &body))?;
            let click = format!("/element/{}/click", page[ELEMENT].as_str()?);
            Self::moving(self.driver.command("POST", &click, &Value::Null))
        });
        self.wait_for_page();
        self.press_ctrl('\u{e010}');
    }

    fn keys(&self, events: &[Value]) {
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": events }] });
        self.command("POST", "/actions", &actions);
    }

    /// The control with a name, as the accessibility tree has it.
    fn named(&self, name: &str) -> Result<Option<String>, Fault> {
        let body = json!({ "script": NAMED, "args": [name] });
        let found = self.driver.command("POST", "/execute/sync", &body)?;
        for element in found.as_array().into_iter().flatten() {
            let id = element[ELEMENT].as_str().unwrap_or_default();
            let label = self.driver.command("GET", &format!("/element/{id}/computedlabel"), &Value::Null)?;
            if label.as_str().is_some_and(|label| label.trim() == name) {
                return Ok(Some(id.to_owned()));
            }
        }
        Ok(None)
    }

    /// Clicks a control by its accessible name, once it can be clicked.
    pub fn click(&self, name: &str) {
        eventually(&format!("“{name}” to click"), || {
            let id = Self::moving(self.named(name))??;
            Self::moving(self.driver.command("POST", &format!("/element/{id}/click"), &Value::Null))
        });
    }

    /// Opens what is folded away under a heading that begins so.
    pub fn open_details(&self, begins: &str) {
        let script = format!(
            "const folded = [...document.querySelectorAll('details')].find((e) => e.querySelector('summary').innerText.startsWith({}));
             if (folded) folded.open = true; return folded !== undefined;",
            json!(begins)
        );
        self.wait_until(&format!("“{begins}” to unfold"), &script);
    }

    /// Clicks the first control whose accessible name begins so, once there is one.
    pub fn click_that_begins(&self, begins: &str) {
        let script = format!(
            "return [...document.querySelectorAll('[aria-label]')].map((e) => e.ariaLabel).find((name) => name.startsWith({})) ?? null",
            json!(begins)
        );
        let name = eventually(&format!("“{begins}…”"), || self.script(&script, &[]).as_str().map(str::to_owned));
        self.click(&name);
    }

    /// What is in a field, by its accessible name, once there is one.
    pub fn value(&self, name: &str) -> String {
        eventually(&format!("“{name}”"), || {
            let id = Self::moving(self.named(name))??;
            let value =
                Self::moving(self.driver.command("GET", &format!("/element/{id}/property/value"), &Value::Null))?;
            value.as_str().map(str::to_owned)
        })
    }

    /// A page that is being redrawn is asked again; any other fault is one.
    fn moving<T>(answer: Result<T, Fault>) -> Option<T> {
        match answer {
            Ok(value) => Some(value),
            Err(Fault { code, .. })
                if matches!(
                    code.as_str(),
                    "stale element reference"
                        | "no such element"
                        | "element not interactable"
                        | "element click intercepted"
                ) =>
            {
                None
            }
            Err(fault) => panic!("{fault}"),
        }
    }

    /// The words of a list, by the list's name, once there are some.
    pub fn words_of(&self, list: &str) -> Vec<String> {
        let script = format!(
            "return [...document.querySelectorAll('[aria-label={}] li strong')].map((e) => e.textContent)",
            json!(list)
        );
        eventually(&format!("the words of “{list}”"), || {
            let words = self.script(&script, &[]);
            let words: Vec<String> =
                words.as_array()?.iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect();
            (!words.is_empty()).then_some(words)
        })
    }

    /// All text in the window.
    pub fn text(&self) -> String {
        self.script("return document.body.innerText", &[]).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the window shows some words.
    pub fn wait_for(&self, words: &str) {
        self.wait_until(
            &format!("“{words}” in the window"),
            &format!("return document.body.innerText.includes({})", json!(words)),
        );
    }

    /// Waits until the page, apart from the rest of the window, shows some words.
    pub fn wait_for_on_page(&self, words: &str) {
        let script =
            format!("return document.querySelector('.ProseMirror')?.innerText.includes({}) ?? false", json!(words));
        self.wait_until(&format!("“{words}” on the page"), &script);
    }

    /// Waits until someone else's caret, under this name, is on the page.
    pub fn wait_for_caret_of(&self, name: &str) {
        let script = format!(
            "return [...document.querySelectorAll('.ProseMirror .caret b')].some((e) => e.textContent === {})",
            json!(name)
        );
        self.wait_until(&format!("{name}'s caret"), &script);
    }

    /// Points at someone else's caret: then it says whose it is.
    pub fn point_at_caret_of(&self, name: &str) {
        self.wait_for_caret_of(name);
        let script = "const caret = [...document.querySelectorAll('.ProseMirror .caret')].find((e) => e.textContent === arguments[0]);
            const box = caret.getBoundingClientRect(); return [Math.round(box.left), Math.round(box.top + box.height / 2)]";
        let at = self.script(script, &[json!(name)]);
        let acts = [json!({ "type": "pointerMove", "duration": 50, "origin": "viewport", "x": at[0], "y": at[1] })];
        let mouse =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": acts });
        self.command("POST", "/actions", &json!({ "actions": [mouse] }));
    }

    /// Waits until no dialog lies over the window, nor fades away there.
    pub fn wait_for_no_dialog(&self) {
        self.wait_until("no dialog", "return document.querySelector('[role=dialog], .scrim') === null");
    }

    /// Waits until the page can be written on and has the focus.
    pub fn wait_for_page(&self) {
        self.wait_until(
            "a page to write on",
            "return document.activeElement?.matches('.ProseMirror[contenteditable=true]') ?? false",
        );
    }

    /// Waits until the page is shown and takes no keys.
    pub fn wait_for_read_only(&self) {
        self.wait_until(
            "a page to read only",
            "return document.querySelector('.ProseMirror')?.getAttribute('contenteditable') === 'false'",
        );
    }

    /// The words of its block before the caret: one's own, or that of someone else who is on the page.
    pub fn words_before_caret(&self, of: Option<&str>) -> Option<String> {
        self.script(BEFORE_CARET, &[json!(of)]).as_str().map(str::to_owned)
    }

    fn wait_until(&self, what: &str, script: &str) {
        eventually(what, || (self.script(script, &[]) == true).then_some(()));
    }

    /// The page's blocks: what each is, and its content as HTML. Two windows on a document show the same in the end.
    pub fn page(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let blocks = self.script(PAGE, &[]);
        blocks.as_array().into_iter().flatten().map(|block| (text(&block[0]), text(&block[1]))).collect()
    }

    /// What the app's windows are called, as the desktop shows it.
    pub fn titles(&self) -> Vec<String> {
        self.screen.titles()
    }

    /// How wide and high the page is.
    pub fn size(&self) -> (u64, u64) {
        let size = self.script("return [innerWidth, innerHeight]", &[]);
        (size[0].as_u64().unwrap_or_default(), size[1].as_u64().unwrap_or_default())
    }

    /// Loads the page again, as after a crash of the webview.
    pub fn reload(&self) {
        self.command("POST", "/refresh", &Value::Null);
    }

    /// Presses the window's cross, and waits until the app has ended.
    pub fn close(self) {
        self.screen.press_the_cross();
        driver::wait_for_end(self.app);
    }

    /// Ends the app at once, as a power cut would.
    pub fn kill(self) {
        driver::kill(self.app);
        driver::wait_for_end(self.app);
    }
}

/// The key that writes a character, as WebDriver knows it.
const fn key(char: char) -> char {
    match char {
        '\n' => '\u{e007}',
        '\t' => '\u{e004}',
        char => char,
    }
}

/// The texts of a list.
fn words(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|each| each.as_str().unwrap_or_default().to_owned()).collect()
}

impl Drop for Window {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        // What a person would look at first.
        let name = thread::current().name().unwrap_or("window").replace("::", "-");
        if let Ok(path) = self.picture(&format!("failed-{name}-{}", self.app)) {
            eprintln!("the window as it was: {}", path.display());
        }
    }
}
