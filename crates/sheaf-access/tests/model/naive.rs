//! The rules A, I and E once more, as plainly as they can be said: no pass, no order of work, only what depends on what.
//!
//! Each function answers one question by asking others, over and over. That the asking ends is the point of the total order of
//! grants (A3). Nothing here is shared with the crate but the types of entries.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sheaf_access::{
    AccessEntry, AccessOp, DeviceId, EntryHash, EpochId, Introduction, InvitationId, LogId, PersonId, Relay, Role,
    SealingKey,
};

pub type Set = BTreeSet<EntryHash>;

/// Every entry there is, and the past of each.
#[derive(Default)]
pub struct All {
    pub entries: BTreeMap<EntryHash, AccessEntry>,
    past: BTreeMap<EntryHash, Set>,
    depth: BTreeMap<EntryHash, u32>,
    /// What opened the invitation of a redemption, in the redemption's own past.
    invited: RefCell<HashMap<EntryHash, Option<EntryHash>>>,
    /// Whom an epoch was for, as its own past has it.
    began_for: RefCell<HashMap<EntryHash, BTreeSet<SealingKey>>>,
}

impl All {
    pub fn insert(&mut self, entry: AccessEntry) {
        let mut past = Set::new();
        let mut depth = 0;
        for head in &entry.access_heads {
            past.extend(&self.past[head]);
            past.insert(*head);
            depth = depth.max(self.depth[head] + 1);
        }
        self.past.insert(entry.hash, past);
        self.depth.insert(entry.hash, depth);
        self.entries.insert(entry.hash, entry);
    }

    /// Takes back an entry that nothing follows.
    pub fn remove(&mut self, entry: &EntryHash) {
        self.entries.remove(entry);
        self.past.remove(entry);
        self.depth.remove(entry);
        self.invited.borrow_mut().remove(entry);
        self.began_for.borrow_mut().remove(entry);
    }

    pub fn closure(&self, heads: &[EntryHash]) -> Set {
        heads.iter().flat_map(|head| self.past[head].iter().copied().chain([*head])).collect()
    }

    pub fn knows(&self, later: &EntryHash, earlier: &EntryHash) -> bool {
        self.past[later].contains(earlier)
    }

    fn op(&self, entry: &EntryHash) -> &AccessOp {
        &self.entries[entry].operation
    }

    fn log(&self, entry: &EntryHash) -> LogId {
        self.entries[entry].log
    }

    fn key(&self, entry: &EntryHash) -> (u32, EntryHash) {
        (self.depth[entry], *entry)
    }

    fn invited_by(&self, redemption: &EntryHash) -> Option<EntryHash> {
        if let Some(known) = self.invited.borrow().get(redemption) {
            return *known;
        }
        let AccessOp::Redeem { invitation, .. } = self.op(redemption) else { return None };
        let found = Naive::over(self, self.past[redemption].clone()).opened(invitation);
        self.invited.borrow_mut().insert(*redemption, found);
        found
    }

    fn began_for(&self, epoch: &EntryHash) -> BTreeSet<SealingKey> {
        if let Some(known) = self.began_for.borrow().get(epoch) {
            return known.clone();
        }
        let found = match self.op(epoch) {
            AccessOp::Create { founder, .. } => BTreeSet::from([founder.sealing_key]),
            _ => Naive::over(self, self.closure(&[*epoch])).readers(),
        };
        self.began_for.borrow_mut().insert(*epoch, found.clone());
        found
    }

    fn holder(&self, grant: &EntryHash) -> Option<PersonId> {
        match self.op(grant) {
            AccessOp::Create { founder, .. } => Some(founder.person),
            AccessOp::Redeem { certificate, .. } => Some(certificate.person),
            AccessOp::Grant { person, .. } => Some(*person),
            _ => None,
        }
    }

    fn given(&self, grant: &EntryHash) -> Role {
        match self.op(grant) {
            AccessOp::Create { .. } => Role::Owner,
            AccessOp::Grant { role, .. } => *role,
            _ => match self.invited_by(grant).map(|invite| self.op(&invite)) {
                Some(AccessOp::Invite { role, .. }) => *role,
                _ => Role::Viewer,
            },
        }
    }

