//! The links between notes.

use crate::{
    import::link::{Link, is_safe_address},
    model::{Block, BlockKind, Item, Marks, Scalar},
};

/// What a link names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'t> {
    /// A note's name, or a path, relative to the file or not; as it was written, with `%20` and the like read.
    pub path: &'t str,
    /// A heading or block in it, behind `#`.
    pub place: Option<&'t str>,
    /// Whether it was a wiki link, which names a note wherever it is.
    pub wiki: bool,
    /// Whether it is to be shown in the text, with `!`.
    pub embedded: bool,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To this address, under the text it has, or, if it has none of its own, this one.
    To {
        /// The address.
        address: String,
        /// What is shown if the link itself says nothing.
        shown: String,
    },
    /// Nowhere that is known: it stays as it is.
    Nowhere,
}

/// Asks of every link that is no web address where it leads, and lets it lead there. A picture that leads somewhere
/// becomes a link to it.
pub fn relink(items: Vec<Item>, mut leads: impl FnMut(&Target<'_>) -> Leads) -> Vec<Item> {
    let mut relinked = Relinked { items: Vec::with_capacity(items.len()) };
    let mut in_code = false;
    for item in items {
        match item {
            Item::Text { text, marks } if in_code || marks.contains_key("code") => relinked.text(&text, marks),
            Item::Text { text, marks } => match marks.get("link").and_then(Link::of_mark) {
                Some(link) => {
                    let address = relative(&link.href).map(|target| leads(&target.as_target()));
                    let mut marks = marks;
                    if let Some(Leads::To { address, .. }) = address {
                        let title = link.title.unwrap_or_default();
                        marks.insert("link".to_owned(), Link::to(address).titled(&title).to_mark());
                    }
                    relinked.text(&text, marks);
                }
                None => relinked.wiki(&text, &marks, &mut leads),
            },
            Item::Embed { block } if block.kind == "image" => {
                relinked.picture(block, &mut leads);
            }
            Item::Block { block } => {
                in_code = BlockKind::of(&block.kind) == BlockKind::Code;
                relinked.items.push(Item::Block { block });
            }
            item @ Item::Embed { .. } => relinked.items.push(item),
        }
    }
    relinked.items
}

struct Relinked {
    items: Vec<Item>,
}

impl Relinked {
    fn text(&mut self, text: &str, marks: Marks) {
        if text.is_empty() {
            return;
        }
        match self.items.last_mut() {
            Some(Item::Text { text: last, marks: same }) if *same == marks => last.push_str(text),
            _ => self.items.push(Item::Text { text: text.to_owned(), marks }),
        }
    }

    fn linked(&mut self, text: &str, address: &str, marks: &Marks) {
        let mut marks = marks.clone();
        marks.insert("link".to_owned(), Link::to(address).to_mark());
        self.text(text, marks);
    }

    /// Text with `[[Name]]`, `[[Name#Place|shown]]` and `![[Name]]` in it.
    fn wiki(&mut self, text: &str, marks: &Marks, leads: &mut impl FnMut(&Target<'_>) -> Leads) {
        let mut rest = text;
        while let Some((before, target, shown, after)) = next_wiki(rest) {
            match leads(&target) {
                Leads::To { address, shown: name } => {
                    self.text(before, marks.clone());
                    self.linked(shown.unwrap_or(&name), &address, marks);
                }
                Leads::Nowhere => self.text(&rest[..rest.len() - after.len()], marks.clone()),
            }
            rest = after;
        }
        self.text(rest, marks.clone());
    }

    fn picture(&mut self, block: Block, leads: &mut impl FnMut(&Target<'_>) -> Leads) {
        let attr = |name: &str| match block.attrs.get(name) {
            Some(Scalar::Text(text)) => text.trim().to_owned(),
            _ => String::new(),
        };
        let led = relative(&attr("src")).map(|mut target| {
            target.embedded = true;
            leads(&target.as_target())
        });
        match led {
            Some(Leads::To { address, shown }) => {
                let alt = attr("alt");
                self.linked(if alt.is_empty() { &shown } else { &alt }, &address, &Marks::new());
            }
            _ => self.items.push(Item::Embed { block }),
        }
    }
}

/// The next wiki link: what is before it, what it names, what it shows, what is after it.
fn next_wiki(text: &str) -> Option<(&str, Target<'_>, Option<&str>, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find("[[")?;
        let inside = &text[open + 2..];
        let close = inside.find("]]")?;
        let named = &inside[..close];
        // One bracket more belongs before it; one that is never closed on its line is text.
        if named.starts_with('[') || named.contains(['\n', '[']) || named.trim().is_empty() {
            from = open + 1;
            continue;
        }
        let (named, shown) = named.split_once('|').map_or((named, None), |(named, shown)| (named, Some(shown.trim())));
        let (path, place) = named.split_once('#').map_or((named, None), |(path, place)| (path, Some(place.trim())));
        let embedded = text[..open].ends_with('!');
        let start = if embedded { open - 1 } else { open };
        // `![[picture.png|300]]` says how wide, not what to show.
        let shown = shown.filter(|shown| !(shown.is_empty() || embedded && is_size(shown)));
        let target = Target { path: path.trim_end_matches('\\').trim(), place, wiki: true, embedded };
        return Some((&text[..start], target, shown, &inside[close + 2..]));
    }
}

fn is_size(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'x')
}

/// A link as it stands in Markdown, read.
struct Relative {
    path: String,
    place: Option<String>,
    embedded: bool,
}

impl Relative {
    fn as_target(&self) -> Target<'_> {
        Target { path: &self.path, place: self.place.as_deref(), wiki: false, embedded: self.embedded }
    }
}

/// A link that is neither a web address nor a place in the same file.
fn relative(address: &str) -> Option<Relative> {
    let has_scheme = address.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
    if has_scheme || !is_safe_address(address) || address.starts_with("//") || address.is_empty() {
        return None;
    }
    let (path, place) = address.split_once('#').map_or((address, None), |(path, place)| (path, Some(place)));
    let path = path.split('?').next().unwrap_or(path);
    (!path.is_empty()).then(|| Relative { path: unescaped(path), place: place.map(unescaped), embedded: false })
}

/// `%20` and the like, read.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut read = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            // Two digits of sixteen fit.
            read.push((high * 16 + low) as u8);
            at += 3;
        } else {
            read.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}
