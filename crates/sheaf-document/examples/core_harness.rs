//! The core on a line: JSON commands on stdin, one JSON answer a line on stdout. The window's own tests drive it.
//!
//! ```text
//! {"c":"open","session":1}                        {"c":"close","session":1}
//! {"c":"message","session":1,"message":ToCore}    {"c":"tick","ms":50}
//! {"c":"remote","seed":7}                         another replica makes random edits, from its own state
//! {"c":"merge"}                                   that replica's changes arrive here, and ours there
//! {"c":"items"}                                   the document at its present heads, and its checksum
//! {"c":"sessionItems","session":1}                what the session shows, as far as the core knows
//! {"c":"load","items":[…]}                        begins anew with a document that reads so
//! ```
//!
//! Every answer is `{"r":…,"out":[{"session":1,"message":ToWindow}…]}`. What the core asks to be journaled is journaled at
//! once. Time only passes with `tick`.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use sheaf_document::{
    Checker, Committed, Document, Expect, Genesis, Out, Reading, SessionId, Sessions, Slot, ValidChange,
    edit::Edit,
    model::{Block, Item, Marks, Scalar},
    session::{Config, RemoteCaret, ToCore, ToWindow},
};

#[derive(Deserialize)]
#[serde(tag = "c", rename_all = "camelCase")]
enum Command {
    Open {
        session: u64,
    },
    Close {
        session: u64,
    },
    Message {
        session: u64,
        message: ToCore,
    },
    Remote {
        seed: u64,
    },
    Merge,
    Tick {
        ms: u64,
    },
    Items,
    SessionItems {
        session: u64,
    },
    Load {
        items: Vec<Item>,
    },
    /// The other replica's carets, as places in its own text.
    Carets {
        places: Vec<u32>,
    },
    /// Nothing may be written from now on, or may again.
    ReadOnly {
        reason: Option<String>,
    },
}

#[derive(Serialize)]
struct Answer {
    r: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<Item>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    out: Vec<Sent>,
}

#[derive(Serialize)]
struct Sent {
    session: u64,
    message: ToWindow,
}

fn slot(replica: u8, number: u32) -> Slot {
    let mut actor = vec![replica; 32];
    actor[28..].copy_from_slice(&number.to_be_bytes());
    Slot { actor, author: vec![replica + 100; 32] }
}

fn expect(replica: u8) -> Expect {
    Expect { actors: (0..64).map(|number| slot(replica, number).actor).collect(), author: vec![replica + 100; 32] }
}

struct Core {
    sessions: Sessions,
    remote: Document,
    ours: Vec<Committed>,
    theirs: Vec<Committed>,
    now: u64,
}

impl Core {
    fn new(items: &[Item]) -> Result<Self, String> {
        let mut document = Document::new(Genesis::Text);
        // Written by nobody who is here, so that both replicas begin with it.
        document.replace_with(&slot(9, 0), items).map_err(|error| error.to_string())?;
        let bytes = document.save();
        let open = || Document::load(&bytes).map_err(|error| error.to_string());
        let mut sessions = Sessions::new(open()?, |number| slot(1, number), Config::default());
        sessions.set_shared(true);
        Ok(Self { sessions, remote: open()?, ours: Vec::new(), theirs: Vec::new(), now: 1_000 })
    }

    fn run(&mut self, command: Command) -> Answer {
        let mut answer = Answer { r: "ok", items: None, checksum: None, error: None, out: Vec::new() };
        let out = match command {
            Command::Open { session } => self.sessions.open(SessionId(session), self.now),
            Command::Close { session } => self.sessions.close(SessionId(session), self.now),
            Command::Message { session, message } => self.sessions.handle(SessionId(session), message, self.now),
            Command::Tick { ms } => {
                self.now += ms;
                self.sessions.tick(self.now)
            }
            Command::Remote { seed } => {
                let edits = random_edits(seed, &self.remote.items());
                match self.remote.edit(&slot(2, 0), &edits) {
                    Ok(committed) => self.theirs.extend(committed),
                    Err(error) => answer.error = Some(error.to_string()),
                }
                Vec::new()
            }
            Command::Merge => self.merge(&mut answer),
            Command::Items => {
                let items = self.sessions.document().items();
                answer.r = "items";
                answer.checksum = Some(Reading::from_items(items.iter().cloned()).checksum());
                answer.items = Some(items);
                Vec::new()
            }
            Command::SessionItems { session } => {
                answer.r = "items";
                if let Some(view) = self.sessions.view_of(SessionId(session)) {
                    answer.checksum = Some(view.checksum());
                    answer.items = Some(view.items());
                }
                Vec::new()
            }
            Command::Load { items } => {
                match Self::new(&items) {
                    Ok(core) => *self = core,
                    Err(error) => answer.error = Some(error),
                }
                Vec::new()
            }
            Command::Carets { places } => {
                let heads = self.remote.heads();
                let carets = places.iter().enumerate().map(|(number, place)| {
                    let cursor = self.remote.cursor(*place as usize, &heads);
                    RemoteCaret {
                        id: format!("remote-{number}"),
                        name: "Ana".into(),
                        colour: 3,
                        anchor: cursor.clone(),
                        head: cursor,
                    }
                });
                self.sessions.set_remote_carets(carets.collect())
            }
            Command::ReadOnly { reason } => {
                self.sessions.set_read_only(reason);
                Vec::new()
            }
        };
        self.send(out, &mut answer);
        answer
    }

