//! How a state is put together from what the pass found, entry by entry in the order of A3.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::people::Limited;
use super::{AccessState, Cached, Epoch, Former, Grant, Invitation, Member};
use crate::certificate::DeviceCertificate;
use crate::epoch::WrapContext;
use crate::evaluate::{Cause, Evaluation, Life, Part};
use crate::history::Node;
use crate::operation::{AccessEntry, AccessOp};
use crate::verdict::{Verdict, Void};
use crate::{EntryHash, EpochId, InvitationId, Role, SpaceId};

impl AccessState {
    fn before(space: SpaceId) -> Self {
        Self {
            space,
            heads: Vec::new(),
            grants: BTreeMap::new(),
            voided: BTreeMap::new(),
            grants_of: BTreeMap::new(),
            given_after: BTreeSet::new(),
            members: BTreeMap::new(),
            former: BTreeMap::new(),
            devices: BTreeMap::new(),
            devices_of: BTreeMap::new(),
            removed_devices: BTreeMap::new(),
            invitations: BTreeMap::new(),
            epochs: BTreeMap::new(),
            destroyed: BTreeSet::new(),
            relays: BTreeMap::new(),
            names: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            readers: Cached::default(),
            writable: Cached::default(),
        }
    }

    /// The state of a part of a history.
    pub(crate) fn of(space: SpaceId, part: &Part<'_>, found: &Evaluation, heads: Vec<EntryHash>) -> Self {
        let mut state = Self { heads, ..Self::before(space) };
        for at in &found.device_removals {
            let entry = &part.node(*at).entry;
            if let AccessOp::RemoveDevice { revocation, .. } = &entry.operation {
                let device = (revocation.person, revocation.device);
                state.removed_devices.entry(device).or_default().push(Arc::clone(entry));
            }
        }
        for at in &part.order {
            // What nothing was found for hangs on something that is not there.
            let missing = Cause { void: Void::GrantVoid, by: part.entry(*at).hash };
            let verdict = found.verdicts.get(at).copied().unwrap_or(Err(missing));
            state.record(part.node(*at), verdict);
            if let Some(life) = found.lives.get(at) {
                state.give(part.node(*at), life.standing, grant_of(part, life));
            }
        }
        state.given_after = state.all_given_after(part);
        for invitation in state.invitations.values_mut() {
            let held = state.grants.get(&invitation.under).and_then(|grant| grant.role);
            invitation.open = held == Some(Role::Owner);
        }
        for at in part.order.iter().filter(|at| found.verdicts.get(at).is_some_and(Result::is_ok)) {
            state.close(part.entry(*at), part);
        }
        state
    }

    /// Takes in one more entry that knows of everything in this state, and only adds to it.
    pub(crate) fn append(&mut self, node: &Node, heads: Vec<EntryHash>) {
        self.heads = heads;
        (self.readers, self.writable) = (Cached::default(), Cached::default());
        self.record(node, Ok(()));
        let (person, given, under, invitation) = match &node.entry.operation {
            AccessOp::Redeem { invitation: id, certificate, .. } => {
                // It was found open when the entry was let in.
                let Some(invitation) = self.invitations.get(id) else { return };
                (certificate.person, invitation.role, invitation.under, Some(*id))
            }
            AccessOp::Grant { under, person, role, .. } => (*person, *role, *under, None),
            _ => return,
        };
        let (under, role, limits) = (Some(under), Some(given), Vec::new());
        self.given_after.extend(self.limits_of(&person).into_iter().map(|by| (node.entry.hash, by)));
        self.give(node, Ok(()), Grant { person, given, role, under, invitation, depth: node.depth, limits });
    }

    fn all_given_after(&self, part: &Part<'_>) -> BTreeSet<(EntryHash, EntryHash)> {
        let mut found = BTreeSet::new();
        for (person, grants) in &self.grants_of {
            for by in self.limits_of(person) {
                let after = |grant: &&EntryHash| part.knows_entry(grant, &by);
                found.extend(grants.iter().filter(after).map(|grant| (*grant, by)));
            }
        }
        found
    }

    /// Whether [`Self::append`] is enough for an operation that counts and is the last of all.
    pub(crate) fn only_adds(operation: &AccessOp) -> bool {
        !matches!(
            operation,
            AccessOp::Create { .. } | AccessOp::Remove { .. } | AccessOp::RemoveDevice { .. } | AccessOp::Close { .. }
        )
    }

    fn record(&mut self, node: &Node, verdict: Result<(), Cause>) {
        let entry = &node.entry;
        let counts = verdict.is_ok();
        self.verdicts.insert(entry.hash, verdict.map_or_else(|cause| Verdict::Void(cause.void), |()| Verdict::Counts));
        // What a root key has certified and a device agreed to stays true, and a key that was handed out is known, whether
        // or not the entry has any other effect.
        if let Some(certificate) = entry.operation.certificate() {
            self.know(certificate);
        }
        self.hold_keys(node, counts);
        match &entry.operation {
            AccessOp::Invite { .. } if counts => self.open_invitation(entry),
            AccessOp::Destroy { document, .. } if counts => {
                self.destroyed.insert(*document);
            }
            // The last word in the order of A3 stands.
            AccessOp::NameRelay { relay, .. } if counts => {
                self.relays.insert(relay.key, relay.clone());
            }
            AccessOp::DropRelay { relay, .. } if counts => {
                self.relays.remove(relay);
            }
            AccessOp::Introduce { .. } if counts => {
                if let Some(person) = self.person_of(&entry.log.device) {
                    self.names.insert(person, Arc::clone(entry));
                }
            }
            _ => {}
        }
    }

