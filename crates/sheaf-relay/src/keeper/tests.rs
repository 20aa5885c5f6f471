use std::sync::Arc;
use std::time::Duration;

use sheaf_access::{AccessOp, ContentKey, DocumentId, EpochId, Identity, LogId, SpaceId};
use sheaf_log::{Checkpoint, Content, Draft, Entry, Frontier, Kind, Manifest, Mine, Part, Sealed};
use sheaf_store::{Home, Store, VaultKey};

use super::*;
use crate::config::{After, Config, Token};

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// A space of one person's, and the log they write in.
struct Written {
    who: Identity,
    space: SpaceId,
    log: LogId,
    key: ContentKey,
    entries: Vec<Entry>,
}

impl Written {
    fn new() -> Self {
        let who = Identity::generate(&mut rand::rng());
        let log = LogId { device: who.device.id(), nonce: 1 };
        let key = ContentKey::generate(&mut rand::rng());
        let op = AccessOp::create(who.certificate, &key, &mut rand::rng()).expect("a space");
        let creation = Draft::founding(log, 1, &op, &who.device).expect("its first entry");
        Self { who, space: creation.space(), log, key, entries: vec![creation] }
    }

    fn draft(&self) -> Draft {
        let last = self.entries.last().expect("the first is there");
        let creation = self.entries[0].hash();
        Draft {
            space: self.space,
            log: self.log,
            seq: last.seq() + 1,
            prev: Some(last.hash()),
            access_heads: vec![creation],
            epoch: EpochId::from(creation),
            time: 2,
            builds_on: Vec::new(),
            mine: Mine::new().root(),
        }
    }

    fn words(&mut self, count: usize) {
        for _ in 0..count {
            let content =
                Content { document: DocumentId::from_bytes([3; 32]), part: Part::Body, changes: vec![vec![1; 90]] };
            let entry = self.draft().seal(&self.key, &content, &rand::random(), &self.who.device).expect("an entry");
            self.entries.push(entry);
        }
    }

    /// A checkpoint of all there is.
    fn checkpoint(&mut self) -> Entry {
        let last = self.entries.last().expect("the first is there").seq();
        let checkpoint = Checkpoint::new([(self.log, last)].into_iter().collect(), []);
        let sealed = Sealed::Here(Manifest::default());
        let entry = self.draft().checkpoint(&self.key, &checkpoint, &sealed, &rand::random(), &self.who.device);
        self.entries.push(entry.expect("a checkpoint"));
        self.entries.last().expect("it was pushed").clone()
    }
}

fn keeper(home: Home) -> Keeper {
    let config = Config::default();
    let admission = Admission::new(&config.admission, &Token::new("the relay's own token"));
    let keys = DeviceKeys::generate(&mut rand::rng());
    Keeper::new(home, keys, admission, (config.quotas, config.retention), Arc::new(Board::new())).expect("a keeper")
}

fn opened(folder: &std::path::Path, vault: &VaultKey) -> Home {
    Home::open(folder, vault).expect("a home").0
}

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
    assert_eq!(keeper.tidy_journal().expect("it is looked at"), 0, "some of it is nowhere else");
    keeper.home().store().append(written.space, &written.entries[20..]).expect("they are stored");
    assert!(keeper.tidy_journal().expect("it is tidied") > 0);
    assert_eq!(journal.replay(0).expect("it is read").count(), 0);
    drop((journal, keeper));
    let home = opened(folder.path(), &vault);
    assert_eq!(home.store().frontier(written.space).expect("a frontier").get(&written.log), 31);
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