    /// A removal leaves alone what it knew of, up to its watermark.
    fn spares(&self, removal: &EntryHash, operation: &EntryHash) -> bool {
        let log = self.log(operation);
        let named = self.op(removal).watermarks().iter().find(|(named, _)| *named == log);
        self.knows(removal, operation) && self.entries[operation].seq <= named.map_or(0, |(_, seq)| *seq)
    }

    /// Whether a removal is by the person whose grants it names.
    fn is_own(&self, removal: &EntryHash) -> bool {
        match self.op(removal) {
            AccessOp::Remove { under, person, .. } => self.holder(under) == Some(*person),
            AccessOp::RemoveDevice { .. } => true,
            _ => false,
        }
    }
}

/// Some of the entries, closed under their pasts.
pub struct Naive<'a> {
    all: &'a All,
    set: Set,
    /// The same, in the order of A3.
    ordered: Vec<EntryHash>,
    counts: RefCell<HashMap<EntryHash, bool>>,
    /// What is being asked: nothing may hang on itself.
    asking: RefCell<Vec<EntryHash>>,
    own: RefCell<HashMap<EntryHash, Vec<EntryHash>>>,
}

fn wants(operation: &AccessOp) -> Role {
    match operation {
        AccessOp::Rotate { .. } => Role::Commenter,
        AccessOp::Rewrap { .. }
        | AccessOp::AddDevice { .. }
        | AccessOp::RemoveDevice { .. }
        | AccessOp::Introduce { .. } => Role::Viewer,
        _ => Role::Owner,
    }
}

impl<'a> Naive<'a> {
    pub fn over(all: &'a All, set: Set) -> Self {
        let mut ordered: Vec<EntryHash> = set.iter().copied().collect();
        ordered.sort_by_key(|entry| all.key(entry));
        let (counts, asking, own) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { all, set, ordered, counts, asking, own }
    }

    fn those(&self, which: impl Fn(&AccessOp) -> bool) -> Vec<EntryHash> {
        self.ordered.iter().filter(|entry| which(self.all.op(entry))).copied().collect()
    }

    /// The grants of a person, or of everyone, whether or not they count.
    pub fn grants(&self, of: Option<PersonId>) -> Vec<EntryHash> {
        let grants =
            self.those(|op| matches!(op, AccessOp::Create { .. } | AccessOp::Redeem { .. } | AccessOp::Grant { .. }));
        grants.into_iter().filter(|grant| of.is_none() || self.all.holder(grant) == of).collect()
    }

    /// The first counting entry that opens an invitation.
    pub fn opened(&self, id: &InvitationId) -> Option<EntryHash> {
        let opens = |op: &AccessOp| matches!(op, AccessOp::Invite { invitation, .. } if invitation == id);
        self.those(opens).into_iter().find(|invite| self.counts(invite))
    }

    /// Whether an entry has effect.
    pub fn counts(&self, entry: &EntryHash) -> bool {
        if let Some(known) = self.counts.borrow().get(entry) {
            return *known;
        }
        let hangs_on_itself = self.asking.borrow().contains(entry);
        assert!(!hangs_on_itself, "{entry:?} hangs on itself: {:?}", self.asking.borrow());
        self.asking.borrow_mut().push(*entry);
        let found = match self.all.op(entry) {
            AccessOp::Create { .. } => true,
            AccessOp::Redeem { .. } => self.redemption_counts(entry),
            AccessOp::AddDevice { certificate, under, .. } => {
                let known =
                    |grant: &EntryHash| self.all.knows(entry, grant) && under.is_none_or(|under| under == *grant);
                let mut grants = self.grants(Some(certificate.person)).into_iter().filter(known);
                grants.any(|grant| self.may(entry, &grant, Role::Viewer))
            }
            AccessOp::RemoveDevice { revocation, .. } => {
                self.grants(Some(revocation.person)).iter().any(|grant| self.own_limits(grant).contains(entry))
            }
            AccessOp::Remove { person, .. } if self.all.is_own(entry) => {
                self.grants(Some(*person)).iter().any(|grant| self.own_limits(grant).contains(entry))
            }
            op => self.may(entry, &op.under().unwrap(), wants(op)),
        };
        self.asking.borrow_mut().pop();
        self.counts.borrow_mut().insert(*entry, found);
        found
    }

