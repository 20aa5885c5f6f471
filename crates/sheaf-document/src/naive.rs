//! The model the tests hold everything else against: a row of single places, edited in the most obvious way.
//!
//! Every function takes the document apart into places, one for each UTF-16 code unit, marker and embed, does the one
//! thing it is for, and puts the items together again. Nothing here is quick, shared or clever.

use crate::{
    edit::{Edit, EditError},
    model::{Block, Item, MarkValue, Marks, Scalar},
    patch::Patch,
};

#[derive(Clone)]
enum Place {
    Unit(u16, Marks),
    Marker(Block),
    Embed(Block),
}

/// What edits make of a document.
pub fn apply_edits(items: &[Item], edits: &[Edit]) -> Result<Vec<Item>, EditError> {
    let mut places = take_apart(items);
    for edit in edits {
        match edit {
            Edit::Splice { at, delete, insert } => splice(&mut places, *at, *delete, insert)?,
            Edit::Mark { from, to, name, value } => mark(&mut places, *from, *to, name, value)?,
            Edit::SetBlock { at, kind, parents, attrs } => {
                let block = block_mut(&mut places, *at)?;
                if let Some(kind) = kind {
                    block.kind.clone_from(kind);
                }
                if let Some(parents) = parents {
                    block.parents.clone_from(parents);
                }
                for (name, value) in attrs {
                    match value {
                        Scalar::Null => block.attrs.remove(name),
                        value => block.attrs.insert(name.clone(), value.clone()),
                    };
                }
            }
        }
    }
    put_together(&places)
}

/// What patches make of a document.
pub fn apply_patches(items: &[Item], patches: &[Patch]) -> Result<Vec<Item>, EditError> {
    let mut places = take_apart(items);
    for patch in patches {
        match patch {
            Patch::Splice { at, delete, insert } => splice(&mut places, *at, *delete, insert)?,
            Patch::Mark { from, to, name, value } => mark(&mut places, *from, *to, name, value)?,
            Patch::SetBlock { at, block } => {
                let old = block_mut(&mut places, *at)?;
                *old = Block { is_embed: old.is_embed, ..block.clone() };
            }
        }
    }
    put_together(&places)
}

fn take_apart(items: &[Item]) -> Vec<Place> {
    let mut places = Vec::new();
    for item in items {
        match item {
            Item::Text { text, marks } => {
                let marks: Marks = marks.clone().into_iter().filter(|(_, value)| *value != Scalar::Null).collect();
                places.extend(text.encode_utf16().map(|unit| Place::Unit(unit, marks.clone())));
            }
            Item::Block { block } => places.push(Place::Marker(Block { is_embed: false, ..block.clone() })),
            Item::Embed { block } => places.push(Place::Embed(Block { is_embed: true, ..block.clone() })),
        }
    }
    places
}

fn put_together(places: &[Place]) -> Result<Vec<Item>, EditError> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < places.len() {
        match &places[at] {
            Place::Marker(block) => items.push(Item::Block { block: block.clone() }),
            Place::Embed(block) => items.push(Item::Embed { block: block.clone() }),
            Place::Unit(_, marks) => {
                let units: Vec<u16> = places[at..]
                    .iter()
                    .map_while(|place| match place {
                        Place::Unit(unit, same) if same == marks => Some(*unit),
                        _ => None,
                    })
                    .collect();
                let text = String::from_utf16(&units).map_err(|_| EditError::SplitsCharacter { at })?;
                at += units.len();
                items.push(Item::Text { text, marks: marks.clone() });
                continue;
            }
        }
        at += 1;
    }
    Ok(items)
}

fn check(places: &[Place], from: u32, to: u64) -> Result<(), EditError> {
    let len = places.len();
    if u64::from(from) > to || to > len as u64 {
        return Err(EditError::OutOfRange { at: to as usize, len });
    }
    Ok(())
}

fn splice(places: &mut Vec<Place>, at: u32, delete: u32, insert: &[Item]) -> Result<(), EditError> {
    let end = u64::from(at) + u64::from(delete);
    check(places, at, end)?;
    places.splice(at as usize..end as usize, take_apart(insert));
    Ok(())
}

fn mark(places: &mut [Place], from: u32, to: u32, name: &str, value: &MarkValue) -> Result<(), EditError> {
    check(places, from, u64::from(to))?;
    for place in &mut places[from as usize..to as usize] {
        if let Place::Unit(_, marks) = place {
            match value {
                Scalar::Null => marks.remove(name),
                value => marks.insert(name.to_owned(), value.clone()),
            };
        }
    }
    Ok(())
}

fn block_mut(places: &mut [Place], at: u32) -> Result<&mut Block, EditError> {
    match places.get_mut(at as usize) {
        Some(Place::Marker(block) | Place::Embed(block)) => Ok(block),
        _ => Err(EditError::NotABlock { at: at as usize }),
    }
}