    fn know(&mut self, certificate: &DeviceCertificate) {
        let first = *self.devices.entry(certificate.device).or_insert(*certificate);
        if first.person != certificate.person || self.is_removed(&first.person, &first.device) {
            return;
        }
        self.devices_of.entry(first.person).or_default().insert(first.device, first);
        if let Some(member) = self.members.get_mut(&first.person) {
            member.devices.insert(first.device, first);
        }
    }

    fn hold_keys(&mut self, node: &Node, counts: bool) {
        let entry = &node.entry;
        if let Some(start) = entry.operation.epoch_start() {
            let space = if matches!(entry.operation, AccessOp::Create { .. }) { SpaceId::UNBORN } else { self.space };
            let epoch = Epoch {
                commitment: start.commitment,
                by: self.person_of(&entry.log.device),
                counts,
                context: WrapContext { space, epoch: EpochId::UNBORN, commitment: start.commitment },
                start: Arc::clone(entry),
                readers: Arc::clone(&node.readers),
                later: Vec::new(),
            };
            self.epochs.insert(EpochId::from(entry.hash), epoch);
        }
        for (at, wrap) in entry.operation.wraps().iter().enumerate() {
            if let Some(epoch) = self.epochs.get_mut(&wrap.epoch) {
                epoch.later.push((wrap.recipient, Arc::clone(entry), at));
            }
        }
    }

    fn open_invitation(&mut self, entry: &AccessEntry) {
        let AccessOp::Invite { under, invitation, sealing_key, role, expires, uses, .. } = &entry.operation else {
            return;
        };
        let Some(by) = self.person_of(&entry.log.device) else { return };
        self.invitations.entry(*invitation).or_insert_with(|| Invitation {
            entry: entry.hash,
            by,
            under: *under,
            role: *role,
            sealing_key: *sealing_key,
            expires: *expires,
            uses: *uses,
            opened: entry.time,
            redeemed_by: Vec::new(),
            redemptions: Vec::new(),
            open: true,
        });
    }

    fn give(&mut self, node: &Node, standing: Result<(), Cause>, grant: Grant) {
        let entry = &node.entry;
        let person = grant.person;
        self.grants_of.entry(person).or_default().push(entry.hash);
        if let Err(cause) = standing {
            self.voided.insert(entry.hash, (person, grant.given, cause.by));
            self.leave(person, cause.by);
            return;
        }
        if let Some(invitation) = grant.invitation.and_then(|id: InvitationId| self.invitations.get_mut(&id)) {
            invitation.redemptions.push(entry.hash);
            // Looked for only where somebody has more than one.
            let is_first = self.grants_of.get(&person).is_none_or(|grants| grants.len() == 1);
            if is_first || !invitation.redeemed_by.contains(&person) {
                invitation.redeemed_by.push(person);
            }
        }
        if let Some(role) = grant.role {
            self.join(entry, &grant, role);
        } else {
            let ended = grant.limits.iter().find(|limit| limit.leaves.is_none());
            self.leave(person, ended.map_or(entry.hash, |limit| limit.by.hash));
        }
        self.grants.insert(entry.hash, grant);
    }

    fn join(&mut self, entry: &AccessEntry, grant: &Grant, role: Role) {
        let person = grant.person;
        self.former.remove(&person);
        let devices = self.devices_of.get(&person);
        let member = self.members.entry(person).or_insert_with(|| Member {
            person,
            role,
            grant: entry.hash,
            devices: devices.cloned().unwrap_or_default(),
            since: entry.time,
        });
        if role > member.role {
            member.role = role;
            member.grant = entry.hash;
        }
    }

    fn leave(&mut self, person: crate::PersonId, by: EntryHash) {
        if !self.members.contains_key(&person) {
            self.former.insert(person, Former { person, by });
        }
    }

    /// What closes invitations: a close, and the removal of the device that opened them.
    fn close(&mut self, entry: &AccessEntry, part: &Part<'_>) {
        match &entry.operation {
            AccessOp::Close { invitation, .. } => {
                if let Some(invitation) = self.invitations.get_mut(invitation) {
                    invitation.open = false;
                }
            }
            AccessOp::RemoveDevice { revocation, .. } => {
                let device = |invitation: &Invitation| {
                    part.index.get(&invitation.entry).map(|at| part.entry(*at).log.device) == Some(revocation.device)
                };
                for invitation in self.invitations.values_mut().filter(|invitation| device(invitation)) {
                    invitation.open = false;
                }
            }
            _ => {}
        }
    }
}

fn grant_of(part: &Part<'_>, life: &Life) -> Grant {
    let limits = life
        .limits
        .iter()
        .map(|limit| Limited { by: Arc::clone(&part.node(limit.by).entry), leaves: limit.leaves })
        .collect();
    Grant {
        person: life.person,
        given: life.given,
        role: life.role(),
        under: life.under,
        invitation: life.invitation,
        depth: part.node(life.at).depth,
        limits,
    }
}
