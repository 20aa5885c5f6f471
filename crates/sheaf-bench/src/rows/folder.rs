//! Bringing in a folder of a thousand files, and writing it out again.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use sheaf_node::Errand;

use super::{Context, count};
use crate::figures::Figures;
use crate::home::{self, Folder};
use crate::report::Row;

/// How many files.
const FILES: usize = 1_000;
/// How many stand in one folder.
const TOGETHER: usize = 25;

pub async fn rows(context: &Context) -> Result<Vec<Row>> {
    let files = if context.quick { FILES / 10 } else { FILES };
    let folder = Folder::new()?;
    let vault = folder.home().with_file_name("vault");
    let bytes = write(&vault, files)?;
    let node = home::new(&folder, "Ana").await?;
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for n in 0..context.samples(3) {
        let space = node.create_space(&format!("Vault {n}")).await?.id;
        let errand = Arc::new(Errand::new("bench"));
        let start = Instant::now();
        let report = node.import_paths(Some(&space), None, vec![vault.clone()], &errand).await?;
        imports.push(start.elapsed());
        let made = files + files.div_ceil(TOGETHER);
        ensure!(report.documents.len() == made, "{} of {made} documents were made", report.documents.len());
        let start = Instant::now();
        node.export_space(&space, &folder.home().with_file_name(format!("out {n}")), &errand).await?;
        exports.push(start.elapsed());
    }
    node.shutdown().await?;
    let about =
        format!("{} Markdown files in {} folders, {} KB", count(files), files.div_ceil(TOGETHER), bytes / 1_000);
    Ok(vec![
        Row::new("import-folder", format!("{about}: until all is saved"), Figures::of(&imports)),
        Row::new("export-space", "the same documents, written out as a folder", Figures::of(&exports)),
    ])
}

/// A vault: notes of some paragraphs, each with links to two others.
fn write(vault: &Path, files: usize) -> Result<usize> {
    let sentence = "The float sticks below the line, and the curve stops falling before low water. ";
    let mut bytes = 0;
    for n in 0..files {
        let mut text = format!("---\ntags: [river, \"{}\"]\n---\n# Note {n}\n\n", n % 7);
        for paragraph in 0..6 {
            let _ = write!(text, "{}See [[Note {}]].\n\n", sentence.repeat(4), (n * 7 + paragraph) % files);
        }
        let folder = vault.join(format!("Part {}", n / TOGETHER));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("Note {n}.md")), &text)?;
        bytes += text.len();
    }
    Ok(bytes)
}
