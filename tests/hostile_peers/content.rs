//! Entries that are in order, with something in them that is not: another's name, another's actor, and what is left of a
//! decoder that believes what it reads.

use sheaf_access::{AccessOp, DeviceId, LogId};
use sheaf_log::{Content, Draft, Mine, Part};
use sheaf_node::NodeEvent;
use sheaf_tests::raw::{Author, Forged, Held, Raw, billions, deflated, typed, typed_on, typed_over};
use sheaf_tests::{HOSTILE, Scene, soon, told};

/// What content is refused under.
const CONTENT: u16 = 2_000;

/// Sends an editor's entry whose content is not in order. It is stored, for its header is; it changes nothing, and closes
/// the log.
async fn closes_its_log(make: impl AsyncFn(&Scene, &Raw, &Held) -> Vec<u8>) {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory("editor").await;
    let mut events = scene.ana.subscribe();
    let before = scene.picture().await;
    let entry = make(&scene, &raw, &held).await;
    line.send(held.space, &[&entry]).await;
    assert_eq!(scene.counted(&raw, CONTENT).await.rule, "L3");
    told(
        "word of what was set aside",
        &mut events,
        |event| matches!(event, NodeEvent::Quarantined { device, .. } if *device == raw.id()),
    )
    .await;
    scene.unharmed(&before).await;
    // What follows in that log is held like anything, so that all hold the same, and changes nothing.
    let before = scene.picture().await;
    let mut next = held.draft();
    next.seq += 1;
    next.prev =
        Some(sheaf_log::Unverified::decode(&entry).and_then(sheaf_log::Unverified::verify).expect("ours").hash());
    let content = Content {
        document: scene.document_id(),
        part: Part::Body,
        changes: vec![typed(&Author::of(&raw, &held, scene.document_id()), HOSTILE)],
    };
    let next = next.seal(&held.key(), &content, &[7; 24], &raw.device).expect("an entry");
    assert_eq!(line.send(held.space, &[next.encoded()]).await.verdict(), None);
    scene.unharmed(&before).await;
}

/// Somebody else of the space.
fn other(held: &Held) -> (LogId, DeviceId) {
    let entry = held.of_another(|entry| entry.header().kind == sheaf_log::Kind::Body);
    (entry.log(), entry.log().device)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_builds_on_what_nobody_has_does_not_wait_for_ever() {
    closes_its_log(async |scene, raw, held| {
        let author = Author::of(raw, held, scene.document_id());
        let nobody = Author {
            log: LogId { nonce: held.log.nonce ^ 1, ..held.log },
            ..Author::of(raw, held, scene.document_id())
        };
        let changes = vec![typed_on(&author, &nobody, HOSTILE)];
        raw.content(held, scene.document_id(), Part::Body, changes).encoded().to_vec()
    })
    .await;
}

/// Builds on everything in the document, which is all here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_builds_on_what_its_entry_does_not_name() {
    closes_its_log(async |scene, raw, held| {
        let author = Author::of(raw, held, scene.document_id());
        let changes = vec![typed_over(&author, held, HOSTILE)];
        raw.content(held, scene.document_id(), Part::Body, changes).encoded().to_vec()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_entry_names_something_earlier() {
    closes_its_log(async |scene, raw, held| {
        let author = Author::of(raw, held, scene.document_id());
        let changes = vec![typed_over(&author, held, HOSTILE)];
        // The first entries of those who wrote in it, and not the last.
        let others = held.frontier();
        let first = |log: &LogId| held.entries.iter().find(|entry| entry.log() == *log && entry.seq() == 1);
        let firsts: Vec<_> = others.iter().filter_map(|(log, _)| Some(first(log)?.reference())).collect();
        let firsts = firsts.into_iter().filter(|on| on.log != held.log).collect();
        raw.content_on(held, scene.document_id(), Part::Body, changes, firsts).encoded().to_vec()
    })
    .await;
}

/// The same, and it names the last entries: then there is nothing wrong with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_entry_names_what_it_builds_on_is_read() {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory("editor").await;
    let author = Author::of(&raw, &held, scene.document_id());
    let changes = vec![typed_over(&author, &held, "In good order. ")];
    let lasts = held.frontier();
    let last = |log: &LogId, seq: u64| held.entries.iter().find(|entry| entry.log() == *log && entry.seq() == seq);
    let lasts: Vec<_> = lasts.iter().filter_map(|(log, seq)| Some(last(log, seq)?.reference())).collect();
    let lasts = lasts.into_iter().filter(|on| on.log != held.log).collect();
    let entry = raw.content_on(&held, scene.document_id(), Part::Body, changes, lasts);
    line.send(held.space, &[entry.encoded()]).await;
    for node in [&scene.ana, &scene.kofi] {
        soon("her words", || async {
            let text = node.export(&scene.document, sheaf_node::Format::Text).await.ok()?;
            String::from_utf8_lossy(&text).contains("In good order.").then_some(())
        })
        .await;
    }
}

/// What it says is in order; but its header does not commit to it, so no checkpoint could ever show that it was written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_commits_to_something_else_than_it_holds() {
    closes_its_log(async |scene, raw, held| {
        let (document, part) = (scene.document_id(), Part::Body);
        let changes = vec![typed(&Author::of(raw, held, document), HOSTILE)];
        let content = Content { document, part, changes };
        held.draft().seal(&held.key(), &content, &[8; 24], &raw.device).expect("an entry").encoded().to_vec()
    })
    .await;
}

/// After a checkpoint that somebody vouches for, what was closed is judged anew: by what the log had written before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_judged_anew_is_held_to_the_same() {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory("editor").await;
    let document = scene.document_id();
    let content =
        Content { document, part: Part::Body, changes: vec![typed(&Author::of(&raw, &held, document), HOSTILE)] };
    let entry = held.draft().seal(&held.key(), &content, &[8; 24], &raw.device).expect("an entry");
    let is = |event: &NodeEvent| matches!(event, NodeEvent::Quarantined { device, .. } if *device == raw.id());
    let mut events = scene.ana.subscribe();
    line.send(held.space, &[entry.encoded()]).await;
    told("word of what was set aside", &mut events, is).await;
    scene.still_served("before the checkpoint").await;
    scene.kofi.checkpoint(&scene.space).await.expect("a checkpoint");
    told("the same word again", &mut events, is).await;
    scene.still_served("after the checkpoint").await;
    for text in scene.picture().await.texts.values() {
        assert!(!text.contains(HOSTILE), "{text}");
    }
}

