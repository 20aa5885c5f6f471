//! A relay that means harm: it has been named by an owner, and is sent everything. What it changes is noticed, what it keeps
//! back comes by another way, and what it makes up is refused.

use sheaf_access::{AccessOp, DeviceKeys, InvitationLink, Relay, RelayLink, Role};
use sheaf_log::{BlobId, BlobLink, Frontier, Kind, Receipt};
use sheaf_node::{Format, NodeError};
use sheaf_sync::Frame;
use sheaf_tests::raw::{Answer, Held, Line, Raw};
use sheaf_tests::{Scene, soon};

/// Ana's space, kept at a relay that is a hostile device, which has called her.
async fn named() -> (Scene, Raw, Line, Held) {
    let scene = Scene::new().await;
    let raw = Raw::new();
    let relay = Relay { key: raw.device.id(), addresses: vec!["127.0.0.1:9".to_owned()], url: None };
    let link = RelayLink { relay, token: None }.to_text().expect("a link can be written");
    scene.ana.add_relay(&link, Some(&scene.space)).await.expect("Ana names it");
    let mut line = scene.call(&raw).await;
    let entries = line.fetch(scene.space_id(), &Frontier::new()).await;
    let held = Held::of(scene.space_id(), entries, raw.device.id());
    (scene, raw, line, held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_reads_nothing_and_makes_nobody_a_member() {
    let (scene, raw, mut line, mut held) = named().await;
    let before = scene.picture().await;
    held.open_keys(&raw);
    assert!(held.keys.is_empty(), "a relay is no reader");
    // It gives itself the space, under Ana's grant; it comes in by itself as one of Ana's devices.
    let under = held.history.now().members().find(|member| member.role == Role::Owner).expect("Ana").grant;
    let grant = AccessOp::Grant { under, person: raw.certificate.person, role: Role::Owner, wraps: Vec::new() };
    let add = AccessOp::AddDevice {
        certificate: raw.certificate,
        consent: raw.certificate.consent(&raw.device),
        under: Some(under),
        wraps: Vec::new(),
    };
    let drop_relay = AccessOp::DropRelay { under, relay: raw.device.id() };
    for op in [grant, add, drop_relay] {
        let forged = raw.access(&held, &op);
        let answer = line.send(held.space, &[forged.encoded()]).await;
        assert!(answer.verdict().is_some(), "{op:?}: {answer:?}");
    }
    scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_relay_changes_is_noticed_and_what_it_repeats_is_nothing() {
    let (scene, raw, mut line, held) = named().await;
    let before = scene.picture().await;
    // Everything again: held already.
    let all: Vec<&[u8]> = held.entries.iter().map(sheaf_log::Entry::encoded).collect();
    assert_eq!(line.send(held.space, &all).await, Answer::Taken);
    // Ana's words under its own key: signed by another than the log's device, which no honest relay passes on (L6).
    let body = held.of_another(|entry| entry.header().kind == Kind::Body);
    let swapped = sheaf_tests::raw::Forged::of(&body).signed_by(&DeviceKeys::generate(&mut rand::rng()));
    let answer = line.send(held.space, &[&swapped]).await;
    assert!(matches!(answer, Answer::Closed(_)), "{answer:?}");
    // One bit of a word.
    let mut line = scene.call(&raw).await;
    let mut changed = body.encoded().to_vec();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    line.frontier(held.space, &held.frontier()).await;
    let answer = line.send(held.space, &[&changed]).await;
    assert_ne!(answer, Answer::Taken);
    scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_claims_to_hold_more_than_was_written_is_not_believed() {
    let (scene, raw, mut line, held) = named().await;
    let own = scene.ana.me().expect("Ana is somebody").device;
    let log = held.entries.iter().find(|entry| entry.log().device.to_string() == own).expect("Ana's log").log();
    let mut more = held.frontier();
    more.advance(log, more.get(&log) + 500);
    let receipt = Receipt::sign(held.space, more, 1, &raw.device).encoded().to_vec();
    let tag = line.tag(held.space);
    line.put(&Frame::Signed { tag, receipt });
    soon("the receipt being refused", || async {
        let refusals = scene.ana.refusals();
        refusals.into_iter().find(|refusal| refusal.device == raw.id())
    })
    .await;
    scene.still_served("after a false receipt").await;
}

/// A relay knows by name which blobs the checkpoints of the spaces that it keeps have. It offers one space's as what another has
/// fallen behind: what cannot be read as that is no reason to do away with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_relay_says_of_one_space_takes_nothing_from_another() {
    let (mut scene, raw, mut line, held) = named().await;
    let own = scene.ana.create_space("Logbook").await.expect("a space").id;
    let document = scene.ana.create_document(Some(&own), "Tides").await.expect("a document").id;
    scene.ana.append(&document, "High water at six.").await.expect("words");
    let pruned = scene.ana.checkpoint(&own).await.expect("a checkpoint").pruned;
    assert!(pruned > 0, "the words are in the checkpoint alone");
    let blobs = || -> Vec<BlobLink> {
        let files = scene.home("Ana").join("blobs").read_dir().expect("her blobs");
        let files = files.map(|file| file.expect("a file"));
        let named = files.filter_map(|file| Some((file.file_name().into_string().ok()?, file.metadata().ok()?.len())));
        let link = |(name, size): (String, u64)| {
            let id = data_encoding::HEXLOWER.decode(name.as_bytes()).ok()?;
            Some(BlobLink { id: BlobId::from_bytes(id.try_into().ok()?), size })
        };
        named.filter_map(link).collect()
    };
    let here = blobs();
    assert!(!here.is_empty());
    for (number, bundle) in (1..).zip(&here) {
        let tag = line.tag(held.space);
        line.put(&Frame::Behind { tag, bundle: *bundle });
        soon("what is no bundle being refused", || async {
            let mut refusals = scene.ana.refusals().into_iter();
            refusals.find(|refusal| refusal.device == raw.id() && refusal.count >= number)
        })
        .await;
    }
    assert_eq!(blobs().len(), here.len(), "a blob of another space has gone");
    let another = scene.another("Somebody else").await;
    let ana = std::mem::replace(&mut scene.ana, another);
    let ana = scene.restarted(ana, "Ana").await;
    let text = ana.export(&document, Format::Markdown).await.expect("it is read");
    assert!(String::from_utf8_lossy(&text).contains("High water at six."));
    ana.shutdown().await.expect("all is saved");
}

/// Lena knows of the space through the relay alone, which sends her entries backwards, then leaves some out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_relay_reorders_or_drops_is_missed_and_taken_when_it_comes() {
    let (scene, raw, mut line, mut held) = named().await;
    let invitation = scene.ana.invite(&scene.space, "editor", None, None).await.expect("a link");
    held.entries.extend(line.fetch(held.space, &held.frontier()).await);
    let mut link: InvitationLink = invitation.parse().expect("a link");
    link.device = DeviceKeys::generate(&mut rand::rng()).id();
    link.addresses.clear();
    assert_eq!(link.relays.iter().map(|relay| relay.key).collect::<Vec<_>>(), [raw.device.id()]);
    let lena = scene.another("Lena").await;
    let joining = tokio::spawn({
        let (lena, link) = (lena.clone(), link.to_text().expect("a link can be written"));
        async move { lena.join(&link).await }
    });
    soon("Lena having begun to join", || async {
        let spaces = lena.spaces().await.expect("her spaces");
        spaces.into_iter().find(|space| space.id == scene.space)
    })
    .await;
    let addresses = lena.go_online().await.expect("Lena is online");
    let device = lena.me().expect("Lena is somebody").device.parse().expect("a device's id");
    let mut line = raw.call(device, &addresses).await;

    // Backwards, all but the first: nothing can be taken.
    let backwards: Vec<&[u8]> = held.entries[1..].iter().rev().map(sheaf_log::Entry::encoded).collect();
    assert!(line.send(held.space, &backwards).await.all_missing(backwards.len()));
    // Without the second entry: what does not rest on it is taken, and no more.
    let second = held.entries[1].hash();
    let without: Vec<&[u8]> =
        held.entries.iter().filter(|entry| entry.hash() != second).map(sheaf_log::Entry::encoded).collect();
    let answer = line.send(held.space, &without).await;
    assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
    // In order: all of it.
    let all: Vec<&[u8]> = held.entries.iter().map(sheaf_log::Entry::encoded).collect();
    assert_eq!(line.send(held.space, &all).await, Answer::Taken);
    // It may have taken longer than she waited for it; then the invitation is remembered, and she joins all the same.
    let joined = joining.await.expect("the task ends");
    assert!(matches!(joined, Ok(_) | Err(NodeError::Unreachable(_))), "{joined:?}");
    let words = scene.picture().await;
    soon("Lena reading what Ana reads", || async {
        (sheaf_tests::picture(&lena, &scene.space).await.texts == words.texts).then_some(())
    })
    .await;
    lena.shutdown().await.expect("all is saved");
}