    fn merge(&mut self, answer: &mut Answer) -> Vec<Out> {
        let mut out = self.sessions.flush(self.now);
        self.keep_own(&mut out);
        match check(self.sessions.document(), &std::mem::take(&mut self.theirs), 2) {
            Ok(changes) => {
                let arrived = self.sessions.apply(changes, self.now);
                if !arrived.refused.is_empty() {
                    answer.error = Some(format!("{:?}", arrived.refused));
                }
                out.extend(arrived.out);
            }
            Err(error) => answer.error = Some(error),
        }
        self.keep_own(&mut out);
        match check(&self.remote, &std::mem::take(&mut self.ours), 1) {
            Ok(changes) => {
                let refused = self.remote.apply(changes).refused;
                if !refused.is_empty() {
                    answer.error = Some(format!("{refused:?}"));
                }
            }
            Err(error) => answer.error = Some(error),
        }
        out
    }

    /// Journals what is to be journaled, which makes more to send.
    fn keep_own(&mut self, out: &mut Vec<Out>) {
        for made in std::mem::take(out) {
            match made {
                Out::Committed(committed) => {
                    out.extend(self.sessions.journaled(committed.hash));
                    self.ours.push(committed);
                }
                other => out.push(other),
            }
        }
    }

    fn send(&mut self, mut out: Vec<Out>, answer: &mut Answer) {
        self.keep_own(&mut out);
        for made in out {
            if let Out::ToWindow(session, message) = made {
                answer.out.push(Sent { session: session.0, message });
            }
        }
    }
}

fn check(doc: &Document, changes: &[Committed], replica: u8) -> Result<Vec<ValidChange>, String> {
    let mut checker = Checker::new(doc);
    let expect = expect(replica);
    changes.iter().map(|change| checker.check(&change.bytes, &expect).map_err(|error| error.to_string())).collect()
}

/// A few edits that fit a document, the same for the same seed.
fn random_edits(seed: u64, items: &[Item]) -> Vec<Edit> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below.max(1)
    };
    let mut reading = Reading::from_items(items.iter().cloned());
    let mut edits = Vec::new();
    for _ in 0..=random(3) {
        let len = reading.len();
        let at = random(len + 1);
        let marks = |pick: usize| match pick {
            0 => Marks::from([("strong".to_owned(), Scalar::Bool(true))]),
            1 => Marks::from([("em".to_owned(), Scalar::Bool(true))]),
            2 => Marks::from([("link".to_owned(), Scalar::Text("{\"href\":\"https://example.org\"}".to_owned()))]),
            _ => Marks::new(),
        };
        let block = |pick: usize| {
            let (kind, attrs) = match pick {
                0 => ("heading", Some(("level", Scalar::Number(2.0)))),
                1 => ("unordered-list-item", None),
                2 => ("code-block", Some(("language", Scalar::Text("rust".to_owned())))),
                _ => ("paragraph", None),
            };
            let attrs = attrs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Block { kind: kind.to_owned(), parents: Vec::new(), attrs, is_embed: false }
        };
        let edit = match random(8) {
            0..=2 => {
                let text = ["a", "bc", "one two", "😀", "ß\n"][random(5)].to_owned();
                Edit::Splice { at: at as u32, delete: 0, insert: vec![Item::Text { text, marks: marks(random(6)) }] }
            }
            3 => Edit::Splice { at: at as u32, delete: 0, insert: vec![Item::Block { block: block(random(5)) }] },
            4 | 5 => Edit::Splice { at: at as u32, delete: random(len - at + 1).min(9) as u32, insert: Vec::new() },
            6 => {
                let to = at + random(len - at + 1);
                let value = if random(2) == 0 { Scalar::Bool(true) } else { Scalar::Null };
                Edit::Mark {
                    from: at as u32,
                    to: to as u32,
                    name: ["strong", "em", "code"][random(3)].to_owned(),
                    value,
                }
            }
            _ => {
                let Block { kind, attrs, .. } = block(random(5));
                Edit::SetBlock { at: at as u32, kind: Some(kind), parents: None, attrs }
            }
        };
        // One that does not fit, for instance because it falls inside a character, is left out.
        if reading.apply_edit(&edit).is_ok() {
            edits.push(edit);
        }
    }
    edits
}

fn main() -> io::Result<()> {
    let mut core = Core::new(&[]).map_err(io::Error::other)?;
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str(&line) {
            Ok(command) => core.run(command),
            Err(error) => {
                Answer { r: "error", items: None, checksum: None, error: Some(error.to_string()), out: Vec::new() }
            }
        };
        serde_json::to_writer(&mut stdout, &answer)?;
        stdout.write_all(b"\n")?;
        stdout.flush()?;
    }
    Ok(())
}
