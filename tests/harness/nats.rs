//! Real NATS servers with JetStream: a cluster of them on loopback, in temporary folders, at ports that were free.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::eventually;

/// Where Debian puts it, should `/usr/sbin` not be searched.
const INSTALLED: &str = "/usr/sbin/nats-server";

/// How many streams relays have.
const STREAMS: usize = 16;

struct Server {
    client: u16,
    route: u16,
    child: Option<Child>,
}

/// Some of them, that are one cluster. Dropping it ends the processes.
pub struct NatsServers {
    folder: tempfile::TempDir,
    servers: Vec<Server>,
}

impl NatsServers {
    /// Starts so many.
    ///
    /// # Panics
    /// When one does not start.
    pub fn start(count: usize) -> Self {
        Self::start_with(count, "")
    }

    /// The same, with more lines in their configuration.
    ///
    /// # Panics
    /// When one does not start.
    pub fn start_with(count: usize, lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let free = || TcpListener::bind("127.0.0.1:0").expect("a free port");
        let doors: Vec<_> = (0..count).map(|_| (free(), free())).collect();
        let port = |door: &TcpListener| door.local_addr().expect("a bound socket has an address").port();
        let servers: Vec<Server> = doors
            .iter()
            .map(|(client, route)| Server { client: port(client), route: port(route), child: None })
            .collect();
        drop(doors);
        let mut started = Self { folder, servers };
        for server in 0..count {
            std::fs::write(started.file(server), started.configuration(server, lines)).expect("a file in it");
        }
        for server in 0..count {
            started.start_again(server);
        }
        started
    }

    fn file(&self, server: usize) -> PathBuf {
        self.folder.path().join(format!("{server}.conf"))
    }

    fn configuration(&self, server: usize, lines: &str) -> String {
        let Server { client, route, .. } = &self.servers[server];
        let store = self.folder.path().join(format!("store-{server}"));
        let log = self.folder.path().join(format!("{server}.log"));
        let mut text = format!(
            "server_name: n{server}\nlisten: \"127.0.0.1:{client}\"\nlog_file: \"{}\"\n{lines}\n\
             jetstream {{ store_dir: \"{}\", max_memory_store: 64MB, max_file_store: 1GB }}\n",
            log.display(),
            store.display(),
        );
        if self.servers.len() > 1 {
            let routes: Vec<String> =
                self.servers.iter().map(|other| format!("\"nats://127.0.0.1:{}\"", other.route)).collect();
            writeln!(text, "cluster {{ name: sheaf, listen: \"127.0.0.1:{route}\", routes: [{}] }}", routes.join(", "))
                .expect("writing into a string does not fail");
        }
        text
    }

    /// Where everything of theirs is.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Their URLs, as `--cluster` takes them.
    pub fn urls(&self) -> String {
        let urls: Vec<String> =
            self.servers.iter().map(|server| format!("nats://127.0.0.1:{}", server.client)).collect();
        urls.join(",")
    }

    /// Starts one where it was.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self, server: usize) {
        let program = if std::path::Path::new(INSTALLED).exists() { INSTALLED } else { "nats-server" };
        let child = Command::new(program)
            .arg("--config")
            .arg(self.file(server))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server is there: `cargo xtask test` installs it");
        let server = &mut self.servers[server];
        server.child = Some(child);
        eventually("a NATS server listening", || TcpStream::connect(("127.0.0.1", server.client)).ok());
    }

    /// Ends one at once, as `kill -9` does.
    ///
    /// # Panics
    /// When the system does not let this test end its own child.
    pub fn kill(&mut self, server: usize) {
        if let Some(mut child) = self.servers[server].child.take() {
            child.kill().expect("a child of this process");
            child.wait().expect("a child of this process");
        }
    }

    /// Gives back everything that the streams of the first server keep, as relays do with what all of them have.
    ///
    /// # Panics
    /// When it does not.
    pub fn purge(&self) {
        let questions: Vec<String> = (0..STREAMS).map(|stream| format!("STREAM.PURGE.SHEAF_{stream:02}")).collect();
        let answers = self.ask(&questions);
        let purged = answers.iter().filter(|line| line.contains("\"success\":true")).count();
        assert_eq!(purged, STREAMS, "a stream was not purged");
    }

    /// Loses the object store in which relays keep checkpoints' blobs, as an operator does who deletes it.
    ///
    /// # Panics
    /// When there is none.
    pub fn lose_objects(&self) {
        let answers = self.ask(&["STREAM.DELETE.OBJ_sheaf".to_owned()]);
        assert!(answers[0].contains("\"success\":true"), "{answers:?}");
    }

    /// How many parts of blobs are in the object store, if it is there.
    ///
    /// # Panics
    /// When the first server does not answer.
    pub fn objects(&self) -> Option<u64> {
        let answers = self.ask(&["STREAM.INFO.OBJ_sheaf".to_owned()]);
        let answer: serde_json::Value = serde_json::from_str(&answers[0]).expect("JSON");
        let subjects = answer["state"]["num_subjects"].as_u64()?;
        // A part is its bytes, under one subject, and what it is, under another.
        Some(subjects / 2)
    }

    /// From now on a stream takes nothing that is published to it, or takes it again.
    ///
    /// # Panics
    /// When it cannot be set so.
    pub fn choke(&self, stream: &str, choked: bool) {
        let info = self.ask(&[format!("STREAM.INFO.{stream}")]);
        let info: serde_json::Value = serde_json::from_str(&info[0]).expect("JSON");
        let mut config = info["config"].clone();
        config["max_msg_size"] = if choked { 1.into() } else { (-1).into() };
        let answers = self.ask_with(&[(format!("STREAM.UPDATE.{stream}"), config.to_string())]);
        assert!(!answers[0].contains("\"error\""), "{answers:?}");
    }

    /// Asks JetStream of the first server.
    fn ask(&self, questions: &[String]) -> Vec<String> {
        let questions: Vec<_> = questions.iter().map(|question| (question.clone(), String::new())).collect();
        self.ask_with(&questions)
    }

    fn ask_with(&self, questions: &[(String, String)]) -> Vec<String> {
        let mut door = TcpStream::connect(("127.0.0.1", self.servers[0].client)).expect("a NATS server listens");
        door.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket that can wait");
        let mut text = "CONNECT {\"verbose\":false}\r\nSUB answers 1\r\n".to_owned();
        for (question, body) in questions {
            write!(text, "PUB $JS.API.{question} answers {}\r\n{body}\r\n", body.len())
                .expect("writing into a string does not fail");
        }
        door.write_all(text.as_bytes()).expect("a NATS server listens");
        let lines = BufReader::new(door).lines().map_while(Result::ok);
        lines.filter(|line| line.starts_with('{')).take(questions.len()).collect()
    }

    /// Sends one a signal by its name, as `kill` does: `STOP` cuts it off, `CONT` heals it.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, server: usize, name: &str) {
        let child = self.servers[server].child.as_ref().expect("a server that runs");
        let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success(), "a child of this process takes a signal");
    }
}

impl Drop for NatsServers {
    fn drop(&mut self) {
        for server in &mut self.servers {
            if let Some(child) = &mut server.child {
                // It may have ended by itself.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
