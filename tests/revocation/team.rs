//! Three people who write in one document, each with a node that can be taken off the network.

use std::path::PathBuf;

use sheaf_node::{Format, Node, Options, SetAside};
use sheaf_tests::soon;

/// Somebody with a home, whose node runs or not.
pub struct Person {
    /// What they call themselves.
    pub name: &'static str,
    home: PathBuf,
    /// Their node, which runs.
    pub node: Node,
}

impl Person {
    pub async fn new(homes: &tempfile::TempDir, name: &'static str) -> Self {
        let home = homes.path().join(name);
        let node = open(&home).await.expect("a home");
        node.init(name, 1).await.expect("a person");
        Self { name, home, node }
    }

    /// Ends the node, and begins again without a network.
    pub async fn offline(&mut self) {
        let (name, home) = (self.name, self.home.clone());
        // Something to put in its place, for the home is let go with the node.
        let meanwhile = tempfile::tempdir().expect("a temporary folder");
        let node = std::mem::replace(&mut self.node, open(meanwhile.path()).await.expect("a home"));
        node.shutdown().await.expect("all is saved");
        drop(node);
        self.node = soon(&format!("{name}'s home being let go"), || async { open(&home).await.ok() }).await;
    }

    pub async fn online(&self) {
        self.node.go_online().await.expect("the loopback interface");
    }

    /// Goes online, and calls another member where they are now: a link says so.
    pub async fn calls(&self, other: &Person, space: &str) {
        let link = other.node.invite(space, "viewer", None, None).await.expect("a link");
        self.node.join(&link).await.expect("they are in already");
    }

    pub async fn text(&self, document: &str) -> String {
        let bytes = self.node.export(document, Format::Text).await.unwrap_or_default();
        String::from_utf8(bytes).expect("text")
    }

    pub async fn reads(&self, document: &str, words: &str) {
        soon(&format!("`{words}` at {}'s", self.name), || async {
            self.text(document).await.contains(words).then_some(())
        })
        .await;
    }

    pub async fn writes(&self, document: &str, words: &str) {
        soon(&format!("{} being able to write", self.name), || async { self.node.append(document, words).await.ok() })
            .await;
    }

    pub async fn pieces(&self, space: &str) -> Vec<SetAside> {
        self.node.set_aside(space).await.expect("a list")
    }

    /// Waits until so many pieces are set aside here.
    pub async fn sets_aside(&self, space: &str, count: usize) -> Vec<SetAside> {
        soon(&format!("{count} pieces set aside at {}'s", self.name), || async {
            let pieces = self.pieces(space).await;
            (pieces.len() == count).then_some(pieces)
        })
        .await
    }

    pub fn id(&self) -> String {
        self.node.me().expect("somebody").person
    }
}

async fn open(home: &std::path::Path) -> Result<Node, sheaf_node::NodeError> {
    let listen = Some("127.0.0.1:0".parse().expect("an address"));
    Node::open(Options { listen, ..Options::alone(home.to_owned()) }).await
}

/// Ana's space with a document, and Ben and Cleo in it.
pub struct Team {
    pub ana: Person,
    pub ben: Person,
    pub cleo: Person,
    pub space: String,
    pub document: String,
    _homes: tempfile::TempDir,
}

impl Team {
    /// Ben is an editor; Cleo, who came before him, has this role.
    pub async fn new(role: &str) -> Self {
        let homes = tempfile::tempdir().expect("a temporary folder");
        let ana = Person::new(&homes, "Ana").await;
        let ben = Person::new(&homes, "Ben").await;
        let cleo = Person::new(&homes, "Cleo").await;
        ana.online().await;
        let space = ana.node.create_space("Field station").await.expect("a space").id;
        let document = ana.node.create_document(Some(&space), "Spring visit").await.expect("a document").id;
        for (person, role) in [(&cleo, role), (&ben, "editor")] {
            let link = ana.node.invite(&space, role, None, None).await.expect("a link");
            person.node.join(&link).await.expect("they join");
        }
        let team = Self { ana, ben, cleo, space, document, _homes: homes };
        team.ana.writes(&team.document, "Ana at first.").await;
        team.ben.writes(&team.document, "Ben at first.").await;
        team.cleo.writes(&team.document, "Cleo at first.").await;
        team.agree(&["Ana at first.", "Ben at first.", "Cleo at first."]).await;
        team
    }

    pub fn all(&self) -> [&Person; 3] {
        [&self.ana, &self.ben, &self.cleo]
    }

    /// All of them read the same, with these words.
    pub async fn agree(&self, words: &[&str]) {
        agree(&self.all(), &self.document, words).await;
    }
}

/// These people read the same, with these words.
pub async fn agree(people: &[&Person], document: &str, words: &[&str]) {
    soon(&format!("everyone reading {words:?}"), || async {
        let mut texts = Vec::new();
        for person in people {
            texts.push(person.text(document).await);
        }
        let same = texts.windows(2).all(|pair| pair[0] == pair[1]);
        (same && words.iter().all(|words| texts[0].contains(words))).then_some(())
    })
    .await;
}
