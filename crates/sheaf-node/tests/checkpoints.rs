//! Checkpoints between real nodes: written, pruned below, opened from, taken over by a newcomer, gone on from.

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use sheaf_node::{Format, Node, Options};

const DEADLINE: Duration = Duration::from_mins(1);

async fn soon<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn open(home: &Path) -> Node {
    let listen = Some("127.0.0.1:0".parse().unwrap());
    // What a node that was shut down still had to do may keep the home a moment longer.
    soon("the home to be free", || async { Node::open(Options { listen, ..Options::alone(home) }).await.ok() }).await
}

async fn person(home: &Path, name: &str) -> Node {
    let node = open(home).await;
    node.init(name, 1).await.unwrap();
    node.go_online().await.unwrap();
    node
}

async fn text(node: &Node, document: &str) -> String {
    String::from_utf8(node.export(document, Format::Text).await.unwrap()).unwrap()
}

async fn reads(node: &Node, document: &str, words: &str) {
    soon(words, || async {
        let text = node.export(document, Format::Text).await.ok()?;
        String::from_utf8(text).unwrap().contains(words).then_some(())
    })
    .await;
}

/// A document of many small changes.
async fn written(node: &Node, space: &str, lines: usize) -> String {
    let document = node.create_document(Some(space), "Spring visit").await.unwrap().id;
    for line in 0..lines {
        node.append(&document, &format!("Line {line}: two floats and a rope.")).await.unwrap();
    }
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_a_checkpoint_is_read_back_and_what_it_stands_for_is_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("ana");
    let ana = person(&home, "Ana").await;
    let space = ana.create_space("Field station").await.unwrap().id;
    let document = written(&ana, &space, 40).await;
    let before = text(&ana, &document).await;
    let report = ana.checkpoint(&space).await.unwrap();
    assert!(report.entries > 40 && report.pruned >= 40 && report.blobs >= 2, "{report:?}");
    assert_eq!(text(&ana, &document).await, before);
    ana.append(&document, "After it.").await.unwrap();
    let now = text(&ana, &document).await;
    ana.shutdown().await.unwrap();
    drop(ana);
    // It opens from blobs when everything that can be made again is gone.
    std::fs::remove_dir_all(home.join("cache")).unwrap();
    let ana = open(&home).await;
    assert_eq!(text(&ana, &document).await, now);
    ana.append(&document, "And on.").await.unwrap();
    let second = ana.checkpoint(&space).await.unwrap();
    assert!(second.entries > 0 && second.blobs > 0, "{second:?}");
    ana.append(&document, "And on again.").await.unwrap();
    let now = text(&ana, &document).await;
    ana.shutdown().await.unwrap();
    drop(ana);
    // sled lost whole: blobs, bundles and journal bring everything back.
    std::fs::remove_dir_all(home.join("store")).unwrap();
    std::fs::remove_dir_all(home.join("cache")).unwrap();
    let ana = open(&home).await;
    reads(&ana, &document, "And on again.").await;
    assert_eq!(text(&ana, &document).await, now);
    ana.append(&document, "As if nothing had happened.").await.unwrap();
    ana.checkpoint(&space).await.unwrap();
    ana.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_fetches_the_checkpoint_and_all_write_on() {
    let folder = tempfile::tempdir().unwrap();
    let ana = person(&folder.path().join("ana"), "Ana").await;
    let space = ana.create_space("Field station").await.unwrap().id;
    let document = written(&ana, &space, 30).await;
    let report = ana.checkpoint(&space).await.unwrap();
    assert!(report.pruned > 0, "{report:?}");
    ana.append(&document, "After the checkpoint.").await.unwrap();
    let kofi = person(&folder.path().join("kofi"), "Kofi").await;
    let link = ana.invite(&space, "editor", None, None).await.unwrap();
    kofi.join(&link).await.unwrap();
    reads(&kofi, &document, "After the checkpoint.").await;
    assert_eq!(text(&kofi, &document).await, text(&ana, &document).await);
    kofi.append(&document, "Kofi was here.").await.unwrap();
    reads(&ana, &document, "Kofi was here.").await;
    ana.append(&document, "So was Ana.").await.unwrap();
    reads(&kofi, &document, "So was Ana.").await;
    // Now somebody else has to have looked at it before anything is pruned; then both prune, each in its own time.
    let before = ana.verify(&space).await.unwrap().entries;
    for line in 0..30 {
        ana.append(&document, &format!("More, {line}.")).await.unwrap();
    }
    let second = kofi.checkpoint(&space).await.unwrap();
    assert!(second.entries > 0, "{second:?}");
    kofi.append(&document, "A tail.").await.unwrap();
    reads(&ana, &document, "A tail.").await;
    let third = ana.checkpoint(&space).await.unwrap();
    assert!(third.entries > 0, "{third:?}");
    for (node, name) in [(&ana, "Ana"), (&kofi, "Kofi")] {
        soon(&format!("{name} to prune what the other has looked at"), || async {
            (node.verify(&space).await.ok()?.entries < before + 30).then_some(())
        })
        .await;
    }
    // A third, who gets everything from a checkpoint that Ana or Kofi wrote.
    let zoe = person(&folder.path().join("zoe"), "Zoe").await;
    let link = ana.invite(&space, "editor", None, None).await.unwrap();
    zoe.join(&link).await.unwrap();
    reads(&zoe, &document, "A tail.").await;
    soon("Zoe's right to write", || async { zoe.append(&document, "Zoe reads along.").await.ok() }).await;
    for node in [&ana, &kofi] {
        reads(node, &document, "Zoe reads along.").await;
    }
    assert_eq!(text(&zoe, &document).await, text(&ana, &document).await);
    for node in [ana, kofi, zoe] {
        node.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_step_a_checkpoint_is_fetched_when_its_entry_comes_and_then_both_prune() {
    let folder = tempfile::tempdir().unwrap();
    let (ana, kofi) =
        (person(&folder.path().join("ana"), "Ana").await, person(&folder.path().join("kofi"), "Kofi").await);
    let space = ana.create_space("Field station").await.unwrap().id;
    let document = written(&ana, &space, 30).await;
    let link = ana.invite(&space, "editor", None, None).await.unwrap();
    kofi.join(&link).await.unwrap();
    kofi.append(&document, "Kofi was here.").await.unwrap();
    reads(&ana, &document, "Kofi was here.").await;
    let before = ana.verify(&space).await.unwrap().entries;
    let report = ana.checkpoint(&space).await.unwrap();
    assert_eq!(report.pruned, 0, "nobody else has looked at it yet");
    // Nothing more is written, and nobody meets anew: what came is fetched, vouched for, and pruned below, by both.
    for (node, name) in [(&kofi, "Kofi"), (&ana, "Ana")] {
        soon(&format!("{name} to prune"), || async {
            (node.verify(&space).await.ok()?.entries < before / 2).then_some(())
        })
        .await;
    }
    assert_eq!(text(&kofi, &document).await, text(&ana, &document).await);
    for node in [ana, kofi] {
        node.shutdown().await.unwrap();
    }
}

/// How many bytes the files in a folder have.
fn room(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

/// A document that cannot be made much smaller.
async fn dense(node: &Node, space: &str) -> String {
    let document = node.create_document(Some(space), "Readings").await.unwrap().id;
    let mut state = 1_u64;
    for _ in 0..10 {
        let mut number = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:x}", state >> 20)
        };
        let line: Vec<String> = (0..200).map(|_| number()).collect();
        node.append(&document, &line.join(" ")).await.unwrap();
    }
    document
}

async fn closed(node: Node) {
    node.shutdown().await.unwrap();
    drop(node);
}

/// Writes and closes, until the copies that are kept have more than so many bytes, and answers how many. One is written when
/// a document is let go of that has just changed; on a slow machine that may have been too long ago.
async fn closed_with_copy(mut node: Node, home: &Path, document: &str, most: u64) -> u64 {
    for round in 0..50 {
        node.append(document, &format!("Round {round}.")).await.unwrap();
        closed(node).await;
        let kept = room(&home.join("cache/snapshot"));
        if kept > most {
            return kept;
        }
        node = open(home).await;
    }
    panic!("no copy is kept");
}

/// Less than any copy of a dense document takes.
const SMALL: u64 = 8_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_checkpoint_keeps_is_not_kept_a_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("ana");
    let snapshots = home.join("cache/snapshot");
    let ana = person(&home, "Ana").await;
    let space = ana.create_space("Field station").await.unwrap().id;
    // Copies are kept of a store that has been opened before.
    closed(ana).await;
    let ana = open(&home).await;
    let document = dense(&ana, &space).await;
    closed_with_copy(ana, &home, &document, SMALL).await;
    // A copy that was there when the checkpoint was written.
    let ana = open(&home).await;
    let before = text(&ana, &document).await;
    ana.checkpoint(&space).await.unwrap();
    assert!(room(&snapshots) < SMALL, "{} bytes", room(&snapshots));
    closed(ana).await;
    let ana = open(&home).await;
    assert_eq!(text(&ana, &document).await, before);
    // One that has more than the checkpoint is kept whole, until the next checkpoint has all of it.
    closed_with_copy(ana, &home, &document, SMALL).await;
    let ana = open(&home).await;
    assert!(text(&ana, &document).await.starts_with(before.trim_end()));
    ana.append(&document, "And on.").await.unwrap();
    // The checkpoint has more than the copy: that is of no use any more.
    ana.checkpoint(&space).await.unwrap();
    assert!(room(&snapshots) < SMALL, "{} bytes", room(&snapshots));
    let now = text(&ana, &document).await;
    // What is written down at the end is of the document that the checkpoint has.
    closed(ana).await;
    assert!(room(&snapshots) < SMALL, "{} bytes", room(&snapshots));
    let ana = open(&home).await;
    assert_eq!(text(&ana, &document).await, now);
    closed(ana).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_relies_on_a_checkpoint_is_nothing_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("ana");
    let ana = person(&home, "Ana").await;
    let space = ana.create_space("Field station").await.unwrap().id;
    // Copies are kept of a store that has been opened before.
    closed(ana).await;
    let ana = open(&home).await;
    let document = dense(&ana, &space).await;
    // Nobody else has looked at the checkpoint, so the entries stay.
    ana.go_online().await.unwrap();
    let kofi = person(&folder.path().join("kofi"), "Kofi").await;
    let link = ana.invite(&space, "viewer", None, None).await.unwrap();
    kofi.join(&link).await.unwrap();
    closed(kofi).await;
    closed_with_copy(ana, &home, &document, SMALL).await;
    let ana = open(&home).await;
    assert_eq!(ana.checkpoint(&space).await.unwrap().pruned, 0);
    let before = text(&ana, &document).await;
    closed(ana).await;
    assert!(room(&home.join("cache/snapshot")) < SMALL);
    // Its blobs are lost, and what made sense of them.
    std::fs::remove_dir_all(home.join("blobs")).unwrap();
    let ana = open(&home).await;
    assert_eq!(text(&ana, &document).await, before);
    ana.append(&document, "And on.").await.unwrap();
    assert!(text(&ana, &document).await.contains("And on."));
    closed(ana).await;
}
