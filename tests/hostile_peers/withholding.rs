//! A peer that has entries and does not send them.

use sheaf_log::{BlobId, BlobLink};
use sheaf_node::Link;
use sheaf_sync::Frame;
use sheaf_tests::{DEADLINE, Scene, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_peer_withholds_comes_by_another() {
    let scene = Scene::new().await;
    let (raw, mut line, mut held) = scene.mallory("viewer").await;
    let standing = |node: sheaf_node::Node, device: String| {
        let document = scene.document.clone();
        async move {
            let placement = node.placement(&document).await.expect("a placement");
            placement.places.into_iter().find(|place| place.device == device).map(|place| place.link)
        }
    };
    // It is in step, as long as it claims no more than it has shown.
    held.entries.extend(line.fetch(held.space, &held.frontier()).await);
    soon("being in step", || async { (standing(scene.ana.clone(), raw.id()).await == Some(Link::Live)).then_some(()) })
        .await;

    // It says that it holds five hundred more of Kofi's entries, and sends none.
    let kofis = held.of_another(|entry| entry.header().kind == sheaf_log::Kind::Body).log();
    let mut claimed = held.frontier();
    claimed.advance(kofis, claimed.get(&kofis) + 500);
    let tag = line.tag(held.space);
    line.put(&Frame::Frontier { tag, whole: true, reply: true, held: claimed.clone() });
    soon("being seen as not in step", || async {
        (standing(scene.ana.clone(), raw.id()).await == Some(Link::Syncing)).then_some(())
    })
    .await;
    // Nobody waits for it: Kofi's words come from Kofi, and Ana's reach him.
    scene.still_served("while somebody withholds").await;
    assert_eq!(standing(scene.ana.clone(), raw.id()).await, Some(Link::Syncing), "it is still not in step");

    // Now it says that it will never send them. Then both know where they stand, and what is held is still what is held.
    let theirs = line.frontier(held.space, &claimed).await;
    line.put(&Frame::Withheld { tag, logs: vec![(kofis, theirs.get(&kofis) + 1)] });
    scene.still_served("after it said so").await;
    let after = line.frontier(held.space, &claimed).await;
    assert!(after.covers(&theirs) && after.get(&kofis) < claimed.get(&kofis), "nothing is held that nobody sent");
}

/// What somebody offers and does not send is not waited for: what others offer is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_nothing_comes_of_is_let_go() {
    let scene = Scene::new().await;
    let (_raw, mut line, held) = scene.mallory("viewer").await;
    for n in [1, 2] {
        let bundle = BlobLink { id: BlobId::from_bytes([n; 32]), size: 1_000 };
        let tag = line.tag(held.space);
        line.put(&Frame::Behind { tag, bundle });
        let asked = async {
            while !matches!(line.frame().await.expect("Ana is there"), Frame::WantBlob { blob, .. } if blob == bundle.id)
            {
            }
        };
        tokio::time::timeout(DEADLINE, asked).await.expect("nobody asks for what is offered");
    }
    scene.still_served("while an offer stands").await;
}
