//! What the app is made of, and under which licences: worked out while it is built, from what it is built of. Nothing has to
//! be asked for later.
//!
//! Crates come from `cargo metadata`, as far as they end up in the program; the window's packages from npm's lock file. The
//! texts are those that lie in each of them, each kept once.

use std::{
    collections::{BTreeSet, HashMap},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

/// How the files are called that hold a licence, or what it asks to be passed on.
const CALLED: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE"];
/// A longer file is no licence.
const LONGEST: u64 = 256 * 1024;

/// A part of the app, before its texts are looked for.
struct Part {
    name: String,
    version: String,
    licence: String,
    folder: PathBuf,
}

/// Everything the app is made of for a target, as JSON: `{"parts": [{name, version, licence, texts}], "texts": [...]}`.
pub fn collect(target: &str) -> Result<String, String> {
    let mut parts = crates(target)?;
    parts.extend(packages(Path::new("../ui"))?);
    parts.sort_by_cached_key(|part| (part.name.to_lowercase(), part.version.clone()));
    let mut texts: Vec<String> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let listed: Vec<Value> = parts
        .iter()
        .map(|part| {
            let own: BTreeSet<usize> = licences_in(&part.folder)
                .into_iter()
                .map(|text| {
                    *known.entry(text).or_insert_with_key(|text| {
                        texts.push(text.clone());
                        texts.len() - 1
                    })
                })
                .collect();
            json!({ "name": part.name, "version": part.version, "licence": part.licence, "texts": own })
        })
        .collect();
    Ok(json!({ "parts": listed, "texts": texts }).to_string())
}

/// The crates that are in the program: not those that only build or test it.
fn crates(target: &str) -> Result<Vec<Part>, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target])
        .output()
        .map_err(|error| format!("cargo metadata cannot be run: {error}"))?;
    if !asked.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&asked.stderr).trim()));
    }
    let metadata: Value = serde_json::from_slice(&asked.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: HashMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let needs: HashMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let in_the_program = |need: &&Value| list(&need["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            let needed = list(&node["deps"]).iter().filter(in_the_program).map(|need| text(&need["pkg"])).collect();
            (text(&node["id"]), needed)
        })
        .collect();
    let app = packages.iter().find(|(_, package)| package["name"] == env!("CARGO_PKG_NAME")).map(|(id, _)| id.clone());
    let mut ahead = vec![app.ok_or("cargo metadata does not know the app")?];
    let mut seen: BTreeSet<String> = ahead.iter().cloned().collect();
    let mut parts = Vec::new();
    while let Some(id) = ahead.pop() {
        let new = needs.get(&id).into_iter().flatten().filter(|need| seen.insert((*need).clone()));
        ahead.extend(new.cloned());
        let Some(package) = packages.get(&id).filter(|package| !package["source"].is_null()) else { continue };
        let named = text(&package["license"]);
        parts.push(Part {
            name: text(&package["name"]),
            version: text(&package["version"]),
            licence: if named.is_empty() { "see its text".to_owned() } else { named.replace('/', " OR ") },
            folder: PathBuf::from(text(&package["manifest_path"])).parent().map(Path::to_path_buf).unwrap_or_default(),
        });
    }
    Ok(parts)
}

/// The packages that are in the window.
fn packages(ui: &Path) -> Result<Vec<Part>, String> {
    let path = ui.join("package-lock.json");
    let read = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lock: Value = serde_json::from_slice(&read).map_err(|error| format!("{}: {error}", path.display()))?;
    let all = lock["packages"].as_object().into_iter().flatten();
    let part = |(at, package): (&String, &Value)| {
        let name = at.rsplit_once("node_modules/")?.1;
        let own = package["dev"] != true && package["optional"] != true && package["devOptional"] != true;
        own.then(|| Part {
            name: name.to_owned(),
            version: package["version"].as_str().unwrap_or_default().to_owned(),
            licence: package["license"].as_str().unwrap_or("see its text").to_owned(),
            folder: ui.join(at),
        })
    };
    Ok(all.filter_map(part).collect())
}

/// The licences that lie in a folder.
fn licences_in(folder: &Path) -> Vec<String> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().to_uppercase();
            let file = entry.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LONGEST);
            file && CALLED.iter().any(|called| name.starts_with(called))
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    let read = |path: PathBuf| fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
    found.into_iter().filter_map(read).filter(|text| !text.is_empty()).collect()
}