/// The same of an entry that has no content, after one that was in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_forgets_what_its_log_has_written() {
    let scene = Scene::new().await;
    let (raw, mut line, mut held) = scene.mallory("editor").await;
    let good = raw.words(&held, scene.document_id(), "In good order. ");
    assert_eq!(line.send(held.space, &[good.encoded()]).await.verdict(), None);
    held.take(good);
    let forgets = Draft { mine: Mine::new().root(), ..held.draft() };
    let keys = held.given_keys();
    let op = AccessOp::rotate(held.history.now(), &raw.device.id(), &keys, &mut rand::rng()).expect("she may");
    let forgets = forgets.access(&op, &raw.device).expect("an entry");
    line.send(held.space, &[forgets.encoded()]).await;
    assert_eq!(scene.counted(&raw, CONTENT).await.rule, "L3");
    held.take(forgets);
    held.open_keys(&raw);
    let next = raw.words(&held, scene.document_id(), HOSTILE);
    assert_eq!(line.send(held.space, &[next.encoded()]).await.verdict(), None);
    // What came before stands.
    for node in [&scene.ana, &scene.kofi] {
        soon("her words", || async {
            let text = node.export(&scene.document, sheaf_node::Format::Text).await.ok()?;
            String::from_utf8_lossy(&text).contains("In good order.").then_some(())
        })
        .await;
    }
    scene.still_served("afterwards").await;
    for text in scene.picture().await.texts.values() {
        assert!(!text.contains(HOSTILE), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_names_another_author() {
    closes_its_log(async |scene, raw, held| {
        let person = held.history.now().person_of(&other(held).1).expect("a member");
        let author = Author { person, ..Author::of(raw, held, scene.document_id()) };
        let changes = vec![typed(&author, HOSTILE)];
        raw.content(held, scene.document_id(), Part::Body, changes).encoded().to_vec()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_another_actor() {
    closes_its_log(async |scene, raw, held| {
        let author = Author { log: other(held).0, ..Author::of(raw, held, scene.document_id()) };
        let changes = vec![typed(&author, HOSTILE)];
        raw.content(held, scene.document_id(), Part::Body, changes).encoded().to_vec()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_bytes_that_stand_for_billions_of_operations() {
    closes_its_log(async |scene, raw, held| {
        let author = Author::of(raw, held, scene.document_id());
        let changes = vec![billions(&author, 1 << 40)];
        raw.content(held, scene.document_id(), Part::Body, changes).encoded().to_vec()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_packed_twice() {
    closes_its_log(async |scene, raw, held| {
        let author = Author::of(raw, held, scene.document_id());
        let changes = vec![deflated(&author, 1 << 20)];
        raw.content(held, scene.document_id(), Part::Body, changes).encoded().to_vec()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_that_lies_about_its_lengths() {
    closes_its_log(async |scene, raw, held| {
        // A document, a part, and two thousand million changes.
        let body = [&[1][..], scene.document_id().as_bytes(), &[0], &[0x80, 0x80, 0x80, 0x80, 0x08]].concat();
        let mut forged = Forged::of(&raw.words(held, scene.document_id(), "x"));
        forged.payload = sheaf_tests::raw::seal(&held.key(), &forged.header, 0, &body, body.len() as u32);
        forged.signed_by(&raw.device)
    })
    .await;
}
