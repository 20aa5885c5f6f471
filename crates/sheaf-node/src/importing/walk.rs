//! Which files there are below some paths. Links of the file system are not followed, so nothing outside is read and no
//! ring is walked; hidden files and folders are somebody else's.

use std::fs;
use std::path::{Path, PathBuf};

use super::left_out;
use crate::errand::Errand;
use crate::error::NodeError;
use crate::view::LeftOut;

/// How many files are looked at.
const MOST_FILES: usize = 50_000;
/// How deep folders may stand in each other.
const DEEPEST: usize = 32;

/// What was found.
#[derive(Default)]
pub struct Found {
    /// The files, each folder's in the order of their names.
    pub files: Vec<File>,
    /// What is not read.
    pub left_out: Vec<LeftOut>,
    /// Whether it was one file that was asked for: then one that cannot be read is an error.
    pub single: bool,
}

/// A file, and where it was found.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// The folders that it is in, from where the walk began, and its name.
    pub below: Vec<String>,
}

impl File {
    /// The path as it is shown.
    pub fn shown(&self) -> String {
        self.below.join("/")
    }
}

/// Finds all files. What is in one folder that is asked for stands at the top; of several, each is a folder of its own.
pub fn walk(paths: &[PathBuf], errand: &Errand) -> Result<Found, NodeError> {
    let mut found = Found { single: paths.len() == 1, ..Found::default() };
    for path in paths {
        // What a person names is followed once: it may well be a link.
        let path = fs::canonicalize(path).map_err(|error| unreadable(path, error))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let kind = fs::metadata(&path).map_err(|error| unreadable(&path, error))?;
        if kind.is_dir() {
            let below = if paths.len() == 1 { Vec::new() } else { vec![name] };
            found.single = false;
            folder(&path, &below, &mut found, errand)?;
        } else if kind.is_file() {
            found.files.push(File { path, below: vec![name] });
        } else {
            return Err(NodeError::BadInput(format!("{} is neither a file nor a folder.", path.display())));
        }
    }
    Ok(found)
}

fn folder(path: &Path, below: &[String], found: &mut Found, errand: &Errand) -> Result<(), NodeError> {
    errand.go_on()?;
    let shown = || below.join("/");
    if below.len() > DEEPEST {
        found.left_out.push(left_out(&shown(), format!("more than {DEEPEST} folders in each other")));
        return Ok(());
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        // The whole is not there, or a part of it.
        Err(error) if below.is_empty() => return Err(unreadable(path, error)),
        Err(error) => {
            found.left_out.push(left_out(&shown(), error.to_string()));
            return Ok(());
        }
    };
    let mut named: Vec<(String, PathBuf)> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(path, error))?;
        named.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        if named.len() + found.files.len() > MOST_FILES {
            return Err(NodeError::BadInput(format!(
                "more than {MOST_FILES} files are in {}. Import its folders one by one; nothing was imported.",
                path.display()
            )));
        }
    }
    named.sort_by_cached_key(|(name, _)| (name.to_lowercase(), name.clone()));
    for (name, path) in named {
        if name.starts_with('.') {
            continue;
        }
        let inside: Vec<String> = below.iter().cloned().chain([name]).collect();
        match fs::symlink_metadata(&path) {
            Ok(kind) if kind.is_dir() => folder(&path, &inside, found, errand)?,
            Ok(kind) if kind.is_file() => found.files.push(File { path, below: inside }),
            Ok(kind) if kind.is_symlink() => {
                found.left_out.push(left_out(&inside.join("/"), "it is a link to elsewhere"));
            }
            Ok(_) => found.left_out.push(left_out(&inside.join("/"), "it is no file")),
            Err(error) => found.left_out.push(left_out(&inside.join("/"), error.to_string())),
        }
    }
    Ok(())
}

/// What a path cannot be read for.
pub fn unreadable(path: &Path, error: std::io::Error) -> NodeError {
    NodeError::File { path: path.to_owned(), error }
}
