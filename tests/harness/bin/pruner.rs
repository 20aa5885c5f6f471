//! Writes into a document and makes checkpoints of its space, as fast as it may, and prints the number of each line that
//! is saved, and a word for each checkpoint.
//!
//! `pruner HOME SPACE DOCUMENT FROM [WORDS]`: the lines are `w<number>`, from `FROM` on, with the words after it. It never ends by itself: the test kills it.

use std::io::Write;

use sheaf_node::{Node, Options};

/// How many lines there are from one checkpoint to the next.
const LINES: u64 = 12;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().expect("pruner HOME SPACE DOCUMENT FROM");
    let (home, space, document) = (argument(), argument(), argument());
    let from = argument().parse::<u64>().expect("a number");
    let words = arguments.next().map(|words| format!(" {words}")).unwrap_or_default();
    let node = Node::open(Options::alone(home)).await.expect("the home opens");
    let mut out = std::io::stdout();
    let mut say = move |what: String| out.write_all(what.as_bytes()).and_then(|()| out.flush()).expect("a listener");
    for number in from + 1.. {
        node.append(&document, &format!("w{number}{words}")).await.expect("a line is saved");
        say(format!("{number}\n"));
        if number.is_multiple_of(LINES) {
            let report = node.checkpoint(&space).await.expect("a checkpoint");
            say(format!("pruned {}\n", report.pruned));
        }
    }
}
