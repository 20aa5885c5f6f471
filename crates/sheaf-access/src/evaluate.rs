//! The one pass that finds what a set of access entries amounts to (A3).
//!
//! A *grant* is what a creation, a redemption or a `Grant` gives a person. Grants are totally ordered by (longest distance
//! from the creation, hash), and an operation may end or lower only grants that come after the one it acts under, or its
//! author's own. So the pass goes over *grants* in that order. When a grant's turn comes, everything that could keep it from
//! counting, end it or lower it is decided already, and what is done under it can be decided at once:
//!
//! 1. Does the grant count? What gave it was done under an earlier grant.
//! 2. What ends or lowers it: counting removals under earlier grants; then the person's own (leaving, removing a device), in
//!    the same order, each unless an earlier one has put it out of force.
//! 3. Which of the operations under it count: those that the removals spare.
//!
//! Only owners' grants have power over other people's. They come first, in their order, and then the others, in theirs. That
//! changes nothing for removals; it lets a close (I3) bind redemptions that give less than ownership even where they claim to
//! be older than the owner who closes, as a link that has leaked allows anyone to do.
//!
//! A removal *spares* an operation that lies in its own past, up to its watermark for the log (A4). For someone who tells the
//! truth the watermark alone would say it: who holds a log that far names its access entries. The past is asked as well
//! because it cannot be written into afterwards: neither by a fork of the log, nor by a watermark higher than what was seen.

use std::collections::HashMap;

use crate::history::Node;
use crate::operation::{AccessEntry, AccessOp};
use crate::verdict::Void;
use crate::{EntryHash, InvitationId, PersonId, Role};

/// The entries that are evaluated, by their places in the history.
pub(crate) struct Part<'a> {
    pub nodes: &'a [Node],
    /// One more entry than the history holds: at the place after the last.
    pub extra: Option<&'a Node>,
    pub index: &'a HashMap<EntryHash, usize>,
    /// Those that take part, in the order of A3.
    pub order: Vec<usize>,
}

impl<'a> Part<'a> {
    pub fn node(&self, at: usize) -> &'a Node {
        // A place is one of `nodes`, or the one after it, which exists only where there is an extra entry.
        match self.extra {
            Some(extra) if at == self.nodes.len() => extra,
            _ => &self.nodes[at],
        }
    }

    pub fn entry(&self, at: usize) -> &'a AccessEntry {
        &self.node(at).entry
    }

    fn key(&self, at: usize) -> (u32, EntryHash) {
        let node = self.node(at);
        (node.depth, node.entry.hash)
    }

    /// Whether `earlier` lies in the past of `later`.
    fn knows(&self, later: usize, earlier: usize) -> bool {
        self.node(later).past.has(earlier)
    }

    /// The same, by their hashes.
    pub fn knows_entry(&self, later: &EntryHash, earlier: &EntryHash) -> bool {
        matches!((self.place(later), self.place(earlier)), (Some(later), Some(earlier)) if self.knows(later, earlier))
    }

    /// Whether a removal leaves an operation untouched.
    fn spares(&self, removal: usize, operation: usize) -> bool {
        let entry = self.entry(operation);
        self.knows(removal, operation) && entry.seq <= self.entry(removal).operation.watermark(&entry.log)
    }

    fn place(&self, hash: &EntryHash) -> Option<usize> {
        let extra = self.extra.filter(|extra| extra.entry.hash == *hash).map(|_| self.nodes.len());
        extra.or_else(|| self.index.get(hash).copied())
    }
}

/// Why something does not count, and the entry that made it so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    pub void: Void,
    pub by: EntryHash,
}

/// What ends a grant or lowers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub by: usize,
    pub leaves: Option<Role>,
}

/// A grant's fate.
#[derive(Debug)]
pub(crate) struct Life {
    pub at: usize,
    pub person: PersonId,
    pub given: Role,
    pub under: Option<EntryHash>,
    pub invitation: Option<InvitationId>,
    /// Whether it counts.
    pub standing: Result<(), Cause>,
    pub limits: Vec<Limit>,
    /// The removals of the person's devices that hold for what is done under it.
    device_removals: Vec<usize>,
}

