//! What the windows remember between runs: a small file in the home, read before anything else, written whole.
//!
//! Losing it loses nothing that was written, so a damaged one reads as the usual settings and is replaced.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::view::Settings;

const FILE: &str = "window.json";
/// A settings file past this is not ours.
const LARGEST: u64 = 1 << 20;

/// Where the window was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The left edge, in physical pixels.
    pub x: i32,
    /// The upper edge.
    pub y: i32,
    /// The width of the inside.
    pub width: u32,
    /// The height of the inside.
    pub height: u32,
    /// Whether it filled the screen.
    pub maximized: bool,
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// What the window set.
    pub settings: Settings,
    /// Where it was.
    pub frame: Option<Frame>,
}

/// Where the settings of a home are.
fn file(home: &Path) -> PathBuf {
    home.join(FILE)
}

/// Reads them; what cannot be read is as if it were not there.
pub fn read(home: &Path) -> Remembered {
    let path = file(home);
    let read = || -> io::Result<Remembered> {
        if fs::metadata(&path)?.len() > LARGEST {
            return Err(io::Error::other("too large to be the settings"));
        }
        Ok(serde_json::from_slice(&fs::read(&path)?)?)
    };
    read().unwrap_or_else(|error| {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(path = %path.display(), %error, "the settings cannot be read; the usual ones are used");
        }
        Remembered::default()
    })
}

/// Writes them whole: a new file, then its name.
pub fn write(home: &Path, remembered: &Remembered) -> io::Result<()> {
    let path = file(home);
    let fresh = path.with_extension("json.new");
    let mut out = fs::File::create(&fresh)?;
    out.write_all(&serde_json::to_vec_pretty(remembered)?)?;
    out.sync_all()?;
    fs::rename(fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Theme;

    #[test]
    fn what_is_written_is_read_again() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(read(home.path()), Remembered::default());
        let remembered = Remembered {
            settings: Settings { theme: Theme::Dark, document: Some("d".into()), ..Settings::default() },
            frame: Some(Frame { x: -5, y: 7, width: 900, height: 600, maximized: false }),
        };
        write(home.path(), &remembered).unwrap();
        assert_eq!(read(home.path()), remembered);
    }

    #[test]
    fn a_damaged_file_is_as_if_it_were_not_there() {
        let home = tempfile::tempdir().unwrap();
        fs::write(file(home.path()), b"{\"settings\":{\"theme\":\"purple\"").unwrap();
        assert_eq!(read(home.path()), Remembered::default());
    }

    #[test]
    fn a_file_of_an_earlier_version_keeps_what_it_says() {
        let home = tempfile::tempdir().unwrap();
        fs::write(file(home.path()), br#"{"settings":{"theme":"dark"},"later":1}"#).unwrap();
        let read = read(home.path());
        assert_eq!(read.settings.theme, Theme::Dark);
        assert!(read.settings.sidebar);
    }
}
