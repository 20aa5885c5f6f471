use std::sync::Arc;
use std::time::Duration;

use sheaf_log::{Frontier, Kind};
use sheaf_store::{BlobStore, Store, VaultKey};
use sheaf_sync::{EntryBytes, Outcome};

use super::testing::{Written, keeper, opened};
use super::*;
use crate::cluster::asking::{Question, Reply};
use crate::config::{After, Config};

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// What an endorsed checkpoint stands for stays for a week, whatever the operator says; then it goes, down to the checkpoint
/// before it.
#[test]
fn nothing_is_pruned_before_a_week_has_gone_by() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let mut written = Written::new();
    written.words(9);
    let first = written.checkpoint();
    written.words(9);
    let second = written.checkpoint();
    written.words(3);
    keeper.home().store().append(written.space, &written.entries).expect("they are stored");
    let space = keeper.open(written.space).expect("it opens");
    for checkpoint in [&first, &second] {
        assert!(keeper.hold(&space, checkpoint).is_ok());
    }
    let hasty = config::Retention { prune_after: After(Some(Duration::from_hours(1))), ..Config::default().retention };
    keeper.set_retention(hasty);
    let held = accept::now();
    for later in [0, DAY, 7 * DAY - 60_000] {
        let would = keeper.sweep(held + later, true).expect("it is looked at");
        assert_eq!(
            (would.pruned, keeper.sweep(held + later, false).expect("a sweep").pruned),
            (vec![], vec![]),
            "{later}"
        );
    }
    let would = keeper.sweep(held + 7 * DAY + 60_000, true).expect("it is looked at");
    let done = keeper.sweep(held + 7 * DAY + 60_000, false).expect("a sweep");
    assert_eq!(would.pruned, done.pruned, "what would be done is what is done");
    // The words before the first checkpoint; access entries never.
    assert_eq!(
        done.pruned.iter().map(|(space, entries, _)| (*space, *entries)).collect::<Vec<_>>(),
        [(written.space, 9)]
    );
    for entry in &written.entries {
        let there = keeper.home().store().entry(written.space, entry.log(), entry.seq()).expect("it is read").is_some();
        assert_eq!(there, entry.header().kind == Kind::Access || entry.seq() >= first.seq(), "{}", entry.seq());
    }
    assert_eq!(space.frontier(), [(written.log, written.entries.len() as u64)].into_iter().collect::<Frontier>());
    assert!(keeper.sweep(held + 30 * DAY, false).expect("a sweep").pruned.is_empty(), "there is nothing more");
}

/// A member's word may come before what it is about, from a stream that does not say it again: a crash in between does not lose it.
#[test]
fn a_word_that_came_early_is_there_after_a_restart() {
    let (folder, vault) = (tempfile::tempdir().expect("a temporary folder"), VaultKey::generate());
    let mut written = Written::new();
    written.words(3);
    let checkpoint = written.checkpoint();
    let last = written.entries.len() - 1;
    {
        let keeper = keeper(opened(folder.path(), &vault));
        keeper.home().store().append(written.space, &written.entries[..last]).expect("they are stored");
        let space = keeper.open(written.space).expect("it opens");
        let word = sheaf_log::Endorsement::sign(written.space, checkpoint.hash(), &written.who.device);
        let (news, _) = keeper.endorsed(&space, &word.encode()).expect("it is heard");
        assert!(!news, "nobody is told of it before what it is about is here");
    }
    let keeper = keeper(opened(folder.path(), &vault));
    keeper.home().store().append(written.space, &written.entries[last..]).expect("it is stored");
    let space = keeper.open(written.space).expect("it opens");
    assert!(keeper.hold(&space, &checkpoint).is_ok());
    assert_eq!(Keeper::words_on(&space, checkpoint.hash()).len(), 1);
}

/// What was given up, and a checkpoint has named again since, is not to be deleted from the object store.
#[test]
fn a_blob_that_is_named_again_is_needed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let mut written = Written::new();
    written.words(3);
    let bytes = b"a bucket of one document";
    let named = sheaf_log::BlobLink { id: sheaf_log::BlobId::of(bytes), size: bytes.len() as u64 };
    keeper.home().blobs().put(named.id, bytes).expect("it is kept");
    let checkpoint = written.checkpoint_of([named]);
    keeper.home().store().append(written.space, &written.entries).expect("they are stored");
    let space = keeper.open(written.space).expect("it opens");
    let other = sheaf_log::BlobLink { id: sheaf_log::BlobId::of(b"another"), size: 7 };
    assert_eq!(keeper.needed(written.space, &[named, other]).expect("it is looked up"), []);
    assert!(keeper.hold(&space, &checkpoint).is_ok());
    assert_eq!(keeper.needed(written.space, &[named, other]).expect("it is looked up"), [named]);
}

