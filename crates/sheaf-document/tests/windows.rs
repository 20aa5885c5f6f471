//! Windows against the core: updates delayed, crossed and dropped, compositions, two windows on one document, another
//! replica's changes in between, windows restarted. After every step the core knows exactly what a window shows.

mod support;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rand::RngExt;
use sheaf_document::{
    Committed, Document, Genesis, Out, Reading, SessionId, Sessions,
    session::{Config, RemoteCaret, ToCore, ToWindow},
};
use support::{
    Rng, checked, edits, for_seeds, items, slot, whole,
    window::{Window, Wired},
};

struct World {
    sessions: Sessions,
    windows: BTreeMap<u64, Wired>,
    next_session: u64,
    now: u64,
    remote: Document,
    ours: Vec<(u8, Committed)>,
    theirs: Vec<(u8, Committed)>,
    /// Changes that are not in the journal yet.
    unsynced: Vec<Committed>,
    /// How often a new log was begun here, and so other actors.
    logs: Arc<AtomicU32>,
}

impl World {
    fn new(rng: &mut Rng) -> Self {
        let mut document = Document::new(Genesis::Text);
        whole(document.replace_with(&slot(9, 0), &Reading::from_items(items(rng, 6)).items()));
        let bytes = document.save();
        let config = Config {
            fork_after: rng.random_range(2..30),
            pause: rng.random_range(0..100),
            longest: rng.random_range(0..300),
            ..Config::default()
        };
        let logs = Arc::new(AtomicU32::new(0));
        let log = Arc::clone(&logs);
        let slots = move |number| slot(1, number + 8 * log.load(Ordering::Relaxed));
        let mut sessions = Sessions::new(Document::load(&bytes).unwrap(), slots, config);
        sessions.set_shared(rng.random());
        Self {
            sessions,
            windows: BTreeMap::new(),
            next_session: 1,
            now: 1_000,
            remote: Document::load(&bytes).unwrap(),
            ours: Vec::new(),
            theirs: Vec::new(),
            unsynced: Vec::new(),
            logs,
        }
    }

    fn route(&mut self, out: Vec<Out>) {
        for out in out {
            match out {
                Out::ToWindow(session, message) => {
                    if let Some(wired) = self.windows.get_mut(&session.0) {
                        wired.to_window.push_back(message);
                    }
                }
                Out::Committed(committed) => self.unsynced.push(committed),
                Out::Caret { .. } => {}
            }
        }
    }

    fn open(&mut self) {
        let session = self.next_session;
        self.next_session += 1;
        self.windows.insert(session, Wired::new());
        let out = self.sessions.open(SessionId(session), self.now);
        self.route(out);
    }

    fn some_window(&self, rng: &mut Rng) -> Option<u64> {
        let all: Vec<u64> = self.windows.keys().copied().collect();
        (!all.is_empty()).then(|| all[rng.random_range(0..all.len())])
    }

    fn deliver_to_core(&mut self, session: u64) {
        let message = self.windows.get_mut(&session).and_then(|wired| wired.to_core.pop_front());
        if let Some(message) = message {
            let out = self.sessions.handle(SessionId(session), message, self.now);
            self.route(out);
        }
    }

    fn deliver_to_window(&mut self, session: u64) {
        if let Some(wired) = self.windows.get_mut(&session)
            && let Some(message) = wired.to_window.pop_front()
        {
            wired.to_core.extend(wired.window.take(message));
        }
    }

    fn sync_journal(&mut self) {
        for committed in std::mem::take(&mut self.unsynced) {
            let out = self.sessions.journaled(committed.hash);
            self.ours.push((1, committed));
            self.route(out);
        }
    }

    fn merge(&mut self) {
        let out = self.sessions.flush(self.now);
        self.route(out);
        self.sync_journal();
        let arriving = checked(self.sessions.document(), &std::mem::take(&mut self.theirs));
        let arrived = self.sessions.apply(arriving, self.now);
        assert!(arrived.refused.is_empty(), "{:?}", arrived.refused);
        self.route(arrived.out);
        self.sync_journal();
        let leaving = checked(&self.remote, &std::mem::take(&mut self.ours));
        assert!(self.remote.apply(leaving).refused.is_empty());
    }

