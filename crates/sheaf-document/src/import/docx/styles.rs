//! What styles and numberings say: of all that they can, whether something is a heading, a quote, code, a list, or bold.

use std::collections::HashMap;

use super::{
    DocxError,
    package::Part,
    xml::{Element, Piece, Pieces},
};

/// How long a chain of styles that build on each other is followed.
const LONGEST_CHAIN: usize = 16;

/// What a paragraph is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Plain,
    Heading(u8),
    Quote,
    Code,
    Divider,
    /// Within the item of a list, so deep.
    Within(usize),
}

/// What characters look like, as far as it was said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    pub strong: Option<bool>,
    pub em: Option<bool>,
    pub strike: Option<bool>,
    pub code: Option<bool>,
    pub hidden: Option<bool>,
}

impl Look {
    /// Takes a property of a run in.
    pub fn take(&mut self, property: &Element, styles: &Styles) {
        match property.name.as_str() {
            "b" => self.strong = Some(property.is_on()),
            "i" => self.em = Some(property.is_on()),
            "strike" | "dstrike" => self.strike = Some(property.is_on()),
            "vanish" => self.hidden = Some(property.is_on()),
            "rFonts" if property.attribute("ascii").is_some_and(is_monospaced) => self.code = Some(true),
            "rStyle" => {
                let style = property.attribute("val").map(|id| styles.look(id)).unwrap_or_default();
                *self = self.over(style);
            }
            _ => {}
        }
    }

    /// This, and where it says nothing, the other.
    fn over(self, other: Self) -> Self {
        Self {
            strong: self.strong.or(other.strong),
            em: self.em.or(other.em),
            strike: self.strike.or(other.strike),
            code: self.code.or(other.code),
            hidden: self.hidden.or(other.hidden),
        }
    }
}

fn is_monospaced(font: &str) -> bool {
    let font = font.to_ascii_lowercase();
    ["mono", "courier", "consolas", "menlo", "monaco", "source code"].iter().any(|name| font.contains(name))
}

/// The place of a paragraph in a list: which numbering, and how deep, from 0.
pub(super) type Listed = (String, usize);

#[derive(Debug, Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    outline: Option<u8>,
    numbering: Option<String>,
    level: Option<usize>,
    look: Look,
}

/// The styles of a document, by their ids.
#[derive(Debug, Default)]
pub(super) struct Styles(HashMap<String, Style>);

impl Styles {
    pub fn read(part: &Part) -> Result<Self, DocxError> {
        let mut styles = Self::default();
        let mut pieces = Pieces::new(&part.name, &part.text);
        let mut open: Option<(String, Style)> = None;
        while let Some(piece) = pieces.next()? {
            match piece {
                Piece::Start(element) if element.name == "style" => {
                    open = element.attribute("styleId").map(|id| (id.to_owned(), Style::default()));
                }
                Piece::Start(element) => {
                    let Some((_, style)) = &mut open else { continue };
                    let value = element.attribute("val");
                    match element.name.as_str() {
                        "name" => style.name = value.unwrap_or_default().to_lowercase(),
                        "basedOn" => style.based_on = value.map(str::to_owned),
                        "outlineLvl" => style.outline = value.and_then(|level| level.parse().ok()),
                        "numId" => style.numbering = value.map(str::to_owned),
                        "ilvl" => style.level = value.and_then(|level| level.parse().ok()),
                        // A style names no other one for its characters.
                        _ => style.look.take(&element, &Self::default()),
                    }
                }
                Piece::End(name) if name == "style" => styles.0.extend(open.take()),
                _ => {}
            }
        }
        Ok(styles)
    }

    fn chain<'s>(&'s self, id: &str) -> impl Iterator<Item = &'s Style> {
        let mut next = self.0.get(id);
        std::iter::from_fn(move || {
            let style = next?;
            next = style.based_on.as_ref().and_then(|id| self.0.get(id));
            Some(style)
        })
        .take(LONGEST_CHAIN)
    }

    /// What a paragraph with this style is.
    pub fn shape(&self, id: &str) -> Shape {
        let named = self.chain(id).find_map(|style| shape_of(&style.name).or_else(|| style.outline.and_then(heading)));
        // Where there are no styles, their usual ids are names too.
        named.or_else(|| shape_of(&spaced(id))).unwrap_or(Shape::Plain)
    }

    /// Where in a list a paragraph with this style is.
    pub fn listed(&self, id: &str) -> Option<Listed> {
        let numbering = self.chain(id).find_map(|style| style.numbering.clone())?;
        let level = self.chain(id).find_map(|style| style.level).unwrap_or(0);
        (numbering != "0").then_some((numbering, level))
    }

    /// What characters with this style look like.
    fn look(&self, id: &str) -> Look {
        self.chain(id).fold(Look::default(), |look, style| look.over(style.look).over(look_of(&style.name)))
    }
}

