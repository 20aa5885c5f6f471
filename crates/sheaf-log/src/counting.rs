//! Which content entries count (A5).
//!
//! A removal says up to where it had seen each log of the person it removes. What that person wrote beyond, not knowing of
//! the removal, is *challenged*: it may be honest work from a train, or a forgery written afterwards that only claims not
//! to know. Nobody can tell the two apart, so neither counts by itself. But somebody else may have built on it, not having
//! heard either; throwing theirs away as well would punish the innocent. So they *vouch*: an entry that is not challenged,
//! by somebody who might have written the challenged one themselves and whose past has not heard of the removal.
//!
//! The rule: an unchallenged entry counts, and everything before it with it, if every challenged entry before it is built
//! on, within what is before it (itself included), by an unchallenged entry of another log whose author may write the
//! challenged one and whose past holds none of its challengers. Everything else is void. It is a question about a set:
//! reachability, and what each entry's own header says. So everyone who holds the same answers alike, and what counts of a
//! log is always a beginning of it.
//!
//! # How it is found
//!
//! Nothing is challenged: everything counts, at no cost. Otherwise [`first_challenged`] says from where on to look; what
//! arrived before that has nothing challenged before it, for arrival is causal (L2). The rest is gone through once, in that
//! order. Entries of one log that want the same role and are challenged by the same removals form a [`Run`]: whoever may
//! vouch for one of them may vouch for all, so of each run two numbers are kept with each entry: how far it lies before the
//! entry, and how far it is vouched for there.
//!
//! More entries never make fewer count, as long as nothing is removed that was not: [`Counting::add`] can go on where it
//! stands. When the removals are others than they were, counting begins anew.
//!
//! Access entries are not counted here (A4 settles them); they only pass on what is before them. Entries of a branch that
//! was set aside (L6) are void, and nobody can vouch for them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sheaf_access::{AccessHistory, Challenge, DeviceId, EntryHash, LogId, Role};

use crate::header::{Header, Kind};

/// What counting asks of the access entries.
pub trait Membership {
    /// The removals that count and concern a log; none, almost always.
    fn challenges(&self, log: &LogId) -> Vec<Challenge>;
    /// Whether someone who knew these access heads knew an access entry.
    fn knows(&self, heads: &[EntryHash], entry: &EntryHash) -> bool;
    /// What a device may do as far as these access heads say.
    fn role(&self, heads: &[EntryHash], device: &DeviceId) -> Option<Role>;
}

impl Membership for AccessHistory {
    fn challenges(&self, log: &LogId) -> Vec<Challenge> {
        self.now().challenges(log)
    }

    fn knows(&self, heads: &[EntryHash], entry: &EntryHash) -> bool {
        self.in_past(heads, entry)
    }

    fn role(&self, heads: &[EntryHash], device: &DeviceId) -> Option<Role> {
        self.state_at(heads).ok()?.role_of(device)
    }
}

impl<M: Membership> Membership for &M {
    fn challenges(&self, log: &LogId) -> Vec<Challenge> {
        (**self).challenges(log)
    }

    fn knows(&self, heads: &[EntryHash], entry: &EntryHash) -> bool {
        (**self).knows(heads, entry)
    }

    fn role(&self, heads: &[EntryHash], device: &DeviceId) -> Option<Role> {
        (**self).role(heads, device)
    }
}

/// Of each of these logs that is challenged at all, the first place that may be. Counting begins at the earliest of these
/// to arrive.
pub fn first_challenged<M: Membership>(membership: &M, logs: impl IntoIterator<Item = LogId>) -> BTreeMap<LogId, u64> {
    let first = |log: LogId| {
        let watermark = membership.challenges(&log).iter().map(|challenge| challenge.watermark).min()?;
        Some((log, watermark.saturating_add(1)))
    };
    logs.into_iter().filter_map(first).collect()
}

/// Challenged entries that stand and fall together: of one log, wanting one role, challenged by the same removals.
#[derive(Debug)]
struct Run {
    log: LogId,
    wants: Role,
    by: Arc<[EntryHash]>,
}

/// How one run stands before an entry.
#[derive(Clone, Copy, Debug)]
struct Reach {
    run: usize,
    /// The last of the run that is before the entry.
    height: u64,
    /// The last of it that is vouched for there.
    vouched: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sort {
    /// Passes on what is before it.
    Access,
    Content,
    /// Content of a branch that does not count (L6).
    Aside,
}

#[derive(Debug)]
struct Node {
    log: LogId,
    seq: u64,
    sort: Sort,
    before: Vec<EntryHash>,
    /// By run.
    reach: Arc<[Reach]>,
    /// Nothing that follows can count: an entry of a branch that was set aside is before it, or it is one.
    lost: bool,
    counts: bool,
}

/// What counts of a space, found entry by entry.
#[derive(Debug)]
pub struct Counting<M> {
    membership: M,
    challenges: HashMap<LogId, Arc<[Challenge]>>,
    runs: Vec<Run>,
    nodes: HashMap<EntryHash, Node>,
    nothing: Arc<[Reach]>,
}

impl<M: Membership> Counting<M> {
    /// Nothing yet. The removals are as they are now: when they are others, begin anew.
    pub fn new(membership: M) -> Self {
        Self { membership, challenges: HashMap::new(), runs: Vec::new(), nodes: HashMap::new(), nothing: Arc::new([]) }
    }

