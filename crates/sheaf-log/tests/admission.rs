//! What is let into a space, and what is told why not.

mod common;

use common::{Space, Writer, long_cases, rng};
use proptest::prelude::*;
use sheaf_access::rand_core::Rng;
use sheaf_access::{AccessOp, EntryHash, EpochId, InvitationSecret, LogId, Role, SpaceId, Void};
use sheaf_log::{
    Admitted, CheckpointError, Draft, Entry, EntryRef, Kind, Lacking, Mine, Part, Range, Refusal, explain, rule_of,
};

/// A space of Ana's, with Bo in it as an editor, and the hash of what let Bo in.
fn team() -> (Space, Writer, Writer) {
    let (mut ana, mut bo) = (Writer::new(1), Writer::new(2));
    let mut space = Space::found(&mut ana);
    space.join(&mut ana, &mut bo, Role::Editor);
    (space, ana, bo)
}

fn lacking(refusal: &Refusal) -> &Lacking {
    refusal.lacking().unwrap_or_else(|| panic!("{refusal:?}"))
}

#[test]
fn what_members_write_is_let_in() {
    let (mut space, mut ana, mut bo) = team();
    let one = space.write(&bo, Part::Body, &[]);
    space.take(&mut bo, &one);
    let two = space.write(&ana, Part::Talk, &[one.reference()]);
    space.take(&mut ana, &two);
    assert_eq!(space.admit(&one), Ok(Admitted::Duplicate));
    assert_eq!(space.admit(&space.creation), Ok(Admitted::Duplicate));
}

#[test]
fn roles_are_checked_on_the_header() {
    let mut ana = Writer::new(1);
    let mut space = Space::found(&mut ana);
    let allowed = [(Role::Viewer, false, false), (Role::Commenter, false, true), (Role::Editor, true, true)];
    for (number, (role, body, talk)) in (10..).zip(allowed) {
        let mut who = Writer::new(number);
        space.join(&mut ana, &mut who, role);
        for (part, allowed) in [(Part::Body, body), (Part::Talk, talk)] {
            let entry = space.write(&who, part, &[]);
            let refused = Err(Refusal::Role { role, kind: part.into() });
            assert_eq!(space.admit(&entry), if allowed { Ok(Admitted::New) } else { refused });
        }
    }
    let stranger = Writer::new(99);
    assert_eq!(space.admit(&space.write(&stranger, Part::Talk, &[])), Err(Refusal::NotAMember));
}

#[test]
fn membership_is_what_the_entry_itself_knows() {
    let (space, _, mut bo) = team();
    // Bo is a member by now, but an entry that claims to know only the creation is not a member's.
    bo.log.nonce += 1;
    bo.tip = None;
    let early = Draft { access_heads: vec![space.creation.hash()], ..space.draft(&bo) };
    assert_eq!(space.admit(&space.seal(&bo, Part::Body, early)), Err(Refusal::NotAMember));
}

#[test]
fn access_heads_never_go_back() {
    let (space, ana, bo) = team();
    let known = space.draft(&ana).access_heads;
    let back = Draft { access_heads: vec![space.creation.hash()], ..space.draft(&ana) };
    assert_eq!(space.admit(&space.seal(&ana, Part::Body, back)), Err(Refusal::Backwards));
    // Ana's own last entry is an access entry: knowing what it knew is not enough, it has to be known itself.
    let invite = ana.tip.unwrap().hash;
    let same = Draft { access_heads: vec![invite], ..space.draft(&ana) };
    assert_eq!(space.admit(&space.seal(&ana, Part::Body, same)), Ok(Admitted::New));
    // And nobody builds on what knew more than they do.
    let mut space = space;
    let mut bo = bo;
    let one = space.write(&bo, Part::Body, &[]);
    space.take(&mut bo, &one);
    let below = Draft { access_heads: vec![invite], builds_on: vec![one.reference()], ..space.draft(&ana) };
    assert_eq!(space.admit(&space.seal(&ana, Part::Body, below)), Err(Refusal::BelowItsPast));
    let above = Draft { access_heads: known, builds_on: vec![one.reference()], ..space.draft(&ana) };
    assert_eq!(space.admit(&space.seal(&ana, Part::Body, above)), Ok(Admitted::New));
}

#[test]
fn all_that_is_lacking_is_named_at_once() {
    let (mut space, ana, mut bo) = team();
    let one = space.write(&bo, Part::Body, &[]);
    bo.tip = Some(one.reference());
    let two = space.write(&bo, Part::Body, &[]);
    bo.tip = Some(two.reference());
    let three = space.write(&bo, Part::Body, &[]);
    let refusal = space.admit(&three).unwrap_err();
    let earlier = Range { log: bo.log, from: 2, to: 3 };
    assert_eq!(*lacking(&refusal), Lacking { earlier: Some(earlier), ..Lacking::default() });
    assert_eq!((refusal.code(), refusal.rule()), (21, "L2"));

    let unknown = EntryHash::from_bytes([9; 32]);
    let draft = Draft {
        builds_on: vec![three.reference()],
        access_heads: vec![unknown],
        epoch: EpochId::from(unknown),
        ..space.draft(&ana)
    };
    let refusal = space.admit(&space.seal(&ana, Part::Body, draft)).unwrap_err();
    assert_eq!(
        *lacking(&refusal),
        Lacking {
            earlier: None,
            builds_on: vec![three.reference()],
            access: vec![unknown],
            epoch: Some(EpochId::from(unknown)),
        }
    );
    // What lacks nothing any more is let in.
    for entry in [one, two, three] {
        assert_eq!(space.admit(&entry), Ok(Admitted::New));
        space.keep(&entry);
    }
}

