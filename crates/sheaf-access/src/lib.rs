//! Persons, devices, roles, invitations and epochs: who may do what in a space, and who can read it.
//!
//! There is no server that knows. Each change of membership is an *access operation*, signed by a device and carried by an
//! entry of that device's log, and everyone works out for themselves what the operations amount to. This crate is that
//! working out: pure, with no clock, no disk and no network, and randomness passed in.
//!
//! # From keys to a role
//!
//! - A [`PersonKey`] is a person; it signs a [`DeviceCertificate`] for each of their devices' [`DeviceKeys`]. An entry is
//!   signed by a device, so a certificate is what leads from a signature to a person. An [`Identity`] is the three as they
//!   are kept.
//! - A space begins with a [`AccessOp::Create`], whose entry's hash is the [`SpaceId`]: nobody can begin the same space
//!   twice, and the founder is whoever signed. Their *grant* is that entry, with the role of [`Role::Owner`].
//! - An owner opens an invitation ([`AccessOp::Invite`]), and sends the secret of it as an [`InvitationLink`]. Whoever has
//!   the link joins with [`AccessOp::Redeem`], alone if need be: the first entry of their log, proved by the link's key.
//!   That entry is their grant.
//! - An owner gives a known person more ([`AccessOp::Grant`]), or ends or lowers later grants than their own
//!   ([`AccessOp::Remove`]). Everyone may do that to their own, and adds and removes their own devices.
//! - Content is sealed under the [`ContentKey`] of an epoch. An [`EpochStart`] carries it to everyone who may read, a [`Wrap`]
//!   to who comes later. Whoever takes reading away begins an epoch in the same entry.
//!
//! # From a set to a state
//!
//! [`AccessHistory`] holds a space's access entries and answers with an [`AccessState`]: members, roles, invitations,
//! epochs. The state is a pure function of the *set* (A1): one pass over the *grants*, in an order that follows from the set
//! alone (A3), so that arrival does not matter. An entry names the access entries its author knew, and what those amount to
//! ([`AccessHistory::state_at`]) decides whether the author might write it (A5). So whether an entry is let in is settled
//! when it is written, for ever and for everyone; what may change when more is heard is only whether it *counts*
//! ([`Verdict`]).
//!
//! # What is not here
//!
//! No signatures of entries, which `sheaf-log` checks before it hands an [`AccessEntry`] over; no documents; no clock:
//! times are shown, never judged by.

mod alone;
mod certificate;
mod closure;
mod domain;
mod epoch;
mod evaluate;
mod founded;
mod history;
mod id;
mod identity;
mod introduction;
mod invitation;
mod keys;
mod link;
mod link_text;
mod operation;
pub mod pairing;
mod phrase;
mod relay;
mod revocation;
mod role;
mod sas;
mod state;
mod verdict;
mod words;
mod write;

pub use certificate::DeviceCertificate;
pub use epoch::{
    Commitment, ContentKey, EpochStart, MAX_PARENTS, MAX_READERS, ParentKey, SealedKey, SealedParent,
    UnusableSealingKey, UnwrapError, Wrap, WrapContext,
};
pub use history::{AccessHistory, Denied, Known, Missing};
/// The traits that randomness is passed in by.
pub use hpke::rand_core;
pub use id::{DeviceId, DocumentId, EntryHash, EpochId, InvitationId, LogId, ParseIdError, PersonId, SpaceId};
pub use identity::{Identity, ParseIdentityError};
pub use introduction::{Introduction, MAX_INTRODUCTIONS, SEALED_NAME};
pub use invitation::InvitationSecret;
pub use keys::{BadSignature, DeviceKeys, PersonKey, SealingKey, SealingSecret, Signature};
pub use link::{InvitationLink, LinkError, MAX_ADDRESS_LENGTH, MAX_ADDRESSES, MAX_LINK_RELAYS, ParseLinkError};
pub use operation::{AccessEntry, AccessOp, MAX_NAMED, MAX_WATERMARKS, MAX_WRAPS, OperationError};
pub use phrase::{PHRASE_WORDS, Phrase, PhraseError};
pub use relay::{MAX_RELAY_ADDRESSES, MAX_RELAY_URL, MAX_TOKEN, ParseRelayError, Relay, RelayLink, RelayLinkError};
pub use revocation::DeviceRevocation;
pub use role::{ParseRoleError, Role};
pub use sas::sas_words;
pub use state::{AccessState, Binding, Challenge, Epoch, Former, Grant, Invitation, MAX_DEVICES, MAX_MEMBERS, Member};
pub use verdict::{Verdict, Void};
pub use words::{COMPARED_WORDS, phrase_list};
pub use write::{Removal, Terms, WriteError};