/// `Heading1` as `heading 1`.
fn spaced(id: &str) -> String {
    let mut name = String::new();
    for c in id.chars() {
        if (c.is_uppercase() || c.is_ascii_digit()) && !name.is_empty() {
            name.push(' ');
        }
        name.extend(c.to_lowercase());
    }
    name
}

/// The heading of an outline's level, from 0; 9 is none.
pub(super) fn heading(level: u8) -> Option<Shape> {
    (level < 9).then(|| Shape::Heading((level + 1).min(6)))
}

/// What Word, LibreOffice and Google call things. These names stay English in every language's files.
fn shape_of(name: &str) -> Option<Shape> {
    if let Some(level) = name.strip_prefix("heading ").and_then(|level| level.parse::<u8>().ok()) {
        return heading(level.saturating_sub(1));
    }
    if let Some(depth) = name.strip_prefix("list continue") {
        return Some(Shape::Within(depth.trim().parse().unwrap_or(1)));
    }
    Some(match name {
        "title" => Shape::Heading(1),
        "quote" | "intense quote" | "quotations" | "block text" | "block quotation" => Shape::Quote,
        "preformatted text" | "html preformatted" | "source code" | "code" | "macro text" => Shape::Code,
        "horizontal line" => Shape::Divider,
        _ => return None,
    })
}

fn look_of(name: &str) -> Look {
    let yes = Some(true);
    match name {
        "strong" => Look { strong: yes, ..Look::default() },
        "emphasis" | "intense emphasis" | "subtle emphasis" => Look { em: yes, ..Look::default() },
        "source text" | "html code" | "html typewriter" | "verbatim char" | "teletype" => {
            Look { code: yes, ..Look::default() }
        }
        _ => Look::default(),
    }
}

/// One level of a numbering.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// Whether it counts.
    pub counts: bool,
    /// From where.
    pub start: u32,
}

/// The numberings of a document: what its lists look like.
#[derive(Debug, Default)]
pub(super) struct Numberings {
    /// The levels of each pattern.
    patterns: HashMap<String, HashMap<usize, Level>>,
    /// Which pattern each numbering has, and where its levels begin anew.
    numberings: HashMap<String, (String, HashMap<usize, u32>)>,
}

impl Numberings {
    pub fn read(part: &Part) -> Result<Self, DocxError> {
        let mut known = Self::default();
        let mut pieces = Pieces::new(&part.name, &part.text);
        let (mut pattern, mut numbering, mut level) = (None::<String>, None::<String>, 0);
        while let Some(piece) = pieces.next()? {
            let Piece::Start(element) = piece else { continue };
            let value = element.attribute("val");
            match element.name.as_str() {
                "abstractNum" => {
                    pattern = element.attribute("abstractNumId").map(str::to_owned);
                    numbering = None;
                }
                "num" => {
                    numbering = element.attribute("numId").map(str::to_owned);
                    pattern = None;
                }
                "abstractNumId" => {
                    if let (Some(numbering), Some(pattern)) = (&numbering, value) {
                        known.numberings.insert(numbering.clone(), (pattern.to_owned(), HashMap::new()));
                    }
                }
                "lvl" | "lvlOverride" => level = element.attribute("ilvl").and_then(|at| at.parse().ok()).unwrap_or(0),
                "startOverride" => {
                    let start = value.and_then(|start| start.parse().ok());
                    let of = numbering.as_ref().and_then(|numbering| known.numberings.get_mut(numbering));
                    if let (Some(start), Some((_, starts))) = (start, of) {
                        starts.insert(level, start);
                    }
                }
                "numFmt" | "start" => {
                    let Some(pattern) = &pattern else { continue };
                    let levels = known.patterns.entry(pattern.clone()).or_default();
                    let of = levels.entry(level).or_insert(Level { counts: false, start: 1 });
                    if element.name == "start" {
                        of.start = value.and_then(|start| start.parse().ok()).unwrap_or(1);
                    } else {
                        of.counts = !matches!(value, Some("bullet" | "none"));
                    }
                }
                _ => {}
            }
        }
        Ok(known)
    }

    /// What a numbering counts by, which several may share, and what one of its levels is. `anew` is where the numbering
    /// itself begins that level.
    pub fn level(&self, (numbering, at): &Listed) -> (String, Level, Option<u32>) {
        let Some((pattern, starts)) = self.numberings.get(numbering) else {
            return (numbering.clone(), Level { counts: false, start: 1 }, None);
        };
        let level = self.patterns.get(pattern).and_then(|levels| levels.get(at)).copied();
        (pattern.clone(), level.unwrap_or(Level { counts: false, start: 1 }), starts.get(at).copied())
    }
}
