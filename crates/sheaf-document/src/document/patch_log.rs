//! From Automerge's patches to ours.
//!
//! A patch log is in the coordinates of the state the change was made at, and may serve only a reading of exactly that
//! state (W5). Markers arrive in pieces (an insertion, then a put for each property); here they become the whole marker
//! as it reads in the end.

use std::collections::BTreeSet;

use automerge::{Automerge, ChangeHash, ObjId, ObjType, Patch as AutomergePatch, PatchAction, Prop, Value};

use super::convert;
use crate::{model::Item, patch::Patch};

/// Our patches for Automerge's, or nothing when one of them is of a kind that a window cannot be told: then two
/// readings must be compared. `heads` is the state they lead to; none when that is the present one.
pub(crate) fn patches_of(
    doc: &Automerge,
    content: &ObjId,
    log: Vec<AutomergePatch>,
    heads: Option<&[ChangeHash]>,
) -> Option<Vec<Patch>> {
    let mut out = Vec::new();
    let mut touched = BTreeSet::new();
    for AutomergePatch { obj, path, action } in log {
        if obj != *content {
            // Something inside a marker or embed. Its path says where that one stands in the end.
            touched.extend(path.iter().find_map(|(parent, prop)| match prop {
                Prop::Seq(at) if parent == content => Some(*at),
                _ => None,
            }));
            continue;
        }
        match action {
            PatchAction::SpliceText { index, value, marks } => {
                let marks = marks.as_ref().map(convert::marks_of).unwrap_or_default();
                out.push(Patch::Splice {
                    at: place(index)?,
                    delete: 0,
                    insert: vec![Item::Text { text: value.make_string(), marks }],
                });
            }
            PatchAction::DeleteSeq { index, length } => {
                out.push(Patch::Splice { at: place(index)?, delete: place(length)?, insert: Vec::new() });
            }
            PatchAction::Insert { index, values } => {
                let mut insert = Vec::new();
                for (value, id, _) in &values {
                    let Value::Object(ObjType::Map) = value else { return None };
                    insert.push(convert::item_of_block(convert::read_block(doc, id, heads)?));
                }
                out.push(Patch::Splice { at: place(index)?, delete: 0, insert });
            }
            PatchAction::Mark { marks } => {
                for mark in marks {
                    if let Some((name, value)) = convert::mark_of(&mark.name, &mark.value) {
                        out.push(Patch::Mark { from: place(mark.start)?, to: place(mark.end)?, name, value });
                    }
                }
            }
            PatchAction::Conflict { .. } => {}
            // A place that was overwritten in a way only other programs do.
            _ => return None,
        }
    }
    for at in touched {
        let (value, id) = match heads {
            Some(heads) => automerge::ReadDoc::get_at(doc, content, at, heads),
            None => automerge::ReadDoc::get(doc, content, at),
        }
        .ok()??;
        if matches!(value, Value::Object(ObjType::Map)) {
            out.push(Patch::SetBlock { at: place(at)?, block: convert::read_block(doc, &id, heads)? });
        }
    }
    Some(out)
}

fn place(index: usize) -> Option<u32> {
    u32::try_from(index).ok()
}

/// Text patches of one change that simply follow each other are one.
pub(crate) fn join(patches: Vec<Patch>) -> Vec<Patch> {
    let mut out: Vec<Patch> = Vec::with_capacity(patches.len());
    for patch in patches {
        if let (Some(Patch::Splice { at, delete: 0, insert }), Patch::Splice { at: next, delete: 0, insert: more }) =
            (out.last_mut(), &patch)
            && let ([Item::Text { text, marks }], [Item::Text { text: more, marks: same }]) =
                (&mut insert[..], &more[..])
            && marks == same
            && *at as usize + crate::reading::items::utf16_len(text) == *next as usize
        {
            text.push_str(more);
            continue;
        }
        out.push(patch);
    }
    out
}
