//! From tags and text to items.

use html5ever::tokenizer::Tag;

use super::element::{Role, Style, attribute, is_safe_source, language};
use crate::{
    import::build::{Attrs, Builder, MAX_DEPTH},
    model::{Marks, Scalar},
};

/// How many elements are kept track of; those inside of more are read as if they were not there. Browsers have such a
/// limit too.
const MAX_OPEN: usize = 256;

#[derive(Default)]
pub(super) struct Reader {
    builder: Builder,
    open: Vec<Element>,
    /// All styles of the open elements together, and the marks they come to.
    style: Style,
    marks: Marks,
    line: Line,
    /// Inside something hidden: its name, and how many of that name are open in one another.
    hidden: Option<(String, usize)>,
    /// The line end right after `<pre>` is not part of its text.
    skip_line_end: bool,
}

struct Element {
    name: String,
    role: Role,
    style: Style,
    /// The kind its content is nested in.
    container: Option<&'static str>,
    /// What its first item is numbered with.
    start: Option<u32>,
}

/// The block that text goes to.
#[derive(Default)]
struct Line {
    open: bool,
    /// It is a list item that has no text yet, so that a first paragraph inside is its text.
    fresh_item: bool,
    /// Something is in it.
    written: bool,
    /// Blanks were read that count as one if something follows in this block; with the marks they were under.
    blank: Option<Marks>,
}

impl Reader {
    pub(super) fn start(&mut self, tag: &Tag) {
        let name = &*tag.name;
        if let Some((hidden, depth)) = &mut self.hidden {
            *depth += usize::from(hidden == name && !tag.self_closing);
            return;
        }
        self.skip_line_end = false;
        let mut container = None;
        let role = Role::of(name);
        match role {
            Role::Hidden if tag.self_closing => return,
            Role::Hidden => {
                self.hidden = Some((name.to_owned(), 1));
                return;
            }
            Role::Inline => match name {
                "br" => return self.line_break(),
                "hr" => {
                    self.close_open(&["p"]);
                    self.close_block();
                    return self.builder.block("__ext__divider", self.parents(), Attrs::new());
                }
                "img" | "image" => return self.image(tag),
                "input" => return self.checkbox(tag),
                "wbr" | "area" | "base" | "basefont" | "bgsound" | "col" | "embed" | "frame" | "keygen" | "link"
                | "meta" | "param" | "source" | "track" => return,
                "code" => self.name_language(tag),
                _ => {}
            },
            Role::Box if !matches!(name, "dt" | "dd" | "option") => {
                self.close_open(&["p"]);
                self.boundary();
            }
            Role::Box => {
                self.close_open(&["p", "dt", "dd", "option"]);
                self.boundary();
            }
            Role::Heading(_) => {
                self.close_open(&["p", "h1", "h2", "h3", "h4", "h5", "h6"]);
                self.close_block();
            }
            Role::Quote => {
                self.close_open(&["p"]);
                self.close_block();
                container = role.container(false);
            }
            Role::Pre => {
                self.close_open(&["p"]);
                self.close_block();
                if !self.in_cell() {
                    self.builder.block("code-block", self.parents(), Attrs::new());
                    self.line.open = true;
                    self.name_language(tag);
                }
                self.skip_line_end = true;
            }
            Role::List { .. } => {
                self.close_open(&["p"]);
                self.boundary();
                // A list right inside of a list belongs to the item before it.
                let inside =
                    self.open.iter().rev().find(|e| matches!(e.role, Role::Item | Role::List { .. } | Role::Quote));
                if let Some(Role::List { ordered }) = inside.map(|element| element.role) {
                    container = Role::Item.container(ordered);
                }
            }
            Role::Item => container = self.item(tag),
            Role::Row => {
                self.close_within_table(&["td", "th", "tr"]);
                self.close_block();
            }
            Role::Cell => {
                self.close_within_table(&["td", "th"]);
                if self.line.written {
                    self.line.blank = None;
                    self.write(" |");
                    self.line.blank = Some(Marks::new());
                }
            }
        }
        if self.open.len() < MAX_OPEN && !(tag.self_closing && role == Role::Inline) {
            let start = attribute(tag, "start").filter(|_| role == Role::List { ordered: true });
            let element = Element {
                name: name.to_owned(),
                role,
                style: Style::of(tag),
                container,
                start: start.and_then(|start| start.trim().parse().ok()),
            };
            self.style.apply(&element.style);
            self.marks = marks(&self.style);
            self.open.push(element);
        }
    }

