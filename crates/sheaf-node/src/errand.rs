//! Work that takes long and was asked for: it says how far it is, and can be told to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::core::Core;
use crate::error::NodeError;
use crate::view::NodeEvent;

/// How often it is said how far it is, at most.
const OFTEN: Duration = Duration::from_millis(100);

/// A piece of long work. Whoever asks for it makes one, with a name of their choice, hands it in, and may [`stop`] it from
/// elsewhere meanwhile; how far it is comes as [`NodeEvent::Errand`] under that name.
///
/// [`stop`]: Errand::stop
#[derive(Debug, Default)]
pub struct Errand {
    name: String,
    stopped: AtomicBool,
    said: Mutex<Option<Instant>>,
}

impl Errand {
    /// A new one, called something that no other one that is under way is called.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Asks it to stop. It does so before the next step, unless it is at its very end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// An error, if it was asked to stop.
    pub(crate) fn go_on(&self) -> Result<(), NodeError> {
        if self.stopped.load(Ordering::Relaxed) { Err(NodeError::Stopped) } else { Ok(()) }
    }

    /// Says how far it is, now and then; an error, if it was asked to stop.
    pub(crate) fn step(&self, core: &Core, done: usize, total: usize, file: &str) -> Result<(), NodeError> {
        self.go_on()?;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if done == total || said.is_none_or(|said| said.elapsed() >= OFTEN) {
            *said = Some(Instant::now());
            core.say(NodeEvent::Errand { errand: self.name.clone(), done, total, file: file.to_owned() });
        }
        Ok(())
    }
}
