//! A member who writes checkpoints that are not so: forged, truncated, stale; that add to what someone wrote, drop it, or
//! rewind it (C1). Each is offered twice: as an entry of the space, to one who holds everything, and as a bundle, to a
//! newcomer who has nothing else and has never met anyone but the liar.

use sheaf_access::{DocumentId, LogId};
use sheaf_document::check::peek;
use sheaf_document::edit::Edit;
use sheaf_document::model::{Item, Marks};
use sheaf_document::{ChangeHash, Document, Slot};
use sheaf_log::{Entry, Kind, LogHistory, Mine, Part, SignedHeader, actor};
use sheaf_node::{Node, NodeEvent, RefusalInfo};
use sheaf_sync::Frame;
use sheaf_tests::raw::{Answer, Held, Line, Made, Parts, Raw, parse};
use sheaf_tests::{HOSTILE, Scene, soon, told};

/// What a checkpoint is refused under.
const CHECKPOINT: u16 = 2_004;

/// One lie: what is altered, and a part of the reason that is given.
type Lie = (&'static str, fn(&Story, &mut Parts), &'static str);

/// Everything that is tried.
const LIES: &[Lie] = &[
    ("a header that nobody signed", forged_header, "is not as its device signed it"),
    ("a map that the header does not commit to", forged_map, "is not what its device signed"),
    ("a log that is covered and not shown", truncated_history, "does not show its header"),
    ("a document that is left out", truncated_documents, "is missing from the checkpoint"),
    ("an old header under a new number", stale_header, "shows its header number"),
    ("a number that nobody has reached", ahead_of_all, "shows its header number"),
    ("a document of Ana's from before, under her header of now", rewound, "were signed for"),
    ("Kofi's words left out, under his header of now", dropped, "were signed for"),
    ("Kofi taken back to when he joined, his words kept", unsigned, "too many actors"),
    ("words of the liar's own that no entry brought", added, "too many actors"),
    ("a document cut in the middle", cut, ""),
];

/// A space with a checkpoint that Ana wrote and Kofi checked, and an editor who takes it apart.
struct Story {
    scene: Scene,
    raw: Raw,
    held: Held,
    /// Ana's honest checkpoint.
    parts: Parts,
    ana: LogId,
    kofi: LogId,
}

impl Story {
    async fn new() -> (Self, Line) {
        let scene = Scene::new().await;
        for line in 0..4 {
            scene.ana.append(&scene.document, &format!("Ana, line {line}.")).await.expect("words");
        }
        let (raw, mut line, mut held) = scene.mallory("editor").await;
        raw.catch_up(&mut line, &mut held).await;
        scene.still_served("before the checkpoint").await;
        scene.ana.checkpoint(&scene.space).await.expect("a checkpoint");
        let checkpoint = loop {
            raw.catch_up(&mut line, &mut held).await;
            let found = held.entries.iter().rev().find(|entry| entry.header().kind == Kind::Checkpoint);
            if let Some(found) = found {
                break found.clone();
            }
        };
        let parts = raw.parts(&mut line, &held, &checkpoint).await;
        let ana = checkpoint.log();
        let body = |entry: &&Entry| entry.header().kind == Kind::Body && entry.log() != ana;
        let kofi = held.entries.iter().find(body).expect("Kofi wrote something").log();
        (Self { scene, raw, held, parts, ana, kofi }, line)
    }

    fn made(&self, lie: fn(&Self, &mut Parts)) -> Made {
        let mut parts = self.parts.clone();
        parts.cover_own(&self.held);
        lie(self, &mut parts);
        self.raw.checkpoint(&self.held, parts)
    }

    /// The first entry of a log.
    fn first(&self, log: LogId) -> &Entry {
        self.held.entries.iter().find(|entry| entry.log() == log).expect("a log that is held")
    }

    fn document(&self) -> DocumentId {
        self.scene.document_id()
    }

    /// A document as an honest checkpoint has it, and the last changes in it of Ana's log and of Kofi's.
    fn opened(&self, parts: &mut Parts) -> (Document, ChangeHash, ChangeHash) {
        let document = Document::load(&parts.document(self.document()).save).expect("an honest document");
        let tip = |parts: &mut Parts, log: LogId| {
            let mine = Mine::decode(&parts.of(log).mine).expect("an honest map");
            let found = mine.iter().find(|(key, _, _)| key.document == self.document() && key.part == Part::Body);
            ChangeHash(found.expect("they wrote in it").2)
        };
        let (ana, kofi) = (tip(parts, self.ana), tip(parts, self.kofi));
        (document, ana, kofi)
    }