    /// Some of what the other wrote does not count any more: the document is rebuilt without it (A6), and what was
    /// written here on top of it is made again.
    fn rebuild(&mut self, rng: &mut Rng) {
        let out = self.sessions.flush(self.now);
        self.route(out);
        let document = self.sessions.document();
        let all = document.automerge().get_changes(&[]);
        let theirs: Vec<_> = all.iter().filter(|change| change.actor_id().to_bytes()[0] == 2).collect();
        let kept = rng.random_range(0..=theirs.len());
        let (rebuilt, lost) = document
            .without(&theirs[kept..].iter().map(|change| change.hash()).collect())
            .expect("it was whole before");
        let own = |hash: &&_| all.iter().any(|c| c.hash() == **hash && c.actor_id().to_bytes()[0] == 1);
        let own: HashSet<_> = lost.iter().filter(own).copied().collect();
        let words = (!own.is_empty()).then(|| document.rework(&own, rebuilt.items()).expect("they are all here"));
        if !own.is_empty() {
            self.logs.fetch_add(1, Ordering::Relaxed);
        }
        self.unsynced.retain(|committed| !lost.contains(&committed.hash));
        let (out, failure) = self.sessions.rebuild(rebuilt, &lost, words.as_deref(), self.now);
        assert!(failure.is_none(), "{failure:?}");
        self.route(out);
        let (out, bytes) = self.sessions.save(self.now);
        self.route(out);
        self.sync_journal();
        self.ours.clear();
        self.theirs.clear();
        self.remote = Document::load(&bytes).expect("a rebuilt document loads");
        self.check();
    }

    fn step(&mut self, rng: &mut Rng) {
        match rng.random_range(0..100) {
            0..=34 => {
                if let Some(session) = self.some_window(rng) {
                    let wired = self.windows.get_mut(&session).unwrap();
                    let sent = wired.window.act(rng);
                    wired.to_core.extend(sent);
                }
            }
            35..=54 => {
                if let Some(session) = self.some_window(rng) {
                    self.deliver_to_core(session);
                }
            }
            55..=74 => {
                if let Some(session) = self.some_window(rng) {
                    self.deliver_to_window(session);
                }
            }
            75..=79 => {
                let batch = edits(rng, self.remote.reading(), 3);
                let made = whole(self.remote.edit(&slot(2, 0), &batch));
                self.theirs.extend(made.into_iter().map(|change| (2, change)));
            }
            80..=85 => self.merge(),
            86..=89 => {
                self.now += rng.random_range(0..120);
                let out = self.sessions.tick(self.now);
                self.route(out);
            }
            90..=93 => {
                if let Some(session) = self.some_window(rng) {
                    let wired = self.windows.get_mut(&session).unwrap();
                    if wired.window.is_open() {
                        let composing = !wired.window.composing;
                        let sent = wired.window.compose(composing);
                        wired.to_core.extend(sent);
                    }
                }
            }
            94 => {
                // A webview restarts: what it had not sent is gone, what was on its way arrives late and is not taken.
                if let Some(session) = self.some_window(rng) {
                    let wired = self.windows.remove(&session).unwrap();
                    let out = self.sessions.close(SessionId(session), self.now);
                    self.route(out);
                    for late in wired.to_core {
                        // (What comes out may be owed from before; it is not for the dead session.)
                        let out = self.sessions.handle(SessionId(session), late, self.now);
                        assert!(!out.iter().any(|out| matches!(out, Out::ToWindow(to, _) if to.0 == session)));
                        self.route(out);
                    }
                }
            }
            95 => {
                if self.windows.len() < 3 {
                    self.open();
                }
            }
            96 => {
                let batch = edits(rng, &Reading::from_items(self.sessions.document().items()), 2);
                // A pending batch may come first, and then these no longer fit.
                if let Ok(out) = self.sessions.edit(&batch, self.now) {
                    self.route(out);
                }
            }
            97 => {
                let heads = self.remote.heads();
                let len = self.remote.reading().len();
                let cursor = self.remote.cursor(rng.random_range(0..=len), &heads);
                let caret =
                    RemoteCaret { id: "r".into(), name: "Ana".into(), colour: 2, anchor: cursor.clone(), head: cursor };
                let out =
                    self.sessions.set_remote_carets(if rng.random_range(0..4) == 0 { vec![] } else { vec![caret] });
                self.route(out);
            }
            98 => self.sync_journal(),
            _ => {
                let (out, _) = self.sessions.save(self.now);
                self.route(out);
            }
        }
        self.check();
    }