    fn redemption_counts(&self, redemption: &EntryHash) -> bool {
        let Some(invite) = self.all.invited_by(redemption) else { return false };
        if !self.counts(&invite) {
            return false;
        }
        // The inviter was not removed, or whoever removed them knew of this.
        let inviter = self.all.op(&invite).under().unwrap();
        let device = self.all.log(&invite).device;
        for (removal, leaves) in self.limits(&inviter) {
            if leaves < Some(Role::Owner) && !self.all.knows(&removal, redemption) {
                return false;
            }
        }
        for removal in self.device_limits(&inviter, device) {
            if !self.all.knows(&removal, redemption) {
                return false;
            }
        }
        // I3: no close binds it, or one lists it. Closing is no way to remove who is older.
        let AccessOp::Redeem { invitation: id, .. } = self.all.op(redemption) else { return false };
        let is_older = |under: &EntryHash| self.all.key(redemption) <= self.all.key(under);
        let mut bound = false;
        for close in self.those(|op| matches!(op, AccessOp::Close { invitation, .. } if invitation == id)) {
            let AccessOp::Close { under, accepted, .. } = self.all.op(&close) else { continue };
            // Of an owner's grant, those that are older are decided first.
            if self.all.given(redemption) == Role::Owner && is_older(under) || !self.counts(&close) {
                continue;
            }
            if accepted.contains(redemption) {
                return true;
            }
            bound |= !(is_older(under) && self.all.knows(&close, redemption));
        }
        !bound
    }

    /// Whether an operation may be done under a grant.
    fn may(&self, operation: &EntryHash, grant: &EntryHash, wants: Role) -> bool {
        let device = self.all.log(operation).device;
        self.counts(grant)
            && self.limits(grant).iter().all(|(by, leaves)| *leaves >= Some(wants) || self.all.spares(by, operation))
            && self.device_limits(grant, device).iter().all(|by| self.all.spares(by, operation))
    }

    /// What ends a grant or lowers it.
    pub fn limits(&self, grant: &EntryHash) -> Vec<(EntryHash, Option<Role>)> {
        let mut found = self.limits_by_others(grant);
        for by in self.own_limits(grant) {
            if let AccessOp::Remove { leaves, .. } = self.all.op(&by) {
                found.push((by, *leaves));
            }
        }
        found
    }

    fn limits_by_others(&self, grant: &EntryHash) -> Vec<(EntryHash, Option<Role>)> {
        let mut found = Vec::new();
        for by in self.those(|op| matches!(op, AccessOp::Remove { grants, .. } if grants.contains(grant))) {
            if let AccessOp::Remove { leaves, .. } = self.all.op(&by)
                && !self.all.is_own(&by)
                && self.counts(&by)
            {
                found.push((by, *leaves));
            }
        }
        found
    }

    fn device_limits(&self, grant: &EntryHash, device: DeviceId) -> Vec<EntryHash> {
        let of = |by: &EntryHash| matches!(self.all.op(by), AccessOp::RemoveDevice { revocation, .. } if revocation.device == device);
        self.own_limits(grant).into_iter().filter(of).collect()
    }

    /// What the holder does to a grant themselves: leaving, stepping down, removing devices. In order; an earlier one may put a
    /// later one out of force.
    fn own_limits(&self, grant: &EntryHash) -> Vec<EntryHash> {
        if let Some(known) = self.own.borrow().get(grant) {
            return known.clone();
        }
        let mut found: Vec<EntryHash> = Vec::new();
        if self.counts(grant) {
            let by_others = self.limits_by_others(grant);
            let holder = self.all.holder(grant);
            let own = self.those(|op| match op {
                AccessOp::Remove { person, grants, .. } => Some(*person) == holder && grants.contains(grant),
                AccessOp::RemoveDevice { revocation, .. } => Some(revocation.person) == holder,
                _ => false,
            });
            for operation in own.into_iter().filter(|by| self.all.is_own(by)) {
                let ended = by_others.iter().any(|(by, leaves)| leaves.is_none() && !self.all.spares(by, &operation));
                let stopped = found.iter().any(|by| {
                    let stops = match self.all.op(by) {
                        AccessOp::Remove { leaves, .. } => leaves.is_none(),
                        AccessOp::RemoveDevice { revocation, .. } => {
                            revocation.device == self.all.log(&operation).device
                        }
                        _ => false,
                    };
                    stops && !self.all.spares(by, &operation)
                });
                if !ended && !stopped {
                    found.push(operation);
                }
            }
        }
        self.own.borrow_mut().insert(*grant, found.clone());
        found
    }