impl Life {
    /// What it gives when all is said.
    pub fn role(&self) -> Option<Role> {
        self.limits.iter().map(|limit| limit.leaves).chain([Some(self.given)]).min().flatten()
    }
}

/// What the pass finds.
#[derive(Debug, Default)]
pub(crate) struct Evaluation {
    pub verdicts: HashMap<usize, Result<(), Cause>>,
    /// By the place of the entry that gave it.
    pub lives: HashMap<usize, Life>,
    /// Counting removals of devices, in the order of A3.
    pub device_removals: Vec<usize>,
    /// Counting closes of each invitation.
    pub closes: HashMap<InvitationId, Vec<usize>>,
}

/// What of the entries is known before the pass: who does what under which grant.
#[derive(Default)]
struct Gathered {
    /// Grants that give ownership, in order.
    owners: Vec<usize>,
    others: Vec<usize>,
    /// By grant: what is done under it to others, or for all.
    acts: HashMap<usize, Vec<usize>>,
    /// By person: what they do to themselves.
    own: HashMap<PersonId, Vec<usize>>,
    /// By person: their grants.
    grants: HashMap<PersonId, Vec<usize>>,
    additions: Vec<usize>,
}

struct Pass<'a, 'b> {
    part: &'b Part<'a>,
    gathered: Gathered,
    /// By grant: the counting removals by others that name it.
    removals: HashMap<usize, Vec<usize>>,
    found: Evaluation,
}

pub(crate) fn evaluate(part: &Part<'_>) -> Evaluation {
    let mut pass = Pass { part, gathered: Gathered::default(), removals: HashMap::new(), found: Evaluation::default() };
    for at in &part.order {
        pass.gather(*at);
    }
    let owners = std::mem::take(&mut pass.gathered.owners);
    let others = std::mem::take(&mut pass.gathered.others);
    for grant in owners.into_iter().chain(others) {
        pass.live(grant);
    }
    for at in std::mem::take(&mut pass.gathered.additions) {
        pass.judge_addition(at);
    }
    pass.found.device_removals = part.order.iter().copied().filter(|at| pass.removes_a_device(*at)).collect();
    pass.found
}

impl Pass<'_, '_> {
    fn gather(&mut self, at: usize) {
        let gathered = &mut self.gathered;
        match &self.part.entry(at).operation {
            AccessOp::Create { founder, .. } => self.begin(at, founder.person, Role::Owner, None, None),
            AccessOp::Redeem { invitation, certificate, .. } => {
                let invite = self.part.node(at).invite.map(|invite| &self.part.entry(invite).operation);
                if let Some(AccessOp::Invite { role, under, .. }) = invite {
                    self.begin(at, certificate.person, *role, Some(*under), Some(*invitation));
                }
            }
            AccessOp::Grant { under, person, role, .. } => {
                self.begin(at, *person, *role, Some(*under), None);
                self.act(at, under);
            }
            AccessOp::Remove { under, person, .. } => {
                let author = self.part.place(under).and_then(|grant| self.found.lives.get(&grant));
                if author.is_some_and(|author| author.person == *person) {
                    gathered.own.entry(*person).or_default().push(at);
                } else {
                    self.act(at, under);
                }
            }
            AccessOp::RemoveDevice { revocation, .. } => gathered.own.entry(revocation.person).or_default().push(at),
            AccessOp::AddDevice { .. } => gathered.additions.push(at),
            AccessOp::Invite { under, .. }
            | AccessOp::Close { under, .. }
            | AccessOp::Rotate { under, .. }
            | AccessOp::Rewrap { under, .. }
            | AccessOp::Destroy { under, .. }
            | AccessOp::NameRelay { under, .. }
            | AccessOp::DropRelay { under, .. }
            | AccessOp::Introduce { under, .. } => self.act(at, under),
        }
    }

    fn begin(
        &mut self,
        at: usize,
        person: PersonId,
        given: Role,
        under: Option<EntryHash>,
        invitation: Option<InvitationId>,
    ) {
        let (limits, device_removals) = (Vec::new(), Vec::new());
        let life = Life { at, person, given, under, invitation, standing: Ok(()), limits, device_removals };
        self.found.lives.insert(at, life);
        self.gathered.grants.entry(person).or_default().push(at);
        if given == Role::Owner { self.gathered.owners.push(at) } else { self.gathered.others.push(at) }
    }