    /// A window nothing is on its way to or from shows what the core thinks it shows.
    fn check(&self) {
        for (session, wired) in &self.windows {
            if wired.to_core.is_empty() && wired.to_window.is_empty() && wired.window.is_open() {
                let view = self.sessions.view_of(SessionId(*session)).expect("the session is open");
                assert_eq!(view.items(), wired.window.items, "session {session}");
            }
        }
    }

    /// Everything arrives and nobody types: all show the same.
    fn settle(&mut self) {
        for _ in 0..200 {
            self.merge();
            self.now += 2_000;
            let out = self.sessions.tick(self.now);
            self.route(out);
            let sessions: Vec<u64> = self.windows.keys().copied().collect();
            for session in sessions {
                let wired = self.windows.get_mut(&session).unwrap();
                if wired.window.composing {
                    let sent = wired.window.compose(false);
                    wired.to_core.extend(sent);
                }
                while !self.windows[&session].to_core.is_empty() || !self.windows[&session].to_window.is_empty() {
                    self.deliver_to_core(session);
                    self.deliver_to_window(session);
                }
            }
            self.check();
        }
        self.sync_journal();
        let sessions: Vec<u64> = self.windows.keys().copied().collect();
        for session in sessions {
            while !self.windows[&session].to_window.is_empty() {
                self.deliver_to_window(session);
            }
        }
    }
}

#[test]
fn a_window_always_shows_what_the_core_thinks_it_shows() {
    let (mut applied, mut dropped, mut refused) = (0, 0, 0);
    for_seeds(400, |rng| {
        let mut world = World::new(rng);
        world.open();
        for _ in 0..rng.random_range(10..120) {
            world.step(rng);
        }
        world.settle();
        let fresh = world.sessions.document().read_afresh();
        assert_eq!(world.sessions.document().items(), fresh.items());
        assert_eq!(world.remote.read_afresh(), fresh, "the other replica has it too");
        for wired in world.windows.values() {
            assert_eq!(wired.window.items, fresh.items(), "every window shows the document");
            assert_eq!(wired.window.saved, wired.window.made, "and all of it is saved");
            applied += wired.window.applied;
            dropped += wired.window.dropped;
            refused += wired.window.refused.len();
        }
    });
    assert_eq!(refused, 0, "honest windows are never refused");
    assert!(
        std::env::var("SHEAF_SEED").is_ok() || applied > 100 && dropped > 20,
        "the test tests something: {applied} applied, {dropped} dropped"
    );
}

/// A6: changes that others made are taken out again under open windows, with keys on their way.
#[test]
fn windows_go_on_when_the_document_is_rebuilt_under_them() {
    for_seeds(250, |rng| {
        let mut world = World::new(rng);
        world.open();
        for _ in 0..rng.random_range(1..4) {
            for _ in 0..rng.random_range(5..60) {
                world.step(rng);
            }
            world.rebuild(rng);
        }
        for _ in 0..rng.random_range(0..40) {
            world.step(rng);
        }
        world.settle();
        let fresh = world.sessions.document().read_afresh();
        assert_eq!(world.sessions.document().items(), fresh.items());
        assert_eq!(world.remote.read_afresh(), fresh, "the other replica has it too");
        for wired in world.windows.values() {
            assert_eq!(wired.window.items, fresh.items(), "every window shows the document");
            assert_eq!(wired.window.saved, wired.window.made, "and all of it is saved");
            assert!(wired.window.refused.is_empty(), "{:?}", wired.window.refused);
        }
    });
}

#[test]
fn what_is_typed_while_the_document_is_rebuilt_is_merged_into_it() {
    let (mut sessions, mut window) = opened(false);
    let others = |sessions: &mut Sessions, edits: &[sheaf_document::edit::Edit]| {
        let mut remote = Document::load(&sessions.save(0).1).unwrap();
        let made = whole(remote.edit(&slot(2, 0), edits));
        let changes: Vec<_> = made.into_iter().map(|change| (2, change)).collect();
        let void: HashSet<_> = changes.iter().map(|(_, change)| change.hash).collect();
        let changes = checked(sessions.document(), &changes);
        (sessions.apply(changes, 0).out, void)
    };
    sessions.handle(SessionId(1), window.make(vec![text(0, "Mine. ")]), 0);
    let (out, void) = others(&mut sessions, &[text(0, "Theirs. ")]);
    for out in out {
        if let Out::ToWindow(_, message) = out {
            let reply = window.take(message);
            reply.map(|reply| sessions.handle(SessionId(1), reply, 0));
        }
    }
    // The window shows both, and types after them; meanwhile it turns out that theirs does not count.
    let batch = window.make(vec![text(14, "More. ")]);
    let (rebuilt, lost) = sessions.document().without(&void).unwrap();
    let (out, failure) = sessions.rebuild(rebuilt, &lost, None, 10);
    assert!(failure.is_none() && sessions.is_stray(SessionId(1)));
    let crossing = sessions.handle(SessionId(1), batch, 20);
    assert_eq!(sessions.document().text(), "Mine. More. ");
    for out in out.into_iter().chain(crossing) {
        if let Out::ToWindow(_, message) = out
            && let Some(reply) = window.take(message)
        {
            sessions.handle(SessionId(1), reply, 30);
        }
    }
    assert_eq!(Reading::from_items(window.items.clone()).text(), "Mine. More. ");
    assert!(!sessions.is_stray(SessionId(1)));
}