/// Which blobs a checkpoint names is its author's word alone, and everyone who is or was in a space can name its blobs.
#[test]
fn what_one_space_gives_up_another_still_has() {
    let (folder, vault) = (tempfile::tempdir().expect("a temporary folder"), VaultKey::generate());
    let bytes = b"a bucket of one document";
    let named = sheaf_log::BlobLink { id: sheaf_log::BlobId::of(bytes), size: bytes.len() as u64 };
    let mut spaces = Vec::new();
    {
        let keeper = keeper(opened(folder.path(), &vault));
        keeper.home().blobs().put(named.id, bytes).expect("it is kept");
        for _ in 0..3 {
            let mut written = Written::new();
            written.words(3);
            let checkpoint = written.checkpoint_of([named]);
            keeper.home().store().append(written.space, &written.entries).expect("they are stored");
            assert!(keeper.hold(&keeper.open(written.space).expect("it opens"), &checkpoint).is_ok());
            spaces.push(written.space);
        }
    }
    // After a start, so that nothing is remembered of what has been named.
    let keeper = keeper(opened(folder.path(), &vault));
    let here = || keeper.home().blobs().get(named.id).expect("it is looked up").is_some();
    let gives_up = |space| {
        let space = keeper.open(space).expect("it opens");
        let kept = space.checkpoints().held.first().cloned().expect("it holds one");
        keeper.give_up(&space, &kept).expect("it is given up");
    };
    gives_up(spaces[0]);
    assert!(here(), "two others name it");
    keeper.home().remove(spaces[1]).expect("a space is removed");
    assert!(here(), "one other names it");
    gives_up(spaces[2]);
    assert!(!here(), "nobody needs it any more");
}

/// An object store that is another than before has lost what was in the one before: all that is held is to be shared again.
#[test]
fn what_a_lost_object_store_had_is_to_be_shared_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let mut written = Written::new();
    written.words(3);
    let checkpoint = written.checkpoint();
    keeper.home().store().append(written.space, &written.entries).expect("they are stored");
    let space = keeper.open(written.space).expect("it opens");
    assert!(keeper.hold(&space, &checkpoint).is_ok());
    keeper.join_cluster().expect("it joins");
    assert_eq!(keeper.shares_in(7).expect("it is written down"), [], "the first is no loss");
    let Ok(Some(sharing)) = keeper.share_kept(&space, checkpoint.hash()) else { panic!("it is held") };
    assert!(keeper.take_shared(&space, &sharing.shared).is_ok());
    assert!(keeper.unshared(written.space).expect("it is looked up").is_empty());
    assert_eq!(keeper.shares_in(7).expect("it is the same"), []);
    assert_eq!(keeper.shares_in(8).expect("it is another"), [written.space]);
    assert_eq!(keeper.unshared(written.space).expect("it is looked up"), [checkpoint.hash()]);
}

/// A checkpoint is taken over that stands for more of a log than came here. The log goes on after that, in the journal too, and after
/// a restart.
#[test]
fn a_log_goes_on_after_what_a_checkpoint_stands_for() {
    let (folder, vault) = (tempfile::tempdir().expect("a temporary folder"), VaultKey::generate());
    let mut written = Written::new();
    written.words(5);
    let covered = written.entries.last().expect("words").clone();
    let checkpoint = written.checkpoint();
    written.words(2);
    let arrives = |keeper: &Keeper, space: &Space, entries: &[sheaf_log::Entry]| -> Vec<Outcome> {
        let bytes = entries.iter().map(|entry| EntryBytes::from(entry.encoded().to_vec())).collect();
        let delivered = Delivered { from: written.who.device.id(), ticket: None, entries: bytes };
        let accepted = keeper.keep(space, vec![keeper.let_in(space, vec![delivered], |_, _| {})]);
        accepted.into_iter().flat_map(|one| one.outcomes).collect()
    };
    let held = |entry: &sheaf_log::Entry| Outcome::Held { log: entry.log(), seq: entry.seq() };
    {
        let keeper = keeper(opened(folder.path(), &vault));
        let space = keeper.open(written.space).expect("it opens");
        let first: Vec<Outcome> = written.entries[..2].iter().map(held).collect();
        assert_eq!(arrives(&keeper, &space, &written.entries[..2]), first);
        let ends = [covered.signed_header()];
        let bytes = sheaf_store::encode_bundle(&[written.entries[0].clone(), checkpoint.clone()], &ends);
        let bundle = sheaf_log::BlobLink { id: sheaf_log::BlobId::of(&bytes), size: bytes.len() as u64 };
        keeper.home().blobs().put(bundle.id, &bytes).expect("it is kept");
        assert!(keeper.take_over(&space, bundle).is_ok());
        assert_eq!(arrives(&keeper, &space, std::slice::from_ref(&checkpoint)), [held(&checkpoint)]);
    }
    let keeper = keeper(opened(folder.path(), &vault));
    let space = keeper.open(written.space).expect("it opens");
    let rest = &written.entries[7..];
    assert_eq!(arrives(&keeper, &space, rest), rest.iter().map(held).collect::<Vec<_>>());
}

