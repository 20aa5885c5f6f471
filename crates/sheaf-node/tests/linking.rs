//! Links between documents: what one leads to, and what leads to one.

use sheaf_node::{Node, Options};

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_the_beginning_of_a_document_or_says_that_it_is_in_the_trash() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::open(Options::alone(folder.path().join("ana"))).await.unwrap();
    node.init("Ana", 1).await.unwrap();
    let space = node.create_space("Field station").await.unwrap().id;
    let document = node.create_document(Some(&space), "Boats").await.unwrap().id;
    let empty = node.preview(&document).await.unwrap();
    assert_eq!((empty.title.as_str(), empty.space.as_str(), empty.trashed), ("Boats", "Field station", false));
    assert!(empty.lines.is_empty(), "{empty:?}");

    let long = "ü".repeat(400);
    for line in ["Two hulls.", long.as_str(), "Boats", "One engine.", "A rope.", "Another.", "Not seen."] {
        node.append(&document, line).await.unwrap();
    }
    let lines = node.preview(&document).await.unwrap().lines;
    let cut = format!("{}…", "ü".repeat(160));
    assert_eq!(lines, ["Two hulls.", &cut, "Boats", "One engine.", "A rope."]);

    node.trash(&document).await.unwrap();
    let gone = node.preview(&document).await.unwrap();
    assert_eq!((gone.title.as_str(), gone.trashed, gone.lines.len()), ("Boats", true, 0));
    let nowhere = "aebagbafaydqqcikbmga2dqpcaireeyuaebagbafaydqqcikbmga";
    assert_eq!(node.preview(nowhere).await.unwrap_err().code(), "no-such-document");
    node.shutdown().await.unwrap();
}

/// Which documents link to one: their titles, and how many places are shown of each.
async fn linking(node: &Node, document: &str) -> Vec<(String, Vec<String>)> {
    node.backlinks(document).await.unwrap().into_iter().map(|one| (one.title, one.lines)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_links_to_a_document_follows_every_change_and_needs_nothing_stored() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("ana");
    let node = Node::open(Options::alone(&home)).await.unwrap();
    node.init("Ana", 1).await.unwrap();
    let boats = node.create_document(None, "Boats").await.unwrap().id;
    let tides = node.create_document(None, "Tides").await.unwrap().id;
    let other = node.create_space("Field station").await.unwrap().id;
    let maps = node.create_document(Some(&other), "Maps").await.unwrap().id;
    assert!(linking(&node, &boats).await.is_empty());

    let to = |id: &str| format!("sheaf://doc/{id}");
    node.replace(&tides, &format!("# Tides\n\nSee *the [boats]({})*, and [again]({}).\n", to(&boats), to(&boats)))
        .await
        .unwrap();
    node.replace(&maps, &format!("# Maps\n\n- [Boats]({})\n- [itself]({})\n", to(&boats), to(&maps))).await.unwrap();
    let mut found = linking(&node, &boats).await;
    found.sort();
    let row = |title: &str, line: &str| (title.to_owned(), vec![line.to_owned()]);
    assert_eq!(found, [row("Maps", "Boats"), row("Tides", "See the boats, and again.")]);
    assert!(linking(&node, &maps).await.is_empty() && linking(&node, &tides).await.is_empty());

    node.shutdown().await.unwrap();
    drop(node);
    let node = Node::open(Options::alone(&home)).await.unwrap();
    assert_eq!(linking(&node, &boats).await.len(), 2);
    node.replace(&tides, "# Tides\n\nNothing.\n").await.unwrap();
    assert_eq!(linking(&node, &boats).await, [row("Maps", "Boats")]);
    node.trash(&maps).await.unwrap();
    assert!(linking(&node, &boats).await.is_empty());
    node.restore_document(&maps).await.unwrap();
    node.trash(&boats).await.unwrap();
    assert_eq!(linking(&node, &boats).await, [row("Maps", "Boats")]);
    node.shutdown().await.unwrap();
}
