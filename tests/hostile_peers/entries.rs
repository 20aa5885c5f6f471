//! Entries that are not what they say: forged, of another space, or two in one place.

use sheaf_log::{Kind, Part};
use sheaf_net::CloseCode;
use sheaf_node::NodeEvent;
use sheaf_tests::raw::{Answer, Author, Forged, Raw, typed};
use sheaf_tests::{HOSTILE, Scene, soon, told};

/// Numbers of refusals, as `sheaf-log` has them.
const SIGNATURE: u16 = 8;
const PAYLOAD: u16 = 7;
const OTHER_SPACE: u16 = 20;
const FORK: u16 = 22;
const BACKWARDS: u16 = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_signature_ends_the_session() {
    let scene = Scene::new().await;
    let (raw, line, held) = scene.mallory("editor").await;
    let before = scene.picture().await;
    line.hang_up().await;
    let kofis = held.of_another(|entry| entry.header().kind == Kind::Body);
    let own = raw.words(&held, scene.document_id(), HOSTILE);

    // A signature that is nobody's; an entry in Kofi's log, signed by another; one of Kofi's with another payload.
    let mut broken = own.encoded().to_vec();
    let at = broken.len() - Forged::of(&own).payload.len() - 1;
    broken[at] ^= 1;
    let mut as_kofi = Forged::of(&own);
    as_kofi.header.log = kofis.log();
    as_kofi.header.seq = kofis.seq() + 1;
    as_kofi.header.prev = Some(kofis.hash());
    let as_kofi = as_kofi.signed_by(&raw.device);
    for forged in [broken, as_kofi] {
        let mut line = scene.call(&raw).await;
        assert_eq!(line.send(held.space, &[&forged]).await, Answer::Closed(Some(CloseCode::Protocol)));
        assert_eq!(scene.counted(&raw, SIGNATURE).await.rule, "L1");
        line.hang_up().await;
    }
    let mut line = scene.call(&raw).await;
    let mut swapped = kofis.encoded().to_vec();
    let last = swapped.len() - 1;
    swapped[last] ^= 1;
    assert_eq!(line.send(held.space, &[&swapped]).await.verdict(), Some(PAYLOAD));
    scene.counted(&raw, PAYLOAD).await;
    assert_eq!(scene.counted(&raw, SIGNATURE).await.count, 2);
    scene.unharmed(&before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_one_space_is_worth_nothing_in_another() {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory("editor").await;
    // Ana has another space, in which the same person writes.
    let other = scene.ana.create_space("Accounts").await.expect("a space").id;
    let ledger = scene.ana.create_document(Some(&other), "Ledger").await.expect("a document").id;
    scene.ana.append(&ledger, "Nothing owed.").await.expect("words");
    let invitation = scene.ana.invite(&other, "editor", None, None).await.expect("a link");
    let mut accounts = raw.look_in(&mut line, &invitation).await.expect("let in");
    let redemption = raw.redemption(&mut accounts, &invitation);
    assert_eq!(line.send(accounts.space, &[redemption.encoded()]).await, Answer::Taken);
    let before = scene.picture_of(&other).await;

    // As it is: the entry says another space than the one it comes in.
    let entry = raw.words(&held, ledger.parse().expect("an id"), HOSTILE);
    assert_eq!(line.send(accounts.space, &[entry.encoded()]).await.verdict(), Some(OTHER_SPACE));
    scene.counted(&raw, OTHER_SPACE).await;
    // Signed anew for the other space, its seal and its past are still those of the first.
    let mut moved = Forged::of(&entry);
    moved.header.space = accounts.space;
    moved.header.log = accounts.log;
    moved.header.seq = accounts.seq + 1;
    moved.header.prev = accounts.tip;
    assert!(line.send(accounts.space, &[&moved.signed_by(&raw.device)]).await.all_missing(1));
    // With the past of the other space too, it is let in, for its header is in order; its seal does not open, and that
    // closes the log.
    let mut sealed = Forged::of(&raw.words(&accounts, ledger.parse().expect("an id"), "x"));
    sealed.payload = Forged::of(&entry).payload;
    line.send(accounts.space, &[&sealed.signed_by(&raw.device)]).await;
    assert_eq!(scene.counted(&raw, 2_000).await.rule, "L3");
    assert_eq!(scene.picture_of(&other).await, before);
    scene.still_served("after a replay").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_entries_in_one_place_one_counts_for_all_and_the_other_is_set_aside() {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory("editor").await;
    let author = Author::of(&raw, &held, scene.document_id());
    let branch = |text: &str| raw.content(&held, scene.document_id(), Part::Body, vec![typed(&author, text)]);
    let (one, other) = (branch("The one. "), branch("The other. "));
    assert_ne!(one.hash(), other.hash());
    let mut events = [scene.ana.subscribe(), scene.kofi.subscribe()];
    assert_eq!(line.send(held.space, &[one.encoded()]).await, Answer::Taken);
    let text = |node: sheaf_node::Node| {
        let document = scene.document.clone();
        async move { String::from_utf8(node.export(&document, sheaf_node::Format::Text).await.ok()?).ok() }
    };
    soon("the one branch at Kofi's", || async {
        text(scene.kofi.clone()).await.filter(|text| text.contains("The one."))
    })
    .await;
    // The other one, to the same node.
    assert_ne!(line.send(held.space, &[other.encoded()]).await, Answer::Taken);
    assert_eq!(scene.counted(&raw, FORK).await.rule, "L6");
    // Both hear of it, and come to the same verdict, which is the lower hash: nobody has built on either.
    for (name, events) in ["Ana", "Kofi"].into_iter().zip(&mut events) {
        let is = |event: &NodeEvent| matches!(event, NodeEvent::Forked { device, .. } if *device == raw.id());
        told(&format!("{name} hearing of the fork"), events, is).await;
    }
    let (counts, aside) = if one.hash() < other.hash() { ("one", "other") } else { ("other", "one") };
    for (name, node) in [("Ana", &scene.ana), ("Kofi", &scene.kofi)] {
        soon(&format!("the verdict at {name}'s"), || async {
            let text = text(node.clone()).await?;
            (text.contains(&format!("The {counts}.")) && !text.contains(&format!("The {aside}."))).then_some(())
        })
        .await;
        let pieces = soon(&format!("the other branch being kept at {name}'s"), || async {
            node.set_aside(&scene.space).await.ok().filter(|pieces| pieces.len() == 1)
        })
        .await;
        let text = node.set_aside_text(&scene.space, &pieces[0].id).await.expect("a text");
        assert_eq!(text, format!("The {aside}."));
    }
    // It is verified as what it is, and Kofi, who passed some of it on, was not turned away for that.
    let report = scene.kofi.verify(&scene.space).await.expect("a report");
    assert!(report.problems.iter().any(|problem| problem.contains("forked")), "{:?}", report.problems);
    assert!(scene.ana.refusals().iter().all(|refusal| refusal.device == raw.id()), "{:?}", scene.ana.refusals());
    scene.still_served("after a fork").await;
    // The log takes no more.
    let mut further = held.clone();
    further.take(one);
    let next = raw.words(&further, scene.document_id(), "And on. ");
    assert_ne!(line.send(held.space, &[next.encoded()]).await, Answer::Taken);
    scene.still_served("after more of a forked log").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_knows_less_than_the_one_before_it_is_refused() {
    let scene = Scene::new().await;
    let (raw, mut line, held) = scene.mallory("editor").await;
    let before = scene.picture().await;
    let mut backdated = Forged::of(&raw.words(&held, scene.document_id(), HOSTILE));
    // As if nobody had ever joined: it knows the creation of the space and nothing else.
    backdated.header.access_heads = vec![sheaf_access::EntryHash::from_bytes(*held.space.as_bytes())];
    let verdict = line.send(held.space, &[&backdated.signed_by(&raw.device)]).await.verdict();
    // Both are true of it: its log knew more before, and in what it claims to know its author is nobody.
    assert!(matches!(verdict, Some(BACKWARDS | 26)), "{verdict:?}");
    scene.counted(&raw, verdict.unwrap_or_default()).await;
    scene.unharmed(&before).await;
}

/// Whoever sees a document's id can name it in another space. Zoe hears of that one first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_another_space_names_first_is_still_where_it_is() {
    let scene = Scene::new().await;
    let zoe = scene.another("Zoe").await;
    zoe.go_online().await.expect("Zoe is online");
    let hers = zoe.create_space("Zoe's").await.expect("a space").id;
    let invitation = zoe.invite(&hers, "editor", None, None).await.expect("a link");
    let raw = Raw::new();
    let (mut line, mut held) = raw.join(&invitation).await;
    held.open_keys(&raw);
    let named = raw.words(&held, scene.document_id(), HOSTILE);
    assert_eq!(line.send(held.space, &[named.encoded()]).await, Answer::Taken);
    let invitation = scene.ana.invite(&scene.space, "editor", None, None).await.expect("a link");
    zoe.join(&invitation).await.expect("Zoe joins");
    let expected = scene.picture().await.texts;
    soon("Zoe reading what Ana reads", || async {
        (sheaf_tests::picture(&zoe, &scene.space).await.texts == expected).then_some(())
    })
    .await;
    assert!(zoe.documents(Some(&hers)).await.expect("a list").iter().all(|info| info.id != scene.document));
    zoe.append(&scene.document, "Zoe was here.").await.expect("it is found");
    soon("her words at Ana's", || async {
        scene.picture().await.texts["Spring visit"].contains("Zoe was here.").then_some(())
    })
    .await;
    zoe.shutdown().await.expect("Zoe closes");
}