fn text(at: u32, text: &str) -> sheaf_document::edit::Edit {
    let insert =
        vec![sheaf_document::model::Item::Text { text: text.to_owned(), marks: sheaf_document::model::Marks::new() }];
    sheaf_document::edit::Edit::Splice { at, delete: 0, insert }
}

fn opened(shared: bool) -> (Sessions, Window) {
    let mut sessions = Sessions::new(Document::new(Genesis::Text), |number| slot(1, number), Config::default());
    sessions.set_shared(shared);
    let mut window = Window::new();
    for out in sessions.open(SessionId(1), 0) {
        if let Out::ToWindow(_, message) = out
            && let Some(reply) = window.take(message)
        {
            assert!(sessions.handle(SessionId(1), reply, 0).is_empty());
        }
    }
    (sessions, window)
}

fn commits(out: &[Out]) -> usize {
    out.iter().filter(|out| matches!(out, Out::Committed(_))).count()
}

#[test]
fn keys_become_changes_at_once_while_others_look_and_at_a_pause_otherwise() {
    let (mut sessions, mut window) = opened(true);
    let mut type_at = |sessions: &mut Sessions, now| {
        let at = window.made as u32;
        commits(&sessions.handle(SessionId(1), window.make(vec![text(at, "x")]), now))
    };
    assert_eq!(type_at(&mut sessions, 1_000), 1, "the first key after a rest goes at once");
    assert_eq!(type_at(&mut sessions, 1_010), 0);
    assert_eq!(type_at(&mut sessions, 1_020), 0);
    assert_eq!(sessions.next_wake(), Some(1_040));
    assert_eq!(commits(&sessions.tick(1_039)), 0);
    assert_eq!(commits(&sessions.tick(1_040)), 1, "the others together");

    sessions.set_shared(false);
    assert_eq!(type_at(&mut sessions, 5_000), 0);
    assert_eq!(sessions.next_wake(), Some(5_250));
    for now in (5_100..6_000).step_by(100) {
        assert_eq!(commits(&sessions.tick(now)), 0);
        assert_eq!(type_at(&mut sessions, now), 0);
    }
    assert_eq!(commits(&sessions.tick(6_000)), 1, "after a second even without a pause");
    assert_eq!(sessions.next_wake(), None);
    assert_eq!(sessions.document().text().len(), 13);
}

#[test]
fn a_batch_that_does_not_fit_is_refused_and_those_before_it_stay() {
    let (mut sessions, mut window) = opened(false);
    assert!(sessions.handle(SessionId(1), window.make(vec![text(0, "abc")]), 10).is_empty());
    let bad = ToCore::Batch { made: 2, seen: 1, edits: vec![text(3, "d"), text(99, "x")] };
    let out = sessions.handle(SessionId(1), bad, 20);
    assert_eq!(commits(&out), 1, "what came before is committed");
    let Some(Out::ToWindow(_, ToWindow::Reset { number, items, refused: Some(refused), .. })) = out.last() else {
        panic!("a reset: {out:?}")
    };
    assert_eq!((refused.from, refused.to), (2, 2));
    assert_eq!(Reading::from_items(items.clone()).text(), "abc", "nothing of the refused batch is in it");
    // Batches made before the window saw the reset are void; after it, life goes on.
    let late = ToCore::Batch { made: 3, seen: 1, edits: vec![text(0, "late")] };
    assert!(sessions.handle(SessionId(1), late, 30).is_empty());
    let next = ToCore::Batch { made: 4, seen: *number, edits: vec![text(3, "!")] };
    sessions.handle(SessionId(1), next, 40);
    sessions.flush(50);
    assert_eq!(sessions.document().text(), "abc!");
}

