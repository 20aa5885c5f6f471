//! Reading a configuration from its four places, and saying what is wrong where.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Serialize;

use super::{Config, Door, check, table, toml_file};

/// What stands before a setting's name in the environment.
const PREFIX: &str = "SHEAF_RELAY_";
/// Between the names of a table and of a setting in it, where a file has a dot.
const BETWEEN: &str = "__";
/// Read by the command line: which file there is.
const CONFIG: &str = "SHEAF_RELAY_CONFIG";
/// A configuration is a page of text; this is a large one.
const MAX_FILE: u64 = 1 << 20;

/// The settings that have flags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Flags {
    /// `--data`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// `--listen`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// `--name`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `--http`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Door>,
    /// `--cluster`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// Something that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands: a file and line, a variable of the environment, a flag.
    pub place: String,
    /// Which setting, if it is one.
    pub key: Option<String>,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {}", self.place, self.what),
            None => write!(f, "{}: {}", self.place, self.what),
        }
    }
}

/// Everything that is wrong with a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// One of the places: what it says, and where it says each thing.
struct Place {
    name: String,
    values: Dict,
    lines: BTreeMap<String, usize>,
}

impl Provider for &Place {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

impl Place {
    /// Where a setting stands here.
    fn of(&self, key: &str) -> String {
        match self.lines.get(key) {
            Some(line) => format!("{}:{line}", self.name),
            None if self.name == ENVIRONMENT => variable(key),
            None if self.name == FLAGS => format!("--{key}"),
            None => self.name.clone(),
        }
    }

    fn says(&self, key: &str) -> bool {
        let mut dict = &self.values;
        let (tables, last) = key.rsplit_once('.').map_or((None, key), |(tables, last)| (Some(tables), last));
        for name in tables.into_iter().flat_map(|tables| tables.split('.')) {
            match dict.get(name) {
                Some(Value::Dict(_, inner)) => dict = inner,
                _ => return false,
            }
        }
        dict.contains_key(last)
    }

    /// What stands here and is no setting.
    fn unknown(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        leaves(&self.values, "", &mut |key| {
            if !table::SETTINGS.iter().any(|setting| setting.key == key) {
                let what = match table::nearest(key) {
                    Some(near) if self.name == ENVIRONMENT => format!("no such setting; is it {} ?", variable(near)),
                    Some(near) => format!("no such setting; is it `{near}`?"),
                    None => "no such setting; docs/operating.md lists them".to_owned(),
                };
                found.push(Problem { place: self.of(key), key: Some(key.to_owned()), what });
            }
        });
        found
    }
}

const ENVIRONMENT: &str = "environment";
const FLAGS: &str = "flags";
const DEFAULTS: &str = "defaults";

/// The name of a setting in the environment.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', BETWEEN))
}

/// The settings in a dictionary, with dots. An empty table says nothing, and is none.
fn leaves(dict: &Dict, above: &str, found: &mut impl FnMut(&str)) {
    for (name, value) in dict {
        let key = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match value {
            Value::Dict(_, inner) => leaves(inner, &key, found),
            _ => found(&key),
        }
    }
}

/// Reads a configuration: the defaults, this file if any, these variables of the environment, these flags. What is wrong is
/// said all at once, as far as one thing does not hide another.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Flags,
) -> Result<Config, Problems> {
    let mut places = Vec::new();
    if let Some(path) = file {
        places.push(from_file(path).map_err(|problem| Problems(vec![problem]))?);
    }
    places.push(from_environment(environment));
    places.push(from_flags(flags));

    let unknown: Vec<Problem> = places.iter().flat_map(Place::unknown).collect();
    if !unknown.is_empty() {
        return Err(Problems(unknown));
    }
    let defaults = Figment::from(Serialized::defaults(Config::default()));
    let all = places.iter().fold(defaults, |all, place| all.merge(place));
    // The last place that says it is the one that counts.
    let place_of = |key: &str| {
        let said = places.iter().rev().find(|place| place.says(key));
        said.map_or_else(|| DEFAULTS.to_owned(), |place| place.of(key))
    };
    let config: Config = all.extract().map_err(|errors| {
        let problems = errors.into_iter().map(|error| {
            let key = error.path.join(".");
            let what = error.kind.to_string();
            Problem { place: place_of(&key), key: (!key.is_empty()).then_some(key), what }
        });
        Problems(problems.collect())
    })?;
    let wrong: Vec<Problem> = check::check(&config)
        .into_iter()
        .map(|(key, what)| Problem { place: place_of(key), key: Some(key.to_owned()), what })
        .collect();
    if wrong.is_empty() { Ok(config) } else { Err(Problems(wrong)) }
}