    /// What a grant gives in the end.
    pub fn role(&self, grant: &EntryHash) -> Option<Role> {
        if !self.counts(grant) {
            return None;
        }
        let given = Some(self.all.given(grant));
        self.limits(grant).into_iter().map(|(_, leaves)| leaves).chain([given]).min().flatten()
    }

    pub fn members(&self) -> BTreeMap<PersonId, Role> {
        let mut members = BTreeMap::new();
        for grant in self.grants(None) {
            if let (Some(person), Some(role)) = (self.all.holder(&grant), self.role(&grant)) {
                let best = members.entry(person).or_insert(role);
                *best = role.max(*best);
            }
        }
        members
    }

    /// Whose devices there are, and what is wrapped for them; the first to claim one has it.
    pub fn devices(&self) -> BTreeMap<DeviceId, (PersonId, SealingKey)> {
        let mut devices = BTreeMap::new();
        for entry in self.those(|op| op.certificate().is_some()) {
            let certificate = self.all.op(&entry).certificate().unwrap();
            devices.entry(certificate.device).or_insert((certificate.person, certificate.sealing_key));
        }
        devices
    }

    pub fn removed_devices(&self) -> BTreeSet<(PersonId, DeviceId)> {
        let removals = self.those(|op| matches!(op, AccessOp::RemoveDevice { .. }));
        let of = |entry: EntryHash| match self.all.op(&entry) {
            AccessOp::RemoveDevice { revocation, .. } if self.counts(&entry) => {
                Some((revocation.person, revocation.device))
            }
            _ => None,
        };
        removals.into_iter().filter_map(of).collect()
    }

    pub fn live_devices(&self, person: &PersonId) -> BTreeMap<DeviceId, SealingKey> {
        let removed = self.removed_devices();
        let devices = self.devices().into_iter();
        devices
            .filter(|(device, (of, _))| of == person && !removed.contains(&(*of, *device)))
            .map(|(device, (_, key))| (device, key))
            .collect()
    }

    pub fn open_invitations(&self) -> BTreeMap<InvitationId, SealingKey> {
        let mut open = BTreeMap::new();
        for invite in self.those(|op| matches!(op, AccessOp::Invite { .. })) {
            let AccessOp::Invite { invitation, sealing_key, under, .. } = self.all.op(&invite) else { continue };
            let closed =
                |op: &AccessOp| matches!(op, AccessOp::Close { invitation: closed, .. } if closed == invitation);
            let device = self.all.log(&invite).device;
            let device_removed =
                |op: &AccessOp| matches!(op, AccessOp::RemoveDevice { revocation, .. } if revocation.device == device);
            if self.opened(invitation) == Some(invite)
                && self.role(under) == Some(Role::Owner)
                && !self.those(|op| closed(op) || device_removed(op)).iter().any(|entry| self.counts(entry))
            {
                open.insert(*invitation, *sealing_key);
            }
        }
        open
    }

    pub fn readers(&self) -> BTreeSet<SealingKey> {
        let members = self.members();
        let removed = self.removed_devices();
        let devices = self.devices().into_iter();
        let live = devices.filter(|(device, (of, _))| members.contains_key(of) && !removed.contains(&(*of, *device)));
        live.map(|(_, (_, key))| key).chain(self.open_invitations().into_values()).collect()
    }

    pub fn epochs(&self) -> Vec<EntryHash> {
        self.those(|op| op.epoch_start().is_some())
    }

    fn carries(&self, epoch: &EntryHash) -> Vec<EpochId> {
        let parents = &self.all.op(epoch).epoch_start().unwrap().parents;
        parents.iter().filter(|parent| parent.sealed.is_some()).map(|parent| parent.epoch).collect()
    }