#[test]
fn a_gap_in_the_numbers_is_a_reset() {
    let (mut sessions, _) = opened(false);
    let out = sessions.handle(SessionId(1), ToCore::Batch { made: 3, seen: 1, edits: vec![text(0, "x")] }, 10);
    assert!(
        matches!(&out[..], [Out::ToWindow(_, ToWindow::Reset { refused: Some(refused), .. })] if (refused.from, refused.to) == (1, 3))
    );
    let out = sessions.handle(SessionId(1), ToCore::Seen { seen: 7, made: 0 }, 20);
    assert!(out.is_empty() || matches!(&out[..], [Out::ToWindow(_, ToWindow::Reset { .. })]), "{out:?}");
}

#[test]
fn a_window_without_its_state_asks_with_zero() {
    let (mut sessions, mut window) = opened(false);
    sessions.handle(SessionId(1), window.make(vec![text(0, "kept")]), 10);
    let out = sessions.handle(SessionId(1), ToCore::Refresh { seen: 0, made: 1 }, 20);
    let reset = out.iter().find_map(|out| match out {
        Out::ToWindow(_, ToWindow::Reset { items, .. }) => Some(Reading::from_items(items.clone()).text()),
        _ => None,
    });
    assert_eq!(reset.as_deref(), Some("kept"));
}

#[test]
fn nothing_is_written_while_reading_only() {
    let (mut sessions, mut window) = opened(false);
    sessions.set_read_only(Some("You may read this document.".into()));
    let out = sessions.handle(SessionId(1), window.make(vec![text(0, "x")]), 10);
    assert_eq!(commits(&out), 0);
    assert!(
        matches!(&out[..], [Out::ToWindow(_, ToWindow::Reset { refused: Some(refused), .. })] if refused.reason == "You may read this document.")
    );
    assert_eq!(sessions.document().heads(), vec![Genesis::Text.hash()], "opening and refusing never write");
}

/// W8: someone types without a pause, every update crosses with a key; the other's text is there within a second.
#[test]
fn under_continuous_typing_others_text_appears() {
    let (mut sessions, mut window) = opened(true);
    let long = vec![sheaf_document::model::Item::Text {
        text: "lorem ipsum ".repeat(900),
        marks: sheaf_document::model::Marks::new(),
    }];
    let mut wire: Vec<(u64, ToWindow)> = Vec::new();
    let collect = |wire: &mut Vec<(u64, ToWindow)>, now: u64, out: Vec<Out>| {
        // 25 ms on the way, and a key every 10: no update fits where it was made for.
        wire.extend(out.into_iter().filter_map(|out| match out {
            Out::ToWindow(_, message) => Some((now + 25, message)),
            _ => None,
        }));
    };
    let out = sessions.replace_with(&long, 0).unwrap();
    collect(&mut wire, 0, out);
    let mut remote = Document::load(&sessions.save(0).1).unwrap();
    let mut upstream: Vec<(u64, ToCore)> = Vec::new();
    let mut appeared = None;
    let mut held = 0;
    for now in (0..3_000).step_by(5) {
        let (due, later): (Vec<_>, Vec<_>) = wire.drain(..).partition(|(at, _)| *at <= now);
        wire = later;
        for (_, message) in due {
            upstream.extend(window.take(message).map(|reply| (now + 25, reply)));
        }
        if now % 10 == 0 && now >= 200 {
            if window.holds {
                held += 10;
            } else {
                held = 0;
                upstream.push((now + 25, window.make(vec![text(0, "x")])));
            }
            assert!(held <= 250, "held no longer than the contract says");
        }
        let (due, later): (Vec<_>, Vec<_>) = upstream.drain(..).partition(|(at, _)| *at <= now);
        upstream = later;
        for (_, message) in due {
            let out = sessions.handle(SessionId(1), message, now);
            collect(&mut wire, now, out);
        }
        if now == 500 {
            let made = whole(remote.edit(&slot(2, 0), &[text(5, "HELLO")]));
            let changes = checked(sessions.document(), &made.into_iter().map(|change| (2, change)).collect::<Vec<_>>());
            let arrived = sessions.apply(changes, now);
            collect(&mut wire, now, arrived.out);
        }
        let out = sessions.tick(now);
        collect(&mut wire, now, out);
        if appeared.is_none() && Reading::from_items(window.items.clone()).text().contains("HELLO") {
            appeared = Some(now);
        }
    }
    let appeared = appeared.expect("the other's text appears");
    assert!(appeared < 1_500, "within a second: after {} ms", appeared - 500);
    assert!(window.dropped >= 2, "the test makes updates cross: {}", window.dropped);
}

