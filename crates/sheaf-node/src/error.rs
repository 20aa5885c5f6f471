//! What can go wrong, as sentences for a person and codes for a script.

use std::path::PathBuf;

use crate::view::JoinRefusal;

/// Why the node could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The home has no person yet.
    #[error("there is nobody here yet. Begin with `sheaf init --name NAME`, or open the app.")]
    NotInitialised,
    /// The home has a person already.
    #[error("this folder already belongs to {0}. Use another --home for someone else.")]
    AlreadyInitialised(String),
    /// Another process holds the home.
    #[error("{0}")]
    InUse(String),
    /// The home's key is under a passphrase, and none was given.
    #[error("this home is locked. Type its passphrase to open it; on the command line, see --passphrase-file.")]
    Locked,
    /// Another passphrase was given.
    #[error("this is not the passphrase of this home. Try again.")]
    WrongPassphrase,
    /// The home's key is in a keyring that does not give it.
    #[error("{0}")]
    Keyring(String),
    /// The root secret is not in this home.
    #[error("this needs your recovery phrase, the 24 words you wrote down.")]
    NeedsPhrase,
    /// These words are not this person's recovery phrase.
    #[error("{0}")]
    BadPhrase(String),
    /// The recovery phrase was written down, and forgotten here.
    #[error("the recovery phrase is not here any more: you said that it is written down.")]
    PhraseGone,
    /// The home is a copy of another machine's, and no device of its own yet.
    #[error(
        "this home comes from another machine, or was put back too often; another may still write with its key. It can be read here. To write, make it a device of its own with `sheaf renew-device` and your recovery phrase."
    )]
    Copied,
    /// No space matches.
    #[error("no space here is called `{0}`. `sheaf space list` shows them all.")]
    NoSuchSpace(String),
    /// No device matches.
    #[error("none of your devices is called `{0}`. `sheaf device list` shows them all.")]
    NoSuchDevice(String),
    /// The pairing code is not whole.
    #[error("{0}")]
    PairingCutShort(String),
    /// The pairing code is something else.
    #[error("{0}")]
    NotAPairingCode(String),
    /// The other device, or the person in front of it, will not have it.
    #[error("{0}")]
    PairingRefused(String),
    /// This device is the person's no longer.
    #[error(
        "this device was removed from your devices. What is here stays readable; to use it again, begin with an empty folder and pair it."
    )]
    DeviceRemoved,
    /// No document matches.
    #[error("no document here is called `{0}`. `sheaf doc list` shows them all.")]
    NoSuchDocument(String),
    /// No document in the trash matches.
    #[error("nothing in the trash is called `{0}`. `sheaf doc list --trash` shows what is there.")]
    NotInTrash(String),
    /// An owner has destroyed the document (A8).
    #[error(
        "an owner of the space has destroyed this document. What still shows of it can be copied, and goes when you close it."
    )]
    Destroyed,
    /// No piece of work that was set aside matches.
    #[error("nothing that was set aside is called `{0}`. `sheaf set-aside list SPACE` shows it all.")]
    NoSuchPiece(String),
    /// Of a piece of work that was set aside, something is missing.
    #[error(
        "not all of this is here, or what it builds on is missing, so it is not adopted; it stays on the list. Try again \
         once everyone's devices have met, or copy what `sheaf set-aside show` prints."
    )]
    PieceIncomplete,
    /// Neither a space nor a document matches.
    #[error("no space and no document here is called `{0}`. `sheaf space list` and `sheaf doc list` show them all.")]
    NoSuchThing(String),
    /// No person matches.
    #[error("nobody here is called `{0}`. `sheaf members SPACE` shows who is in a space.")]
    NoSuchPerson(String),
    /// No open invitation matches.
    #[error("no open invitation here is called `{0}`. `sheaf invitations SPACE` shows them all.")]
    NoSuchInvitation(String),
    /// Whom it is about, or who wants it, is not in the space.
    #[error("{0}")]
    NotAMember(String),
    /// The space would have no owner.
    #[error(
        "a space without an owner can never change its members again. Make someone else an owner first: `sheaf role`."
    )]
    LastOwner,
    /// Nobody can remove or demote who founded the space (A3).
    #[error("nobody can remove the founder of a space, or change what they may do; only they themselves can.")]
    Founder,
    /// More than one matches.
    #[error("`{text}` could be {count} different {what}. Use more of the id.")]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// How many match.
        count: usize,
        /// Spaces or documents.
        what: &'static str,
    },
    /// The link is not whole.
    #[error("{0}")]
    InvitationCutShort(String),
    /// The link is something else.
    #[error("{0}")]
    NotAnInvitation(String),
    /// The other side will not have it.
    #[error("{reason}")]
    InvitationRefused {
        /// Why, for a script.
        why: JoinRefusal,
        /// Why, and what to do.
        reason: String,
    },
    /// A relay does not keep a space.
    #[error("{0}")]
    RelayRefused(String),
    /// A relay has what no other relay of the space has (R3).
    #[error("{0}")]
    RelayNeeded(String),
    /// Nobody answered in time; it goes on when someone can be reached.
    #[error("{0}")]
    Unreachable(String),
    /// The role does not allow it.
    #[error("{0}")]
    Role(String),
    /// Somebody has removed this person from a space.
    #[error("{0}")]
    Removed(String),
    /// The disk is full, or the folder cannot be written.
    #[error("{0}")]
    CannotWrite(String),
    /// Something stored fails its check.
    #[error("{0}")]
    Damaged(String),
    /// What was given cannot be used as it is.
    #[error("{0}")]
    BadInput(String),
    /// The network cannot be used on this machine.
    #[error("{0}")]
    Network(String),
    /// A file or folder cannot be read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Whoever asked for it has stopped it.
    #[error("stopped. Nothing was changed.")]
    Stopped,
    /// The node is shutting down, or a part of it stopped.
    #[error("Sheaf is closing; this was not done.")]
    Closing,
}

