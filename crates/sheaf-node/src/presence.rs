//! Who has which document open (N4): told often, kept for five seconds, stored nowhere.
//!
//! A device tells the members it is connected to where its carets are when they move, and again every two seconds. What
//! is not heard of for [`EXPIRY`] is gone. The table is pure: times come from outside.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sheaf_access::{DeviceId, DocumentId, PersonId, SpaceId};

use crate::core::Place;

/// How long a word of presence lasts, in milliseconds.
pub const EXPIRY: u64 = 5_000;
/// How often it is repeated, in milliseconds.
pub const REPEAT: u64 = 2_000;
/// How many sessions of one device are kept; more are not drawn.
const SESSIONS: usize = 16;
/// The longest name that is shown, in characters.
const NAME: usize = 80;

/// What one session says of itself. Sealed under the epoch and signed by the device before it leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The document that is open.
    pub document: DocumentId,
    /// Tells the sessions of one device apart.
    pub session: u64,
    /// The person's name.
    pub name: String,
    /// The person's colour, 1 to 8.
    pub colour: u8,
    /// The fixed end of the selection, as an Automerge cursor.
    #[serde(with = "serde_bytes")]
    pub anchor: Option<Vec<u8>>,
    /// The moving end.
    #[serde(with = "serde_bytes")]
    pub head: Option<Vec<u8>>,
    /// The session has closed.
    pub gone: bool,
}

/// Someone else's session, as heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Who.
    pub person: PersonId,
    /// What they said.
    pub word: Word,
    until: u64,
}

/// Everyone heard of, by document.
#[derive(Default)]
pub struct Presence {
    documents: BTreeMap<Place, BTreeMap<(DeviceId, u64), Heard>>,
}

impl Presence {
    /// Takes in a word. Returns whether anything is different from before.
    pub fn hear(&mut self, space: SpaceId, device: DeviceId, person: PersonId, mut word: Word, now: u64) -> bool {
        word.name = word.name.chars().filter(|c| !c.is_control()).take(NAME).collect();
        word.colour = word.colour.clamp(1, 8);
        let document = (space, word.document);
        let key = (device, word.session);
        if word.gone {
            return self.forget(document, key);
        }
        let known = self.documents.get(&document).is_some_and(|sessions| sessions.contains_key(&key));
        let of_device = self.documents.values().flat_map(BTreeMap::keys).filter(|(of, _)| *of == device).count();
        if !known && of_device >= SESSIONS {
            return false;
        }
        let sessions = self.documents.entry(document).or_default();
        let heard = Heard { person, word, until: now + EXPIRY };
        let before = sessions.insert(key, heard.clone());
        before.is_none_or(|before| before.word != heard.word)
    }

    /// Forgets a device that is no longer connected. Returns the documents that changed.
    pub fn leave(&mut self, device: DeviceId) -> Vec<Place> {
        self.drop_where(|(of, _), _| *of == device)
    }

    /// Forgets what is too old. Returns the documents that changed.
    pub fn expire(&mut self, now: u64) -> Vec<Place> {
        self.drop_where(|_, heard| heard.until <= now)
    }

    /// Everyone in a document, each with a name for the session that stays the same while it lasts.
    pub fn of(&self, document: Place) -> impl Iterator<Item = (String, &Heard)> {
        self.documents
            .get(&document)
            .into_iter()
            .flatten()
            .map(|((device, session), heard)| (format!("{}.{session:x}", device.short()), heard))
    }

    fn forget(&mut self, document: Place, key: (DeviceId, u64)) -> bool {
        let Some(sessions) = self.documents.get_mut(&document) else { return false };
        let known = sessions.remove(&key).is_some();
        if sessions.is_empty() {
            self.documents.remove(&document);
        }
        known
    }

    fn drop_where(&mut self, gone: impl Fn(&(DeviceId, u64), &Heard) -> bool) -> Vec<Place> {
        let mut changed = Vec::new();
        self.documents.retain(|document, sessions| {
            let before = sessions.len();
            sessions.retain(|key, heard| !gone(key, heard));
            if sessions.len() != before {
                changed.push(*document);
            }
            !sessions.is_empty()
        });
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(session: u64) -> Word {
        Word {
            document: DocumentId::from_bytes([7; 32]),
            session,
            name: "Ana".into(),
            colour: 1,
            anchor: None,
            head: None,
            gone: false,
        }
    }

    fn device(n: u8) -> DeviceId {
        DeviceId::from_bytes([n; 32])
    }

    const SPACE: SpaceId = SpaceId::from_bytes([3; 32]);
    const ANA: PersonId = PersonId::from_bytes([1; 32]);

    #[test]
    fn a_repeated_word_changes_nothing_but_keeps_the_session_alive() {
        let mut presence = Presence::default();
        assert!(presence.hear(SPACE, device(1), ANA, word(1), 0));
        assert!(!presence.hear(SPACE, device(1), ANA, word(1), 4_000));
        assert!(presence.expire(EXPIRY).is_empty());
        assert_eq!(presence.expire(4_000 + EXPIRY), vec![(SPACE, word(1).document)]);
        assert_eq!(presence.of((SPACE, word(1).document)).count(), 0);
    }

    #[test]
    fn a_session_that_closes_or_a_device_that_leaves_is_gone_at_once() {
        let mut presence = Presence::default();
        presence.hear(SPACE, device(1), ANA, word(1), 0);
        presence.hear(SPACE, device(1), ANA, word(2), 0);
        presence.hear(SPACE, device(2), ANA, word(1), 0);
        assert!(presence.hear(SPACE, device(1), ANA, Word { gone: true, ..word(1) }, 1));
        assert_eq!(presence.of((SPACE, word(1).document)).count(), 2);
        presence.leave(device(1));
        assert_eq!(presence.of((SPACE, word(1).document)).count(), 1);
    }

    #[test]
    fn names_and_colours_from_outside_are_made_harmless() {
        let mut presence = Presence::default();
        let hostile = Word { name: "\u{202e}A\n".repeat(500), colour: 200, ..word(1) };
        presence.hear(SPACE, device(1), ANA, hostile, 0);
        let (_, heard) = presence.of((SPACE, word(1).document)).next().unwrap();
        assert!(heard.word.name.chars().count() <= NAME && !heard.word.name.contains('\n'));
        assert_eq!(heard.word.colour, 8);
    }

    #[test]
    fn one_device_cannot_fill_the_memory() {
        let mut presence = Presence::default();
        for session in 0..10_000 {
            presence.hear(SPACE, device(1), ANA, word(session), 0);
        }
        assert_eq!(presence.of((SPACE, word(1).document)).count(), SESSIONS);
    }
}
