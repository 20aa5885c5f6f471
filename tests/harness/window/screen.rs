//! A screen nobody looks at: an X server and a message bus of a window's own, so that no test meets another, or the
//! desktop of whoever runs it.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt, EventMask, ImageFormat, MapState, Window,
};
use x11rb::rust_connection::RustConnection;

use crate::wait::DEADLINE;

/// A process that ends with the value that holds it.
pub struct Ends(pub Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // Asked first, so that it takes its socket and its lock along. It may have ended by itself; then there is
        // nothing to do.
        let asked = Command::new("kill").arg(self.0.id().to_string()).stderr(Stdio::null()).status();
        let start = Instant::now();
        while asked.is_ok() && start.elapsed() < PATIENCE && matches!(self.0.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long a server has to end when asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// A bus that starts nothing by itself: a service started by a bus would outlive the test.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=FOLDER</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// The X server, the bus, and a folder for whatever programs keep about a person.
pub struct Screen {
    _server: Ends,
    _bus: Ends,
    display: String,
    bus: String,
    folder: tempfile::TempDir,
}

impl Screen {
    /// Starts them and waits until they can be used.
    ///
    /// # Panics
    /// When they are not installed, with the command that does it, or do not start.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The server finds a free number itself and says it.
        let (server, number) = saying_its_address(
            Command::new("Xvfb").args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1400x1000x24",
                "-nolisten",
                "tcp",
                "-noreset",
            ]),
            "xvfb",
        );
        let (bus_server, bus) = start_bus(folder.path());
        Self { _server: server, _bus: bus_server, display: format!(":{number}"), bus, folder }
    }

    /// Makes a command run here, drawing without a graphics card.
    pub fn show(&self, command: &mut Command) {
        let folder = self.folder.path();
        command
            .env("DISPLAY", &self.display)
            .env_remove("WAYLAND_DISPLAY")
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .env("HOME", folder)
            .env("SHEAF_KEYRING", "off")
            .env_remove("XDG_STATE_HOME")
            .env("XDG_RUNTIME_DIR", folder)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CACHE_HOME")
            .env("GDK_BACKEND", "x11")
            .env("GIO_USE_VFS", "local")
            .env("GSETTINGS_BACKEND", "memory")
            .env("NO_AT_BRIDGE", "1")
            .env("WEBKIT_DISABLE_COMPOSITING_MODE", "1")
            .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1")
            .env("LIBGL_ALWAYS_SOFTWARE", "1");
    }

    /// Where the messages of the programs on it go; they are printed when a test fails.
    pub fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("log")
    }

    /// Presses the cross of every window: what a window manager sends then.
    ///
    /// # Panics
    /// When the server does not answer, or shows no window that can be closed.
    pub fn press_the_cross(&self) {
        let closed = self.try_press_the_cross().expect("the X server answers");
        assert!(closed > 0, "there is no window to close");
    }

    fn try_press_the_cross(&self) -> Result<usize, Box<dyn Error>> {
        let (server, windows) = self.windows()?;
        let protocols = server.intern_atom(false, b"WM_PROTOCOLS")?.reply()?.atom;
        let delete = server.intern_atom(false, b"WM_DELETE_WINDOW")?.reply()?.atom;
        for &window in &windows {
            let message = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
            server.send_event(false, window, EventMask::NO_EVENT, message)?.check()?;
        }
        Ok(windows.len())
    }

    /// The windows that are shown and can be closed.
    pub fn windows(&self) -> Result<(RustConnection, Vec<Window>), Box<dyn Error>> {
        let (server, screen) = x11rb::connect(Some(&self.display))?;
        let protocols = server.intern_atom(false, b"WM_PROTOCOLS")?.reply()?.atom;
        let delete = server.intern_atom(false, b"WM_DELETE_WINDOW")?.reply()?.atom;
        let mut windows = Vec::new();
        for window in server.query_tree(server.setup().roots[screen].root)?.reply()?.children {
            let shown = server.get_window_attributes(window)?.reply()?.map_state == MapState::VIEWABLE;
            let said = server.get_property(false, window, protocols, AtomEnum::ATOM, 0, 32)?.reply()?;
            if shown && said.value32().is_some_and(|mut atoms| atoms.any(|atom| atom == delete)) {
                windows.push(window);
            }
        }
        Ok((server, windows))
    }

    /// What the windows are called, as the desktop shows it.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn titles(&self) -> Vec<String> {
        let titles = || -> Result<Vec<String>, Box<dyn Error>> {
            let (server, windows) = self.windows()?;
            windows.into_iter().map(|window| title_of(&server, window)).collect()
        };
        titles().expect("the X server answers")
    }

    /// Gives every window this size, as a person does who pulls at its corner.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn resize(&self, width: u32, height: u32) {
        let resized = || -> Result<(), Box<dyn Error>> {
            let (server, windows) = self.windows()?;
            for window in windows {
                let size = ConfigureWindowAux::new().x(0).y(0).width(width).height(height);
                server.configure_window(window, &size)?.check()?;
            }
            Ok(())
        };
        resized().expect("the X server answers");
    }

    /// Writes what the first window shows now as a picture: what a person sees, and not what its page would draw.
    pub fn picture(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let (server, windows) = self.windows()?;
        let window = *windows.first().ok_or("there is no window")?;
        let size = server.get_geometry(window)?.reply()?;
        let all = u32::MAX;
        let image = server.get_image(ImageFormat::Z_PIXMAP, window, 0, 0, size.width, size.height, all)?.reply()?;
        // Four bytes a pixel: blue, green, red, and one without a meaning.
        let colours: Vec<u8> = image.data.chunks_exact(4).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
        let file = BufWriter::new(File::create(path)?);
        let mut encoder = png::Encoder::new(file, size.width.into(), size.height.into());
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&colours)?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if thread::panicking()
            && let Ok(log) = std::fs::read_to_string(self.log())
        {
            eprintln!("what the app and its driver said:\n{log}");
        }
    }
}

/// What a window is called, as the desktop shows it; empty if it has gone.
pub fn title_of(server: &RustConnection, window: Window) -> Result<String, Box<dyn Error>> {
    let name = server.intern_atom(false, b"_NET_WM_NAME")?.reply()?.atom;
    let said = server.get_property(false, window, name, AtomEnum::ANY, 0, 1024)?.reply();
    Ok(said.map(|said| String::from_utf8_lossy(&said.value).into_owned()).unwrap_or_default())
}

/// Starts a message bus of one's own, and says where it is.
///
/// # Panics
/// When it is not installed, with the command that does it, or does not start.
pub fn start_bus(folder: &Path) -> (Ends, String) {
    let config = folder.join("bus.conf");
    std::fs::write(&config, BUS.replace("FOLDER", &folder.display().to_string()))
        .expect("a file in a temporary folder can be written");
    saying_its_address(
        Command::new("dbus-daemon").arg("--config-file").arg(&config).args(["--nofork", "--print-address=1"]),
        "dbus",
    )
}

/// Starts a server that prints where it is in its first line.
fn saying_its_address(command: &mut Command, package: &str) -> (Ends, String) {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut server = Ends(child.unwrap_or_else(|error| {
        panic!(
            "{name} cannot be started ({error}). `cargo xtask test` installs it, or: sudo apt-get install -y {package}"
        )
    }));
    let stdout = server.0.stdout.take().expect("standard output is a pipe");
    let (sender, said) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        if BufReader::new(stdout).read_line(&mut line).is_ok_and(|read| read > 0) {
            // The test may have given up by now.
            let _ = sender.send(line.trim().to_owned());
        }
    });
    let address = said.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{name} does not start"));
    (server, address)
}