impl NodeError {
    /// The exit code for [`NodeError::Unreachable`].
    pub const UNREACHABLE: u8 = 6;

    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotInitialised => "not-initialised",
            Self::AlreadyInitialised(_) => "already-initialised",
            Self::InUse(_) => "home-in-use",
            Self::Locked => "locked",
            Self::WrongPassphrase => "wrong-passphrase",
            Self::Keyring(_) => "keyring",
            Self::NeedsPhrase => "needs-phrase",
            Self::BadPhrase(_) => "bad-phrase",
            Self::PhraseGone => "phrase-gone",
            Self::Copied => "copied",
            Self::NoSuchSpace(_) => "no-such-space",
            Self::NoSuchDocument(_) => "no-such-document",
            Self::NotInTrash(_) => "not-in-trash",
            Self::Destroyed => "destroyed",
            Self::NoSuchPiece(_) => "no-such-piece",
            Self::PieceIncomplete => "piece-incomplete",
            Self::NoSuchThing(_) => "no-such-thing",
            Self::NoSuchPerson(_) => "no-such-person",
            Self::NoSuchInvitation(_) => "no-such-invitation",
            Self::NotAMember(_) => "not-a-member",
            Self::LastOwner => "last-owner",
            Self::Founder => "founder",
            Self::NoSuchDevice(_) => "no-such-device",
            Self::PairingCutShort(_) => "pairing-cut-short",
            Self::NotAPairingCode(_) => "not-a-pairing-code",
            Self::PairingRefused(_) => "pairing-refused",
            Self::DeviceRemoved => "device-removed",
            Self::Ambiguous { .. } => "ambiguous",
            Self::InvitationCutShort(_) => "invitation-cut-short",
            Self::NotAnInvitation(_) => "not-an-invitation",
            Self::InvitationRefused { why, .. } => why.code(),
            Self::RelayRefused(_) => "relay-refused",
            Self::RelayNeeded(_) => "relay-needed",
            Self::Unreachable(_) => "unreachable",
            Self::Role(_) => "role",
            Self::Removed(_) => "removed",
            Self::CannotWrite(_) => "cannot-write",
            Self::Damaged(_) => "damaged",
            Self::BadInput(_) => "bad-input",
            Self::Network(_) => "network",
            Self::File { .. } => "file",
            Self::Stopped => "stopped",
            Self::Closing => "closing",
        }
    }

    /// The command line's exit code: 1 in general, 3 the home is held by another process, 4 no such thing, 5 not
    /// allowed, 6 nobody could be reached, 7 the disk refuses or is damaged, 8 the input cannot be used, 9 the home is locked.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::InUse(_) => 3,
            Self::NoSuchSpace(_)
            | Self::NoSuchDocument(_)
            | Self::NoSuchDevice(_)
            | Self::NotInTrash(_)
            | Self::NoSuchPiece(_)
            | Self::NoSuchThing(_)
            | Self::NoSuchPerson(_)
            | Self::NoSuchInvitation(_)
            | Self::Ambiguous { .. } => 4,
            Self::Role(_)
            | Self::Removed(_)
            | Self::NotAMember(_)
            | Self::LastOwner
            | Self::Founder
            | Self::InvitationRefused { .. }
            | Self::RelayRefused(_)
            | Self::RelayNeeded(_)
            | Self::PairingRefused(_)
            | Self::DeviceRemoved
            | Self::Destroyed
            | Self::Copied => 5,
            Self::Unreachable(_) => Self::UNREACHABLE,
            Self::CannotWrite(_) | Self::Damaged(_) => 7,
            Self::InvitationCutShort(_)
            | Self::NotAnInvitation(_)
            | Self::PairingCutShort(_)
            | Self::NotAPairingCode(_)
            | Self::BadInput(_)
            | Self::BadPhrase(_) => 8,
            Self::Locked | Self::WrongPassphrase | Self::Keyring(_) => 9,
            _ => 1,
        }
    }
}

impl From<sheaf_store::StoreError> for NodeError {
    fn from(error: sheaf_store::StoreError) -> Self {
        use sheaf_store::StoreError;
        match &error {
            StoreError::Locked { .. } => Self::InUse(error.to_string()),
            StoreError::DiskFull { .. }
            | StoreError::NotPermitted { .. }
            | StoreError::Io { .. }
            | StoreError::JournalStopped { .. } => Self::CannotWrite(error.to_string()),
            StoreError::TooLarge { .. } | StoreError::NotEmpty { .. } | StoreError::NoBackup { .. } => {
                Self::BadInput(error.to_string())
            }
            _ => Self::Damaged(error.to_string()),
        }
    }
}
