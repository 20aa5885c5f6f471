//! Making access operations: who the readers will be, which keys to hand out, whether to rotate.
//!
//! Each of these works from what the author holds, says the same as admission will of what it cannot make, and leaves the
//! signing to the log. `keys` are the content keys that the author knows.

use hpke::rand_core::CryptoRng;

use crate::certificate::DeviceCertificate;
use crate::epoch::{ContentKey, EpochStart, MAX_PARENTS, SealedKey, UnusableSealingKey, Wrap};
use crate::founded::MAX_LEAVES;
use crate::history::AccessHistory;
use crate::introduction::Introduction;
use crate::invitation::InvitationSecret;
use crate::keys::{SealingKey, Signature};
use crate::operation::{AccessEntry, AccessOp, MAX_WRAPS};
use crate::relay::Relay;
use crate::revocation::DeviceRevocation;
use crate::state::AccessState;
use crate::verdict::{Verdict, Void};
use crate::{DeviceId, DocumentId, EntryHash, EpochId, InvitationId, LogId, PersonId, Role, SpaceId};

/// Content keys, by epoch.
type Keys = [(EpochId, ContentKey)];

/// What an invitation gives, and for how long and how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The role that joining by it gives.
    pub role: Role,
    /// Until when it is to be accepted, in milliseconds since 1970.
    pub expires: Option<u64>,
    /// How many may join by it.
    pub uses: Option<u32>,
}

impl From<Role> for Terms {
    fn from(role: Role) -> Self {
        Self { role, expires: None, uses: None }
    }
}

/// Whose grants to end or to lower.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Removal {
    /// Whose.
    pub person: PersonId,
    /// What they may do from now on; none removes them.
    pub leaves: Option<Role>,
    /// How far each of their logs is held: what is beyond is set aside unless somebody who may write has built on it.
    pub watermarks: Vec<(LogId, u64)>,
}

