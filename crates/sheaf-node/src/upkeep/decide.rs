//! What a space needs from this device now: a pure function of what is held, so that each rule can be tried by itself.

use std::time::Duration;

use sheaf_access::{AccessState, DeviceId, EpochId, InvitationId, Role};

/// How long an expired invitation is left open, unless the node is told otherwise: someone may have joined by it in time,
/// at a device that nobody here has heard of yet, and a close that does not list them would keep them out (I3).
pub const GRACE: Duration = Duration::from_mins(10);

/// What is known when it is decided.
pub struct Situation<'s> {
    /// Who may do what.
    pub access: &'s AccessState,
    /// This device.
    pub device: DeviceId,
    /// The epochs whose keys are known here.
    pub known: &'s dyn Fn(&EpochId) -> bool,
    /// Epochs whose key was wrapped for this device, wrongly (E4).
    pub broken: &'s [EpochId],
    /// Whether the relay at which the space's members meet, if it names one, has nothing that is not here: someone may have
    /// joined there in time (I3).
    pub relay_told: bool,
    /// Milliseconds since 1970.
    pub now: u64,
    /// How long an expired invitation is left open, in milliseconds.
    pub grace: u64,
}

/// Something to be done for a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Begin an epoch, because the key of the one to write under does not open here (E4).
    Rotate,
    /// Close an invitation that is over (I3).
    Close(InvitationId),
    /// Give readers keys that they lack (E2).
    Rewrap,
}

/// What to do now, the most urgent first; and when to look again, if only time can bring more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub chore: Option<Chore>,
    /// When the next invitation is over, in milliseconds since 1970.
    pub again: Option<u64>,
}

/// Decides. Whoever is no member does nothing.
pub fn decide(situation: &Situation<'_>) -> Decision {
    let Situation { access, device, known, broken, relay_told, now, grace } = situation;
    let Some(role) = access.role_of(device) else { return Decision::default() };
    let mut decision = Decision::default();
    let cannot_write = access.writable_epoch().is_some_and(|epoch| broken.contains(&epoch));
    if cannot_write && role >= Role::Commenter {
        decision.chore = Some(Chore::Rotate);
    }
    if role == Role::Owner {
        for (id, invitation) in access.invitations() {
            let used_up = invitation.uses.is_some_and(|uses| invitation.redemptions.len() >= uses as usize);
            let over = invitation.expires.map(|expires| expires.saturating_add(*grace));
            if used_up || over.is_some_and(|over| over <= *now && *relay_told) {
                decision.chore = decision.chore.or(Some(Chore::Close(*id)));
            } else if let Some(over) = over.filter(|over| over > now) {
                decision.again = Some(decision.again.map_or(over, |again| again.min(over)));
            }
        }
    }
    if decision.chore.is_none() && access.missing_wraps().iter().any(|(epoch, _)| known(epoch)) {
        decision.chore = Some(Chore::Rewrap);
    }
    decision
}

#[cfg(test)]
mod tests {
    use sheaf_access::{
        AccessEntry, AccessHistory, AccessOp, ContentKey, EntryHash, Identity, InvitationSecret, LogId, Removal,
        SpaceId, Terms,
    };

    use super::*;

    /// In milliseconds.
    const GRACE: u64 = 10_000;

    /// One device's view of a space, with the keys that it knows.
    struct Desk {
        me: Identity,
        history: AccessHistory,
        seq: u64,
    }

    fn entry(desk: &Desk, operation: AccessOp) -> AccessEntry {
        let space = desk.history.space();
        AccessEntry {
            hash: EntryHash::from_bytes(rand::random()),
            space,
            log: LogId { device: desk.me.device.id(), nonce: 1 },
            seq: desk.seq + 1,
            access_heads: desk.history.now().heads().to_vec(),
            time: 0,
            operation,
        }
    }

    impl Desk {
        fn found() -> Self {
            let me = Identity::generate(&mut rand::rng());
            let key = ContentKey::generate(&mut rand::rng());
            let operation = AccessOp::create(me.certificate, &key, &mut rand::rng()).unwrap();
            let creation = AccessEntry {
                hash: EntryHash::from_bytes(rand::random()),
                space: SpaceId::UNBORN,
                log: LogId { device: me.device.id(), nonce: 1 },
                seq: 1,
                access_heads: Vec::new(),
                time: 0,
                operation,
            };
            Self { me, history: AccessHistory::found(creation).unwrap(), seq: 1 }
        }

        /// The same space at someone's desk who has heard of the same.
        fn beside(&self, me: &Identity) -> Self {
            Self { me: me.clone(), history: self.history.clone(), seq: 0 }
        }

        fn keys(&self) -> Vec<(EpochId, ContentKey)> {
            self.history.now().content_keys(self.me.device.sealing_secret())
        }

        fn write(&mut self, operation: AccessOp) -> AccessEntry {
            let entry = entry(self, operation);
            self.history.add(entry.clone()).unwrap();
            self.seq += 1;
            entry
        }

        fn hear(&mut self, entry: &AccessEntry) {
            self.history.add(entry.clone()).unwrap();
        }

        fn invite(&mut self, terms: Terms) -> InvitationSecret {
            let secret = InvitationSecret::generate(&mut rand::rng());
            let access = self.history.now();
            let under = access.member(&self.me.certificate.person).unwrap().grant;
            let keys = access.keys_to_give(&self.keys());
            let space = self.history.space();
            let op = AccessOp::invite(space, under, &secret, terms, &keys, &mut rand::rng()).unwrap();
            self.write(op);
            secret
        }

