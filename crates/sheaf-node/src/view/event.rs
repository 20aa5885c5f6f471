//! What the node says by itself: that something changed.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::JoinRefusal;

/// Something changed. Ask again for what it names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[ts(export)]
pub enum NodeEvent {
    /// The list of spaces, a space's name, or its members changed.
    Spaces,
    /// The documents of a space, or their titles, changed.
    Documents {
        /// Which space.
        space: String,
    },
    /// Where the documents of a space are changed: a receipt, a connection, a save.
    Placement {
        /// Which space.
        space: String,
    },
    /// A relay keeps a space: it has taken it in, or takes more of it again.
    RelayKeeps {
        /// Which space.
        space: String,
        /// Which relay.
        relay: String,
    },
    /// A relay does not keep a space, or takes no more of it.
    RelayRefused {
        /// Which space.
        space: String,
        /// Which relay.
        relay: String,
        /// Why, and what to do, in a sentence.
        reason: String,
    },
    /// A device was connected.
    Connected {
        /// Which device.
        device: String,
    },
    /// A device is gone.
    Disconnected {
        /// Which device.
        device: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// Both sides have the same of a space.
    Synced {
        /// Which space.
        space: String,
        /// With which device.
        device: String,
    },
    /// Entries arrived and were kept.
    Received {
        /// Which space.
        space: String,
        /// From which device.
        device: String,
        /// How many.
        entries: usize,
    },
    /// Others started or stopped writing in a document.
    Present {
        /// Which document.
        document: String,
        /// Who is there now.
        people: Vec<Present>,
    },
    /// An entry could not be taken; the document is unaffected.
    Quarantined {
        /// Which space.
        space: String,
        /// Whose device wrote it.
        device: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that a device sent was not taken. Not every one is told: see [`crate::Node::refusals`].
    Refused {
        /// Which device sent it, or wrote it.
        device: String,
        /// The rule it breaks.
        rule: String,
        /// The refusal's number.
        code: u16,
        /// A sentence: why.
        reason: String,
        /// How many times that device was refused for it.
        #[ts(type = "number")]
        count: u64,
    },
    /// How far a piece of long work is.
    Errand {
        /// What it is called by who asked for it.
        errand: String,
        /// How many files or documents are done.
        done: usize,
        /// Of how many.
        total: usize,
        /// Which is next.
        file: String,
    },
    /// An invitation was answered: the space is here now.
    Joined {
        /// Which space.
        space: String,
    },
    /// This person has been removed from a space.
    Removed {
        /// Which space.
        space: String,
        /// Who did it: their name, empty while unknown.
        by: String,
        /// Whether they came too late: the invitation had been closed before anyone heard that they had joined by it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[ts(optional, as = "Option<bool>")]
        late: bool,
    },
    /// Work that does not count was set aside, or is no longer.
    SetAside {
        /// Which space.
        space: String,
        /// How many pieces there are now.
        count: usize,
    },
    /// A device has written two things in one place of its log (L6).
    Forked {
        /// Which space.
        space: String,
        /// Whose device.
        device: String,
    },
    /// A device has answered this device's pairing code. It shows the same words, or something is wrong.
    PairingWords {
        /// Which device.
        device: String,
        /// The words that both devices show.
        words: Vec<String>,
    },
    /// A device of this person was taken in, or this device was.
    Paired {
        /// Which device.
        device: String,
    },
    /// This device has been removed from the person's devices: what is here stays readable, and nothing more comes.
    DeviceRemoved,
    /// The list of this person's devices, or one of their names, changed.
    Devices,
    /// A pairing came to nothing.
    PairingFailed {
        /// A sentence: why, and what to do.
        reason: String,
    },
    /// An invitation could not be used.
    JoinFailed {
        /// Which space.
        space: String,
        /// Why.
        why: JoinRefusal,
        /// A sentence: why, and what to do.
        reason: String,
    },
}

/// Someone who has a document open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Present {
    /// The person's id.
    pub person: String,
    /// Their name.
    pub name: String,
    /// Their colour, 1 to 8.
    pub colour: u8,
}
