//! Forks that cost their author nothing (L6): a device can sign two entries in one place of as many logs as it has names for.

use sheaf_log::{Entry, ForkProof};
use sheaf_node::NodeEvent;
use sheaf_sync::Frame;
use sheaf_tests::raw::{Answer, Held, Line, Raw};
use sheaf_tests::{Scene, told};

/// How many logs are invented.
const INVENTED: usize = 40;

/// "This log is forked", as a node says it, with nothing of how its branches end.
fn say(line: &mut Line, held: &Held, proof: &ForkProof) {
    let ends: [u8; 0] = [];
    let word = postcard::to_extend(&(proof.encode(), ends.as_slice()), vec![1, 3]).expect("memory can be written");
    let tag = line.tag(held.space);
    line.put(&Frame::Word { tag, word });
}

/// Two entries in the next place of its log.
fn two(raw: &Raw, held: &Held, scene: &Scene) -> (Entry, Entry, ForkProof) {
    let [one, other] = ["The one. ", "The other. "].map(|text| raw.words(held, scene.document_id(), text));
    let proof = ForkProof::of(&one, &other).expect("two in one place");
    (one, other, proof)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forks_of_logs_that_nobody_has_seen_are_not_kept() {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory("editor").await;
    let mut events = scene.ana.subscribe();
    let mut unseen = held.clone();
    (unseen.seq, unseen.tip) = (0, None);
    for _ in 0..INVENTED {
        unseen.log.nonce = (unseen.log.nonce + 1) % sheaf_log::MAX_LOGS_OF_DEVICE;
        let (.., proof) = two(&raw, &unseen, &scene);
        say(&mut line, &unseen, &proof);
    }
    // Far behind the end of a log that is there.
    let mut far = held.clone();
    (far.seq, far.tip) = (1_000, Some(sheaf_access::EntryHash::from_bytes([7; 32])));
    let (.., proof) = two(&raw, &far, &scene);
    say(&mut line, &far, &proof);
    // One of a log that is there is believed, though neither entry is.
    let (.., proof) = two(&raw, &held, &scene);
    say(&mut line, &held, &proof);
    let is = |event: &NodeEvent| matches!(event, NodeEvent::Forked { device, .. } if *device == raw.id());
    told("Ana hearing of the one that is there", &mut events, is).await;
    let forked = async |node: &sheaf_node::Node| {
        let report = node.verify(&scene.space).await.expect("a report");
        report.problems.into_iter().filter(|problem| problem.contains("is forked")).count()
    };
    assert_eq!(forked(&scene.ana).await, 1, "she keeps what concerns a log of the space");
    assert!(forked(&scene.kofi).await <= 1, "and passes on nothing else");
    scene.still_served("after forks without end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_comes_before_its_log_is_believed_when_the_log_is_there() {
    let scene = Scene::new().await;
    let (raw, mut line, mut held) = scene.mallory("editor").await;
    let mut events = scene.ana.subscribe();
    held.log.nonce = (held.log.nonce + 1) % sheaf_log::MAX_LOGS_OF_DEVICE;
    (held.seq, held.tip) = (0, None);
    let (one, _, proof) = two(&raw, &held, &scene);
    say(&mut line, &held, &proof);
    assert_eq!(line.send(held.space, &[one.encoded()]).await, Answer::Taken);
    let is = |event: &NodeEvent| matches!(event, NodeEvent::Forked { device, .. } if *device == raw.id());
    told("Ana hearing of the fork", &mut events, is).await;
    scene.still_served("after a fork").await;
}