    fn act(&mut self, at: usize, under: &EntryHash) {
        // What is not there cannot be acted under: such an entry was never let in.
        if let Some(grant) = self.part.place(under) {
            self.gathered.acts.entry(grant).or_default().push(at);
        }
    }

    /// A grant's turn.
    fn live(&mut self, grant: usize) {
        let standing = self.standing(grant);
        // `begin` has put it there.
        let Some(life) = self.found.lives.get_mut(&grant) else { return };
        life.standing = standing;
        for by in self.removals.remove(&grant).unwrap_or_default() {
            if let AccessOp::Remove { leaves, .. } = &self.part.entry(by).operation {
                life.limits.push(Limit { by, leaves: *leaves });
            }
        }
        if !matches!(self.part.entry(grant).operation, AccessOp::Grant { .. }) {
            self.found.verdicts.insert(grant, standing);
        }
        self.own_operations(grant);
        for at in self.gathered.acts.remove(&grant).unwrap_or_default() {
            let verdict = self.may(&self.found.lives[&grant], at, wants(&self.part.entry(at).operation));
            self.found.verdicts.insert(at, verdict);
            if verdict.is_ok() {
                self.take_effect(at);
            }
        }
    }

    fn take_effect(&mut self, at: usize) {
        match &self.part.entry(at).operation {
            AccessOp::Remove { grants, .. } => {
                for grant in grants.iter().filter_map(|grant| self.part.place(grant)) {
                    self.removals.entry(grant).or_default().push(at);
                }
            }
            AccessOp::Close { invitation, .. } => self.found.closes.entry(*invitation).or_default().push(at),
            _ => {}
        }
    }

    /// Whether a grant counts.
    fn standing(&self, grant: usize) -> Result<(), Cause> {
        match &self.part.entry(grant).operation {
            AccessOp::Grant { .. } => self.void_as(grant, Void::GrantVoid),
            AccessOp::Redeem { invitation, .. } => {
                // `gather` has begun a life only where there is one.
                let Some(invite) = self.part.node(grant).invite else { return Ok(()) };
                self.void_as(invite, Void::GrantVoid)?;
                self.inviter_stays(grant, invite)?;
                self.is_accepted(grant, invitation)
            }
            _ => Ok(()),
        }
    }

    /// The verdict on what it hangs on.
    fn void_as(&self, at: usize, void: Void) -> Result<(), Cause> {
        match self.found.verdicts.get(&at) {
            Some(Err(cause)) => Err(Cause { void, by: cause.by }),
            _ => Ok(()),
        }
    }

    /// Ending the inviter's grant, or taking ownership from it, or removing the device they invited by, closes what was open:
    /// redemptions that the removal knew of stay.
    fn inviter_stays(&self, redemption: usize, invite: usize) -> Result<(), Cause> {
        let entry = self.part.entry(invite);
        let inviter = entry.operation.under().and_then(|under| self.part.place(&under));
        let Some(inviter) = inviter.and_then(|grant| self.found.lives.get(&grant)) else { return Ok(()) };
        let ends = inviter.limits.iter().filter(|limit| limit.leaves < Some(Role::Owner)).map(|limit| limit.by);
        let device = inviter.device_removals.iter().copied().filter(|at| self.is_of(*at, entry));
        match ends.chain(device).find(|by| !self.part.knows(*by, redemption)) {
            Some(by) => Err(Cause { void: Void::InviterRemoved, by: self.part.entry(by).hash }),
            None => Ok(()),
        }
    }

    /// After a close, redemptions that no close lists do not count (I3); unless they are older than the grant that it was
    /// closed under, and known to it: a close is not a way to remove who came before (A3).
    fn is_accepted(&self, redemption: usize, invitation: &InvitationId) -> Result<(), Cause> {
        let closes = self.found.closes.get(invitation).map_or(&[][..], Vec::as_slice);
        let hash = self.part.entry(redemption).hash;
        let mut binding = None;
        for close in closes {
            let AccessOp::Close { accepted, under, .. } = &self.part.entry(*close).operation else { continue };
            if accepted.binary_search(&hash).is_ok() {
                return Ok(());
            }
            let is_older = self.part.place(under).is_some_and(|under| self.part.key(redemption) < self.part.key(under));
            if !(is_older && self.part.knows(*close, redemption)) {
                binding = binding.or(Some(self.part.entry(*close).hash));
            }
        }
        binding.map_or(Ok(()), |by| Err(Cause { void: Void::NotAccepted, by }))
    }