        /// Someone joins who hears of all that is known here.
        fn joined_by(&mut self, secret: &InvitationSecret) -> Desk {
            let mut desk = self.beside(&Identity::generate(&mut rand::rng()));
            let access = desk.history.now();
            let keys = access.content_keys(&secret.sealing_secret());
            let (space, heads) = (desk.history.space(), access.heads().to_vec());
            let certificate = desk.me.certificate;
            let op = AccessOp::redeem(space, secret, certificate, &heads, &keys, &mut rand::rng()).unwrap();
            let entry = desk.write(op);
            self.hear(&entry);
            desk
        }

        fn member(&mut self, role: Role) -> Desk {
            let secret = self.invite(role.into());
            self.joined_by(&secret)
        }

        fn remove(&mut self, who: &Desk) -> AccessEntry {
            let removal = Removal { person: who.me.certificate.person, leaves: None, watermarks: Vec::new() };
            let device = self.me.device.id();
            let op = AccessOp::remove(&self.history, &device, removal, &self.keys(), &mut rand::rng()).unwrap();
            self.write(op)
        }

        fn decide(&self, now: u64, broken: &[EpochId]) -> Decision {
            self.decide_with(now, broken, true)
        }

        fn decide_with(&self, now: u64, broken: &[EpochId], relay_told: bool) -> Decision {
            let keys = self.keys();
            let known = |epoch: &EpochId| keys.iter().any(|(id, _)| id == epoch);
            let device = self.me.device.id();
            decide(&Situation {
                access: self.history.now(),
                device,
                known: &known,
                broken,
                relay_told,
                now,
                grace: GRACE,
            })
        }
    }

    fn until(expires: u64) -> Terms {
        Terms { role: Role::Editor, expires: Some(expires), uses: None }
    }

    #[test]
    fn a_space_in_order_needs_nothing() {
        let mut ana = Desk::found();
        let ben = ana.member(Role::Editor);
        assert_eq!(ana.decide(1_000, &[]), Decision::default());
        assert_eq!(ben.decide(1_000, &[]), Decision::default());
    }

    #[test]
    fn an_expired_invitation_is_closed_by_an_owner_after_a_while() {
        let mut ana = Desk::found();
        let ben = ana.member(Role::Editor);
        let secret = ana.invite(until(5_000));
        let over = 5_000 + GRACE;
        assert_eq!(ana.decide(6_000, &[]), Decision { chore: None, again: Some(over) });
        assert_eq!(ana.decide(over, &[]).chore, Some(Chore::Close(secret.id())));
        let ben = Desk { history: ana.history.clone(), ..ben };
        assert_eq!(ben.decide(over, &[]), Decision::default(), "an editor closes nothing");
    }

    #[test]
    fn an_expired_invitation_stays_open_until_the_relay_has_said_who_joined_there() {
        let mut ana = Desk::found();
        let secret = ana.invite(until(5_000));
        let over = 5_000 + GRACE;
        assert_eq!(ana.decide_with(6_000, &[], false), Decision { chore: None, again: Some(over) });
        assert_eq!(
            ana.decide_with(over, &[], false),
            Decision::default(),
            "it is looked at again when the relay is there"
        );
        assert_eq!(ana.decide_with(over, &[], true).chore, Some(Chore::Close(secret.id())));
    }

    #[test]
    fn a_used_up_invitation_is_closed_at_once() {
        let mut ana = Desk::found();
        let secret = ana.invite(Terms { role: Role::Viewer, expires: None, uses: Some(1) });
        assert_eq!(ana.decide(0, &[]).chore, None);
        ana.joined_by(&secret);
        assert_eq!(ana.decide(0, &[]).chore, Some(Chore::Close(secret.id())));
    }

    #[test]
    fn a_newcomer_who_was_not_known_to_whoever_rotated_is_given_the_key_by_any_reader() {
        let mut ana = Desk::found();
        let mut ben = ana.member(Role::Owner);
        let cem = ana.member(Role::Viewer);
        let secret = ana.invite(Role::Editor.into());
        ben.history = ana.history.clone();
        // Ben removes Cem, and so changes the key, while Dora joins at Ana's.
        let removal = ben.remove(&cem);
        let mut dora = ana.joined_by(&secret);
        ana.hear(&removal);
        dora.hear(&removal);
        assert_eq!(ana.decide(0, &[]).chore, Some(Chore::Rewrap));
        assert_eq!(dora.decide(0, &[]).chore, None, "who lacks the key has nothing to give");
        let op = AccessOp::rewrap(ana.history.now(), &ana.me.device.id(), &ana.keys(), &mut rand::rng());
        let repair = ana.write(op.unwrap().unwrap());
        dora.hear(&repair);
        assert_eq!(ana.decide(0, &[]).chore, None);
        let epoch = dora.history.now().writable_epoch().unwrap();
        assert!(dora.keys().iter().any(|(id, _)| *id == epoch));
    }

    #[test]
    fn whoever_is_given_a_key_that_does_not_open_changes_it_if_they_may_write() {
        let mut ana = Desk::found();
        let ben = ana.member(Role::Editor);
        let cem = ana.member(Role::Viewer);
        let epoch = ana.history.now().writable_epoch().unwrap();
        let at = |desk: &Desk| Desk { history: ana.history.clone(), me: desk.me.clone(), seq: 1 };
        assert_eq!(at(&ben).decide(0, &[epoch]).chore, Some(Chore::Rotate));
        assert_eq!(at(&cem).decide(0, &[epoch]).chore, None, "a viewer waits for someone who may");
    }

    #[test]
    fn who_was_removed_does_nothing() {
        let mut ana = Desk::found();
        let ben = ana.member(Role::Owner);
        ana.invite(until(0));
        let removal = ana.remove(&ben);
        let mut ben = Desk { history: ana.history.clone(), ..ben };
        ben.hear(&removal);
        assert_eq!(ben.decide(u64::MAX, &[]), Decision::default());
    }
}
