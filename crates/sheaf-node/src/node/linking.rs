//! Links between documents: what one leads to, and what leads to one.

use sheaf_document::export;

use super::Node;
use crate::error::NodeError;
use crate::library::parse_document;
use crate::view::{BacklinkInfo, DocumentPreview};

/// How many lines a preview has.
const LINES: usize = 5;
/// How long each may be, in characters.
const LINE: usize = 160;

impl Node {
    /// The beginning of a document, for whoever is about to follow a link to it. Of one that is in the trash only its title:
    /// reading it is what bringing it back is for.
    pub async fn preview(&self, document: &str) -> Result<DocumentPreview, NodeError> {
        if let Some(gone) = self.trashed(None).await?.into_iter().find(|one| one.id == document) {
            let space = self.core.space_name(&self.space_of(&gone.space)?).await?;
            return Ok(DocumentPreview { id: gone.id, title: gone.title, space, trashed: true, lines: Vec::new() });
        }
        let (info, items) = self.read(document).await?;
        let space = self.core.space_name(&self.space_of(&info.space)?).await?;
        let text = export::plain(&items);
        let lines = first_lines(&text, &info.title);
        Ok(DocumentPreview { id: info.id, title: info.title, space, trashed: false, lines })
    }

    /// The documents of all spaces that link to one.
    pub async fn backlinks(&self, document: &str) -> Result<Vec<BacklinkInfo>, NodeError> {
        self.core.me()?;
        self.core.backlinks(parse_document(document)?).await
    }
}

/// The first lines that say something, none of them the title, each cut where it is long.
fn first_lines(text: &str, title: &str) -> Vec<String> {
    let mut said = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    said.next_if(|line| *line == title.trim());
    let cut = |line: &str| match line.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    };
    said.take(LINES).map(cut).collect()
}
