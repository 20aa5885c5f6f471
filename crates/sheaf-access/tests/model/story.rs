//! Random histories: people who hear from each other now and then, do what they may, and try what they may not.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sheaf_access::{
    AccessEntry, AccessOp, DeviceId, EntryHash, EpochId, EpochStart, Introduction, LogId, ParentKey, PersonId, Relay,
    Role, SEALED_NAME, SpaceId,
};

use crate::cast::{Cast, DEVICES, Device, PEOPLE, cast};
use crate::naive::{All, Naive, Set};

/// What a story is made of: the entries that may be, each after those it names; and those that may not, with their pasts.
pub struct Story {
    pub space: SpaceId,
    pub all: All,
    pub order: Vec<EntryHash>,
    /// How many entries were tried that the rules do not let in.
    pub refused: Vec<AccessEntry>,
}

struct Teller {
    rng: ChaCha20Rng,
    story: Story,
    /// What each of some places has heard of.
    heard: Vec<Set>,
    logs: BTreeMap<LogId, u64>,
    time: u64,
}

const ROLES: [Role; 4] = [Role::Viewer, Role::Commenter, Role::Editor, Role::Owner];

pub fn tell(seed: u64, steps: usize) -> Story {
    let cast = cast();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let founder = &cast.people[0][0];
    let create = AccessOp::create(founder.certificate, &cast.key, &mut rng).unwrap();
    let log = LogId { device: founder.keys.id(), nonce: 0 };
    let creation = entry(SpaceId::UNBORN, log, 1, Vec::new(), 0, create);
    let (space, first) = (SpaceId::from(creation.hash), creation.hash);
    let mut all = All::default();
    all.insert(creation);
    let story = Story { space, all, order: vec![first], refused: Vec::new() };
    let mut teller =
        Teller { rng, story, heard: vec![Set::from([first]); 3], logs: BTreeMap::from([(log, 1)]), time: 1 };
    for _ in 0..steps {
        teller.step();
    }
    teller.story
}

pub fn entry(
    space: SpaceId,
    log: LogId,
    seq: u64,
    mut access_heads: Vec<EntryHash>,
    time: u64,
    operation: AccessOp,
) -> AccessEntry {
    access_heads.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    hasher.update(space.as_bytes()).update(log.device.as_bytes()).update(&log.nonce.to_le_bytes());
    hasher.update(&seq.to_le_bytes()).update(&time.to_le_bytes());
    for head in &access_heads {
        hasher.update(head.as_bytes());
    }
    hasher.update(&operation.encode());
    let hash = EntryHash::from_bytes(*hasher.finalize().as_bytes());
    AccessEntry { hash, space, log, seq, access_heads, time, operation }
}

impl Teller {
    fn pick(&mut self, below: usize) -> usize {
        self.rng.next_u32() as usize % below.max(1)
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.pick(times) == 0
    }

