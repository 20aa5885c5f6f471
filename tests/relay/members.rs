//! Members who mean harm, at an honest relay: what they say of others' logs is not believed, what they say of nothing keeps
//! out nobody's word, and what they tell the relay alone leaves it as useful as it was.

use sheaf_access::{EntryHash, InvitationLink, LogId, RelayLink};
use sheaf_log::{BlobId, BlobLink, Endorsement, Entry, Kind};
use sheaf_node::{Format, Node, NodeError};
use sheaf_sync::Frame;
use sheaf_tests::raw::{Answer, Held, Line, Raw};
use sheaf_tests::{RelayProcess, Scene, soon};

use crate::waiting;

/// A space that a relay has all of.
async fn kept() -> (Scene, RelayProcess) {
    let (relay, scene) = (RelayProcess::start(), Scene::new().await);
    scene.ana.add_relay(relay.link(), Some(&scene.space)).await.expect("Ana names it");
    on_relay(&scene, "at the beginning").await;
    (scene, relay)
}

/// Ana writes, and waits until the relay has it, and so all that she knew when she wrote.
async fn on_relay(scene: &Scene, when: &str) {
    scene.ana.append(&scene.document, &format!("For the relay, {when}.")).await.expect("words");
    soon(&format!("the relay having everything {when}"), || async {
        (waiting(&scene.ana, &scene.document).await == 0).then_some(())
    })
    .await;
}

/// A connection of a hostile device to the relay.
pub async fn call(raw: &Raw, relay: &RelayProcess) -> Line {
    let link: RelayLink = relay.link().parse().expect("a relay's link");
    let addresses: Vec<_> = link.relay.addresses.iter().filter_map(|address| address.parse().ok()).collect();
    raw.call(link.relay.key, &addresses).await
}

/// Somebody new, who knows of nobody but the relay, reads these words there.
async fn newcomer_reads(scene: &Scene, name: &str, words: &str) {
    let mut link: InvitationLink =
        scene.ana.invite(&scene.space, "editor", None, None).await.expect("a link").parse().expect("a link");
    on_relay(scene, &format!("before {name} comes")).await;
    link.device = Raw::new().device.id();
    link.addresses.clear();
    let newcomer = scene.another(name).await;
    // It may take longer than they wait for it; then the invitation is remembered, and they join all the same.
    let joined = newcomer.join(&link.to_text().expect("a link can be written")).await;
    assert!(matches!(joined, Ok(_) | Err(NodeError::Unreachable(_))), "{joined:?}");
    soon(&format!("{name} reading {words:?}"), || async {
        text(&newcomer, &scene.document).await.contains(words).then_some(())
    })
    .await;
    newcomer.shutdown().await.expect("all is saved");
}

async fn text(node: &Node, document: &str) -> String {
    String::from_utf8(node.export(document, Format::Text).await.unwrap_or_default()).expect("text")
}

/// The checkpoint that Ana writes now, as it comes to a hostile device.
async fn checkpoint(scene: &Scene, raw: &Raw, line: &mut Line, held: &mut Held) -> Entry {
    scene.ana.checkpoint(&scene.space).await.expect("a checkpoint");
    loop {
        raw.catch_up(line, held).await;
        if let Some(found) = held.entries.iter().rev().find(|entry| entry.header().kind == Kind::Checkpoint) {
            return found.clone();
        }
    }
}

fn word_on(held: &Held, checkpoint: EntryHash, raw: &Raw, line: &Line) -> Frame {
    let endorsement = Endorsement::sign(held.space, checkpoint, &raw.device).encode();
    Frame::Endorsed { tag: line.tag(held.space), endorsement }
}

#[cfg(unix)]
/// Two make common cause: one writes a checkpoint that stands for a thousand entries Ana never wrote, the other vouches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_covers_what_nobody_wrote_is_not_taken_over() {
    let (scene, mut relay) = kept().await;
    let (raw, mut to_ana, mut held) = scene.mallory("editor").await;
    let (other, _to_ana_too, _) = scene.mallory("editor").await;
    let honest = checkpoint(&scene, &raw, &mut to_ana, &mut held).await;
    on_relay(&scene, "with two liars in it").await;
    let mut parts = raw.parts(&mut to_ana, &held, &honest).await;
    let ana: LogId = honest.log();
    let real = held.frontier().get(&ana);
    parts.covers.advance(ana, real + 1_000);
    parts.cover_own(&held);
    let made = raw.checkpoint(&held, parts);

    let (mut line, mut vouching) = (call(&raw, &relay).await, call(&other, &relay).await);
    let claimed = vouching.frontier(held.space, &held.frontier()).await.get(&ana);
    assert!(claimed < real + 500);
    vouching.put(&word_on(&held, made.entry.hash(), &other, &vouching));
    vouching.frontier(held.space, &held.frontier()).await;
    // To the relay as to someone who is behind.
    line.frontier(held.space, &held.frontier()).await;
    let offer = made.offer(&line, &held);
    line.serve_also(made.blobs.clone());
    line.put(&offer);
    while !matches!(line.frame().await.expect("an answer"), Frame::Declined { .. }) {}
    let claimed = line.frontier(held.space, &held.frontier()).await.get(&ana);
    assert!(claimed < real + 500, "it claims {claimed} of what Ana wrote, which is about {real}");
    // And as an entry like others, which it is; what it says is not believed then either, nor when the relay starts again.
    assert_eq!(line.send(held.space, &[made.entry.encoded()]).await, Answer::Taken);
    line.frontier(held.space, &held.frontier()).await;
    // Else it comes again with the same key as soon as the relay does, and takes the place of the one that asks then.
    line.hang_up().await;
    relay.signal("TERM");
    assert_eq!(relay.ended(), Some(0));
    relay.start_again();
    let mut line = call(&raw, &relay).await;
    let claimed = line.frontier(held.space, &held.frontier()).await.get(&ana);
    assert!(claimed < real + 500, "after a start it claims {claimed} of what Ana wrote, which is about {real}");
    newcomer_reads(&scene, "Lena", "For the relay, before Lena comes.").await;
}

