//! From the flat row of blocks, each naming what it is nested in, to quotes and lists that open and close.
//!
//! A document may say things that no nested format can: a block may name a parent that is not there, because someone
//! deleted it while someone else indented this one. The block then stands as deep as what is really there allows. So
//! every block is written exactly once, in order, whatever its `parents` say.

use crate::{
    import::MAX_DEPTH,
    model::{Block, BlockKind, Item, Scalar, blocks_of},
};

/// Something that holds blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Quote,
    Bullet,
    Ordered,
}

impl Container {
    fn of(kind: &str) -> Option<Self> {
        match BlockKind::of(kind) {
            BlockKind::Quote => Some(Self::Quote),
            BlockKind::Bullet => Some(Self::Bullet),
            BlockKind::Ordered => Some(Self::Ordered),
            _ => None,
        }
    }
}

/// What a block is, apart from where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape<'a> {
    Paragraph,
    Heading(u8),
    Code { language: &'a str, verbatim: &'a str },
    Divider,
}

/// A block at its place.
#[derive(Clone, Debug)]
pub(super) struct Placed<'a> {
    /// How many of the containers that were open stay open.
    pub kept: usize,
    /// The containers that open here; when the block is a list item, the last of them is its own.
    pub opened: Vec<Container>,
    /// When it is a list item: how.
    pub item: Option<ListItem>,
    pub shape: Shape<'a>,
    pub inside: &'a [Item],
}

/// A list item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ListItem {
    /// Whether it goes on with the list that was open at its depth.
    pub continues: bool,
    /// Whether it is a task, and ticked.
    pub checked: Option<bool>,
    /// The number it asks to be counted from.
    pub start: Option<u32>,
}

impl Placed<'_> {
    /// How many containers are open inside of it.
    pub(super) fn depth(&self) -> usize {
        self.kept + self.opened.len()
    }

    /// Whether it is a list item that opens nothing but itself.
    pub(super) fn is_in_list_only(&self) -> bool {
        self.item.is_some() && self.opened.len() == 1
    }
}

/// Every block of a document at its place.
pub(super) fn placed(items: &[Item]) -> impl Iterator<Item = Placed<'_>> {
    let mut open: Vec<Container> = Vec::new();
    blocks_of(items).map(move |(marker, inside)| place(&mut open, marker, inside))
}

fn place<'a>(open: &mut Vec<Container>, marker: Option<&'a Block>, inside: &'a [Item]) -> Placed<'a> {
    let own = marker.and_then(|block| Container::of(&block.kind));
    let parents = marker.map_or(&[][..], |block| &block.parents);

    // How much of what is open this block is inside of, and which quotes it is the first in.
    let mut kept = 0;
    let mut opened = Vec::new();
    let named = parents.iter().filter_map(|kind| Container::of(kind));
    for container in named.chain((own == Some(Container::Quote)).then_some(Container::Quote)) {
        if kept + opened.len() == MAX_DEPTH {
            break;
        }
        if opened.is_empty() && open.get(kept) == Some(&container) {
            kept += 1;
        } else if container == Container::Quote {
            opened.push(container);
        }
    }
    let before = open.get(kept).copied().filter(|_| opened.is_empty());
    open.truncate(kept);
    open.extend(&opened);

    let item = own.filter(|own| *own != Container::Quote).map(|own| {
        open.push(own);
        opened.push(own);
        ListItem {
            continues: before == Some(own),
            checked: attr(marker, "checked").map(|value| *value == Scalar::Bool(true)),
            start: start(marker).filter(|_| own == Container::Ordered),
        }
    });
    Placed { kept, opened, item, shape: shape(marker, inside), inside }
}

fn shape<'a>(marker: Option<&'a Block>, inside: &[Item]) -> Shape<'a> {
    let Some(block) = marker else {
        return Shape::Paragraph;
    };
    match BlockKind::of(&block.kind) {
        BlockKind::Heading => Shape::Heading(match attr(marker, "level") {
            Some(Scalar::Number(level)) => (2..=6).rev().find(|n| f64::from(*n) <= *level).unwrap_or(1),
            _ => 1,
        }),
        BlockKind::Code => {
            Shape::Code { language: text_attr(block, "language"), verbatim: text_attr(block, "verbatim") }
        }
        // Someone may have written into what was a divider.
        _ if block.kind == "__ext__divider" && inside.is_empty() => Shape::Divider,
        _ => Shape::Paragraph,
    }
}

fn attr<'a>(marker: Option<&'a Block>, name: &str) -> Option<&'a Scalar> {
    marker?.attrs.get(name).filter(|value| **value != Scalar::Null)
}

/// An attribute that is a text, or nothing.
pub(super) fn text_attr<'a>(block: &'a Block, name: &str) -> &'a str {
    match block.attrs.get(name) {
        Some(Scalar::Text(text)) => text,
        _ => "",
    }
}

/// The number a list starts with: at most nine digits, which is what Markdown reads.
fn start(marker: Option<&Block>) -> Option<u32> {
    match attr(marker, "start") {
        Some(Scalar::Number(start)) if (0.0..1e9).contains(start) => format!("{start:.0}").parse().ok(),
        _ => None,
    }
}
