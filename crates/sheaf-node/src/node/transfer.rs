//! Files and folders in, a folder of files out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Node, blocking};
use crate::errand::Errand;
use crate::error::NodeError;
use crate::importing;
use crate::view::{ExportReport, ImportReport, SpaceInfo};

impl Node {
    /// Makes documents of files and of everything in folders, last in a space's tree or under a document of it. Folders
    /// become documents with the others under them; links between the files lead to their documents. All or nothing is
    /// imported of what can be read; what cannot is told in the report.
    pub async fn import_paths(
        &self,
        space: Option<&str>,
        under: Option<&str>,
        paths: Vec<PathBuf>,
        errand: &Arc<Errand>,
    ) -> Result<ImportReport, NodeError> {
        let space = match under {
            Some(under) => self.locate(under).await?.0,
            None => self.space_or_first(space)?,
        };
        // Whoever may not write there hears it before a thousand files are read.
        let me = self.core.me()?;
        space.lock().may_write(&me)?;
        let (core, held, id) = (Arc::clone(&self.core), Arc::clone(errand), space.id);
        let plan = blocking(move || importing::plan(&core, id, &paths, &held)).await?;
        let report = self.core.import_planned(&space, under, plan, errand).await?;
        self.settle().await?;
        Ok(report)
    }

    /// Begins a space of this person's own with a copy of every document of another one, for where nobody is left who could
    /// invite, remove, or change a role. The other space stays as it is. Until all copies are made the new one shows none.
    pub async fn begin_anew(&self, space: &str, name: &str, errand: &Errand) -> Result<SpaceInfo, NodeError> {
        let from = self.space_of(space)?;
        let (plan, templates) = self.core.plan_anew(&from, errand).await?;
        let made = self.create_space(name).await?;
        let into = self.space_of(&made.id)?;
        self.core.import_planned(&into, None, plan, errand).await?;
        for template in templates {
            self.core.set_template(&into, template, true).await?;
        }
        self.settle().await?;
        Ok(made)
    }

    /// Writes all documents of a space as Markdown files into a folder that is new or empty. It appears whole or not at all.
    pub async fn export_space(&self, space: &str, folder: &Path, errand: &Errand) -> Result<ExportReport, NodeError> {
        self.core.me()?;
        let space = self.space_of(space)?;
        self.core.export_space(&space, folder, errand).await
    }
}
