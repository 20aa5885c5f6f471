//! What the node tells its callers: plain values, the same for the window, the command line and the tests.

mod event;
mod library;
mod report;
mod transfer;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use event::{NodeEvent, Present};
pub use library::{
    BacklinkInfo, DocumentInfo, DocumentPreview, FoundInfo, FoundPiece, SearchReport, TagInfo, TrashedInfo,
};
pub use report::{
    AsideReport, AuthorReport, BackupReport, CheckpointReport, DoctorReport, Finding, RefusalInfo, RestoreReport,
    Severity, SyncReport, VerifyReport,
};
pub use transfer::{ExportReport, ImportReport, LeftOut};

/// This person, on this device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Me {
    /// The person's id.
    pub person: String,
    /// This device's id.
    pub device: String,
    /// The name others see.
    pub name: String,
    /// The colour others see, 1 to 8.
    pub colour: u8,
}

/// A space, as its members see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SpaceInfo {
    /// The space's id.
    pub id: String,
    /// Its name. Empty while it is still arriving.
    pub name: String,
    /// This person's role; none while a redemption is on its way.
    pub role: Option<String>,
    /// How many persons share it.
    pub people: usize,
    /// Whether it is this person's own first space.
    pub private: bool,
    /// How this person's time in it ended, if it has: what is here stays readable.
    pub ended: Option<Ended>,
}

/// How someone's time in a space ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Ended {
    /// Who ended it: their name, empty while unknown.
    pub by: String,
    /// Whether they left by themselves.
    pub left: bool,
    /// When, by the clock of the device that did it, in milliseconds since 1970; 0 while unknown.
    #[ts(type = "number")]
    pub when: u64,
    /// Whether it never came to anything: the invitation had been closed before anyone heard that they had joined by it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub late: bool,
    /// Whether it is only this device that ended: the person removed it from their devices, and is in the space still.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub device: bool,
}

/// Someone who was in a space. What had reached their devices by then is there still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct FormerInfo {
    /// The person's id.
    pub id: String,
    /// The name they gave themselves; empty while unknown.
    pub name: String,
    /// How their time here ended.
    pub ended: Ended,
}

/// A member of a space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts: nearly every combination occurs")]
pub struct MemberInfo {
    /// The person's id.
    pub id: String,
    /// The name they gave themselves; empty while unknown.
    pub name: String,
    /// Their colour, 1 to 8.
    pub colour: u8,
    /// Their role.
    pub role: String,
    /// How many devices they use here.
    pub devices: usize,
    /// Whether it is the person asking.
    pub you: bool,
    /// Whether they founded the space: nobody can remove them (A3).
    pub founder: bool,
    /// Whether the person asking has compared words with them.
    pub verified: bool,
    /// Whether the person asking may change their role or remove them.
    pub can_change: bool,
}

/// What an invitation link says, before anyone has joined by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct InvitationLook {
    /// The role it was made to give.
    pub role: String,
    /// Who made it, if this device knows them; else empty.
    pub from: String,
    /// Whether it was made on this very device.
    pub yours: bool,
    /// Whether this person belongs to the space already.
    pub here: bool,
    /// The name of the space, if so.
    pub space: String,
}

/// How an invitation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub enum InvitationState {
    /// Whoever has the link can join.
    Open,
    /// Its time is over.
    Expired,
    /// As many have joined as it was made for.
    UsedUp,
}

/// Why an invitation could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub enum JoinRefusal {
    /// Its time is over.
    Expired,
    /// As many have joined as it was made for.
    UsedUp,
    /// An owner closed it.
    Cancelled,
    /// It is not known there, or something else is wrong with it.
    Unknown,
}

impl JoinRefusal {
    /// A stable word for scripts.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "invitation-expired",
            Self::UsedUp => "invitation-used-up",
            Self::Cancelled => "invitation-cancelled",
            Self::Unknown => "invitation-refused",
        }
    }
}

/// An invitation that has not been closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct InvitationInfo {
    /// The invitation's id.
    pub id: String,
    /// The role it gives.
    pub role: String,
    /// Who opened it.
    pub by: String,
    /// Whether that is the person asking.
    pub by_you: bool,
    /// When it was opened, in milliseconds since 1970.
    #[ts(type = "number")]
    pub opened: u64,
    /// When it expires, in milliseconds since 1970; none: not by itself.
    #[ts(type = "number | null")]
    pub expires: Option<u64>,
    /// How many may join by it; none: any number.
    pub uses: Option<u32>,
    /// How many have.
    pub used: u32,
    /// The link, if it was made on this device.
    pub link: Option<String>,
    /// How it stands.
    pub state: InvitationState,
}

