//! Programs that are killed in the middle of what they do.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{Home, program};

/// Runs a program on a home, kills it after a while, and answers the lines that it said before.
///
/// # Panics
/// When it does not start.
pub fn killed_after(lifetime: Duration, name: &str, home: &Home, arguments: &[&str]) -> Vec<String> {
    let mut running = Command::new(program(name))
        .arg(home.path().join("home"))
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(running.stdout.take().expect("standard output is a pipe")).lines();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(lifetime);
        running.kill().expect("a child of this process");
        running.wait().expect("a child of this process");
    });
    let said = lines.map_while(Result::ok).collect();
    killer.join().expect("the killer does not panic");
    said
}