    /// Replaces the document by what it was when these were the last changes.
    fn put_at(&self, parts: &mut Parts, document: &Document, tips: &[ChangeHash]) {
        let (heads, save) = document.save_at(tips).expect("changes that are there");
        let saved = parts.document(self.document());
        saved.heads = heads.iter().map(|head| head.0).collect();
        saved.save = save;
    }
}

fn forged_header(story: &Story, parts: &mut Parts) {
    let shown = parts.of(story.kofi);
    let mut bytes = shown.header.encode();
    if let Some(byte) = bytes.last_mut() {
        *byte ^= 1;
    }
    shown.header = SignedHeader::decode(&bytes).expect("a header with another signature");
}

fn forged_map(story: &Story, parts: &mut Parts) {
    parts.of(story.kofi).mine = Mine::new().encode();
}

fn truncated_history(_story: &Story, parts: &mut Parts) {
    parts.history.pop();
}

fn truncated_documents(story: &Story, parts: &mut Parts) {
    let document = story.document();
    parts.documents.retain(|one| one.document != document);
}

fn stale_header(story: &Story, parts: &mut Parts) {
    *parts.of(story.kofi) = LogHistory { header: story.first(story.kofi).into(), mine: Mine::new().encode() };
}

fn ahead_of_all(story: &Story, parts: &mut Parts) {
    let reached = parts.covers.get(&story.kofi);
    parts.covers.advance(story.kofi, reached + 100);
}

fn rewound(story: &Story, parts: &mut Parts) {
    // As it was when Kofi last wrote in it: Ana has written since.
    let (document, _, kofi) = story.opened(parts);
    story.put_at(parts, &document, &[kofi]);
}

fn dropped(story: &Story, parts: &mut Parts) {
    // As it was when Kofi had not written in it yet.
    let mut last = None;
    for entry in &story.held.entries {
        let key = story.held.keys.get(&entry.header().epoch);
        let Some(content) = key.and_then(|key| entry.open(key).ok()) else { continue };
        if content.document == story.document() {
            if entry.log() == story.kofi {
                break;
            }
            last = content.changes.last().and_then(|change| peek(change).ok()).map(|peek| peek.hash);
        }
    }
    let (document, _, _) = story.opened(parts);
    story.put_at(parts, &document, &[last.expect("Ana wrote before Kofi did")]);
}

fn unsigned(story: &Story, parts: &mut Parts) {
    parts.rewind(story.first(story.kofi));
}

fn added(story: &Story, parts: &mut Parts) {
    let (mut document, _, _) = story.opened(parts);
    let slot = Slot {
        actor: actor(&story.held.log, &story.document(), Part::Body, 0).to_vec(),
        author: story.raw.certificate.person.as_bytes().to_vec(),
    };
    let insert = vec![Item::Text { text: HOSTILE.to_owned(), marks: Marks::new() }];
    document.edit(&slot, &[Edit::Splice { at: 1, delete: 0, insert }]).expect("an honest edit");
    let saved = parts.document(story.document());
    saved.heads = document.heads().iter().map(|head| head.0).collect();
    saved.save = document.save();
}

fn cut(story: &Story, parts: &mut Parts) {
    let save = &mut parts.document(story.document()).save;
    save.truncate(save.len() / 2);
}