/// A device of this person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct DeviceInfo {
    /// The device's id.
    pub id: String,
    /// What the person calls it.
    pub name: String,
    /// Whether it is this one.
    pub this: bool,
    /// When it was added, in milliseconds since 1970.
    #[ts(type = "number")]
    pub added: u64,
    /// Whether it has been removed.
    pub removed: bool,
}

/// What a new device shows so that another one of the person can take it in. The words to compare come later, with
/// [`NodeEvent::PairingWords`]: they say who has answered, which nobody knows before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PairingCode {
    /// The code, `sheaf://pair/…`.
    pub code: String,
    /// Until when it can be used, in milliseconds since 1970.
    #[ts(type = "number")]
    pub until: u64,
}

/// The new device that a pairing code belongs to, as the other device sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct PairingPeer {
    /// Its id.
    pub device: String,
    /// What it calls itself.
    pub name: String,
    /// The words that both devices show: the same, or something is wrong.
    pub words: Vec<String>,
}

/// What came back of a person on a new device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Recovered {
    /// Who it is.
    pub me: Me,
    /// How many spaces are here now, the private one included.
    pub spaces: usize,
    /// How many of them are still on their way.
    pub waiting: usize,
    /// Whether the private space was found at another device of the person; if not, a new one was begun.
    pub private_found: bool,
}

/// How this home's secrets are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, and the window asks all of them")]
pub struct Protection {
    /// The system's keyring holds the home's key.
    pub keyring: bool,
    /// A passphrase opens the home.
    pub passphrase: bool,
    /// The person has said that the recovery phrase is written down.
    pub phrase_written: bool,
    /// The recovery phrase can be shown here.
    pub phrase_here: bool,
    /// The home is a copy of another machine's: it can be read, and not written to before it is a device of its own.
    pub copied: bool,
}

/// Work that does not count, and is kept: someone who may write can adopt it (A6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SetAside {
    /// What to call it by.
    pub id: String,
    /// Who wrote it.
    pub person: String,
    /// Their name.
    pub name: String,
    /// The document it was written in.
    pub document: String,
    /// The document's title.
    pub title: String,
    /// When, in milliseconds since 1970.
    #[ts(type = "number")]
    pub when: u64,
    /// How many words it adds.
    pub words: usize,
    /// Why it does not count: a sentence.
    pub reason: String,
}

/// How a connection to another device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub enum Link {
    /// Connected, and both have the same.
    Live,
    /// Connected, and catching up.
    Syncing,
    /// Being called.
    Dialing,
    /// Not reachable; it will be tried again.
    Away,
}

/// Another device of the space, and what it has confirmed of this document's space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Place {
    /// The device's id.
    pub device: String,
    /// Whose device it is.
    pub name: String,
    /// The owner's colour, 1 to 8.
    pub colour: u8,
    /// Whether the owner is the person asking.
    pub yours: bool,
    /// How the connection stands.
    pub link: Link,
    /// When it last confirmed, in milliseconds since 1970; none if it never did.
    #[ts(type = "number | null")]
    pub confirmed: Option<u64>,
    /// When it last signed for this device's own entries, by its own clock, in milliseconds since 1970; none if it never
    /// did.
    #[ts(type = "number | null")]
    pub signed: Option<u64>,
    /// How many of this device's own entries it has not confirmed yet.
    #[ts(type = "number")]
    pub waiting: u64,
    /// Whether it is a relay, which keeps the space without being able to read it. Then it is nobody's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[ts(optional, as = "Option<bool>")]
    pub relay: bool,
}

/// A relay that spaces are kept at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct RelayInfo {
    /// Its id.
    pub id: String,
    /// Where it can be reached.
    pub addresses: Vec<String>,
    /// Whether a connection with it stands.
    pub connected: bool,
    /// The spaces that name it.
    pub spaces: Vec<RelaySpace>,
}

/// A space that names a relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct RelaySpace {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the relay has answered, as far as this device is online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub answer: Option<RelayAnswer>,
    /// If it refuses: why, and what to do, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub reason: Option<String>,
}

/// What a relay has answered about keeping a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub enum RelayAnswer {
    /// It keeps it, and has everything that is here.
    Keeps,
    /// It keeps it, and does not have everything yet.
    Receives,
    /// It does not keep it, or takes no more of it.
    Refuses,
    /// Nothing yet. It is called by itself, again and again.
    Silent,
}

/// Where a document is: what receipts prove, and nothing more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Placement {
    /// When the last own words were on disk here, in milliseconds since 1970.
    #[ts(type = "number | null")]
    pub saved: Option<u64>,
    /// Since when saving fails, and the sentence that says why.
    pub failing: Option<Failing>,
    /// Whether any other device belongs to this space.
    pub shared: bool,
    /// The other devices.
    pub places: Vec<Place>,
}

/// A save that does not work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Failing {
    /// Since when, in milliseconds since 1970.
    #[ts(type = "number")]
    pub since: u64,
    /// What happened and what to do.
    pub reason: String,
}
