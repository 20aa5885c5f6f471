//! Lists: in a file each item says how deep it is and by what it counts; here it says what it is nested in.

use std::collections::{HashMap, HashSet};

use super::styles::{Listed, Numberings};
use crate::{
    import::build::{Attrs, MAX_DEPTH},
    model::Scalar,
};

/// Deeper levels are not told apart.
const LEVELS: usize = 9;

/// The lists that are open, and how far each has counted.
#[derive(Default)]
pub(super) struct Lists {
    /// The kinds of the items that are open, outermost first.
    open: Vec<&'static str>,
    /// The last number at each open level.
    shown: Vec<u32>,
    /// The last number of each level of each pattern.
    counted: HashMap<(String, usize), u32>,
    /// The numberings that have begun anew where they say so.
    begun: HashSet<Listed>,
}

/// An item.
pub(super) struct Item {
    pub kind: &'static str,
    pub parents: Vec<String>,
    pub attrs: Attrs,
}

impl Lists {
    /// The next item.
    pub fn item(&mut self, listed: &Listed, numberings: &Numberings) -> Item {
        let listed = (listed.0.clone(), listed.1.min(LEVELS - 1));
        let (pattern, level, anew) = numberings.level(&listed);
        let kind = if level.counts { "ordered-list-item" } else { "unordered-list-item" };
        let number = self.count(pattern, &listed, level.start, anew);
        // No item is deeper than the one before it allows.
        let depth = listed.1.min(self.open.len()).min(MAX_DEPTH - 1);
        let continues = self.open.get(depth) == Some(&kind);
        let expected = if continues { self.shown[depth].saturating_add(1) } else { 1 };
        let parents = self.within(depth);
        self.keep(depth);
        self.open.push(kind);
        self.shown.push(number);
        let mut attrs = Attrs::new();
        if level.counts && number != expected {
            attrs.insert("start".to_owned(), Scalar::Number(f64::from(number)));
        }
        Item { kind, parents, attrs }
    }

    fn count(&mut self, pattern: String, listed: &Listed, start: u32, anew: Option<u32>) -> u32 {
        let at = listed.1;
        let anew = anew.filter(|_| self.begun.insert(listed.clone()));
        let last = self.counted.get(&(pattern.clone(), at)).copied();
        let number = anew.or(last.map(|last| last.saturating_add(1))).unwrap_or(start).min(999_999_999);
        for deeper in at + 1..LEVELS {
            self.counted.remove(&(pattern.clone(), deeper));
        }
        self.counted.insert((pattern, at), number);
        number
    }

    /// The kinds of the open items, so many.
    pub fn within(&self, depth: usize) -> Vec<String> {
        self.open.iter().take(depth).map(|&kind| kind.to_owned()).collect()
    }

    /// Something comes that is within the items that are open, so many.
    pub fn keep(&mut self, depth: usize) {
        self.open.truncate(depth);
        self.shown.truncate(depth);
    }

    /// Something comes that is in no list.
    pub fn end(&mut self) {
        self.keep(0);
    }
}