/// Waits until a node has counted so many refused checkpoints of a device.
async fn counted(node: &Node, raw: &Raw, count: u64) -> RefusalInfo {
    soon(&format!("the refusal of checkpoint {count}"), || async {
        let mut refusals = node.refusals().into_iter();
        refusals.find(|one| one.device == raw.id() && one.code == CHECKPOINT && one.count >= count)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lying_checkpoint_is_refused_by_one_who_holds_everything() {
    let (mut story, mut line) = Story::new().await;
    let before = story.scene.picture().await;
    let mut events = story.scene.ana.subscribe();
    // One that stands for nothing that Ana's does not stand for is not even looked at; then the liar's log goes on.
    let nothing_new = story.raw.checkpoint(&story.held, story.parts.clone());
    assert_eq!(line.send(story.held.space, &[nothing_new.entry.encoded()]).await, Answer::Taken);
    story.held.take(nothing_new.entry);
    for (number, (what, lie, why)) in (1..).zip(LIES) {
        let made = story.made(*lie);
        line.serve_also(made.blobs);
        // The entry itself is in order, and is held; it says nothing that is believed.
        assert_eq!(line.send(story.held.space, &[made.entry.encoded()]).await, Answer::Taken, "{what}");
        story.held.take(made.entry);
        let refusal = line.serving_until(counted(&story.scene.ana, &story.raw, number)).await;
        assert_eq!((refusal.count, refusal.rule.as_str()), (number, "C1"), "{what}");
        assert!(refusal.reason.contains(why), "{what}: {}", refusal.reason);
    }
    let device = story.raw.id();
    told("word of a checkpoint that was refused", &mut events, |event| {
        matches!(event, NodeEvent::Quarantined { device: of, reason, .. } if *of == device && reason.contains("checkpoint"))
    })
    .await;
    story.scene.counted(&story.raw, CHECKPOINT).await;
    line.serving_until(story.scene.unharmed(&before)).await;

    // What is altered nowhere is taken, though a liar wrote it: nobody is believed, and nobody has to be.
    let before = story.scene.picture().await;
    let honest = story.made(|_, _| ());
    line.serve_also(honest.blobs);
    assert_eq!(line.send(story.held.space, &[honest.entry.encoded()]).await, Answer::Taken);
    let lies = LIES.len() as u64;
    line.serving_until(story.scene.unharmed(&before)).await;
    assert_eq!(counted(&story.scene.ana, &story.raw, lies).await.count, lies, "nothing more was refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_who_meets_a_liar_first_gets_the_space_from_an_honest_one() {
    let (story, line) = Story::new().await;
    drop(line);
    let before = story.scene.picture().await;
    let zoe = story.scene.another("Zoe").await;
    let addresses = zoe.go_online().await.expect("Zoe is online");
    let device = zoe.me().expect("Zoe is somebody").device.parse().expect("a device's id");
    let mut line = story.raw.call(device, &addresses).await;
    let invitation = story.scene.ana.invite(&story.scene.space, "editor", None, None).await.expect("a link");
    // The invitation has come by way of the liar, who put their own device in the place of Ana's.
    let mut misleading = parse(&invitation);
    (misleading.device, misleading.addresses) = (story.raw.device.id(), Vec::new());
    let joining = {
        let (zoe, misleading) = (zoe.clone(), misleading.to_text().expect("a link can be written"));
        tokio::spawn(async move { zoe.join(&misleading).await })
    };
    while !matches!(line.frame().await.expect("Zoe asks"), Frame::Redeem { .. }) {}
    // She opens the space with the link, so the liar's checkpoint can be opened with it too.
    let mut held = story.held.clone();
    let mut ana = story.scene.call(&story.raw).await;
    story.raw.catch_up(&mut ana, &mut held).await;
    let story = Story { held, ..story };
    for (number, (what, lie, why)) in (1..).zip(LIES) {
        let made = story.made(*lie);
        let offer = made.offer(&line, &story.held);
        line.serve_also(made.blobs.clone());
        line.put(&offer);
        let refusal = line.serving_until(counted(&zoe, &story.raw, number)).await;
        assert_eq!((refusal.count, refusal.rule.as_str()), (number, "C1"), "{what}");
        assert!(refusal.reason.contains(why), "{what}: {}", refusal.reason);
        assert!(!joining.is_finished(), "{what}: nobody has joined by that");
    }
    joining.abort();
    line.hang_up().await;
    zoe.join(&invitation).await.expect("Zoe joins by Ana");
    soon("the space at Zoe's", || async {
        let theirs = sheaf_tests::picture(&zoe, &story.scene.space).await;
        (theirs.texts == before.texts).then_some(())
    })
    .await;
    zoe.append(&story.scene.document, "Zoe was not misled.").await.expect("Zoe may write");
    soon("Zoe's words at Ana's", || async {
        let picture = story.scene.picture().await;
        picture.texts["Spring visit"].contains("Zoe was not misled.").then_some(())
    })
    .await;
    zoe.shutdown().await.expect("Zoe closes");
}