fn from_file(path: &Path) -> Result<Place, Problem> {
    let name = path.display().to_string();
    let problem = |line: Option<usize>, what: String| Problem {
        place: line.map_or_else(|| name.clone(), |line| format!("{name}:{line}")),
        key: None,
        what,
    };
    let length = std::fs::metadata(path).map_err(|error| problem(None, format!("cannot be read: {error}")))?.len();
    if length > MAX_FILE {
        return Err(problem(None, format!("is {length} bytes long, which is no configuration")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| problem(None, format!("cannot be read: {error}")))?;
    let read = toml_file::read(&text).map_err(|error| problem(error.line, error.what))?;
    Ok(Place { name, values: read.values, lines: read.lines })
}

fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Place {
    let mut values = Dict::new();
    for (name, value) in variables {
        let Some(key) = name.strip_prefix(PREFIX).filter(|_| name != CONFIG) else { continue };
        let key = key.to_ascii_lowercase();
        let mut dict = &mut values;
        let mut parts = key.split(BETWEEN).peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                dict.insert(part.to_owned(), Value::from(value.as_str()));
                break;
            }
            let inner = dict.entry(part.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            // A variable that names a setting where another names a table: the longer one is an unknown setting.
            if !matches!(inner, Value::Dict(..)) {
                *inner = Value::from(Dict::new());
            }
            let Value::Dict(_, inner) = inner else { break };
            dict = inner;
        }
    }
    Place { name: ENVIRONMENT.to_owned(), values, lines: BTreeMap::new() }
}

fn from_flags(flags: &Flags) -> Place {
    let values = match Value::serialize(flags) {
        Ok(Value::Dict(_, values)) => values,
        // A struct of texts becomes a dictionary of texts.
        _ => Dict::new(),
    };
    Place { name: FLAGS.to_owned(), values, lines: BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Bytes, Mode, Token};

    fn from(text: &str, variables: &[(&str, &str)], flags: &Flags) -> Result<Config, Problems> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("relay.toml");
        std::fs::write(&path, text).expect("a file in it");
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let loaded = load(Some(&path), variables, flags);
        loaded.map_err(|Problems(problems)| {
            let named = |problem: Problem| Problem {
                place: problem.place.replace(&format!("{}/", folder.path().display()), ""),
                ..problem
            };
            Problems(problems.into_iter().map(named).collect())
        })
    }

    fn refused(text: &str, variables: &[(&str, &str)]) -> String {
        from(text, variables, &Flags::default()).expect_err(text).to_string()
    }

    #[test]
    fn nothing_said_is_the_defaults() {
        assert_eq!(load(None, [], &Flags::default()), Ok(Config::default()));
        assert_eq!(from("", &[], &Flags::default()), Ok(Config::default()));
    }

    #[test]
    fn flags_go_before_the_environment_and_that_before_the_file() {
        let file = "data = '/file'\nlisten = '127.0.0.1:1'\nhttp = '127.0.0.1:1'\n[quotas]\nspace_bytes = '1 MiB'\n";
        let variables = [
            ("SHEAF_RELAY_LISTEN", "127.0.0.1:2"),
            ("SHEAF_RELAY_HTTP", "[::1]:2"),
            ("SHEAF_RELAY_ADMISSION__MODE", "open"),
            ("SHEAF_RELAY_CONFIG", "not a setting"),
            ("HOME", "not ours"),
        ];
        let flags = Flags { http: Some(Door(None)), ..Flags::default() };
        let config = from(file, &variables, &flags).expect("it is sound");
        assert_eq!(config.data, Path::new("/file"));
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.http, Door(None));
        assert_eq!(config.admission.mode, Mode::Open);
        assert_eq!(config.quotas.space_bytes, Bytes(1 << 20));
        assert_eq!(config.quotas.person_bytes, Config::default().quotas.person_bytes);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_key() {
        let said = refused("# a relay\n\n[limits]\nconections = 5\n", &[]);
        assert_eq!(said, "relay.toml:4: limits.conections: no such setting; is it `limits.connections`?");
        let said = refused("[quotas]\n# much\nspace_bytes = '1 parsec'\n", &[]);
        assert!(said.starts_with("relay.toml:3: quotas.space_bytes: `1 parsec` is not a size"), "{said}");
        let said = refused("data = 'x'\nlisten = \n", &[]);
        assert!(said.starts_with("relay.toml:2: "), "{said}");
        let said = refused("[admission]\nmode = 'closed'\n", &[]);
        assert!(said.starts_with("relay.toml:2: admission.mode: "), "{said}");
        assert!(said.contains("open"), "{said}");
    }

    #[test]
    fn what_is_wrong_in_the_environment_is_said_with_the_variable() {
        let said = refused("", &[("SHEAF_RELAY_LIMITS__CONNECTIONS", "many")]);
        assert!(
            said.starts_with("SHEAF_RELAY_LIMITS__CONNECTIONS: limits.connections: `many` is not a number"),
            "{said}"
        );
        let said = refused("", &[("SHEAF_RELAY_LISTE", "1")]);
        assert_eq!(said, "SHEAF_RELAY_LISTE: liste: no such setting; is it SHEAF_RELAY_LISTEN ?");
        // One that names a table as if it were a setting.
        assert!(refused("", &[("SHEAF_RELAY_LIMITS", "1")]).contains("no such setting"));
    }

    #[test]
    fn unknown_settings_are_said_all_at_once() {
        let said = refused("a = 1\nb = 2\n[c]\nd = 3\n", &[("SHEAF_RELAY_E", "4")]);
        assert_eq!(said.lines().count(), 4, "{said}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let said = load(Some(Path::new("/nowhere/relay.toml")), [], &Flags::default()).expect_err("it is not there");
        assert!(said.to_string().starts_with("/nowhere/relay.toml: cannot be read: "), "{said}");
    }

    #[test]
    fn a_token_is_not_shown() {
        let config = from("[admission]\ntoken = 'correct-horse-battery-staple'\n", &[], &Flags::default());
        let config = config.expect("it is sound");
        assert_eq!(config.admission.token.as_ref().map(Token::expose), Some("correct-horse-battery-staple"));
        assert!(!format!("{config:?}").contains("horse"));
        assert!(!serde_json::to_string(&config).expect("it serialises").contains("horse"));
        assert!(!refused("[admission]\ntoken = 'short'\n", &[]).contains("short'"));
    }
}
