//! What the files become: which document each is, under which other one, and where their links lead.

use std::collections::{BTreeSet, HashMap};

use sheaf_access::{DocumentId, SpaceId};
use sheaf_document::export::{file_name, path_address};
use sheaf_document::import::{self, Leads, Link, Target};
use sheaf_document::model::Item;

use super::notes::{Notes, Read};
use crate::library::titled;
use crate::view::LeftOut;

/// Everything that is to be written.
pub struct Plan {
    /// The documents, each before those under it.
    pub documents: Vec<Planned>,
    /// What is not imported, and why.
    pub left_out: Vec<LeftOut>,
    /// How many pictures are only described, or kept as a link to where they were.
    pub pictures: usize,
}

/// A document that is to be made.
pub struct Planned {
    /// Its id.
    pub id: DocumentId,
    /// Under which of the others.
    pub under: Option<DocumentId>,
    /// Its title.
    pub title: String,
    /// Its blocks.
    pub items: Vec<Item>,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// The file it comes from.
    pub file: String,
}

/// A place in the tree: a file, or a folder that is a document only because something is in it.
struct Place {
    id: DocumentId,
    under: Option<DocumentId>,
    name: String,
    note: Option<usize>,
}

/// Works out the tree and the links, for a space.
pub fn plan(space: SpaceId, read: Notes) -> Plan {
    let Notes { read: mut notes, others, left_out, mut pictures } = read;
    let (places, of_note) = places(space, &notes);
    let names = Names::of(&notes, &of_note);
    let mut documents = Vec::with_capacity(places.len());
    for place in places {
        let Some(number) = place.note else {
            let items = titled(&place.name);
            let (id, under, title) = (place.id, place.under, place.name.clone());
            documents.push(Planned { id, under, title, items, tags: BTreeSet::new(), file: place.name });
            continue;
        };
        let Read { below, stem, note } = &mut notes[number];
        let folder = &below[..below.len() - 1];
        let file = below.join("/");
        let mut items = import::relink(std::mem::take(&mut note.items), |target| {
            let leads = names.lead(folder, target, &others);
            if target.embedded && !matches!(&leads, Leads::To { address, .. } if Link::to(address).document().is_some())
            {
                pictures += 1;
            }
            leads
        });
        // A file that its own words would call something else begins with what it was called.
        let own = import::called(&items);
        if own.is_empty() && items.is_empty() {
            items = titled("").split_off(1);
        }
        let same = same_name(&file_name(&own), stem);
        if !same {
            import::put_title(&mut items, note.title.as_deref().unwrap_or(stem));
        }
        let tags = std::mem::take(&mut note.tags);
        documents.push(Planned { id: place.id, under: place.under, title: import::called(&items), items, tags, file });
    }
    Plan { documents, left_out, pictures }
}

/// Whether a file is called what its document would be called, apart from a number that sets it apart from others.
fn same_name(own: &str, stem: &str) -> bool {
    let without_number = || {
        let (name, number) = stem.rsplit_once(' ')?;
        number.bytes().all(|digit| digit.is_ascii_digit()).then_some(name)
    };
    own == stem || without_number() == Some(own)
}

/// The tree, each place before those under it, and the document of each note.
fn places(space: SpaceId, notes: &[Read]) -> (Vec<Place>, Vec<DocumentId>) {
    let new = || sheaf_log::new_document(&space, &rand::random());
    let of_note: Vec<DocumentId> = notes.iter().map(|_| new()).collect();
    // A folder is the note that is called as it is, beside it or in it; else a document of its own.
    let mut by_path: HashMap<Vec<String>, usize> = HashMap::new();
    for (number, note) in notes.iter().enumerate() {
        let mut path = lower(&note.below);
        path.pop();
        let stem = note.stem.to_lowercase();
        if path.last() == Some(&stem) {
            by_path.entry(path.clone()).or_insert(number);
        }
        path.push(stem);
        by_path.insert(path, number);
    }
    let mut folders: HashMap<Vec<String>, DocumentId> = HashMap::new();
    let mut extra: Vec<Place> = Vec::new();
    for note in notes {
        for depth in 1..note.below.len() {
            let path = lower(&note.below[..depth]);
            if folders.contains_key(&path) {
                continue;
            }
            let id = by_path.get(&path).map_or_else(new, |number| of_note[*number]);
            if !by_path.contains_key(&path) {
                let under = folders.get(&path[..depth - 1]).copied();
                extra.push(Place { id, under, name: note.below[depth - 1].clone(), note: None });
            }
            folders.insert(path, id);
        }
    }
    let mut all = extra;
    for (number, note) in notes.iter().enumerate() {
        let id = of_note[number];
        let mut depth = note.below.len() - 1;
        // A folder's own note that is in it stands where the folder stands.
        if folders.get(&lower(&note.below[..depth])) == Some(&id) {
            depth -= 1;
        }
        let under = folders.get(&lower(&note.below[..depth])).copied();
        all.push(Place { id, under, name: note.stem.clone(), note: Some(number) });
    }
    (ordered(all), of_note)
}

