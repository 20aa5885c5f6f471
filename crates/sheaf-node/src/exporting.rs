//! A whole space as a folder of Markdown files.
//!
//! The tree of documents becomes folders: what is under a document stands in a folder that is called as its file. Links
//! between the documents become relative ones, tags front matter. Reading such a folder back gives the same tree and the
//! same blocks, as far as Markdown can say them. The folder appears when it is whole, and not before.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sheaf_access::DocumentId;
use sheaf_document::model::Item;
use sheaf_document::{Genesis, export, import};

use crate::core::{Core, locked};
use crate::document::load;
use crate::errand::Errand;
use crate::error::NodeError;
use crate::space::Space;
use crate::view::{DocumentInfo, ExportReport};

/// Where each document's file stands: the folders, and its name without what it ends in.
struct Names(HashMap<String, Vec<String>>);

impl Names {
    /// Names for documents in the order of their tree.
    fn of(documents: &[DocumentInfo]) -> Self {
        let mut names: HashMap<String, Vec<String>> = HashMap::new();
        let mut taken: HashSet<Vec<String>> = HashSet::new();
        for document in documents {
            let above = document.parent.as_ref().and_then(|parent| names.get(parent)).cloned().unwrap_or_default();
            let name = export::file_name(&document.title);
            // Many disks do not tell capitals from small letters.
            let free = |name: &String| {
                let mut path = above.clone();
                path.push(name.to_lowercase());
                path
            };
            let mut own = name.clone();
            let mut number = 2;
            while !taken.insert(free(&own)) {
                own = format!("{name} {number}");
                number += 1;
            }
            let path = above.iter().cloned().chain([own]).collect();
            names.insert(document.id.clone(), path);
        }
        Self(names)
    }

    /// The address of a document in a file of another.
    fn address(&self, from: &str, to: &str) -> Option<String> {
        let (from, to) = (self.0.get(from)?, self.0.get(to)?);
        let from = &from[..from.len() - 1];
        let shared = from.iter().zip(to).take_while(|(one, other)| one == other).count().min(to.len() - 1);
        let up = std::iter::repeat_n("..", from.len() - shared);
        let parts: Vec<&str> = up.chain(to[shared..].iter().map(String::as_str)).collect();
        Some(export::path_address(&format!("{}.md", parts.join("/"))))
    }
}

impl Core {
    /// Writes a space's documents into a folder that is not there yet, or empty.
    pub async fn export_space(
        self: &Arc<Self>,
        space: &Arc<Space>,
        folder: &Path,
        errand: &Errand,
    ) -> Result<ExportReport, NodeError> {
        let documents = self.list_documents(space).await?;
        let begun = Begun::at(folder)?;
        let names = Names::of(&documents);
        for (number, document) in documents.iter().enumerate() {
            errand.step(self, number, documents.len(), &document.title)?;
            let id = crate::library::parse_document(&document.id)?;
            let mut items = self.items_of(space, id).await?;
            export::relink_documents(&mut items, |to| names.address(&document.id, to));
            let tags = document.tags.iter().cloned().collect();
            let text = import::with_tags(&export::markdown(&items), &tags);
            if let Some(path) = names.0.get(&document.id) {
                begun.write(path, &text)?;
            }
        }
        errand.step(self, documents.len(), documents.len(), "")?;
        begun.finish()?;
        Ok(ExportReport { folder: folder.display().to_string(), documents: documents.len() })
    }

    /// The blocks of a document. For one that is not open, no thread is begun.
    async fn items_of(self: &Arc<Self>, space: &Arc<Space>, id: DocumentId) -> Result<Vec<Item>, NodeError> {
        if locked(&self.documents).contains_key(&(space.id, id)) {
            return self.with_document(space, id, Genesis::Text, |task| Ok(task.items())).await;
        }
        let (core, space) = (Arc::clone(self), Arc::clone(space));
        let read = move || load::load(&core, &space, id, Genesis::Text).map(|loaded| loaded.document.items());
        tokio::task::spawn_blocking(read).await.map_err(|_| NodeError::Closing)?
    }
}

/// A folder that is being written, under another name beside where it will stand. It goes if it is not finished.
struct Begun {
    part: PathBuf,
    folder: PathBuf,
    finished: bool,
}

impl Begun {
    fn at(folder: &Path) -> Result<Self, NodeError> {
        let is_free = match fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(unwritable(folder, &error)),
        };
        let name = folder.file_name().filter(|_| is_free).ok_or_else(|| {
            NodeError::BadInput(format!(
                "{} is no empty or new folder. Name one; nothing was written.",
                folder.display()
            ))
        })?;
        let part = folder.with_file_name(format!(".{}.part-{:08x}", name.to_string_lossy(), rand::random::<u32>()));
        fs::create_dir(&part).map_err(|error| unwritable(&part, &error))?;
        Ok(Self { part, folder: folder.to_owned(), finished: false })
    }

    fn write(&self, path: &[String], text: &str) -> Result<(), NodeError> {
        let mut file = path.iter().fold(self.part.clone(), |file, name| file.join(name)).into_os_string();
        file.push(".md");
        let file = PathBuf::from(file);
        if let Some(above) = file.parent() {
            fs::create_dir_all(above).map_err(|error| unwritable(above, &error))?;
        }
        fs::write(&file, text).map_err(|error| unwritable(&file, &error))
    }

    fn finish(mut self) -> Result<(), NodeError> {
        // An empty one that was there makes room: not every system puts a folder in the place of another.
        match fs::remove_dir(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(&self.folder, &error)),
            _ => {}
        }
        fs::rename(&self.part, &self.folder).map_err(|error| unwritable(&self.folder, &error))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = fs::remove_dir_all(&self.part)
        {
            tracing::warn!(%error, folder = %self.part.display(), "what was written of an export is not removed");
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> NodeError {
    NodeError::CannotWrite(format!("{} cannot be written: {error}. Nothing was exported.", path.display()))
}
