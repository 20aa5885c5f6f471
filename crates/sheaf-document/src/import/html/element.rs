//! What each element means for a document.

use html5ever::tokenizer::Tag;

use crate::{
    import::link::{Link, is_safe_address},
    model::Scalar,
};

/// What an element is to the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Stands in a line.
    Inline,
    /// Starts a line of its own.
    Box,
    Heading(u8),
    Pre,
    Quote,
    List {
        ordered: bool,
    },
    Item,
    Row,
    Cell,
    /// Drawn by a browser only, or not at all.
    Hidden,
}

impl Role {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "h1" => Self::Heading(1),
            "h2" => Self::Heading(2),
            "h3" => Self::Heading(3),
            "h4" => Self::Heading(4),
            "h5" => Self::Heading(5),
            "h6" => Self::Heading(6),
            "pre" | "xmp" | "listing" | "plaintext" => Self::Pre,
            "blockquote" => Self::Quote,
            "ul" | "menu" | "dir" => Self::List { ordered: false },
            "ol" => Self::List { ordered: true },
            "li" => Self::Item,
            "tr" => Self::Row,
            "td" | "th" => Self::Cell,
            "script" | "style" | "template" | "title" | "iframe" | "object" | "svg" | "noscript" | "noembed"
            | "noframes" | "audio" | "video" | "canvas" | "select" | "datalist" => Self::Hidden,
            "p" | "div" | "address" | "article" | "aside" | "body" | "caption" | "center" | "dd" | "details"
            | "dialog" | "dl" | "dt" | "fieldset" | "figcaption" | "figure" | "footer" | "form" | "header"
            | "hgroup" | "html" | "legend" | "main" | "nav" | "optgroup" | "option" | "search" | "section"
            | "summary" | "table" | "tbody" | "tfoot" | "thead" => Self::Box,
            _ => Self::Inline,
        }
    }

    /// What nests blocks; the kind that names it among the parents.
    pub(super) fn container(self, ordered: bool) -> Option<&'static str> {
        match self {
            Self::Quote => Some("blockquote"),
            Self::Item if ordered => Some("ordered-list-item"),
            Self::Item => Some("unordered-list-item"),
            _ => None,
        }
    }
}

/// Which marks an element turns on or off, and whether blanks count in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Style {
    pub strong: Option<bool>,
    pub em: Option<bool>,
    pub strike: Option<bool>,
    pub code: Option<bool>,
    pub blanks: Option<bool>,
    /// The value of the mark, and the bare address for images.
    pub link: Option<(Scalar, String)>,
}

impl Style {
    pub(super) fn of(tag: &Tag) -> Self {
        let mut style = Self::default();
        match &*tag.name {
            "strong" | "b" => style.strong = Some(true),
            "em" | "i" | "cite" | "var" | "dfn" => style.em = Some(true),
            "s" | "del" | "strike" => style.strike = Some(true),
            "code" | "kbd" | "samp" | "tt" => style.code = Some(true),
            "pre" | "textarea" | "xmp" | "listing" | "plaintext" => style.blanks = Some(true),
            "a" => style.link = link(tag),
            _ => {}
        }
        // What other editors put on the clipboard says it this way. A heading is bold anyway.
        if let Some(css) = attribute(tag, "style") {
            style.read(css, matches!(Role::of(&tag.name), Role::Heading(_)));
        }
        style
    }

    fn read(&mut self, css: &str, is_heading: bool) {
        for rule in css.split(';').take(100) {
            let Some((name, value)) = rule.split_once(':') else {
                continue;
            };
            let value = value.trim().to_ascii_lowercase();
            match name.trim().to_ascii_lowercase().as_str() {
                "font-weight" if !is_heading => {
                    let weight = value.parse::<u32>();
                    self.strong = Some(weight.map_or(value.starts_with("bold"), |weight| weight >= 600));
                }
                "font-style" => self.em = Some(value == "italic" || value.starts_with("oblique")),
                "text-decoration" | "text-decoration-line" if value.contains("line-through") => {
                    self.strike = Some(true);
                }
                "white-space" | "white-space-collapse" => {
                    self.blanks = Some(value.starts_with("pre") || value == "break-spaces");
                }
                _ => {}
            }
        }
    }

    /// Puts what an element inside of this one says over what this one says.
    pub(super) fn apply(&mut self, inner: &Self) {
        self.strong = inner.strong.or(self.strong);
        self.em = inner.em.or(self.em);
        self.strike = inner.strike.or(self.strike);
        self.code = inner.code.or(self.code);
        self.blanks = inner.blanks.or(self.blanks);
        if inner.link.is_some() {
            self.link.clone_from(&inner.link);
        }
    }
}

fn link(tag: &Tag) -> Option<(Scalar, String)> {
    let link = Link::to(attribute(tag, "href")?.trim()).titled(attribute(tag, "title").unwrap_or_default());
    link.is_safe().then(|| (link.to_mark(), link.href))
}

/// The value of an attribute.
pub(super) fn attribute<'t>(tag: &'t Tag, name: &str) -> Option<&'t str> {
    tag.attrs.iter().find(|attribute| &*attribute.name.local == name).map(|attribute| &*attribute.value)
}

/// Whether a picture may be shown from there: from where a link may lead, or as a picture in the address itself.
pub(crate) fn is_safe_source(src: &str) -> bool {
    let start: String = src.trim_start().chars().take(11).collect();
    is_safe_address(src) || start.eq_ignore_ascii_case("data:image/")
}

/// The language that the class of a `pre` or `code` names.
pub(super) fn language(tag: &Tag) -> Option<&str> {
    let classes = attribute(tag, "class").unwrap_or_default().split_ascii_whitespace();
    let named = classes.filter_map(|class| class.strip_prefix("language-").or_else(|| class.strip_prefix("lang-")));
    named.chain(attribute(tag, "data-language")).find(|language| !language.is_empty())
}