    /// Takes an entry up, after all that it names. What it names and was not taken up counts: it came before anything
    /// that is challenged, or a checkpoint stands for it. `aside`: it is of a branch that does not count (L6).
    pub fn add(&mut self, hash: EntryHash, header: &Header, aside: bool) {
        if self.nodes.contains_key(&hash) {
            return;
        }
        let before: Vec<EntryHash> = header
            .prev
            .into_iter()
            .chain(header.builds_on.iter().map(|on| on.hash))
            .filter(|hash| self.nodes.contains_key(hash))
            .collect();
        let lost = aside || before.iter().any(|hash| self.nodes.get(hash).is_some_and(|node| node.lost));
        let sort = match header.kind {
            Kind::Access => Sort::Access,
            Kind::Body | Kind::Talk | Kind::Checkpoint if aside => Sort::Aside,
            Kind::Body | Kind::Talk | Kind::Checkpoint => Sort::Content,
        };
        let mut reach = self.merged(&before);
        let mut unchallenged = false;
        if sort == Sort::Content && !lost {
            let by = self.challengers(header, header.kind.wants());
            unchallenged = by.is_empty();
            if unchallenged {
                self.vouch(header, &mut reach);
            } else {
                self.challenge(header, &by, &mut reach);
            }
        }
        let counts = unchallenged && reach.iter().all(|reach| reach.vouched >= reach.height);
        let reach = if reach.is_empty() { Arc::clone(&self.nothing) } else { reach.into() };
        let node = Node { log: header.log, seq: header.seq, sort, before, reach, lost, counts: false };
        self.nodes.insert(hash, node);
        if counts {
            self.count(hash);
        }
    }

    /// The access entries it was made by.
    pub fn membership(&self) -> &M {
        &self.membership
    }

    /// Whether a removal speaks against an entry with this header: then its author has no say in which branch counts (L6).
    pub fn is_challenged(&mut self, header: &Header) -> bool {
        !self.challengers(header, header.kind.wants()).is_empty()
    }

    /// Whether an entry was taken up.
    pub fn contains(&self, entry: &EntryHash) -> bool {
        self.nodes.contains_key(entry)
    }

    /// Whether an entry counts. One that was not taken up does.
    pub fn counts(&self, entry: &EntryHash) -> bool {
        self.nodes.get(entry).is_none_or(|node| node.counts || node.sort == Sort::Access)
    }

    /// Of each log some of which is void, the first place that is. Branches that were set aside are left out: they are void
    /// from their beginning, and share their log's places with the branch that was not.
    pub fn void(&self) -> BTreeMap<LogId, u64> {
        let mut void = BTreeMap::new();
        for node in self.nodes.values().filter(|node| node.sort == Sort::Content && !node.counts) {
            let first = void.entry(node.log).or_insert(node.seq);
            *first = node.seq.min(*first);
        }
        void
    }

    /// What is before all of these, with the better of each.
    fn merged(&self, before: &[EntryHash]) -> Vec<Reach> {
        let mut merged: Vec<Reach> = Vec::new();
        for node in before.iter().filter_map(|hash| self.nodes.get(hash)) {
            for one in node.reach.iter() {
                match merged.binary_search_by_key(&one.run, |reach| reach.run) {
                    Ok(at) => {
                        merged[at].height = merged[at].height.max(one.height);
                        merged[at].vouched = merged[at].vouched.max(one.vouched);
                    }
                    Err(at) => merged.insert(at, *one),
                }
            }
        }
        merged
    }

    /// The removals that would challenge an entry with this header, if it wanted this role.
    fn challengers(&mut self, header: &Header, wants: Role) -> Vec<EntryHash> {
        let membership = &self.membership;
        let of_log = self.challenges.entry(header.log).or_insert_with(|| membership.challenges(&header.log).into());
        let mut by: Vec<EntryHash> = of_log
            .iter()
            .filter(|challenge| header.seq > challenge.watermark)
            .filter(|challenge| challenge.leaves.is_none_or(|left| left < wants))
            .filter(|challenge| !membership.knows(&header.access_heads, &challenge.by))
            .map(|challenge| challenge.by)
            .collect();
        by.sort_unstable();
        by.dedup();
        by
    }

    /// The entry is challenged: it joins its run.
    fn challenge(&mut self, header: &Header, by: &[EntryHash], reach: &mut Vec<Reach>) {
        let (log, wants) = (header.log, header.kind.wants());
        let same = |run: &Run| run.log == log && run.wants == wants && *run.by == *by;
        let run = self.runs.iter().position(same).unwrap_or_else(|| {
            self.runs.push(Run { log, wants, by: by.into() });
            self.runs.len() - 1
        });
        match reach.binary_search_by_key(&run, |reach| reach.run) {
            Ok(at) => reach[at].height = header.seq,
            Err(at) => reach.insert(at, Reach { run, height: header.seq, vouched: 0 }),
        }
    }

    /// The entry is not challenged: it vouches for what it may.
    fn vouch(&mut self, header: &Header, reach: &mut [Reach]) {
        let mut role = None;
        for one in reach.iter_mut().filter(|reach| reach.vouched < reach.height) {
            let Run { log, wants, by } = &self.runs[one.run];
            let (log, wants, by) = (*log, *wants, Arc::clone(by));
            let role = *role.get_or_insert_with(|| self.membership.role(&header.access_heads, &header.log.device));
            // Who may still comment is not challenged for a comment, and yet must not vouch for a text.
            if log != header.log
                && role.is_some_and(|role| role >= wants)
                && !by.iter().any(|removal| self.membership.knows(&header.access_heads, removal))
                && self.challengers(header, wants).is_empty()
            {
                one.vouched = one.height;
            }
        }
    }

    /// It counts, and everything before it.
    fn count(&mut self, hash: EntryHash) {
        let mut todo = vec![hash];
        while let Some(hash) = todo.pop() {
            if let Some(node) = self.nodes.get_mut(&hash).filter(|node| !node.counts) {
                node.counts = true;
                todo.extend_from_slice(&node.before);
            }
        }
    }
}
