//! A node that stays up: `sheaf online --json`, its events, and its end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::wait::DEADLINE;

/// A running `sheaf online`. Dropping it ends the process.
pub struct Online {
    child: Child,
    events: Receiver<Value>,
    seen: Vec<Value>,
}

impl Online {
    /// Starts it and waits for its first event.
    ///
    /// # Panics
    /// When it does not come online.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not a JSON event: {line}"));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let mut online = Self { child, events, seen: Vec::new() };
        online.wait_for("being online", |event| event["event"] == "online");
        online
    }

    /// Waits for an event, also among those that came since the last wait.
    ///
    /// # Panics
    /// After the deadline, or when the process ends first.
    pub fn wait_for(&mut self, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            match self.events.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if matches(&event) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("waited {DEADLINE:?} for {what}; came: {:#?}", self.seen),
                Err(RecvTimeoutError::Disconnected) => panic!("ended before {what}; came: {:#?}", self.seen),
            }
        }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut would.
    ///
    /// # Panics
    /// When the system does not let this test end its own child.
    pub fn kill(mut self) {
        self.child.kill().expect("a child of this process");
        self.child.wait().expect("a child of this process");
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Panics
    /// When it does not stop in time, or fails.
    pub fn stop(mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill is there");
        assert!(asked.success());
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of this process") {
                assert!(status.success(), "it ended with {status}");
                return;
            }
            assert!(start.elapsed() < DEADLINE, "it did not stop");
            thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
