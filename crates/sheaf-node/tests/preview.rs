//! What a link to a document shows of it.

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