#[test]
fn an_entry_under_something_that_is_no_epoch_is_refused() {
    let (space, ana, _) = team();
    // A held access entry, which started no epoch.
    let invite = Draft { epoch: EpochId::from(ana.tip.unwrap().hash), ..space.draft(&ana) };
    assert_eq!(space.admit(&space.seal(&ana, Part::Body, invite)), Err(Refusal::Epoch));
    let unborn = Draft { epoch: EpochId::UNBORN, ..space.draft(&ana) };
    assert_eq!(space.admit(&space.seal(&ana, Part::Body, unborn)), Err(Refusal::Epoch));
    let mut space = space;
    let mut ana = ana;
    let secret = InvitationSecret::generate(&mut rng(1));
    let op = AccessOp::invite(space.id, space.creation.hash(), &secret, Role::Editor, &[], &mut rng(1)).unwrap();
    let draft = Draft { epoch: EpochId::from(ana.tip.unwrap().hash), ..space.draft(&ana) };
    assert_eq!(space.admit(&draft.access(&op, &ana.identity.device).unwrap()), Err(Refusal::Epoch));
    // Nothing is sealed in an access entry, so it may be written where there is no epoch to write under.
    let draft = Draft { epoch: EpochId::UNBORN, ..space.draft(&ana) };
    let good = draft.access(&op, &ana.identity.device).unwrap();
    space.take(&mut ana, &good);
}

#[test]
fn two_entries_in_one_place_are_a_fork() {
    let (mut space, _, mut bo) = team();
    let copied = bo.clone();
    let one = space.write(&bo, Part::Body, &[]);
    let other = space.write(&copied, Part::Talk, &[]);
    space.take(&mut bo, &one);
    let fork = Refusal::Fork { log: bo.log, seq: 2, held: one.hash(), other: other.hash() };
    assert_eq!(space.admit(&other), Err(fork.clone()));
    // An entry that follows the other branch is told the same.
    let follows = Draft { prev: Some(other.hash()), ..space.draft(&bo) };
    assert_eq!(space.admit(&space.seal(&bo, Part::Body, follows)), Err(fork));
    // One that builds on it is not a fork itself.
    let (mut ana, mut joined) = (Writer::new(1), Writer::new(3));
    ana.tip = space.logs[&ana.log].last().map(Entry::reference);
    space.join(&mut ana, &mut joined, Role::Editor);
    let on = other.reference();
    let builds = space.write(&joined, Part::Body, &[on]);
    assert_eq!(space.admit(&builds), Err(Refusal::OtherBranch { on, held: one.hash() }));
}

#[test]
fn nothing_is_replayed_into_another_space() {
    let (space, _, bo) = team();
    let mut eve = Writer::new(66);
    let other = Space::found(&mut eve);
    for entry in [space.write(&bo, Part::Body, &[]), space.creation.clone()] {
        assert_eq!(other.admit(&entry), Err(Refusal::OtherSpace));
    }
    let claimed = Draft { space: SpaceId::UNBORN, ..space.draft(&bo) };
    assert_eq!(space.admit(&space.seal(&bo, Part::Body, claimed)), Err(Refusal::OtherSpace));
    // A redemption made for one space, in an entry of another.
    let secret = InvitationSecret::generate(&mut rng(7));
    let op = AccessOp::redeem(space.id, &secret, eve.identity.certificate, &other.heads(), &[], &mut rng(8)).unwrap();
    eve.log.nonce += 1;
    eve.tip = None;
    let entry = other.draft(&eve).access(&op, &eve.identity.device).unwrap();
    assert_eq!(other.admit(&entry), Err(Refusal::Access(Void::BadProof)));
}

#[test]
fn access_operations_are_judged_before_they_are_held() {
    let (mut space, mut ana, mut bo) = team();
    let grant = space.access.now().member(&bo.identity.certificate.person).unwrap().grant;
    let secret = InvitationSecret::generate(&mut rng(5));
    let op = AccessOp::invite(space.id, grant, &secret, Role::Owner, &[], &mut rng(5)).unwrap();
    let entry = space.draft(&bo).access(&op, &bo.identity.device).unwrap();
    let refusal = space.admit(&entry).unwrap_err();
    assert_eq!(refusal, Refusal::Access(Void::MayNotInvite(Role::Editor)));
    assert_eq!((refusal.code(), refusal.rule()), (66, "A2"));
    // A redemption that is not the first entry of its log.
    let secret = space.invite(&mut ana, space.creation.hash(), Role::Owner);
    let late = space.redemption(&bo, &secret);
    assert_eq!(space.admit(&late), Err(Refusal::Access(Void::NotFirstOfLog)));
    // In a new log it is good, and raises Bo.
    bo.log.nonce += 1;
    bo.tip = None;
    let first = space.redemption(&bo, &secret);
    space.take(&mut bo, &first);
    assert_eq!(space.access.now().role_of(&bo.device()), Some(Role::Owner));
}