    pub(super) fn end(&mut self, name: &str) {
        if let Some((hidden, depth)) = &mut self.hidden {
            if hidden == name {
                *depth -= 1;
                if *depth == 0 {
                    self.hidden = None;
                }
            }
            return;
        }
        if name == "br" {
            return self.line_break();
        }
        let Some(at) = self.open.iter().rposition(|element| element.name == name) else {
            return;
        };
        match self.open[at].role {
            Role::Inline => {
                // Closed alone: what else was opened inside goes on.
                self.open.remove(at);
            }
            Role::Box => {
                self.open.truncate(at);
                self.boundary();
            }
            Role::Cell => self.open.truncate(at),
            Role::Item | Role::Heading(_) | Role::Pre | Role::Quote | Role::Row | Role::List { .. } => {
                self.close_block();
                self.open.truncate(at);
            }
            Role::Hidden => {}
        }
        self.restyle();
    }

    pub(super) fn text(&mut self, text: &str) {
        if self.hidden.is_some() {
            return;
        }
        let skip = std::mem::take(&mut self.skip_line_end);
        if self.style.blanks == Some(true) {
            let text = if skip { text.strip_prefix('\n').unwrap_or(text) } else { text };
            // Between blocks that keep their blanks there is nothing to keep.
            if self.line.open || !text.trim().is_empty() {
                self.write(text);
            }
            return;
        }
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest.trim_start_matches(is_blank);
            if word.len() < rest.len() && self.line.written && self.line.blank.is_none() {
                self.line.blank = Some(self.marks.clone());
            }
            let end = word.find(is_blank).unwrap_or(word.len());
            if end > 0 {
                self.write(&word[..end]);
            }
            rest = &word[end..];
        }
    }

    pub(super) fn finish(mut self) -> Vec<crate::model::Item> {
        self.close_block();
        self.builder.finish()
    }

    /// Writes text as it is, after the blank that was read before it.
    fn write(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.ensure_block();
        if let Some(marks) = self.line.blank.take() {
            self.builder.text(" ", &marks);
        }
        if self.builder.is_in("code-block") {
            self.builder.text(text, &Marks::new());
        } else {
            self.builder.text(text, &self.marks);
        }
        self.line.written = true;
    }

    fn line_break(&mut self) {
        self.ensure_block();
        self.line.blank = None;
        self.write("\n");
    }

    fn ensure_block(&mut self) {
        if self.line.open {
            return;
        }
        self.line.open = true;
        let parents = self.parents();
        let inside = self.open.iter().rev().find_map(|element| match element.role {
            Role::Heading(level) => Some(Some(level)),
            Role::Item | Role::Quote | Role::Row => Some(None),
            _ => None,
        });
        if let Some(Some(level)) = inside {
            let level = ("level".to_owned(), Scalar::Number(level.into()));
            self.builder.block("heading", parents, Attrs::from([level]));
        } else {
            self.builder.paragraph(parents);
        }
    }

    /// A line ends, but for that of a list item that has not begun: there, what comes is its text. In a table's cell
    /// lines run on.
    fn boundary(&mut self) {
        if self.in_cell() {
            if self.line.written && self.line.blank.is_none() {
                self.line.blank = Some(Marks::new());
            }
        } else if !self.line.fresh_item || self.line.written {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        if self.in_cell() {
            return self.boundary();
        }
        if self.line.open && self.line.written {
            self.builder.end_line();
        }
        self.line = Line::default();
    }

    fn in_cell(&self) -> bool {
        self.open.iter().any(|element| element.role == Role::Cell)
    }

    /// Starts a list item; answers the kind that what is in it is nested in.
    fn item(&mut self, tag: &Tag) -> Option<&'static str> {
        if self.in_cell() {
            self.boundary();
            return None;
        }
        self.close_block();
        // An item ends where the next one of its list starts.
        let list = self.open.iter().rposition(|element| matches!(element.role, Role::List { .. } | Role::Quote));
        let siblings = list.map_or(0, |list| list + 1);
        if let Some(before) = self.open[siblings..].iter().position(|element| element.role == Role::Item) {
            self.open.truncate(siblings + before);
            self.restyle();
        }
        let mut attrs = Attrs::new();
        let mut ordered = false;
        let parents = self.parents();
        if let Some(list) = list.map(|list| &mut self.open[list]) {
            ordered = list.role == Role::List { ordered: true };
            if let Some(start) = list.start.take().filter(|start| *start != 1) {
                attrs.insert("start".to_owned(), Scalar::Number(start.into()));
            }
        }
        if let Some(checked) = attribute(tag, "data-checked") {
            attrs.insert("checked".to_owned(), Scalar::Bool(checked == "true"));
        }
        let kind = Role::Item.container(ordered)?;
        self.builder.block(kind, parents, attrs);
        self.line = Line { open: true, fresh_item: true, ..Line::default() };
        Some(kind)
    }

    fn checkbox(&mut self, tag: &Tag) {
        let is_checkbox = attribute(tag, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("checkbox"));
        if is_checkbox && self.line.fresh_item && !self.line.written {
            let checked = attribute(tag, "checked").is_some();
            self.builder.set_attr("checked", Scalar::Bool(checked));
        }
    }

    fn name_language(&mut self, tag: &Tag) {
        let in_code = self.line.open && !self.line.written && self.builder.is_in("code-block");
        if let (true, Some(language)) = (in_code, language(tag)) {
            self.builder.set_attr("language", Scalar::Text(language.to_owned()));
        }
    }

    fn image(&mut self, tag: &Tag) {
        let alt = attribute(tag, "alt").unwrap_or_default();
        let src = attribute(tag, "src").unwrap_or_default().trim();
        if src.is_empty() || !is_safe_source(src) {
            return self.text(alt);
        }
        let mut attrs = Attrs::from([("src".to_owned(), Scalar::Text(src.to_owned()))]);
        for (name, value) in [("alt", alt), ("title", attribute(tag, "title").unwrap_or_default())] {
            if !value.is_empty() {
                attrs.insert(name.to_owned(), Scalar::Text(value.to_owned()));
            }
        }
        if let Some((_, href)) = self.style.link.as_ref().filter(|(_, href)| !href.is_empty()) {
            attrs.insert("href".to_owned(), Scalar::Text(href.clone()));
        }
        self.ensure_block();
        if let Some(marks) = self.line.blank.take() {
            self.builder.text(" ", &marks);
        }
        self.builder.embed("image", attrs);
        self.line.written = true;
    }

    /// Closes the innermost open element of one of these names, if it is in the innermost container.
    fn close_open(&mut self, names: &[&str]) {
        let inside = |element: &Element| {
            element.container.is_some() || matches!(element.role, Role::List { .. } | Role::Cell | Role::Row)
        };
        let from = self.open.iter().rposition(inside).map_or(0, |at| at + 1);
        let found = self.open[from..].iter().rposition(|element| names.contains(&&*element.name));
        if let Some(found) = found {
            if matches!(self.open[from + found].role, Role::Heading(_)) {
                self.close_block();
            } else {
                self.boundary();
            }
            self.open.remove(from + found);
            self.restyle();
        }
    }

    /// Closes the innermost open element of one of these names, and what is in it, inside the innermost table.
    fn close_within_table(&mut self, names: &[&str]) {
        let from = self.open.iter().rposition(|element| element.name == "table").map_or(0, |at| at + 1);
        if let Some(found) = self.open[from..].iter().position(|element| names.contains(&&*element.name)) {
            self.open.truncate(from + found);
            self.restyle();
        }
    }

    fn restyle(&mut self) {
        let mut style = Style::default();
        for element in &self.open {
            style.apply(&element.style);
        }
        if style != self.style {
            self.marks = marks(&style);
            self.style = style;
        }
    }

    fn parents(&self) -> Vec<String> {
        let containers = self.open.iter().filter_map(|element| element.container);
        containers.take(MAX_DEPTH).map(str::to_owned).collect()
    }
}

fn marks(style: &Style) -> Marks {
    let mut marks = Marks::new();
    for (name, on) in [("strong", style.strong), ("em", style.em), ("strike", style.strike), ("code", style.code)] {
        if on == Some(true) {
            marks.insert(name.to_owned(), Scalar::Bool(true));
        }
    }
    if let Some((link, _)) = &style.link {
        marks.insert("link".to_owned(), link.clone());
    }
    marks
}