/// The journal goes as far as the store has what is in it, and no further.
#[test]
fn the_journal_keeps_what_the_store_has_not() {
    let (folder, vault) = (tempfile::tempdir().expect("a temporary folder"), VaultKey::generate());
    let keeper = keeper(opened(folder.path(), &vault));
    let mut written = Written::new();
    written.words(30);
    let journal = Arc::clone(keeper.home().journal());
    journal.append(written.space, &written.entries).expect("it takes them").wait().expect("they are durable");
    keeper.home().store().append(written.space, &written.entries[..20]).expect("they are stored");
    assert!(keeper.tidy_journal().expect("it is tidied") > 0);
    assert_eq!(journal.replay(0).expect("it is read").count(), 11, "what is nowhere else is kept");
    keeper.home().store().append(written.space, &written.entries[20..]).expect("they are stored");
    assert!(keeper.tidy_journal().expect("it is tidied") > 0);
    assert_eq!(journal.replay(0).expect("it is read").count(), 0);
    drop((journal, keeper));
    let home = opened(folder.path(), &vault);
    assert_eq!(home.store().frontier(written.space).expect("a frontier").get(&written.log), 31);
}

/// What comes while the store's files are synced may be in the system's memory alone: the journal keeps it until the next time.
#[test]
fn the_journal_keeps_what_came_while_the_store_was_synced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let mut written = Written::new();
    written.words(10);
    let journal = Arc::clone(keeper.home().journal());
    let arrives = |entries: &[sheaf_log::Entry]| {
        journal.append(written.space, entries).expect("it takes them").wait().expect("they are durable");
        keeper.home().store().append(written.space, entries).expect("they are stored");
    };
    arrives(&written.entries[..8]);
    let tidied = keeper.tidy_journal_after(|| {
        arrives(&written.entries[8..]);
        Ok(())
    });
    tidied.expect("it is looked at");
    let there = || journal.replay(0).expect("it is read").map(|item| item.expect("an entry").1.seq());
    assert_eq!(there().filter(|seq| *seq > 8).collect::<Vec<_>>(), [9, 10, 11], "it came too late to be synced");
    assert!(keeper.tidy_journal().expect("it is tidied") > 0);
    assert_eq!(journal.replay(0).expect("it is read").count(), 0);
}

/// One space cannot be read: the others are tidied, and so is the journal.
#[test]
fn a_space_that_cannot_be_read_keeps_nothing_else_from_being_tidied() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let mut both = [Written::new(), Written::new()];
    both.sort_by_key(|written| written.space);
    let mut checkpoints = Vec::new();
    for written in &mut both {
        for _ in 0..2 {
            written.words(9);
            checkpoints.push((written.space, written.checkpoint()));
        }
        let journaled = keeper.home().journal().append(written.space, &written.entries).expect("it takes them");
        journaled.wait().expect("they are durable");
        keeper.home().store().append(written.space, &written.entries).expect("they are stored");
    }
    for (space, checkpoint) in &checkpoints {
        assert!(keeper.hold(&keeper.open(*space).expect("it opens"), checkpoint).is_ok());
    }
    let (broken, checkpoint) = &checkpoints[0];
    let bundle = folder.path().join("blobs").join(format!("{broken}-{}.checkpoint", checkpoint.hash()));
    std::fs::remove_file(&bundle).and_then(|()| std::fs::create_dir(&bundle)).expect("it is in its place");
    assert!(keeper.open(*broken).is_err(), "it cannot be read");
    let swept = keeper.sweep(accept::now() + 8 * DAY, false).expect("a sweep");
    assert_eq!(swept.pruned.iter().map(|(space, ..)| *space).collect::<Vec<_>>(), [both[1].space]);
    assert!(swept.journal > 0);
    assert!(!keeper.is_sweeping());
}

