//! Between Automerge's values and the model's.

use automerge::{Automerge, AutomergeError, ChangeHash, ObjId, ReadDoc, ScalarValue, Span, hydrate, marks::MarkSet};

use crate::model::{Block, Item, Marks, Scalar};

/// Whole numbers up to here are the same as an integer and as a double.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A mark whose name or value is longer than this is nothing a window could draw. It stays in the document.
const MAX_MARK_NAME: usize = 256;
const MAX_MARK_VALUE: usize = 64 * 1024;

#[expect(clippy::cast_precision_loss, reason = "numbers are exact up to 2^53, as the window's are")]
pub(crate) fn scalar_of(value: &ScalarValue) -> Scalar {
    match value {
        ScalarValue::Null => Scalar::Null,
        ScalarValue::Boolean(yes) => Scalar::Bool(*yes),
        ScalarValue::Str(text) => Scalar::Text(text.to_string()),
        ScalarValue::Int(number) | ScalarValue::Timestamp(number) => Scalar::Number(*number as f64),
        ScalarValue::Uint(number) => Scalar::Number(*number as f64),
        ScalarValue::Counter(counter) => Scalar::Number(i64::from(counter) as f64),
        // JSON has no words for these, and would turn them into nothing.
        ScalarValue::F64(number) if !number.is_finite() => Scalar::Text(number.to_string()),
        ScalarValue::F64(number) => Scalar::Number(*number),
        ScalarValue::Bytes(bytes) | ScalarValue::Unknown { bytes, .. } => {
            let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or('0');
            Scalar::Text(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
        }
    }
}

pub(crate) fn scalar_into(value: &Scalar) -> ScalarValue {
    match value {
        Scalar::Bool(yes) => ScalarValue::Boolean(*yes),
        Scalar::Text(text) => ScalarValue::Str(text.as_str().into()),
        Scalar::Number(number) if number.fract() == 0.0 && number.abs() <= MAX_EXACT => {
            ScalarValue::Int(*number as i64)
        }
        Scalar::Number(number) if number.is_finite() => ScalarValue::F64(*number),
        Scalar::Null | Scalar::Number(_) => ScalarValue::Null,
    }
}

/// A mark as the model has it; none for one that is too large to show.
pub(crate) fn mark_of(name: &str, value: &ScalarValue) -> Option<(String, Scalar)> {
    let length = match value {
        ScalarValue::Str(text) => text.len(),
        ScalarValue::Bytes(bytes) | ScalarValue::Unknown { bytes, .. } => bytes.len(),
        _ => 0,
    };
    (name.len() <= MAX_MARK_NAME && length <= MAX_MARK_VALUE).then(|| (name.to_owned(), scalar_of(value)))
}

pub(crate) fn marks_of(marks: &MarkSet) -> Marks {
    marks.iter().filter_map(|(name, value)| mark_of(name, value)).filter(|(_, value)| *value != Scalar::Null).collect()
}

/// The text of a value that is a text in either of the two ways other programs write one.
fn text_of(value: &hydrate::Value) -> Option<String> {
    match value {
        hydrate::Value::Scalar(ScalarValue::Str(text)) => Some(text.to_string()),
        hydrate::Value::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

/// A marker or embed. What is no scalar among its attributes is not shown, and stays.
pub(crate) fn block_of(map: &hydrate::Map) -> Block {
    let parents = match map.get("parents") {
        Some(hydrate::Value::List(list)) => list.iter().filter_map(|parent| text_of(&parent.value)).collect(),
        _ => Vec::new(),
    };
    let attrs = match map.get("attrs") {
        Some(hydrate::Value::Map(attrs)) => attrs
            .iter()
            .filter_map(|(name, value)| match &value.value {
                hydrate::Value::Scalar(scalar) => Some((name.clone(), scalar_of(scalar))),
                other => text_of(other).map(|text| (name.clone(), Scalar::Text(text))),
            })
            .collect(),
        _ => std::collections::BTreeMap::new(),
    };
    Block {
        kind: map.get("type").and_then(text_of).unwrap_or_else(|| "paragraph".to_owned()),
        parents,
        attrs,
        is_embed: matches!(map.get("isEmbed"), Some(hydrate::Value::Scalar(ScalarValue::Boolean(true)))),
    }
}

pub(crate) fn item_of_block(block: Block) -> Item {
    if block.is_embed { Item::Embed { block } } else { Item::Block { block } }
}

/// The marker or embed with this id.
pub(crate) fn read_block(doc: &impl ReadDoc, id: &ObjId, heads: Option<&[ChangeHash]>) -> Option<Block> {
    match doc.hydrate(id, heads) {
        Ok(hydrate::Value::Map(map)) => Some(block_of(&map)),
        _ => None,
    }
}

/// The document afresh, now or at older heads. All of `heads` must be held.
pub(crate) fn read(
    doc: &Automerge,
    content: &ObjId,
    heads: Option<&[ChangeHash]>,
) -> Result<Vec<Item>, AutomergeError> {
    let spans = match heads {
        Some(heads) => doc.spans_at(content, heads)?,
        None => doc.spans(content)?,
    };
    Ok(spans
        .map(|span| match span {
            Span::Text { text, marks } => {
                Item::Text { text, marks: marks.map(|marks| marks_of(&marks)).unwrap_or_default() }
            }
            Span::Block(map) => item_of_block(block_of(&map)),
        })
        .collect())
}
