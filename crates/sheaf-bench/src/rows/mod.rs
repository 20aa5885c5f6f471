//! What is measured: one file for each.

mod access;
mod checkpoint;
mod folder;
mod import;
mod keystroke;
mod opening;
mod page;
mod reconnect;
mod relay;
mod remote;
mod search;
mod verify;

use std::time::{Duration, Instant};

use anyhow::Result;
use automerge::{Automerge, LoadOptions, TextEncoding};

use crate::history::{self, History};
use crate::home::Folder;
use crate::report::Row;
use crate::trace::Trace;

pub use relay::{Cost, serve_bare};

/// What can be measured, in this order: who opens the long history first pays for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Measure {
    /// A key, from the window to the disk.
    Keystroke,
    /// A key, inside the window.
    Window,
    /// A document with a long history, until it can be written in.
    Open,
    /// A key, from one person's window to another's.
    Remote,
    /// A large text that is brought in.
    Import,
    /// Two who meet again, and nothing has changed.
    Reconnect,
    /// The relay under load, in all these ways.
    Relay,
    /// Many spaces of few people, beside other servers.
    RelayTyping,
    /// One space with many readers, beside other servers.
    RelayReaders,
    /// Coming back to many documents, and nothing has changed.
    RelayUnchanged,
    /// Everyone who comes back at once.
    RelayStorm,
    /// Connections on which nothing happens.
    RelayIdle,
    /// Who may do what, in a space with many access entries.
    Access,
    /// Words, in many documents.
    Search,
    /// Every signature, every author and every change of the long history, gone over.
    Verify,
    /// A checkpoint of the long history. Late, for afterwards the entries are gone.
    Checkpoint,
    /// Someone who joins then.
    Newcomer,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Keystroke,
        Self::Window,
        Self::Open,
        Self::Remote,
        Self::Import,
        Self::Reconnect,
        Self::RelayTyping,
        Self::RelayReaders,
        Self::RelayUnchanged,
        Self::RelayStorm,
        Self::RelayIdle,
        Self::Access,
        Self::Search,
        Self::Verify,
        Self::Checkpoint,
        Self::Newcomer,
    ];

    /// Those of the relay.
    const RELAY: [Self; 5] =
        [Self::RelayTyping, Self::RelayReaders, Self::RelayUnchanged, Self::RelayStorm, Self::RelayIdle];

    /// What is measured for it: itself, unless it stands for several.
    pub fn parts(self) -> Vec<Self> {
        if self == Self::Relay { Self::RELAY.to_vec() } else { vec![self] }
    }

    /// In a few words.
    pub fn what(self) -> &'static str {
        match self {
            Self::Keystroke => "a key, from the window to the disk",
            Self::Remote => "a key, from one person's window to another's",
            Self::Window => "a key, inside the window",
            Self::Open => "opening a document with a long history",
            Self::Import => "bringing in a large text",
            Self::Reconnect => "meeting again when nothing has changed",
            Self::Relay => "the relay under load",
            Self::RelayTyping => "many spaces at a relay",
            Self::RelayReaders => "many readers at a relay",
            Self::RelayUnchanged => "coming back to a relay when nothing has changed",
            Self::RelayStorm => "everyone coming back to a relay at once",
            Self::RelayIdle => "idle connections of a relay",
            Self::Search => "finding words in many documents",
            Self::Verify => "verifying a document with a long history",
            Self::Checkpoint => "a checkpoint of a long history",
            Self::Newcomer => "a newcomer to a long history",
            Self::Access => "who may do what, in a space with many access entries",
        }
    }

    /// Measures it.
    pub async fn take(self, context: &mut Context) -> Result<Vec<Row>> {
        match self {
            Self::Keystroke => keystroke::rows(context).await,
            Self::Remote => remote::rows(context).await,
            Self::Window => page::rows(),
            Self::Open => opening::rows(context).await,
            Self::Import => import::rows(context).await,
            Self::Reconnect => reconnect::rows(),
            Self::Relay => Ok(Vec::new()),
            Self::RelayTyping => relay::typing_rows(context).await,
            Self::RelayReaders => relay::reader_rows(context).await,
            Self::RelayUnchanged => relay::unchanged_rows(context).await,
            Self::RelayStorm => relay::storm_rows(context).await,
            Self::RelayIdle => relay::idle_rows(context).await,
            Self::Access => access::rows(context),
            Self::Search => search::rows(context),
            Self::Verify => verify::rows(context).await,
            Self::Checkpoint => checkpoint::rows(context).await,
            Self::Newcomer => checkpoint::newcomer_rows(context).await,
        }
    }
}

/// What the measurements share.
pub struct Context {
    trace: Trace,
    /// What kind of session the trace is.
    kind: &'static str,
    quick: bool,
    long: Option<(Folder, History)>,
    /// Whether a checkpoint stands for that history.
    pruned: bool,
}

impl Context {
    /// For this trace.
    pub fn new(trace: Trace, kind: &'static str, quick: bool) -> Self {
        Self { trace, kind, quick, long: None, pruned: false }
    }

    /// How many samples to take, where so many are wanted.
    fn samples(&self, wanted: usize) -> usize {
        if self.quick { wanted.div_ceil(10).max(5) } else { wanted }
    }

    /// The home with a long history, made when first asked for. No node has it open.
    async fn long(&mut self) -> Result<(&Folder, &History)> {
        if self.long.is_none() {
            let folder = Folder::new()?;
            eprintln!("  writing a history of {} changes", self.trace.txns.len());
            let history = history::write(&folder, &self.trace).await?;
            self.long = Some((folder, history));
        }
        // It has just been put there.
        self.long.as_ref().map(|(folder, history)| (folder, history)).ok_or_else(|| anyhow::anyhow!("no history"))
    }

    /// What that history is, in words.
    fn about_long(&self) -> String {
        let characters = self.trace.end_content.chars().count();
        format!("{} characters, {} changes ({})", count(characters), count(self.trace.txns.len()), self.kind)
    }
}

/// How long Automerge takes to load a saved document.
fn loading(saved: &[u8]) -> Result<Duration> {
    let options = LoadOptions::new().text_encoding(TextEncoding::Utf16CodeUnit);
    let start = Instant::now();
    let document = Automerge::load_with_options(saved, options)?;
    let took = start.elapsed();
    drop(document);
    Ok(took)
}

/// A number with its thousands told apart.
fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count, to be divided.
#[allow(clippy::cast_precision_loss)] // nothing that is counted here comes near 2^52
pub fn real(count: u64) -> f64 {
    count as f64
}

/// Milliseconds.
const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_told_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (259_778, "259,778"), (1_000_000, "1,000,000")]
        {
            assert_eq!(super::count(number), text);
        }
    }
}