    pub fn leaves(&self) -> BTreeSet<EpochId> {
        let carried: BTreeSet<EpochId> = self.epochs().iter().flat_map(|epoch| self.carries(epoch)).collect();
        self.epochs().into_iter().map(EpochId::from).filter(|epoch| !carried.contains(epoch)).collect()
    }

    /// Everyone who was given an epoch's key, directly or with that of an epoch that carries it.
    fn keepers(&self, epoch: &EntryHash) -> BTreeSet<SealingKey> {
        let mut keepers = self.all.began_for(epoch);
        for entry in &self.set {
            let wraps = self.all.op(entry).wraps().iter().filter(|wrap| wrap.epoch == EpochId::from(*epoch));
            keepers.extend(wraps.map(|wrap| wrap.recipient));
        }
        for later in self.epochs() {
            if self.carries(&later).contains(&EpochId::from(*epoch)) {
                keepers.extend(self.keepers(&later));
            }
        }
        keepers
    }

    pub fn writable(&self) -> BTreeSet<EpochId> {
        let readers = self.readers();
        let fits = |epoch: &EntryHash| self.counts(epoch) && self.keepers(epoch).is_subset(&readers);
        self.epochs().into_iter().filter(fits).map(EpochId::from).collect()
    }

    /// Whether content that wants a role, in this place of a log and with this access past, is challenged (A5).
    pub fn is_challenged(&self, log: &LogId, seq: u64, past: &Set, wants: Role) -> bool {
        let Some((person, _)) = self.devices().get(&log.device).copied() else { return false };
        let beyond = |by: &EntryHash| {
            let named = self.all.op(by).watermarks().iter().find(|(named, _)| named == log);
            seq > named.map_or(0, |(_, seq)| *seq)
        };
        let removes_device = self.those(|op| {
            matches!(op, AccessOp::RemoveDevice { revocation, .. } if revocation.device == log.device && revocation.person == person)
        });
        if removes_device.iter().any(|by| self.counts(by) && !past.contains(by) && beyond(by)) {
            return true;
        }
        let grants = self.grants(Some(person));
        let void: Vec<&EntryHash> = grants.iter().filter(|grant| !self.counts(grant)).collect();
        let role_here = |grant: &EntryHash| {
            if void.contains(&grant) {
                return None;
            }
            let limits = self.limits(grant).into_iter().filter(|(by, _)| beyond(by)).map(|(_, leaves)| leaves);
            limits.chain([Some(self.all.given(grant))]).min().flatten()
        };
        grants.iter().filter(|grant| self.counts(grant)).any(|grant| {
            self.limits(grant).into_iter().any(|(by, leaves)| {
                let others = grants.iter().filter(|other| !self.all.knows(other, &by));
                let left = others.filter_map(role_here).max();
                let given = Some(self.all.given(grant));
                !past.contains(&by) && beyond(&by) && leaves < given && left < given && left < Some(wants)
            })
        })
    }

