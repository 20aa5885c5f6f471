//! [`Gathering`]: what waits for a moment to go out to a crowd (R1).

use std::collections::BTreeSet;

use crate::entry_bytes::Item;

/// Entries of a space with many followers, on their way to all of them.
///
/// An entry that goes to a thousand people by itself costs a thousand packets, and as many acknowledgements. So what comes to a
/// crowded space within a moment of what went before waits for the rest of that moment, and goes out together. Where it is
/// quiet, nothing waits: the first word after a pause leaves at once.
///
/// Only the bytes wait here, once for everyone. What each follower holds and lacks is kept up to date meanwhile, so whoever is
/// served from the store in between is sent nothing twice.
#[derive(Debug)]
pub(crate) struct Gathering<P> {
    /// Those that are durable, in order of arrival.
    stored: Vec<Item>,
    /// Those that were let in since, in order, and who sent them.
    let_in: Vec<(P, Item)>,
    bytes: usize,
    /// When something last went out to the crowd.
    sent_at: Option<u64>,
    /// When what waits goes out.
    pub due: Option<u64>,
}

impl<P> Default for Gathering<P> {
    fn default() -> Self {
        Self { stored: Vec::new(), let_in: Vec::new(), bytes: 0, sent_at: None, due: None }
    }
}

impl<P: Copy> Gathering<P> {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty() && self.let_in.is_empty()
    }

    /// Whether what comes now has to wait: behind what waits already, whoever is there to take it, or else for a crowd's pause
    /// to be over.
    pub fn holds_back(&self, crowded: bool, now: u64, pause: u64) -> bool {
        !self.is_empty() || crowded && self.sent_at.is_some_and(|at| now < at.saturating_add(pause))
    }

    /// Something went out to the crowd.
    pub fn sent(&mut self, now: u64) {
        self.sent_at = Some(now);
    }

    /// When the pause is over that began when something last went out.
    pub fn pause_over(&self, now: u64, pause: u64) -> u64 {
        self.sent_at.map_or(now, |at| at.saturating_add(pause)).max(now)
    }

    /// How many entries wait, and how many bytes they have.
    pub fn load(&self) -> (usize, usize) {
        (self.stored.len() + self.let_in.len(), self.bytes)
    }

    /// These were let in.
    pub fn let_in(&mut self, from: P, items: &[Item]) {
        self.bytes += items.iter().map(|item| item.bytes.len()).sum::<usize>();
        self.let_in.extend(items.iter().map(|item| (from, item.clone())));
    }

    /// These are durable: those that were let in before move up to the others that are. Whatever was let in and is not durable
    /// yet can build on them, and not the other way round.
    pub fn store<'i>(&mut self, items: impl Iterator<Item = &'i Item> + Clone) {
        let places: BTreeSet<_> = items.clone().map(|item| (item.log, item.seq)).collect();
        let bytes = &mut self.bytes;
        self.let_in.retain(|(_, item)| {
            let stays = !places.contains(&(item.log, item.seq));
            *bytes -= if stays { 0 } else { item.bytes.len() };
            stays
        });
        for item in items {
            self.bytes += item.bytes.len();
            self.stored.push(item.clone());
        }
    }

    /// All that waits: what is durable, and what was let in since.
    pub fn take(&mut self) -> (Vec<Item>, Vec<(P, Item)>) {
        (self.bytes, self.due) = (0, None);
        (std::mem::take(&mut self.stored), std::mem::take(&mut self.let_in))
    }
}