    fn any<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let at = self.pick(of.len());
        of.get(at).cloned()
    }

    /// What of a set nothing in it follows.
    fn heads(&self, set: &Set) -> Vec<EntryHash> {
        let followed: Set =
            set.iter().flat_map(|entry| self.story.all.entries[entry].access_heads.iter().copied()).collect();
        set.difference(&followed).copied().collect()
    }

    fn step(&mut self) {
        let cast = cast();
        let place = self.pick(self.heard.len());
        if self.one_in(4) {
            let other = self.pick(self.heard.len());
            let more = self.heard[other].clone();
            self.heard[place].extend(more);
            return;
        }
        // Someone who claims to know less than they do.
        let backdated = self.one_in(5);
        let knows: Set = if backdated {
            let order = self.story.order.clone();
            let head = self.any(&order).unwrap();
            self.story.all.closure(&[head])
        } else {
            self.heard[place].clone()
        };
        let all = std::mem::take(&mut self.story.all);
        let now = Naive::over(&all, knows.clone());
        let made = self.operation(cast, &all, &now);
        self.story.all = all;
        let Some((device, operation)) = made else { return };
        let made = self.write(device, &knows, operation);
        let Some((made, fits)) = made else { return };
        if fits {
            let hash = made.hash;
            self.logs.entry(made.log).and_modify(|seq| *seq = (*seq).max(made.seq)).or_insert(made.seq);
            self.story.all.insert(made);
            self.story.order.push(hash);
            if !backdated || self.one_in(2) {
                self.heard[place].insert(hash);
                let past = self.story.all.closure(&[hash]);
                self.heard[place].extend(past);
            }
        } else {
            self.story.refused.push(made);
        }
    }

    /// Something to do, and by which device.
    fn operation(&mut self, cast: &'static Cast, all: &All, now: &Naive<'_>) -> Option<(&'static Device, AccessOp)> {
        let members = now.members();
        let owners: Vec<PersonId> =
            members.iter().filter(|(_, role)| **role == Role::Owner).map(|(person, _)| *person).collect();
        // A space fills before people fall out.
        let kind = if members.len() < 3 && !self.one_in(5) { self.pick(6) } else { self.pick(29) };
        // Mostly who may; now and then anyone.
        let people: Vec<PersonId> = members.keys().copied().collect();
        let wants_owner = matches!(kind, 0..=2 | 6..=12 | 17..=18 | 21..=27);
        let author = if wants_owner && !self.one_in(6) { self.any(&owners)? } else { self.any(&people)? };
        let device = self.device_of(cast, now, author);
        let under = self.grant_of(all, now, author);
        let role = self.any(&ROLES)?;
        Some(match kind {
            0..=2 => {
                let secret = self.any(&cast.invitations)?;
                let role = if self.one_in(2) { Role::Owner } else { role };
                (device, AccessOp::invite(self.story.space, under, &secret, role, &[], &mut self.rng).ok()?)
            }
            3..=5 => {
                let open: Vec<_> = now.open_invitations().into_keys().collect();
                let id = self.any(&open)?;
                let secret = cast.invitations.iter().find(|secret| secret.id() == id)?;
                let (person, which) = (self.pick(PEOPLE), self.pick(2));
                let device = &cast.people[person][which];
                // The proof is made when the heads are known.
                let redeem =
                    AccessOp::redeem(self.story.space, secret, device.certificate, &[], &[], &mut self.rng).ok()?;
                (device, redeem)
            }
            6..=9 | 22..=25 => {
                let person = self.any(&people)?;
                if person == author && !self.one_in(12) {
                    return None;
                }
                (device, self.removal(now, under, person))
            }
            10 if self.one_in(4) => (device, self.removal(now, under, author)),
            10..=12 => {
                let at = self.pick(PEOPLE);
                let person = cast.people[at][0].certificate.person;
                (device, AccessOp::Grant { under, person, role, wraps: Vec::new() })
            }
            13..=14 => {
                let which = self.pick(DEVICES);
                let new = cast.people.iter().find(|devices| devices[0].certificate.person == author)?.get(which)?;
                let by_itself = self.one_in(2);
                let under = (!by_itself || self.one_in(2)).then_some(under);
                let (certificate, consent) = (new.certificate, new.consent);
                let writer = if by_itself { new } else { device };
                (writer, AccessOp::AddDevice { certificate, consent, under, wraps: Vec::new() })
            }
            15..=16 => {
                let which = self.pick(DEVICES);
                let mut whose = cast.people.iter().find(|devices| devices[0].certificate.person == author)?;
                if self.one_in(10) {
                    whose = &cast.people[self.pick(PEOPLE)];
                }
                let revocation = whose[which].revocation;
                let watermarks = self.watermarks(|device| device == revocation.device);
                (device, AccessOp::RemoveDevice { under, revocation, watermarks, rotate: None })
            }
            17..=18 | 26 => {
                let secret = self.any(&cast.invitations)?;
                let of = |entry: &AccessEntry| matches!(&entry.operation, AccessOp::Redeem { invitation, .. } if *invitation == secret.id());
                let known = all.entries.values().filter(|entry| of(entry)).map(|entry| entry.hash);
                let known: Vec<EntryHash> = known.collect();
                let accepted = known.into_iter().filter(|_| !self.one_in(3)).collect();
                (device, AccessOp::Close { under, invitation: secret.id(), accepted, rotate: None })
            }
            19..=20 => (device, AccessOp::Rotate { under, epoch: self.start(Vec::new(), 0) }),
            27 if self.one_in(3) => {
                (device, AccessOp::DropRelay { under, relay: DeviceId::from_bytes([self.pick(2) as u8; 32]) })
            }
            27 => {
                let key = DeviceId::from_bytes([self.pick(2) as u8; 32]);
                let relay = Relay { key, addresses: vec![format!("192.0.2.1:{}", self.pick(9))], url: None };
                (device, AccessOp::NameRelay { under, relay })
            }
            28 => {
                let epochs = now.epochs();
                let epoch =
                    if self.one_in(20) { EpochId::from_bytes([9; 32]) } else { EpochId::from(self.any(&epochs)?) };
                let sealed = vec![self.pick(9) as u8; SEALED_NAME];
                (device, AccessOp::Introduce { under, name: Introduction { epoch, sealed } })
            }
            _ => (device, AccessOp::Destroy { under, document: sheaf_access::DocumentId::from_bytes([7; 32]) }),
        })
    }

    /// One of a person's devices; now and then one that is not there, or not any more.
    fn device_of(&mut self, cast: &'static Cast, now: &Naive<'_>, person: PersonId) -> &'static Device {
        let whose = cast.people.iter().find(|devices| devices[0].certificate.person == person).unwrap();
        let live: Vec<DeviceId> = now.live_devices(&person).into_keys().collect();
        let chosen = if self.one_in(15) { None } else { self.any(&live) };
        let which = self.pick(DEVICES);
        whose.iter().find(|device| Some(device.keys.id()) == chosen).unwrap_or(&whose[which])
    }

    /// One of a person's grants, mostly the one that gives most; now and then somebody else's.
    fn grant_of(&mut self, all: &All, now: &Naive<'_>, person: PersonId) -> EntryHash {
        let anyone = self.one_in(20);
        let grants: Vec<EntryHash> = now.grants((!anyone).then_some(person));
        let best = grants.iter().copied().max_by_key(|grant| now.role(grant));
        let other = self.any(&grants);
        let of = if self.one_in(4) { other } else { best };
        of.unwrap_or_else(|| *all.entries.keys().next().unwrap())
    }

    fn removal(&mut self, now: &Naive<'_>, under: EntryHash, person: PersonId) -> AccessOp {
        let leaves = if self.one_in(3) { self.any(&ROLES) } else { None };
        let some = self.one_in(4);
        let mut grants: Vec<EntryHash> = now.grants(Some(person));
        grants.retain(|grant| now.role(grant) > leaves);
        if some {
            grants.retain(|_| self.one_in(2));
        }
        if grants.is_empty() {
            grants = now.grants(Some(person));
        }
        grants.sort_unstable();
        let theirs: Vec<DeviceId> =
            now.devices().into_iter().filter(|(_, (of, _))| *of == person).map(|(device, _)| device).collect();
        let watermarks = self.watermarks(|device| theirs.contains(&device));
        AccessOp::Remove { under, person, grants, leaves, watermarks, rotate: None }
    }

    /// How far some logs are claimed to have been seen: as far as they go, less, more, or not at all.
    fn watermarks(&mut self, of: impl Fn(DeviceId) -> bool) -> Vec<(LogId, u64)> {
        let logs: Vec<(LogId, u64)> = self.logs.iter().map(|(log, seq)| (*log, *seq)).collect();
        let mut found = Vec::new();
        for (log, seq) in logs.into_iter().filter(|(log, _)| of(log.device)) {
            match self.pick(9) {
                0 => {}
                1 => found.push((log, seq / 2)),
                2 => found.push((log, u64::MAX)),
                _ => found.push((log, seq)),
            }
        }
        found
    }

    fn start(&mut self, parents: Vec<EpochId>, readers: usize) -> EpochStart {
        let cast = cast();
        let parents = parents
            .into_iter()
            .map(|epoch| {
                // Sealed with nothing that opens: only whether it is there matters here.
                let key = sheaf_access::SealedParent::seal(&cast.key, self.story.space, epoch, &cast.key);
                ParentKey { epoch, sealed: key.filter(|_| !self.one_in(4)) }
            })
            .collect();
        EpochStart { commitment: cast.key.commitment(), parents, wraps: vec![cast.sealed.clone(); readers] }
    }

    /// Makes an entry of it: with the epoch that it needs, or, now and then, one that it does not, or none.
    fn write(&mut self, device: &Device, knows: &Set, mut operation: AccessOp) -> Option<(AccessEntry, bool)> {
        let heads = self.heads(knows);
        let id = device.keys.id();
        let own: Vec<(LogId, u64)> =
            self.logs.iter().filter(|(log, _)| log.device == id).map(|(log, seq)| (*log, *seq)).collect();
        let first = matches!(&operation, AccessOp::Redeem { .. })
            || matches!(&operation, AccessOp::AddDevice { certificate, .. } if certificate.device == id);
        let fresh = first || own.is_empty() || self.one_in(12);
        let (log, seq) = if fresh {
            (LogId { device: id, nonce: own.len() as u64 }, 1)
        } else {
            let (log, seq) = self.any(&own)?;
            // Now and then a place that is taken: a fork.
            if self.one_in(12) { (log, seq.max(2)) } else { (log, seq + 1) }
        };
        if let AccessOp::Redeem { invitation, certificate, proof, .. } = &mut operation {
            let secret = cast().invitations.iter().find(|secret| secret.id() == *invitation)?;
            let mut sorted = heads.clone();
            sorted.sort_unstable();
            *proof = secret.prove_redemption(self.story.space, certificate, &sorted);
        }
        self.time += 1;
        let space = self.story.space;
        let draft = entry(space, log, seq, heads.clone(), self.time, operation.clone());
        let mut all = std::mem::take(&mut self.story.all);
        all.insert(draft.clone());
        let mut with = knows.clone();
        with.insert(draft.hash);
        let before = Naive::over(&all, knows.clone());
        let permitted = before.permits(&draft);
        let (lost, readers) = if permitted {
            let after = Naive::over(&all, with);
            (!before.readers().is_subset(&after.readers()), after.readers().len())
        } else {
            (false, 1)
        };
        let leaves = before.leaves();
        drop(before);
        all.remove(&draft.hash);
        let readers = if self.one_in(15) { readers + 1 } else { readers };
        let must = lost && !self.one_in(15) || self.one_in(10);
        let epoch = self.start(leaves.into_iter().collect(), readers);
        match &mut operation {
            AccessOp::Rotate { epoch: start, .. } => *start = epoch,
            AccessOp::Remove { rotate, .. }
            | AccessOp::RemoveDevice { rotate, .. }
            | AccessOp::Close { rotate, .. } => {
                *rotate = must.then_some(epoch);
            }
            _ => {}
        }
        let made = entry(space, log, seq, heads, self.time, operation);
        all.insert(made.clone());
        let mut with = knows.clone();
        with.insert(made.hash);
        let fits = permitted && Naive::over(&all, knows.clone()).wraps_right(&made, &Naive::over(&all, with));
        all.remove(&made.hash);
        self.story.all = all;
        Some((made, fits))
    }
}