    /// Whether the author of an entry on top of all this may do what it does.
    pub fn permits(&self, entry: &AccessEntry) -> bool {
        let devices = self.devices();
        let removed = self.removed_devices();
        let author = devices.get(&entry.log.device).map(|(person, _)| *person);
        let author_lives = author.is_some_and(|person| !removed.contains(&(person, entry.log.device)));
        let op = &entry.operation;
        let acting = |wants: Role| {
            let under = op.under().unwrap();
            let own = self.set.contains(&under) && author.is_some() && self.all.holder(&under) == author;
            own && author_lives && self.role(&under) >= Some(wants)
        };
        let free = |person: PersonId, device: DeviceId, key: SealingKey| {
            !removed.contains(&(person, device)) && devices.get(&device).is_none_or(|known| *known == (person, key))
        };
        match op {
            AccessOp::Create { .. } => false,
            AccessOp::Invite { invitation, .. } => acting(Role::Owner) && self.opened(invitation).is_none(),
            AccessOp::Redeem { invitation, certificate, .. } => {
                self.open_invitations().contains_key(invitation)
                    && free(certificate.person, certificate.device, certificate.sealing_key)
            }
            AccessOp::Grant { person, .. } => acting(Role::Owner) && !self.live_devices(person).is_empty(),
            AccessOp::Remove { under, person, grants, leaves, .. } => {
                let own = author == Some(*person);
                let named = |grant: &EntryHash| {
                    self.set.contains(grant)
                        && self.all.holder(grant) == Some(*person)
                        && self.counts(grant)
                        && (leaves.is_none() || self.role(grant) > *leaves)
                        && (own || self.all.key(grant) > self.all.key(under))
                };
                acting(if own { Role::Viewer } else { Role::Owner }) && grants.iter().all(named)
            }
            AccessOp::AddDevice { certificate, under, .. } => {
                let by_itself = certificate.device == entry.log.device;
                let held = match under {
                    None => by_itself,
                    Some(under) if by_itself => {
                        self.all.holder(under) == Some(certificate.person) && self.role(under).is_some()
                    }
                    Some(_) => author == Some(certificate.person) && acting(Role::Viewer),
                };
                held && self.members().contains_key(&certificate.person)
                    && free(certificate.person, certificate.device, certificate.sealing_key)
            }
            AccessOp::RemoveDevice { revocation, .. } => {
                acting(Role::Viewer)
                    && author == Some(revocation.person)
                    && devices.get(&revocation.device).map(|(person, _)| *person) == author
            }
            AccessOp::Close { invitation, accepted, .. } => {
                let redeems = |entry: &EntryHash| {
                    self.set.contains(entry)
                        && matches!(self.all.op(entry), AccessOp::Redeem { invitation: of, .. } if of == invitation)
                };
                acting(Role::Owner) && self.opened(invitation).is_some() && accepted.iter().all(redeems)
            }
            AccessOp::Rotate { .. }
            | AccessOp::Rewrap { .. }
            | AccessOp::Destroy { .. }
            | AccessOp::NameRelay { .. }
            | AccessOp::DropRelay { .. } => acting(wants(op)),
            AccessOp::Introduce { name, .. } => {
                let epochs: Vec<EpochId> = self.epochs().into_iter().map(EpochId::from).collect();
                acting(wants(op)) && epochs.contains(&name.epoch)
            }
        }
    }

    /// What everyone said last that they are called.
    pub fn names(&self) -> BTreeMap<PersonId, Introduction> {
        let mut names = BTreeMap::new();
        for entry in &self.ordered {
            let AccessOp::Introduce { name, .. } = self.all.op(entry) else { continue };
            let person = self.devices().get(&self.all.log(entry).device).map(|(person, _)| *person);
            if let Some(person) = person.filter(|_| self.counts(entry)) {
                names.insert(person, name.clone());
            }
        }
        names
    }

    /// The relays that are named: of each key, what the last entry that counts says of it.
    pub fn relays(&self) -> BTreeMap<DeviceId, Relay> {
        let last_of = |key: &DeviceId| {
            let speaks = |entry: &&EntryHash| {
                let of = match self.all.op(entry) {
                    AccessOp::NameRelay { relay, .. } => Some(relay.key),
                    AccessOp::DropRelay { relay, .. } => Some(*relay),
                    _ => None,
                };
                of == Some(*key) && self.counts(entry)
            };
            self.set.iter().filter(speaks).max_by_key(|entry| self.all.key(entry))
        };
        let named = self.set.iter().filter_map(|entry| match self.all.op(entry) {
            AccessOp::NameRelay { relay, .. } => Some(relay.key),
            _ => None,
        });
        named
            .filter_map(|key| match self.all.op(last_of(&key)?) {
                AccessOp::NameRelay { relay, .. } => Some((key, relay.clone())),
                _ => None,
            })
            .collect()
    }

    /// E1, E2: what it wraps, of which only how often is looked at.
    pub fn wraps_right(&self, entry: &AccessEntry, after: &Naive<'_>) -> bool {
        match entry.operation.epoch_start() {
            Some(start) => {
                let parents: BTreeSet<EpochId> = start.parents.iter().map(|parent| parent.epoch).collect();
                start.wraps.len() == after.readers().len() && self.leaves().is_subset(&parents)
            }
            None => self.readers().is_subset(&after.readers()),
        }
    }
}
