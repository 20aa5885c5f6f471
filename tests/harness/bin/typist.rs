//! Types words into a document as fast as it may, as a window does, and prints the number of each batch that is saved.
//!
//! `typist HOME DOCUMENT FROM`: the words are `w<number>`, from `FROM` on. It never ends by itself: the test kills it.

use std::io::Write;

use sheaf_node::{Item, Node, Options, ToCore, ToWindow};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().expect("typist HOME DOCUMENT FROM");
    let (home, document, from) = (argument(), argument(), argument().parse::<u64>().expect("a number"));
    let node = Node::open(Options::alone(home)).await.expect("the home opens");
    // A second window on the same document, so that changes are made every 40 ms, as when two people write.
    let (_other, _unread) = node.open_session(&document).await.expect("the document opens twice");
    let (session, mut messages) = node.open_session(&document).await.expect("the document opens");
    let Some(ToWindow::Reset { number, items, .. }) = messages.recv().await else { panic!("no reset came first") };
    session.send(ToCore::Seen { seen: number, made: 0 });
    let (mut seen, mut made) = (number, 0);
    let mut length: usize = items.iter().map(Item::len).sum();
    let mut out = std::io::stdout();
    loop {
        made += 1;
        let word = format!("w{} ", from + made);
        let edit = serde_json::json!({
            "m": "batch", "made": made, "seen": seen,
            "edits": [{ "e": "splice", "at": length, "delete": 0, "insert": [{ "t": "text", "text": word }] }],
        });
        length += word.len();
        session.send(serde_json::from_value(edit).expect("a batch"));
        // Types on without waiting, but not so far ahead that the memory fills.
        while let Some(message) = if made.is_multiple_of(64) { messages.recv().await } else { messages.try_recv().ok() }
        {
            match message {
                ToWindow::Saved { made: saved } => {
                    writeln!(out, "{}", from + saved).and_then(|()| out.flush()).expect("the test listens");
                    if made.is_multiple_of(64) {
                        break;
                    }
                }
                ToWindow::Update { number, .. } | ToWindow::Reset { number, .. } => seen = number,
                ToWindow::SaveFailed { reason } => panic!("{reason}"),
                ToWindow::Hold | ToWindow::Presence { .. } => {}
            }
        }
    }
}
