//! Copies of a home, as a backup of a whole disk holds them.

use std::fs;
use std::path::Path;

use crate::Home;

/// All that a home had at some time, what is kept outside of it as well.
pub struct Copied(tempfile::TempDir);

impl Home {
    /// Copies all of it.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn copied(&self) -> Copied {
        let folder = tempfile::tempdir().expect("a temporary folder");
        copy_folder(self.path(), folder.path());
        Copied(folder)
    }

    /// Puts all of a copy in the place of what there is: nothing on the disk tells afterwards.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn put_back(&self, copy: &Copied) {
        for entry in fs::read_dir(self.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.expect("it was there");
        }
        copy_folder(copy.0.path(), self.path());
    }
}

/// The files under a folder that hold one of these texts, in UTF-8 or UTF-16.
///
/// # Panics
/// When one of them cannot be read.
pub fn holding(folder: &Path, texts: &[&str]) -> Vec<String> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let wanted: Vec<(&str, Vec<u8>)> =
        texts.iter().flat_map(|text| [(*text, text.as_bytes().to_vec()), (*text, wide(text))]).collect();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holding(&path, texts));
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        for (text, bytes_of) in &wanted {
            if bytes.windows(bytes_of.len()).any(|window| window == bytes_of) {
                found.push(format!("{}: {text}", path.display()));
            }
        }
    }
    found
}

/// Copies a folder with all that is in it.
///
/// # Panics
/// When it cannot be copied.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}