/// Why an operation was not made.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum WriteError {
    /// The author may not do that, or it would have no effect.
    #[error(transparent)]
    Void(#[from] Void),
    /// A key cannot be wrapped for someone.
    #[error(transparent)]
    UnusableSealingKey(#[from] UnusableSealingKey),
}

impl AccessOp {
    /// Founds a space: the entry's `Create`, with the first epoch's key wrapped for the founder's device.
    pub fn create(
        founder: DeviceCertificate,
        key: &ContentKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnusableSealingKey> {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        let wraps = vec![SealedKey::seal(key, SpaceId::UNBORN, EpochId::UNBORN, founder.sealing_key, rng)?];
        let epoch = EpochStart { commitment: key.commitment(), parents: Vec::new(), wraps };
        Ok(Self::Create { founder, nonce, epoch })
    }

    /// Opens an invitation to a space whose content keys are given.
    pub fn invite(
        space: SpaceId,
        under: EntryHash,
        secret: &InvitationSecret,
        terms: impl Into<Terms>,
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnusableSealingKey> {
        let sealing_key = secret.sealing_key();
        let wraps = wrap_all(space, sealing_key, keys, rng)?;
        let Terms { role, expires, uses } = terms.into();
        Ok(Self::Invite { under, invitation: secret.id(), sealing_key, role, wraps, expires, uses })
    }

    /// Joins a space by an invitation, with the content keys that its link's key opened.
    pub fn redeem(
        space: SpaceId,
        secret: &InvitationSecret,
        certificate: DeviceCertificate,
        access_heads: &[EntryHash],
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, UnusableSealingKey> {
        let wraps = wrap_all(space, certificate.sealing_key, keys, rng)?;
        let proof = secret.prove_redemption(space, &certificate, access_heads);
        Ok(Self::Redeem { invitation: secret.id(), certificate, proof, wraps })
    }

    /// Gives a person who is or was here a further grant, and the keys if they cannot read now.
    pub fn grant(
        state: &AccessState,
        by: &DeviceId,
        person: PersonId,
        role: Role,
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WriteError> {
        let under = state.owner_grant(by)?;
        let mut wraps = Vec::new();
        if state.member(&person).is_none() {
            for device in state.devices_of(&person) {
                wraps.extend(wrap_all(state.space(), device.sealing_key, &state.keys_to_give(keys), rng)?);
            }
            wraps.sort_unstable_by_key(|wrap| (wrap.epoch, wrap.recipient));
            wraps.truncate(MAX_WRAPS);
        }
        Ok(Self::Grant { under, person, role, wraps })
    }

    /// Ends what a person holds, or lowers it: another's, or the author's own. Begins an epoch where that takes reading away.
    pub fn remove(
        history: &AccessHistory,
        by: &DeviceId,
        removal: Removal,
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WriteError> {
        let state = history.now();
        let Removal { person, leaves, mut watermarks } = removal;
        let author = state.person_of(by).ok_or(Void::NotAMember)?;
        let Some(under) = state.power_over(&author, &person) else {
            state.owner_grant(by)?;
            return Err(state.member(&person).map_or(Void::WrongGrants, |_| Void::SeniorGrant).into());
        };
        watermarks.sort_unstable();
        watermarks.dedup_by_key(|(log, _)| *log);
        let held = |role: Option<Role>| role.is_some() && role > leaves;
        let mut grants: Vec<EntryHash> =
            state.grants_of(&person).filter(|(_, grant)| held(grant.role)).map(|(entry, _)| entry).collect();
        grants.sort_unstable();
        let operation = Self::Remove { under, person, grants, leaves, watermarks, rotate: None };
        history.with_epoch(by, operation, keys, rng)
    }

    /// Adds a device to a person: by another of their devices, or, where `by` is the device itself, by the first entry of its
    /// log. The keys are for the device alone.
    pub fn add_device(
        state: &AccessState,
        by: &DeviceId,
        certificate: DeviceCertificate,
        consent: Signature,
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WriteError> {
        let under = state.member(&certificate.person).ok_or(Void::NotAMember)?.grant;
        let under = (*by != certificate.device).then_some(under);
        let wraps = wrap_all(state.space(), certificate.sealing_key, &state.keys_to_give(keys), rng)?;
        Ok(Self::AddDevice { certificate, consent, under, wraps })
    }

    /// Removes one of the author's own devices, and begins an epoch that it cannot read.
    pub fn remove_device(
        history: &AccessHistory,
        by: &DeviceId,
        revocation: DeviceRevocation,
        mut watermarks: Vec<(LogId, u64)>,
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WriteError> {
        let under = history.now().own_grant(by)?;
        watermarks.sort_unstable();
        watermarks.dedup_by_key(|(log, _)| *log);
        history.with_epoch(by, Self::RemoveDevice { under, revocation, watermarks, rotate: None }, keys, rng)
    }

    /// Closes an invitation, accepting these redemptions, and begins an epoch that its link cannot read.
    pub fn close(
        history: &AccessHistory,
        by: &DeviceId,
        invitation: InvitationId,
        mut accepted: Vec<EntryHash>,
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WriteError> {
        let under = history.now().owner_grant(by)?;
        accepted.sort_unstable();
        accepted.dedup();
        history.with_epoch(by, Self::Close { under, invitation, accepted, rotate: None }, keys, rng)
    }

    /// Begins an epoch for everyone who may read.
    pub fn rotate(
        state: &AccessState,
        by: &DeviceId,
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, WriteError> {
        let under = state.own_grant(by)?;
        let role = state.role_of(by).ok_or(Void::NotAMember)?;
        if role < Role::Commenter {
            return Err(Void::MayNotRotate(role).into());
        }
        Ok(Self::Rotate { under, epoch: begin(state, state.readers(), keys, rng)? })
    }

    /// Gives readers the keys that they lack and the author has (E2); none if there is nothing to give.
    pub fn rewrap(
        state: &AccessState,
        by: &DeviceId,
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<Self>, WriteError> {
        let under = state.own_grant(by)?;
        let mut wraps = Vec::new();
        for (epoch, reader) in state.missing_wraps() {
            if let Some((_, key)) = keys.iter().find(|(known, _)| *known == epoch)
                && wraps.len() < MAX_WRAPS
            {
                wraps.push(Wrap::seal(key, state.space(), epoch, reader, rng)?);
            }
        }
        Ok((!wraps.is_empty()).then_some(Self::Rewrap { under, wraps }))
    }

    /// Destroys a document.
    pub fn destroy(state: &AccessState, by: &DeviceId, document: DocumentId) -> Result<Self, WriteError> {
        Ok(Self::Destroy { under: state.owner_grant(by)?, document })
    }

    /// Names a relay.
    pub fn name_relay(state: &AccessState, by: &DeviceId, relay: Relay) -> Result<Self, WriteError> {
        Ok(Self::NameRelay { under: state.owner_grant(by)?, relay })
    }

    /// Says what this person is called.
    pub fn introduce(state: &AccessState, by: &DeviceId, name: Introduction) -> Result<Self, WriteError> {
        Ok(Self::Introduce { under: state.own_grant(by)?, name })
    }

    /// Names a relay no more.
    pub fn drop_relay(state: &AccessState, by: &DeviceId, relay: DeviceId) -> Result<Self, WriteError> {
        Ok(Self::DropRelay { under: state.owner_grant(by)?, relay })
    }
}

impl AccessHistory {
    /// Adds the epoch that a removal needs: for those who may read once it has had its effect.
    fn with_epoch(
        &self,
        by: &DeviceId,
        mut operation: AccessOp,
        keys: &Keys,
        rng: &mut impl CryptoRng,
    ) -> Result<AccessOp, WriteError> {
        let state = self.now();
        let draft = AccessEntry {
            hash: EntryHash::from_bytes([0; 32]),
            space: self.space(),
            log: LogId { device: *by, nonce: 0 },
            seq: u64::MAX,
            access_heads: state.heads().to_vec(),
            time: 0,
            operation: operation.clone(),
        };
        // The heads are those of the set itself, so none is missing.
        let Ok(node) = self.node(draft) else { return Err(Void::GrantVoid.into()) };
        let after = self.state_with(&node);
        if let Some(Verdict::Void(void)) = after.verdict(&node.entry.hash) {
            return Err(void.into());
        }
        if state.readers().iter().any(|reader| !after.is_reader(reader)) {
            let epoch = Some(begin(state, after.readers(), keys, rng)?);
            match &mut operation {
                AccessOp::Remove { rotate, .. }
                | AccessOp::RemoveDevice { rotate, .. }
                | AccessOp::Close { rotate, .. } => *rotate = epoch,
                _ => {}
            }
        }
        Ok(operation)
    }
}

impl AccessState {
    /// The grant that a device's person acts under.
    fn own_grant(&self, by: &DeviceId) -> Result<EntryHash, Void> {
        self.role_of(by).ok_or(Void::NotAMember)?;
        let person = self.person_of(by).ok_or(Void::NotAMember)?;
        Ok(self.member(&person).ok_or(Void::NotAMember)?.grant)
    }

    fn owner_grant(&self, by: &DeviceId) -> Result<EntryHash, Void> {
        match self.role_of(by) {
            Some(Role::Owner) => self.own_grant(by),
            Some(role) => Err(Void::NotAnOwner(role)),
            None => Err(Void::NotAMember),
        }
    }
}

fn begin(
    state: &AccessState,
    readers: &[SealingKey],
    keys: &Keys,
    rng: &mut impl CryptoRng,
) -> Result<EpochStart, UnusableSealingKey> {
    let known = |epoch: &EpochId| keys.iter().find(|(id, _)| id == epoch).map(|(_, key)| key.clone());
    let mut parents: Vec<(EpochId, Option<ContentKey>)> =
        state.leaf_epochs().into_iter().take(MAX_LEAVES).map(|epoch| (epoch, known(&epoch))).collect();
    for (epoch, key) in state.keys_to_give(keys) {
        if parents.len() < MAX_PARENTS && !parents.iter().any(|(named, _)| *named == epoch) {
            parents.push((epoch, Some(key)));
        }
    }
    EpochStart::new(&ContentKey::generate(rng), state.space(), &parents, readers, rng)
}

fn wrap_all(
    space: SpaceId,
    recipient: SealingKey,
    keys: &Keys,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Wrap>, UnusableSealingKey> {
    let mut keys: Vec<_> = keys.iter().collect();
    keys.sort_unstable_by_key(|(epoch, _)| *epoch);
    keys.into_iter().map(|(epoch, key)| Wrap::seal(key, space, *epoch, recipient, rng)).collect()
}
