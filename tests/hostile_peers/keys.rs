//! Someone who changes the key of a space, and gives one reader a key that is not it (E4).

use std::time::{Duration, Instant};

use sheaf_access::AccessOp;
use sheaf_node::NodeEvent;
use sheaf_tests::raw::Answer;
use sheaf_tests::{DEADLINE, Scene, told};

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