#[test]
fn every_code_is_explained_once() {
    let known: Vec<u16> = (0..2000).filter(|code| explain(*code).is_some()).collect();
    assert_eq!(known.len(), 61);
    for code in known {
        assert!(explain(code).unwrap().ends_with('.') && !rule_of(code).unwrap().is_empty());
    }
    assert_eq!(explain(9999), None);
}

proptest! {
    #![proptest_config(long_cases(150, 20))]

    /// Random writers who hear from each other at random: whatever causal order their entries arrive in, all are let in,
    /// and the access state is the same.
    #[test]
    fn any_causal_order_is_let_in(seed: u64, steps in 1..25_usize) {
        let mut rng = rng(seed);
        let (mut space, mut ana, bo) = team();
        let mut cy = Writer::new(3);
        space.join(&mut ana, &mut cy, Role::Commenter);
        let mut writers = [ana, bo, cy];
        let mut heard: Vec<Vec<EntryRef>> = vec![Vec::new(); 3];
        let base: Vec<Entry> = space.access.entries().map(|held| {
            space.logs.values().flatten().find(|entry| entry.hash() == held.hash).unwrap().clone()
        }).collect();
        let mut all = Vec::new();
        for _ in 0..steps {
            let at = rng.next_u32() as usize % 3;
            let part = if at == 2 || rng.next_u32().is_multiple_of(2) { Part::Talk } else { Part::Body };
            let entry = if at == 0 && rng.next_u32().is_multiple_of(4) {
                let secret = InvitationSecret::generate(&mut rng);
                let grant = space.creation.hash();
                let op = AccessOp::invite(space.id, grant, &secret, Role::Viewer, &[], &mut rng).unwrap();
                space.draft(&writers[0]).access(&op, &writers[0].identity.device).unwrap()
            } else {
                space.write(&writers[at], part, &heard[at])
            };
            space.take(&mut writers[at], &entry);
            let other = rng.next_u32() as usize % 3;
            heard[other].push(entry.reference());
            all.push(entry);
        }
        // The same, elsewhere, in another order: what is refused for want of something is tried again.
        let mut ana = Writer::new(1);
        let mut elsewhere = Space::found(&mut ana);
        prop_assert_eq!(elsewhere.id, space.id);
        for entry in base.iter().skip(1) {
            prop_assert_eq!(elsewhere.admit(entry), Ok(Admitted::New));
            elsewhere.keep(entry);
        }
        let mut waiting = all;
        let mut refused = 0;
        while !waiting.is_empty() {
            let at = rng.next_u32() as usize % waiting.len();
            match elsewhere.admit(&waiting[at]) {
                Ok(admitted) => {
                    prop_assert_eq!(admitted, Admitted::New);
                    elsewhere.keep(&waiting.swap_remove(at));
                }
                Err(refusal) => {
                    prop_assert!(!lacking(&refusal).is_empty());
                    refused += 1;
                    prop_assert!(refused < 10_000);
                }
            }
        }
        prop_assert_eq!(elsewhere.access.now(), space.access.now());
    }
}

#[test]
fn what_only_calls_itself_a_checkpoint_is_refused() {
    let (space, ana, _) = team();
    let entry = space.write(&ana, Part::Body, &[]);
    // Body to Checkpoint, signed anew: kinds are the byte before the time.
    let length = u32::from_le_bytes(entry.encoded()[..4].try_into().unwrap()) as usize;
    let mut header = entry.encoded()[4..4 + length].to_vec();
    let mut clean = header.clone();
    clean.truncate(length - 64);
    let time = postcard::to_allocvec(&entry.header().time).unwrap();
    let kind = length - 64 - 1 - time.len() - 1;
    assert_eq!((header[kind], Mine::new().root()), (Kind::Body as u8, entry.header().mine));
    header[kind] = Kind::Checkpoint as u8;
    let statement = blake3::derive_key("sheaf 2026 entry signature v1", &header);
    let signature = ana.identity.device.sign(&statement).to_bytes();
    let bytes = [&entry.encoded()[..4], &header, &signature, &entry.encoded()[4 + length + 64..]].concat();
    let checkpoint = sheaf_log::Unverified::decode(&bytes).unwrap().verify().unwrap();
    assert_eq!(space.admit(&checkpoint), Err(Refusal::Checkpoint(CheckpointError::Malformed)));
    assert_eq!(checkpoint.log(), LogId { ..ana.log });
}
