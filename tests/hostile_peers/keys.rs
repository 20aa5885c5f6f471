//! Someone who changes the key of a space, and gives readers a key that is not it (E4).

use std::time::{Duration, Instant};

use sheaf_access::{AccessOp, DocumentId, EntryHash, EpochId, Wrap};
use sheaf_log::Part;
use sheaf_node::NodeEvent;
use sheaf_tests::raw::{Answer, Author, Held, Line, Raw, typed};
use sheaf_tests::{DEADLINE, HOSTILE, Home, Scene, killed_after, told};

/// Begins an epoch with a key that nobody else can open, and writes under it, with everything else in order.
async fn locks_everyone_out(
    raw: &Raw,
    line: &mut Line,
    held: &mut Held,
    (document, part): (DocumentId, Part),
    text: &str,
) -> (EntryHash, EpochId) {
    raw.catch_up(line, held).await;
    let now = held.history.now();
    let own = now.readers().iter().position(|reader| *reader == raw.certificate.sealing_key).expect("a reader");
    let op = AccessOp::rotate(now, &raw.device.id(), &held.given_keys(), &mut rand::rng());
    let Ok(AccessOp::Rotate { under, mut epoch }) = op else { panic!("a commenter may change the key") };
    for place in (0..epoch.wraps.len()).filter(|place| *place != own) {
        epoch.wraps[place] = epoch.wraps[own].clone();
    }
    let rotation = raw.access(held, &AccessOp::Rotate { under, epoch });
    let changed = EpochId::from_bytes(*rotation.hash().as_bytes());
    assert_eq!(line.send(held.space, &[rotation.encoded()]).await, Answer::Taken);
    held.take(rotation);
    held.open_keys(raw);
    let change = typed(&Author::of(raw, held, document), text);
    let content = sheaf_log::Content { document, part, changes: vec![change] };
    let draft = sheaf_log::Draft { epoch: changed, ..held.draft_for(&content) };
    let entry = draft.seal(&held.keys[&changed], &content, &rand::random(), &raw.device).expect("an entry");
    // It is in order for whoever cannot look into it, which is everyone.
    assert_eq!(line.send(held.space, &[entry.encoded()]).await, Answer::Taken);
    held.take(entry);
    (under, changed)
}

