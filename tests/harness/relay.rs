//! A running `sheaf-relay serve`, what it has on its disk, and what it has in its memory.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program;

/// A relay with a data folder of its own. Dropping it ends the process.
pub struct RelayProcess {
    folder: tempfile::TempDir,
    listen: String,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    link: String,
}

impl RelayProcess {
    /// Starts one on loopback.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more flags. Without `--http` there are no operators' pages: their usual port is there only once.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(flags: &[&str]) -> Self {
        Self::start_with_env(flags, &[])
    }

    /// The same, with settings in the environment.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with_env(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_on("127.0.0.1:0", flags, environment)
    }

    /// The same, at a free port of another address.
    ///
    /// # Panics
    /// When it does not start, or this machine has no such address.
    pub fn start_on(address: &str, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = std::net::UdpSocket::bind(address).expect("a free port");
        let listen = socket.local_addr().expect("a bound socket has an address").to_string();
        drop(socket);
        let pages = if flags.contains(&"--http") { &[][..] } else { &["--http", "off"] };
        let flags = flags.iter().chain(pages).map(|&flag| flag.to_owned()).collect();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut relay = Self { folder, listen, flags, environment, child: None, link: String::new() };
        relay.start_again();
        relay
    }

    /// Starts it where it was.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        let mut child = Command::new(program("sheaf-relay"))
            .arg("serve")
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .args(["--listen", &self.listen])
            .args(&self.flags)
            // However full the disk is that the tests run on.
            .env("SHEAF_RELAY_QUOTAS__DISK_RESERVE", "0")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("standard output is a pipe")).lines();
        let link = lines.map_while(Result::ok).find(|line| line.starts_with("sheaf-relay://"));
        self.link = link.expect("a relay that serves prints its link");
        self.child = Some(child);
    }

    /// Where it listens.
    pub fn listens(&self) -> &str {
        &self.listen
    }

    /// Starts it somewhere else than it was, where nobody who knew of it finds it; or there again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_at(&mut self, listen: &str) {
        listen.clone_into(&mut self.listen);
        self.start_again();
    }

    /// The link to give to people.
    pub fn link(&self) -> &str {
        &self.link
    }

    /// Its key, as people see it.
    ///
    /// # Panics
    /// When what it printed is no link.
    pub fn id(&self) -> String {
        let link: sheaf_access::RelayLink = self.link.parse().expect("a relay's link");
        link.relay.key.to_string()
    }

    /// Its process's id.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a relay that runs").id()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Sends it a signal by its name, as `kill` does.
    ///
    /// # Panics
    /// When the system does not let this test signal its own child.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.expect("kill is there").success(), "a child of this process takes a signal");
    }

    /// Waits for its end, and answers its exit code.
    ///
    /// # Panics
    /// When it does not run.
    pub fn ended(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("a relay that runs");
        child.wait().expect("a child of this process").code()
    }

    /// Ends it at once, as `kill -9` does.
    ///
    /// # Panics
    /// When the system does not let this test end its own child.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a child of this process");
            child.wait().expect("a child of this process");
        }
    }

    /// Every file of its data folder, whole.
    ///
    /// # Panics
    /// When one cannot be read.
    pub fn disk(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut files, mut folders) = (Vec::new(), vec![self.data()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder of the relay's") {
                let path = entry.expect("an entry of a folder").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.is_file() {
                    let bytes = std::fs::read(&path).expect("a file of the relay's");
                    files.push((path, bytes));
                }
            }
        }
        files
    }

    /// All that it can write to of its memory, region by region.
    ///
    /// # Panics
    /// When the system does not show a child's memory to its parent.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> Vec<Vec<u8>> {
        use std::os::unix::fs::FileExt;
        let folder = Path::new("/proc").join(self.pid().to_string());
        let maps = std::fs::read_to_string(folder.join("maps")).expect("a child's map of its memory");
        let memory = std::fs::File::open(folder.join("mem")).expect("a child's memory");
        let mut regions = Vec::new();
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
            let Some((from, to)) = range.split_once('-') else { continue };
            let (Ok(from), Ok(to)) = (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16)) else { continue };
            if !rights.starts_with("rw") {
                continue;
            }
            let mut bytes = vec![0; usize::try_from(to - from).expect("a region fits into memory")];
            // Some regions are the kernel's own and cannot be read.
            if memory.read_exact_at(&mut bytes, from).is_ok() {
                regions.push(bytes);
            }
        }
        assert!(regions.iter().map(Vec::len).sum::<usize>() > 1 << 20, "its memory could not be read");
        regions
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether some bytes are in others.
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| byte == first) {
        let at = from + at;
        if haystack[at + 1..].starts_with(rest) {
            return true;
        }
        from = at + 1;
    }
    false
}
