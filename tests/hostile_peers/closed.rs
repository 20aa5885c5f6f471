//! What becomes of a log whose writer put something invalid in it (L3), of those who build on what is there, and of who comes
//! to know of it when: only the culprit's log is closed, and everyone reads the same in the end.

use sheaf_access::DocumentId;
use sheaf_document::check::peek;
use sheaf_log::{Entry, Part};
use sheaf_node::{Format, Node};
use sheaf_tests::raw::{Answer, Author, Held, Raw, typed, typed_on};
use sheaf_tests::{HOSTILE, Scene, soon};

/// What content is refused under.
const CONTENT: u16 = 2_000;

/// An entry whose change says that another person wrote it: that is seen by whoever has the document open.
fn under_another_name(raw: &Raw, held: &Held, document: DocumentId) -> (Author, Entry) {
    let another = held.of_another(|entry| entry.header().kind == sheaf_log::Kind::Body).log().device;
    let person = held.history.now().person_of(&another).expect("a member");
    let author = Author { person, ..Author::of(raw, held, document) };
    let entry = raw.content(held, document, Part::Body, vec![typed(&author, HOSTILE)]);
    (author, entry)
}

async fn another_document(scene: &Scene) -> String {
    let autumn = scene.ana.create_document(Some(&scene.space), "Autumn visit").await.expect("a document").id;
    scene.ana.append(&autumn, "Both ropes are in.").await.expect("words");
    reads(&scene.kofi, &autumn, "Both ropes").await;
    autumn
}

async fn text(node: &Node, document: &str) -> Option<String> {
    String::from_utf8(node.export(document, Format::Text).await.ok()?).ok()
}

/// Waits until somebody has these words in a document.
async fn reads(node: &Node, document: &str, words: &str) {
    soon(&format!("`{words}`"), || async { text(node, document).await.filter(|text| text.contains(words)) }).await;
}

fn counted(node: &Node, raw: &Raw) -> usize {
    node.refusals().iter().filter(|refusal| refusal.device == raw.id()).count()
}

/// Cleo builds on what Mallory wrote and nobody can read. Hers does not count with it; but nothing is said against her, at
/// once or at the next start, whoever comes to hold the entries in whatever order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_builds_on_what_is_invalid_is_not_blamed_for_it() {
    let scene = Scene::new().await;
    let autumn = another_document(&scene).await;
    let (mallory, mut line, held) = scene.mallory("editor").await;
    let (cleo, mut cleos, mut hers) = scene.mallory("editor").await;
    let (author, bad) = under_another_name(&mallory, &held, scene.document_id());
    assert_eq!(line.send(held.space, &[bad.encoded()]).await, Answer::Taken);
    scene.counted(&mallory, CONTENT).await;
    // What she types rests on what Mallory did.
    let change = typed_on(&Author::of(&cleo, &hers, scene.document_id()), &author, HOSTILE);
    let (peeked, under) = (peek(&change).expect("a change"), typed(&author, HOSTILE));
    assert!(peeked.deps.contains(&peek(&under).expect("a change").hash));
    let on = cleo.content_on(&hers, scene.document_id(), Part::Body, vec![change], vec![bad.reference()]);
    hers.take(on.clone());
    // What follows it in her log, in whatever document, does not count either.
    let after = cleo.words(&hers, autumn.parse().expect("a document's id"), HOSTILE);
    hers.take(after.clone());
    assert_eq!(cleos.send(hers.space, &[on.encoded(), after.encoded()]).await, Answer::Taken);
    // In another log of hers she is read like anyone.
    hers.begin_log();
    let anew = cleo.words(&hers, scene.document_id(), "In good order. ");
    assert_eq!(cleos.send(hers.space, &[anew.encoded()]).await, Answer::Taken);
    reads(&scene.ana, &scene.document, "In good order.").await;
    reads(&scene.kofi, &scene.document, "In good order.").await;
    // Whoever comes now gets all of it at once.
    let dana = scene.another("Dana").await;
    let link = scene.ana.invite(&scene.space, "viewer", None, None).await.expect("a link");
    dana.join(&link).await.expect("Dana joins");
    reads(&dana, &scene.document, "In good order.").await;
    for node in [&scene.ana, &scene.kofi, &dana] {
        assert_eq!(counted(node, &cleo), 0, "nothing is held against Cleo: {:?}", node.refusals());
    }
    // And after a start, when the documents are made from what is kept.
    reads(&dana, &autumn, "Both ropes").await;
    let both = async |node: &Node| [text(node, &scene.document).await, text(node, &autumn).await];
    soon("Cleo's other words not counting", || async {
        let read = both(&dana).await;
        (read.iter().flatten().all(|read| !read.contains(HOSTILE)) && read == both(&scene.ana).await).then_some(())
    })
    .await;
    let read = both(&dana).await;
    let mut dana = dana;
    for _ in 0..2 {
        dana = scene.restarted(dana, "Dana").await;
        assert_eq!(both(&dana).await, read, "the same as before");
        assert_eq!(counted(&dana, &cleo), 0, "nothing is held against Cleo: {:?}", dana.refusals());
        assert!(dana.set_aside(&scene.space).await.expect("a list").iter().all(|piece| piece.person != mallory.id()));
    }
    scene.still_served("afterwards").await;
}

/// Mallory writes something invalid in one document, then something readable in another. Dana has not looked into the first
/// yet, and so does not know; when she does, what came after it is gone from the other as well, as it is at Ana's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_what_is_invalid_counts_nowhere_whichever_document_is_looked_at_first() {
    let scene = Scene::new().await;
    let autumn = another_document(&scene).await;
    let (mallory, mut line, mut held) = scene.mallory("editor").await;
    let (_, bad) = under_another_name(&mallory, &held, scene.document_id());
    held.take(bad.clone());
    let late = mallory.words(&held, autumn.parse().expect("a document's id"), HOSTILE);
    assert_eq!(line.send(held.space, &[bad.encoded(), late.encoded()]).await, Answer::Taken);
    scene.counted(&mallory, CONTENT).await;
    let dana = scene.another("Dana").await;
    let link = scene.ana.invite(&scene.space, "viewer", None, None).await.expect("a link");
    dana.join(&link).await.expect("Dana joins");
    reads(&dana, &autumn, "Both ropes").await;
    reads(&dana, &scene.document, "Two floats").await;
    for node in [&scene.ana, &scene.kofi, &dana] {
        soon("the same without what is hostile", || async {
            let texts = [text(node, &autumn).await?, text(node, &scene.document).await?];
            let same = texts == [text(&scene.ana, &autumn).await?, text(&scene.ana, &scene.document).await?];
            (same && texts.iter().all(|text| !text.contains(HOSTILE))).then_some(())
        })
        .await;
    }
    let read = text(&dana, &autumn).await;
    let dana = scene.restarted(dana, "Dana").await;
    assert_eq!(text(&dana, &autumn).await, read, "the same after a start");
    scene.still_served("afterwards").await;
}