/// Waits until somebody else has changed the key again.
async fn changed_again(raw: &Raw, line: &mut Line, held: &mut Held, changed: EpochId) {
    let start = Instant::now();
    while held.history.now().writable_epoch() == Some(changed) {
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for another key");
        tokio::time::sleep(Duration::from_millis(20)).await;
        raw.catch_up(line, held).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_open_keeps_nobody_from_the_rest() {
    let scene = Scene::new().await;
    let (raw, mut line, mut held) = scene.mallory("commenter").await;
    let before = scene.picture().await;
    let place = (scene.document_id(), Part::Talk);
    let (_, changed) = locks_everyone_out(&raw, &mut line, &mut held, place, HOSTILE).await;
    changed_again(&raw, &mut line, &mut held, changed).await;
    // All that anyone writes now comes after it.
    scene.unharmed(&before).await;
    let document = scene.ana.create_document(Some(&scene.space), "After it").await.expect("a document").id;
    scene.ana.append(&document, "Read by Kofi.").await.expect("words");
    sheaf_tests::soon("Ana's words at Kofi's", || async {
        let text = scene.kofi.export(&document, sheaf_node::Format::Text).await.ok()?;
        String::from_utf8(text).expect("text").contains("Read by Kofi.").then_some(())
    })
    .await;
}

/// The words of a typist are all there that were shown as saved.
fn there(home: &Home, document: &str, numbers: std::ops::RangeInclusive<u64>) {
    let text = home.ok(&["doc", "show", document, "--format", "text"]).stdout;
    let words: std::collections::BTreeSet<&str> = text.split_whitespace().collect();
    for number in numbers {
        assert!(words.contains(format!("w{number}").as_str()), "word {number} was shown as saved and is gone: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_words_after_it_outlive_a_kill_and_a_key_that_comes_late_opens_it() {
    let home = Home::of("Ana").on_loopback();
    let space = home.ok(&["space", "new", "Field station"]).last_line();
    let document = home.ok(&["doc", "new", "--space", &space, "Spring visit"]).last_line();
    let invitation = home.ok(&["invite", &space, "--role", "editor"]).last_line();
    let online = home.online();
    let raw = Raw::new();
    let (mut line, mut held) = raw.join(&invitation).await;
    held.open_keys(&raw);
    let place = (document.parse().expect("a document's id"), Part::Body);
    let (under, changed) = locks_everyone_out(&raw, &mut line, &mut held, place, "Late words. ").await;
    changed_again(&raw, &mut line, &mut held, changed).await;
    line.hang_up().await;
    online.stop();

    // Killed twice: what was saved is read again, and its numbers are not used again.
    for from in [0, 100_000] {
        let said = killed_after(Duration::from_secs(3), "typist", &home, &[&document, &from.to_string()]);
        let last = said.iter().filter_map(|line| line.parse().ok()).next_back().expect("something was saved");
        there(&home, &document, from + 1..=last);
    }
    assert_eq!(home.run(&["doctor", "--json"]).json()["healthy"], true);
    assert!(!home.show(&document).contains("Late words."));

    let online = home.online();
    let mut line = raw.call_inviter(&invitation).await;
    raw.catch_up(&mut line, &mut held).await;
    let readers = held.history.now().readers().iter();
    let wrap = |reader| Wrap::seal(&held.keys[&changed], held.space, changed, reader, &mut rand::rng());
    let wraps = readers.map(|reader| wrap(*reader).expect("a good key")).collect();
    let rewrap = raw.access(&held, &AccessOp::Rewrap { under, wraps });
    assert_eq!(line.send(held.space, &[rewrap.encoded()]).await, Answer::Taken);
    online.stop();
    assert!(home.show(&document).contains("Late words."));
    there(&home, &document, 1..=1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_not_the_one_that_was_promised() {
    let scene = Scene::new().await;
    let (raw, mut line, mut held) = scene.mallory("editor").await;
    raw.catch_up(&mut line, &mut held).await;
    let before = scene.picture().await;
    let mut events = scene.ana.subscribe();
    let now = held.history.now();
    let founder = held.entries.first().expect("the space's first entry").log().device;
    let (ana, hers) = (now.person_of(&founder).expect("Ana"), now.certificate(&founder).expect("hers").sealing_key);
    let place = now.readers().iter().position(|reader| *reader == hers).expect("Ana is a reader");
    let op = AccessOp::rotate(now, &raw.device.id(), &held.given_keys(), &mut rand::rng());
    let AccessOp::Rotate { under, mut epoch } = op.expect("an editor may change the key") else {
        panic!("a change of the key is one")
    };
    // In Ana's place stands what was made for somebody else. Nobody but Ana can tell.
    epoch.wraps[place] = epoch.wraps[(place + 1) % epoch.wraps.len()].clone();
    let entry = raw.access(&held, &AccessOp::Rotate { under, epoch });
    let changed = entry.hash();
    assert_eq!(line.send(held.space, &[entry.encoded()]).await, Answer::Taken);
    held.take(entry);
    // She is told who it was.
    let device = raw.id();
    told("word of a key that does not open", &mut events, |event| {
        matches!(event, NodeEvent::Quarantined { device: of, reason, .. } if *of == device && reason.contains("does not open"))
    })
    .await;
    // And changes it again herself, so that everyone can read what anyone writes from then on.
    let start = Instant::now();
    loop {
        let after = held.history.now().writable_epoch();
        let by = after.and_then(|epoch| held.history.now().epoch(&epoch).and_then(|epoch| epoch.by));
        if by == Some(ana) && after.is_some_and(|epoch| epoch.as_bytes() != changed.as_bytes()) {
            break;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for another key, by Ana");
        tokio::time::sleep(Duration::from_millis(20)).await;
        raw.catch_up(&mut line, &mut held).await;
    }
    scene.unharmed(&before).await;
}
