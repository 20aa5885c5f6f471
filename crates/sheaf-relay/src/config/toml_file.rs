//! A TOML file as figment takes it, with the line of every key.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};
use toml::de::{DeTable, DeValue};

/// What a file says, and where.
pub(super) struct TomlFile {
    pub(super) values: Dict,
    /// The line of each key, written with dots, tables included.
    pub(super) lines: BTreeMap<String, usize>,
}

/// The file is not TOML.
pub(super) struct NotToml {
    pub(super) line: Option<usize>,
    pub(super) what: String,
}

pub(super) fn read(text: &str) -> Result<TomlFile, NotToml> {
    let line_at = |offset: usize| text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| NotToml {
        line: error.span().map(|span| line_at(span.start)),
        what: error.message().to_owned(),
    })?;
    let mut lines = BTreeMap::new();
    let values = dict(table.get_ref(), "", &mut |key, offset| {
        lines.insert(key, line_at(offset));
    });
    Ok(TomlFile { values, lines })
}

fn dict(table: &DeTable<'_>, above: &str, at: &mut impl FnMut(String, usize)) -> Dict {
    let mut dict = Dict::new();
    for (key, value) in table {
        let path = if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
        let value = self::value(value.get_ref(), &path, at);
        at(path, key.span().start);
        dict.insert(key.get_ref().to_string(), value);
    }
    dict
}

/// Every value is taken as its text: the settings know how to read theirs.
fn value(value: &DeValue<'_>, path: &str, at: &mut impl FnMut(String, usize)) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => Value::from(number.to_string()),
        DeValue::Float(number) => Value::from(number.to_string()),
        DeValue::Boolean(yes) => Value::from(yes.to_string()),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => {
            Value::from(items.iter().map(|item| self::value(item.get_ref(), path, at)).collect::<Vec<_>>())
        }
        DeValue::Table(table) => Value::from(dict(table, path, at)),
    }
}