    /// What the person does to themselves, as far as it touches this grant.
    fn own_operations(&mut self, grant: usize) {
        let person = self.found.lives[&grant].person;
        for at in self.gathered.own.get(&person).cloned().unwrap_or_default() {
            let entry = self.part.entry(at);
            let leaves = match &entry.operation {
                AccessOp::Remove { grants, leaves, .. } => {
                    if grants.binary_search(&self.part.entry(grant).hash).is_err() {
                        continue;
                    }
                    Some(*leaves)
                }
                _ => None,
            };
            let verdict = self.may(&self.found.lives[&grant], at, Role::Viewer);
            let before = self.found.verdicts.entry(at).or_insert(verdict);
            // It counts if it counts for one of their grants.
            if verdict.is_err() {
                continue;
            }
            *before = verdict;
            let Some(life) = self.found.lives.get_mut(&grant) else { return };
            match leaves {
                Some(leaves) => life.limits.push(Limit { by: at, leaves }),
                None => life.device_removals.push(at),
            }
        }
    }

    /// Whether an operation that wants a role counts under a grant.
    fn may(&self, life: &Life, at: usize, wants: Role) -> Result<(), Cause> {
        if let Err(cause) = life.standing {
            return Err(Cause { void: Void::GrantVoid, by: cause.by });
        }
        let entry = self.part.entry(at);
        let stopped = |by: usize| !self.part.spares(by, at);
        let too_low = |limit: &&Limit| limit.leaves.is_none_or(|leaves| leaves < wants) && stopped(limit.by);
        if let Some(limit) = life.limits.iter().find(too_low) {
            return Err(Cause { void: Void::AfterRemoval, by: self.part.entry(limit.by).hash });
        }
        let device = life.device_removals.iter().find(|by| self.is_of(**by, entry) && stopped(**by));
        match device {
            Some(by) => Err(Cause { void: Void::AfterDeviceRemoval, by: self.part.entry(*by).hash }),
            None => Ok(()),
        }
    }

    /// Whether a removal of a device is of the one that wrote an entry.
    fn is_of(&self, removal: usize, entry: &AccessEntry) -> bool {
        let AccessOp::RemoveDevice { revocation, .. } = &self.part.entry(removal).operation else { return false };
        revocation.device == entry.log.device
    }

    /// A device may be added by whoever holds a grant that counts: the one that is named, or any.
    fn judge_addition(&mut self, at: usize) {
        let AccessOp::AddDevice { certificate, under, .. } = &self.part.entry(at).operation else { return };
        let named = under.and_then(|under| self.part.place(&under));
        let fits = |grant: &&usize| under.is_none_or(|_| named == Some(**grant)) && self.part.knows(at, **grant);
        let grants = self.gathered.grants.get(&certificate.person).map_or(&[][..], Vec::as_slice);
        let mut verdicts = grants.iter().filter(fits).map(|grant| self.may(&self.found.lives[grant], at, Role::Viewer));
        let first = verdicts.next();
        let verdict = if verdicts.any(|verdict| verdict.is_ok()) { Some(Ok(())) } else { first };
        if let Some(verdict) = verdict {
            self.found.verdicts.insert(at, verdict);
        }
    }

    fn removes_a_device(&self, at: usize) -> bool {
        matches!(self.part.entry(at).operation, AccessOp::RemoveDevice { .. })
            && self.found.verdicts.get(&at).is_some_and(Result::is_ok)
    }
}

/// The role that an operation wants of the grant it acts under.
pub(crate) const fn wants(operation: &AccessOp) -> Role {
    match operation {
        AccessOp::Rotate { .. } => Role::Commenter,
        AccessOp::Rewrap { .. }
        | AccessOp::AddDevice { .. }
        | AccessOp::RemoveDevice { .. }
        | AccessOp::Introduce { .. } => Role::Viewer,
        _ => Role::Owner,
    }
}
