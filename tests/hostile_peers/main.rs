//! Hostile peers: devices with real keys and a real connection, who put together by hand what no honest device sends, and a
//! real node on the other side, with an honest one beside it.
//!
//! In every story nothing gets in (what Ana sees is as before), nothing breaks (she and Kofi still read each other), and
//! she has counted the refusal and said it in her log with the rule. Where an attack is on memory, the node is a process
//! of its own and its peak is measured. Everything stays on the loopback interface and ends by itself.

mod checkpoints;
mod closed;
mod content;
mod direct;
mod entries;
mod forks;
mod invitations;
mod keys;
#[cfg(target_os = "linux")]
mod memory;
mod removal;
mod roles;
mod withholding;

use sheaf_tests::Scene;

/// Without this, the stories would pass on a node that takes nothing from anyone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_together_by_hand_and_honest_is_taken() {
    use sheaf_tests::raw::{Answer, Forged};
    let scene = Scene::new().await;
    let (raw, mut line, mut held) = scene.mallory("editor").await;
    let entry = raw.words(&held, scene.document_id(), "Written by hand, honestly. ");
    let by_hand = Forged::of(&entry).signed_by(&raw.device);
    assert_eq!(by_hand, entry.encoded(), "the forge makes the bytes that a node makes");
    assert_eq!(line.send(held.space, &[&by_hand]).await, Answer::Taken);
    held.take(entry);
    sheaf_tests::soon("the words at Ana's", || async {
        let picture = scene.picture().await;
        picture.texts["Spring visit"].contains("Written by hand, honestly.").then_some(())
    })
    .await;
    assert_eq!(scene.ana.refusals(), [], "nothing was refused");
    // Sent again, it is nothing new (N3).
    assert_eq!(line.send(held.space, &[&by_hand]).await, Answer::Taken);
    scene.still_served("afterwards").await;
}