#[test]
fn slots_are_used_again_from_the_lowest() {
    let mut sessions = Sessions::new(Document::new(Genesis::Text), |number| slot(1, number), Config::default());
    for session in 1..=3 {
        sessions.open(SessionId(session), 0);
    }
    assert_eq!(sessions.slots().collect::<Vec<_>>(), vec![0, 1, 2]);
    sessions.close(SessionId(2), 0);
    sessions.open(SessionId(9), 0);
    assert_eq!(sessions.slots().collect::<Vec<_>>(), vec![0, 2, 1]);
}

/// W9: painted from the cache, typed into before the document was loaded.
#[test]
fn a_window_painted_from_the_cache_goes_on_from_there() {
    for_seeds(120, |rng| {
        let mut world = World::new(rng);
        world.open();
        for _ in 0..rng.random_range(0..40) {
            world.step(rng);
        }
        let (out, heads, cached) = world.sessions.view(world.now);
        world.route(out);
        for _ in 0..rng.random_range(0..30) {
            world.step(rng);
        }
        world.settle();
        // The application starts again: the document is loaded anew, and has moved on from what the cache shows.
        let bytes = world.sessions.save(world.now).1;
        world.sessions = Sessions::new(Document::load(&bytes).unwrap(), |number| slot(1, number), Config::default());
        world.windows.clear();
        let mut wired = Wired::new();
        let reset = ToWindow::Reset { number: 1, items: cached.clone(), refused: None, checksum: None, forced: true };
        wired.to_core.extend(wired.window.take(reset));
        for _ in 0..rng.random_range(0..4) {
            let sent = wired.window.act(rng);
            wired.to_core.extend(sent);
        }
        let damaged = rng.random_range(0..5) == 0;
        let claimed = if damaged { items(rng, 3) } else { cached.clone() };
        world.windows.insert(100, wired);
        world.next_session = 101;
        let out = world.sessions.open_cached(SessionId(100), &heads, &claimed, world.now);
        world.route(out);
        for _ in 0..20 {
            let session = 100;
            world.deliver_to_core(session);
            world.deliver_to_window(session);
        }
        for _ in 0..rng.random_range(0..30) {
            world.step(rng);
        }
        world.settle();
        let fresh = world.sessions.document().read_afresh();
        assert_eq!(world.remote.read_afresh(), fresh);
        for wired in world.windows.values() {
            assert_eq!(wired.window.items, fresh.items());
        }
    });
}

#[test]
fn a_cache_at_unknown_heads_is_a_reset() {
    let mut sessions = Sessions::new(Document::new(Genesis::Text), |number| slot(1, number), Config::default());
    let out = sessions.open_cached(SessionId(1), &[sheaf_document::ChangeHash([7; 32])], &[], 0);
    assert!(matches!(&out[..], [Out::ToWindow(_, ToWindow::Reset { number: 2, .. }), ..]), "{out:?}");
}

#[test]
fn carets_travel_as_cursors_and_stay_on_their_text() {
    let (mut sessions, mut window) = opened(true);
    sessions.handle(SessionId(1), window.make(vec![text(0, "hello world")]), 100);
    let out = sessions.handle(SessionId(1), ToCore::Select { seen: 1, made: 1, anchor: Some(6), head: Some(11) }, 200);
    let [Out::Caret { anchor: Some(anchor), head: Some(head), .. }] = &out[..] else { panic!("a caret: {out:?}") };
    // It comes back from someone else, and by then there is text before it.
    let caret = RemoteCaret {
        id: "a".into(),
        name: "Ana".into(),
        colour: 77,
        anchor: Some(anchor.clone()),
        head: Some(head.clone()),
    };
    sessions.handle(SessionId(1), window.make(vec![text(0, ">> ")]), 300);
    let out = sessions.set_remote_carets(vec![caret]);
    let [Out::ToWindow(_, ToWindow::Presence { number: 1, after: 2, people })] = &out[..] else {
        panic!("presence: {out:?}")
    };
    assert_eq!((people[0].anchor, people[0].head, people[0].colour), (Some(9), Some(14), 8));
    let out = sessions.close(SessionId(1), 400);
    assert!(matches!(&out[..], [Out::Caret { anchor: None, head: None, .. }]));
}