/// Thousands of spaces are swept again and again: only those are opened in which something has become ripe.
#[test]
fn a_sweep_opens_no_space_in_which_nothing_can_be_pruned() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let mut written = Written::new();
    for stored in [0, 7] {
        written.words(5);
        let checkpoint = written.checkpoint();
        keeper.home().store().append(written.space, &written.entries[stored..]).expect("they are stored");
        assert!(keeper.hold(&keeper.open(written.space).expect("it opens"), &checkpoint).is_ok());
    }
    let (now, opened) = (accept::now(), || !std::mem::take(&mut *locked(&keeper.open)).is_empty());
    assert!(opened());
    let sweep = |later| keeper.sweep(now + later, false).expect("a sweep").pruned.len();
    assert_eq!((sweep(DAY), opened()), (0, false), "nothing is old enough");
    assert_eq!((sweep(8 * DAY), opened()), (1, true));
    assert_eq!((sweep(9 * DAY), opened()), (0, false), "it was pruned");
    assert_eq!(keeper.sweep(now + 9 * DAY, true).expect("it is looked at").pruned, []);
    written.words(5);
    let checkpoint = written.checkpoint();
    keeper.home().store().append(written.space, &written.entries[13..]).expect("they are stored");
    assert!(keeper.hold(&keeper.open(written.space).expect("it opens"), &checkpoint).is_ok());
    assert!(opened());
    assert_eq!((sweep(18 * DAY), opened()), (1, true), "there is another checkpoint");
}

/// One space takes long to read from the disk: others are opened meanwhile.
#[test]
fn a_space_that_is_being_read_keeps_no_other_from_being_opened() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let [slow, other] = [Written::new().space, Written::new().space];
    let slot = Arc::clone(locked(&keeper.open).entry(slow).or_default());
    let reading = locked(&slot);
    assert!(keeper.is_open(slow), "it is not to be removed now");
    assert!(keeper.open(other).is_ok());
    std::thread::scope(|scope| {
        let opened = scope.spawn(|| keeper.open(slow).expect("it opens").id);
        drop(reading);
        assert_eq!(opened.join().expect("it opens"), slow);
    });
    drop(slot);
    assert!(!keeper.is_open(slow));
}

/// Entries became durable while a checkpoint was taken over: its frontier was read before them.
#[test]
fn a_checkpoint_that_is_taken_over_takes_no_log_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let mut written = Written::new();
    written.words(9);
    keeper.home().store().append(written.space, &written.entries).expect("they are stored");
    let space = keeper.open(written.space).expect("it opens");
    let access = space.lock().access.clone().expect("it has an access history");
    let [before, floors] = [6, 4].map(|seq| [(written.log, seq)].into_iter().collect::<Frontier>());
    space.take_over(access, &before, &floors);
    assert_eq!((space.frontier().get(&written.log), space.floors().get(&written.log)), (10, 4));
    space.raise_floors(&Frontier::new());
    assert_eq!(space.floors().get(&written.log), 4);
}

#[test]
fn a_space_goes_when_nobody_has_come_for_it_and_the_settings_say_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let (mut gone, mut visited) = (Written::new(), Written::new());
    for written in [&mut gone, &mut visited] {
        written.words(3);
        keeper.home().store().append(written.space, &written.entries).expect("they are stored");
    }
    let now = accept::now();
    let after = |days| config::Retention { abandoned_after: After(days), ..Config::default().retention };
    assert!(
        keeper.sweep(now + 1_000 * DAY, false).expect("a sweep").abandoned.is_empty(),
        "it stays if nothing is said"
    );
    keeper.set_retention(after(Some(Duration::from_hours(30 * 24))));
    assert!(
        keeper.sweep(now, false).expect("a sweep").abandoned.is_empty(),
        "the time begins when it is first looked at"
    );
    keeper.note_seen(visited.space, now + 20 * DAY).expect("it is noted");
    let used = keeper.open(gone.space).expect("it opens");
    assert!(keeper.sweep(now + 31 * DAY, false).expect("a sweep").abandoned.is_empty(), "somebody has to do with it");
    drop(used);
    let would = keeper.sweep(now + 31 * DAY, true).expect("it is looked at");
    assert!(keeper.keeps(gone.space).expect("it is looked up"));
    let done = keeper.sweep(now + 31 * DAY, false).expect("a sweep");
    assert_eq!((&would.abandoned, &done.abandoned), (&vec![(gone.space, now)], &vec![(gone.space, now)]));
    assert!(
        !keeper.keeps(gone.space).expect("it is looked up") && !keeper.is_going(gone.space).expect("it is looked up")
    );
    assert!(keeper.keeps(visited.space).expect("it is looked up"));
    assert!(keeper.ledger().account(&gone.space).is_none());
}