fn lower(path: &[String]) -> Vec<String> {
    path.iter().map(|part| part.to_lowercase()).collect()
}

/// Each before those under it, those beside each other by name.
fn ordered(mut all: Vec<Place>) -> Vec<Place> {
    all.sort_by_cached_key(|place| std::cmp::Reverse(place.name.to_lowercase()));
    let mut under: HashMap<Option<DocumentId>, Vec<Place>> = HashMap::new();
    for place in all {
        under.entry(place.under).or_default().push(place);
    }
    let mut next = under.remove(&None).unwrap_or_default();
    let mut ordered = Vec::new();
    while let Some(place) = next.pop() {
        next.extend(under.remove(&Some(place.id)).unwrap_or_default());
        ordered.push(place);
    }
    ordered
}

/// What notes can be found by.
struct Names {
    /// By path without what it ends in, in small letters.
    by_path: HashMap<String, DocumentId>,
    /// By name or other name: the paths of those that are called so, the shortest first.
    by_name: HashMap<String, Vec<(String, DocumentId)>>,
    shown: HashMap<DocumentId, String>,
}

impl Names {
    fn of(notes: &[Read], ids: &[DocumentId]) -> Self {
        let mut names = Self { by_path: HashMap::new(), by_name: HashMap::new(), shown: HashMap::new() };
        for (note, id) in notes.iter().zip(ids) {
            let path = bare(&note.below.join("/"));
            names.by_path.insert(path.clone(), *id);
            let aliases = note.note.aliases.iter().chain(&note.note.title).map(|name| name.to_lowercase());
            for name in [note.stem.to_lowercase()].into_iter().chain(aliases) {
                names.by_name.entry(name).or_default().push((path.clone(), *id));
            }
            names.shown.insert(*id, note.stem.clone());
        }
        for called in names.by_name.values_mut() {
            called.sort_by_key(|(path, _)| (path.matches('/').count(), path.clone()));
        }
        names
    }

    /// Where a link in a file of this folder leads.
    fn lead(&self, folder: &[String], target: &Target<'_>, others: &BTreeSet<String>) -> Leads {
        let within = within(folder, target.path);
        let found = within.as_deref().and_then(|path| self.by_path.get(&bare(path)).copied());
        let named = || {
            let path = bare(target.path.trim_start_matches('/'));
            if let Some(id) = self.by_path.get(&path) {
                return Some(*id);
            }
            let name = path.rsplit('/').next().unwrap_or(&path);
            let ends = format!("/{path}");
            let called = self.by_name.get(name)?;
            let here = folder.join("/").to_lowercase();
            let fits = |at: &&(String, DocumentId)| name == path || at.0.ends_with(&ends);
            // The one in the same folder first, as whoever wrote it there will have meant.
            let beside =
                called.iter().filter(fits).find(|(at, _)| at.rsplit_once('/').map_or("", |(at, _)| at) == here);
            beside.or_else(|| called.iter().find(fits)).map(|(_, id)| *id)
        };
        let found = found.or_else(|| if target.wiki { named() } else { None });
        if let Some(id) = found {
            let own = self.shown.get(&id).cloned().unwrap_or_default();
            let shown = target.place.map_or_else(|| own.clone(), |place| format!("{own} › {place}"));
            return Leads::To { address: Link::to_document(&id.to_string()).href, shown };
        }
        // A picture or file stays a link to where it was.
        let name = target.path.rsplit('/').next().unwrap_or(target.path);
        let is_other =
            within.is_some_and(|path| others.contains(&path.to_lowercase())) || others.contains(&name.to_lowercase());
        let kept = if target.wiki { is_other } else { target.embedded };
        if kept {
            return Leads::To { address: path_address(target.path), shown: name.to_owned() };
        }
        Leads::Nowhere
    }
}

/// A path from the top in small letters, without `.md`.
fn bare(path: &str) -> String {
    let path = path.to_lowercase();
    for end in [".md", ".markdown", ".mdown", ".mkd"] {
        if let Some(path) = path.strip_suffix(end) {
            return path.to_owned();
        }
    }
    path
}

/// A path from the top, for one from a folder; none, if it leads out of it all.
fn within(folder: &[String], path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.iter().map(String::as_str).collect();
    let path = match path.strip_prefix('/') {
        Some(path) => {
            parts.clear();
            path
        }
        None => path,
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
