//! Files and folders in, documents and spaces out.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use sheaf_node::{Errand, ExportReport, Format, ImportReport, SpaceInfo, file_name};
use tauri::{AppHandle, State, WebviewWindow};

use super::files;
use crate::{
    app::App,
    problem::{Answer, Problem},
};

/// The long work that is under way, by the names the windows have given it.
#[derive(Default)]
pub struct Errands(Mutex<HashMap<String, Arc<Errand>>>);

impl Errands {
    fn begin(&self, name: &str) -> UnderWay<'_> {
        let errand = Arc::new(Errand::new(name));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Arc::clone(&errand));
        UnderWay { errands: self, name: name.to_owned(), errand }
    }
}

/// One of them; it is forgotten when it ends, however it ends.
struct UnderWay<'e> {
    errands: &'e Errands,
    name: String,
    errand: Arc<Errand>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.errands.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// Asks for files, or for a folder, and makes documents of them. None if nothing was chosen.
#[tauri::command]
pub async fn import_files(
    app: AppHandle,
    window: WebviewWindow,
    state: State<'_, App>,
    errands: State<'_, Errands>,
    space: String,
    folder: bool,
    errand: String,
) -> Answer<Option<ImportReport>> {
    let paths = if folder {
        files::folder(&app, &window, "Import a folder").await?.into_iter().collect()
    } else {
        files::to_read_all(&app, &window, "Import files").await?
    };
    if paths.is_empty() {
        return Ok(None);
    }
    let under_way = errands.begin(&errand);
    Ok(Some(state.node().await?.import_paths(Some(&space), None, paths, &under_way.errand).await?))
}

/// Asks where, and writes a whole space there, into a new folder. None if nothing was chosen.
#[tauri::command]
pub async fn export_space(
    app: AppHandle,
    window: WebviewWindow,
    state: State<'_, App>,
    errands: State<'_, Errands>,
    space: String,
    name: String,
    errand: String,
) -> Answer<Option<ExportReport>> {
    let Some(above) = files::folder(&app, &window, "Export a space into…").await? else { return Ok(None) };
    let name = file_name(&name);
    let named = |number: usize| if number < 2 { above.join(&name) } else { above.join(format!("{name} {number}")) };
    // One of so many names is free, or the person has made a thousand copies.
    let folder = (1..1_000).map(named).find(|folder| !folder.exists()).unwrap_or_else(|| above.join(&name));
    let under_way = errands.begin(&errand);
    Ok(Some(state.node().await?.export_space(&space, &folder, &under_way.errand).await?))
}

/// Begins a space of this person's own with a copy of every document of another.
#[tauri::command]
pub async fn begin_anew(
    state: State<'_, App>,
    errands: State<'_, Errands>,
    space: String,
    name: String,
    errand: String,
) -> Answer<SpaceInfo> {
    let under_way = errands.begin(&errand);
    Ok(state.node().await?.begin_anew(&space, &name, &under_way.errand).await?)
}

/// Asks long work to stop. What has ended meanwhile has ended.
#[tauri::command]
pub fn stop_errand(errands: State<'_, Errands>, errand: String) {
    if let Some(errand) = errands.0.lock().unwrap_or_else(PoisonError::into_inner).get(&errand) {
        errand.stop();
    }
}

/// Asks where, and writes a document there: as `md`, `html`, `docx` or `automerge`. False if nothing was chosen.
#[tauri::command]
pub async fn export_document(
    app: AppHandle,
    window: WebviewWindow,
    state: State<'_, App>,
    document: String,
    name: String,
    format: String,
) -> Answer<bool> {
    let kind = match format.as_str() {
        "md" => Format::Markdown,
        "html" => Format::Html,
        "docx" => Format::Docx,
        "automerge" => Format::Automerge,
        _ => return Err(Problem::new("bad-input", "A document is exported as Markdown, HTML, Word or Automerge.")),
    };
    let bytes = state.node().await?.export(&document, kind).await?;
    let name = format!("{}.{format}", file_name(&name));
    let Some(path) = files::to_write(&app, &window, "Export", &name).await? else { return Ok(false) };
    write(path, bytes).await
}

/// Writes a file, whole or not at all: beside its place first.
pub(super) async fn write(path: PathBuf, bytes: Vec<u8>) -> Answer<bool> {
    let shown = path.display().to_string();
    let write = move || {
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, &path));
        if written.is_err() {
            // There may be nothing to remove.
            let _ = std::fs::remove_file(&part);
        }
        written
    };
    tokio::task::spawn_blocking(write)
        .await
        .map_err(|error| Problem::new("internal", error.to_string()))?
        .map_err(|error| Problem::new("cannot-write", format!("{shown} cannot be written: {error}")))?;
    Ok(true)
}