/// Members keep to one relay of a cluster: at the others nobody is ever seen, and what is written comes all the same.
#[test]
fn a_space_that_is_written_in_is_not_abandoned_and_nor_is_one_that_somebody_stays_connected_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keeper = keeper(opened(folder.path(), &VaultKey::generate()));
    let (mut written, mut read) = (Written::new(), Written::new());
    let now = accept::now();
    let month = config::Retention {
        abandoned_after: After(Some(Duration::from_hours(30 * 24))),
        ..Config::default().retention
    };
    keeper.set_retention(month);
    for space in [&mut written, &mut read] {
        space.words(3);
        keeper.home().store().append(space.space, &space.entries).expect("they are stored");
        keeper.note_seen(space.space, now - 29 * DAY).expect("it is noted");
    }
    written.words(1);
    let entry = EntryBytes::from(written.entries[4].encoded().to_vec());
    let delivered = Delivered { from: written.who.device.id(), ticket: None, entries: vec![entry] };
    let space = keeper.open(written.space).expect("it opens");
    let kept = keeper.keep(&space, vec![keeper.let_in(&space, vec![delivered], |_, _| {})]);
    assert!(matches!(kept[0].outcomes[..], [Outcome::Held { .. }]));
    drop((kept, space));
    keeper.are_seen(&[read.space], now).expect("it is noted");
    assert_eq!(keeper.sweep(now + 2 * DAY, false).expect("a sweep").abandoned, []);
    assert_eq!(keeper.sweep(now + 31 * DAY, true).expect("a sweep").abandoned.len(), 2, "nobody has come since");
}

/// Two things stand in one place of a log at one relay of a cluster, and somebody has built on the one that is beside the log there.
/// The other relay has the log alone: with what stands beside it, which it hears of or asks for, it takes what was built on that.
#[test]
fn what_stands_beside_a_log_at_one_relay_the_others_can_have() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let [one, other] = [0, 1].map(|at| keeper(opened(folders[at].path(), &VaultKey::generate())));
    let mut written = Written::new();
    written.words(4);
    let beside = written.other();
    let built_on = written.built_on(&beside);
    one.join_cluster().expect("it joins");
    let arrives = |keeper: &Keeper, entries: &[sheaf_log::Entry]| -> (Vec<Outcome>, Told) {
        let space = keeper.open(written.space).expect("it opens");
        let bytes = entries.iter().map(|entry| EntryBytes::from(entry.encoded().to_vec())).collect();
        let delivered = Delivered { from: written.who.device.id(), ticket: None, entries: bytes };
        let accepted = keeper.keep(&space, vec![keeper.let_in(&space, vec![delivered], |_, _| {})]);
        let (mut outcomes, mut found) = (Vec::new(), Vec::new());
        for one in accepted {
            outcomes.extend(one.outcomes);
            found.extend(one.found);
        }
        (outcomes, keeper.follow_up(&space, written.who.device.id(), found))
    };
    let held = |entry: &sheaf_log::Entry| Outcome::Held { log: entry.log(), seq: entry.seq() };
    for keeper in [&one, &other] {
        let (outcomes, _) = arrives(keeper, &written.entries);
        assert_eq!(outcomes, written.entries.iter().map(held).collect::<Vec<_>>());
    }
    let (_, told) = arrives(&one, std::slice::from_ref(&beside));
    assert_eq!(told.beside, [(written.who.device.id(), beside.encoded().to_vec())], "the others are to hear of it");
    assert_eq!(arrives(&one, std::slice::from_ref(&built_on)).0, [held(&built_on)]);
    let (_, told) = arrives(&one, std::slice::from_ref(&beside));
    assert!(told.beside.is_empty(), "it is known");

    let (outcomes, _) = arrives(&other, std::slice::from_ref(&built_on));
    assert!(matches!(outcomes[..], [Outcome::Refused(sheaf_sync::Refusal::NotNow(_))]), "{outcomes:?}");
    let question = Question::Beside { space: written.space, after: 0 };
    let Reply::Entries(entries, None) = one.answer(question) else { panic!("it is answered, whole") };
    let news = other.not_beside(written.space, entries).expect("it is looked up");
    assert_eq!(news, [beside.encoded().to_vec()]);
    arrives(&other, std::slice::from_ref(&beside));
    assert_eq!(arrives(&other, std::slice::from_ref(&built_on)).0, [held(&built_on)]);
    assert!(other.not_beside(written.space, news).expect("it is looked up").is_empty());
}