/// A member vouches for hundreds of checkpoints that do not exist. Kofi's word on the one that does is kept, and passed on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_on_checkpoints_that_do_not_exist_keep_out_no_word_on_one_that_does() {
    let (scene, relay) = kept().await;
    let (raw, mut to_ana, mut held) = scene.mallory("viewer").await;
    on_relay(&scene, "with a liar in it").await;
    let mut line = call(&raw, &relay).await;
    line.frontier(held.space, &held.frontier()).await;
    for _ in 0..300 {
        line.put(&word_on(&held, EntryHash::from_bytes(rand::random()), &raw, &line));
    }
    line.frontier(held.space, &held.frontier()).await;
    let honest = checkpoint(&scene, &raw, &mut to_ana, &mut held).await;
    let kofi = scene.kofi.me().expect("Kofi is somebody").device;
    loop {
        if let Frame::Endorsed { endorsement, .. } = line.frame().await.expect("a word of Kofi's") {
            let one = Endorsement::verify(&endorsement).expect("a relay passes on what is signed");
            if one.checkpoint == honest.hash() && one.device.to_string() == kofi {
                break;
            }
        }
    }
    scene.still_served("after words on nothing").await;
}

/// Somebody who may only read says again and again that the relay is behind, and has it fetch what is nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fetched_for_nothing_does_not_fill_the_disk() {
    let (scene, relay) = kept().await;
    let (raw, _to_ana, held) = scene.mallory("viewer").await;
    on_relay(&scene, "with a liar in it").await;
    let mut line = call(&raw, &relay).await;
    line.frontier(held.space, &held.frontier()).await;
    for _ in 0..8 {
        let nothing: Vec<u8> = std::iter::repeat_with(rand::random).take(1 << 20).collect();
        let bundle = BlobLink { id: BlobId::of(&nothing), size: nothing.len() as u64 };
        line.serve_also([(bundle.id, nothing)].into());
        line.put(&Frame::Behind { tag: line.tag(held.space), bundle });
        while !matches!(line.frame().await.expect("an answer"), Frame::Declined { bundle: of, .. } if of == bundle.id) {
        }
    }
    let blobs = relay.data().join("blobs");
    let sizes = std::fs::read_dir(blobs).expect("the blobs").map(|entry| entry?.metadata().map(|file| file.len()));
    let bytes: u64 = sizes.map(|size| size.expect("a file")).sum();
    assert!(bytes < 3 << 20, "{bytes} bytes were kept of nothing");
    scene.still_served("after what is nothing").await;
}

/// A member writes two things in one place, one of them to the relay alone. What everyone builds on the other passes through
/// the relay, also to somebody who knows of nobody else.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_member_told_the_relay_alone_keeps_nothing_of_the_others_from_it() {
    let (scene, mut relay) = kept().await;
    let (raw, mut to_ana, mut held) = scene.mallory("editor").await;
    on_relay(&scene, "with a liar in it").await;
    raw.catch_up(&mut to_ana, &mut held).await;
    let entry = |words| raw.words(&held, scene.document_id(), words);
    let (hidden, told) = (entry("Said to the relay alone. "), entry("Said to everyone else. "));
    let restart = |relay: &mut RelayProcess, listen: &str| {
        relay.signal("TERM");
        assert_eq!(relay.ended(), Some(0));
        relay.start_at(listen);
    };
    let usual = relay.listens().to_owned();
    // Where the others do not find it.
    restart(&mut relay, &free_udp());
    let mut line = call(&raw, &relay).await;
    line.frontier(held.space, &held.frontier()).await;
    assert_eq!(line.send(held.space, &[hidden.encoded()]).await, Answer::Taken);
    drop(line);
    assert_eq!(to_ana.send(held.space, &[told.encoded()]).await, Answer::Taken);
    soon("Kofi reading what was said to everyone else", || async {
        text(&scene.kofi, &scene.document).await.contains("Said to everyone else.").then_some(())
    })
    .await;
    scene.kofi.append(&scene.document, "Kofi builds on it.").await.expect("words");
    scene.still_served("while the relay is away").await;
    restart(&mut relay, &usual);
    on_relay(&scene, "after the fork").await;
    newcomer_reads(&scene, "Lena", "Kofi builds on it.").await;
    scene.still_served("after a fork").await;
}

/// A UDP port of loopback that was free a moment ago.
fn free_udp() -> String {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("a bound socket has an address").to_string()
}
