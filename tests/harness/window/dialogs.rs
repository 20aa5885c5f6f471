//! The system's own dialogs, which ask for a file or a folder: no page draws them, so WebDriver does not see them.
//!
//! They are answered as a person does who knows the path: by typing it. Where no window manager gives the keys to the
//! dialog that has just come, the test does.

use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use x11rb::CURRENT_TIME;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ConnectionExt as _, ImageFormat, InputFocus, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, Keycode,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use super::Window;
use super::screen::{Screen, title_of};
use crate::wait::eventually;

/// The X server's names of keys that write nothing.
const RETURN: u32 = 0xff0d;
const SHIFT_LEFT: u32 = 0xffe1;
const CONTROL_LEFT: u32 = 0xffe3;
/// A dialog looks for what is typed while it is typed; what comes faster than any person types may overtake it.
const A_KEY: Duration = Duration::from_millis(15);
/// Between two looks at a dialog that is still being drawn.
const A_CHANGE: Duration = Duration::from_millis(150);
/// How long a dialog may think about a path before it is told again.
const AN_ANSWER: Duration = Duration::from_secs(5);

impl Window {
    /// Answers the dialog of this title with a path.
    ///
    /// # Panics
    /// When no such dialog comes, or it does not go.
    pub fn answer_dialog(&self, title: &str, path: &Path) {
        let path = path.to_str().expect("a path that can be typed");
        eventually(&format!("the dialog “{title}”"), || self.screen.is_shown(title).then_some(()));
        let typed = || -> Result<(), Box<dyn Error>> {
            let keys = Keys::to(&self.screen, title)?;
            // What stands there already, or has come there of an earlier try, is written over.
            keys.press_with(CONTROL_LEFT, u32::from('a'))?;
            for char in path.chars() {
                keys.press(u32::from(char))?;
            }
            keys.press(RETURN)
        };
        eventually(&format!("“{title}” to take {path}"), || {
            self.screen.wait_until_drawn(title);
            // A dialog that is still coming loses keys; then it stays, and is told again.
            if let Err(error) = typed() {
                assert!(!self.screen.is_shown(title), "“{title}” cannot be typed into: {error}");
            }
            let start = Instant::now();
            while self.screen.is_shown(title) && start.elapsed() < AN_ANSWER {
                thread::sleep(A_KEY);
            }
            (!self.screen.is_shown(title)).then_some(())
        });
    }
}

impl Screen {
    fn is_shown(&self, title: &str) -> bool {
        self.titles().iter().any(|each| each == title)
    }

    /// Waits until nothing changes any more in a window that has just come.
    fn wait_until_drawn(&self, title: &str) {
        let mut before = None;
        eventually(&format!("“{title}” to be drawn"), || {
            let now = self.drawn(title).ok();
            let same = now == before;
            before = now;
            if !same {
                thread::sleep(A_CHANGE);
            }
            same.then_some(())
        });
    }

    /// What a window shows now; nothing if it has gone.
    fn drawn(&self, title: &str) -> Result<Vec<u8>, Box<dyn Error>> {
        let (server, window) = self.titled(title)?;
        let size = server.get_geometry(window)?.reply()?;
        Ok(server.get_image(ImageFormat::Z_PIXMAP, window, 0, 0, size.width, size.height, u32::MAX)?.reply()?.data)
    }

    fn titled(&self, title: &str) -> Result<(RustConnection, u32), Box<dyn Error>> {
        let (server, windows) = self.windows()?;
        for window in windows {
            if title_of(&server, window)? == title {
                return Ok((server, window));
            }
        }
        Err("it has gone".into())
    }
}

/// The keyboard, held before one window.
struct Keys {
    server: RustConnection,
    root: u32,
    first: Keycode,
    per_key: usize,
    /// What each key writes: alone, and with Shift.
    meanings: Vec<u32>,
}

impl Keys {
    fn to(screen: &Screen, title: &str) -> Result<Self, Box<dyn Error>> {
        let (server, dialog) = screen.titled(title)?;
        server.set_input_focus(InputFocus::PARENT, dialog, CURRENT_TIME)?.check()?;
        let (first, last) = (server.setup().min_keycode, server.setup().max_keycode);
        let root = server.setup().roots.first().ok_or("there is no screen")?.root;
        let mapping = server.get_keyboard_mapping(first, last - first + 1)?.reply()?;
        Ok(Self { root, first, per_key: mapping.keysyms_per_keycode.into(), meanings: mapping.keysyms, server })
    }

    /// Presses the key that has this meaning, and lets it go.
    fn press(&self, meaning: u32) -> Result<(), Box<dyn Error>> {
        let (key, with_shift) = self.key(meaning)?;
        let shift = if with_shift { Some(self.key(SHIFT_LEFT)?.0) } else { None };
        self.strike(shift, key)
    }

    /// The same while another is held.
    fn press_with(&self, held: u32, meaning: u32) -> Result<(), Box<dyn Error>> {
        self.strike(Some(self.key(held)?.0), self.key(meaning)?.0)
    }

    /// The key that has a meaning, and whether it has it with Shift.
    fn key(&self, meaning: u32) -> Result<(Keycode, bool), Box<dyn Error>> {
        let found =
            self.meanings.chunks(self.per_key).zip(self.first..).find_map(|(meanings, key)| {
                Some((key, meanings.iter().take(2).position(|each| *each == meaning)? == 1))
            });
        found.ok_or_else(|| format!("no key means {meaning:#x}").into())
    }

    fn strike(&self, held: Option<Keycode>, key: Keycode) -> Result<(), Box<dyn Error>> {
        let (down, up) = ([held, Some(key)], [Some(key), held]);
        for (event, keys) in [(KEY_PRESS_EVENT, down), (KEY_RELEASE_EVENT, up)] {
            for key in keys.into_iter().flatten() {
                self.server.xtest_fake_input(event, key, CURRENT_TIME, self.root, 0, 0, 0)?.check()?;
            }
        }
        thread::sleep(A_KEY);
        Ok(())
    }
}
