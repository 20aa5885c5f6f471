//! Two honest nodes in this process, who share a space: Ana, whom the harm is meant for, and Kofi, who stands by.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sheaf_access::{DocumentId, InvitationLink, InvitationSecret, Role, SpaceId};
use sheaf_node::{Format, Node, NodeError, NodeEvent, Options, RefusalInfo};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::DEADLINE;
use crate::logged::{listen_to_log, logged};
use crate::raw::{Held, Line, Raw};

/// What hostile devices write, and nobody may ever read.
pub const HOSTILE: &str = "HOSTILE";

/// Asks again and again until the answer is there.
///
/// # Panics
/// After [`DEADLINE`], naming what was waited for.
pub async fn soon<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a node says something.
///
/// # Panics
/// After [`DEADLINE`], naming what was waited for.
pub async fn told(what: &str, events: &mut Receiver<NodeEvent>, is: impl Fn(&NodeEvent) -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let event = tokio::time::timeout_at(deadline, events.recv()).await;
        match event.unwrap_or_else(|_| panic!("waited {DEADLINE:?} for {what}")) {
            Ok(event) if is(&event) => return,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => panic!("the node ended before {what}"),
        }
    }
}

/// What someone sees of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Each document's text, by title.
    pub texts: BTreeMap<String, String>,
    /// Each member's role, by name.
    pub members: BTreeMap<String, String>,
}

/// Ana's space with Kofi in it, a document of Ana's, and both of them online.
pub struct Scene {
    /// Whom the harm is meant for; an owner.
    pub ana: Node,
    /// Who stands by; an editor.
    pub kofi: Node,
    /// Their space.
    pub space: String,
    /// Their document.
    pub document: String,
    homes: tempfile::TempDir,
}

impl Scene {
    /// Brings them together.
    ///
    /// # Panics
    /// When they do not meet.
    pub async fn new() -> Self {
        listen_to_log();
        let homes = tempfile::tempdir().expect("a temporary folder");
        let (ana, kofi) = (person(&homes, "Ana").await, person(&homes, "Kofi").await);
        let space = ana.create_space("Field station").await.expect("a space").id;
        let document = ana.create_document(Some(&space), "Spring visit").await.expect("a document").id;
        ana.append(&document, "Two floats and a rope.").await.expect("words");
        let link = ana.invite(&space, "editor", None, None).await.expect("a link");
        kofi.join(&link).await.expect("Kofi joins");
        let scene = Self { ana, kofi, space, document, homes };
        scene.still_served("at the beginning").await;
        scene
    }

    /// Another person with a node of their own, online.
    pub async fn another(&self, name: &str) -> Node {
        person(&self.homes, name).await
    }

    /// The folder of somebody's home.
    pub fn home(&self, name: &str) -> PathBuf {
        self.homes.path().join(name)
    }

    /// Ends somebody's node and opens their home again, off the network.
    ///
    /// # Panics
    /// When not all is saved, or the home is not let go.
    pub async fn restarted(&self, node: Node, name: &str) -> Node {
        node.shutdown().await.expect("all is saved");
        drop(node);
        soon(&format!("{name}'s home being let go"), || async { open(&self.homes, name).await.ok() }).await
    }

    /// A hostile device that was let in with a role.
    ///
    /// # Panics
    /// When it is not let in.
    pub async fn mallory(&self, role: &str) -> (Raw, Line, Held) {
        let invitation = self.ana.invite(&self.space, role, None, None).await.expect("a link");
        let raw = Raw::new();
        let (line, mut held) = raw.join(&invitation).await;
        held.open_keys(&raw);
        // Kofi hears of it too, so that nothing afterwards is about that.
        let id = raw.certificate.person.to_string();
        soon("Kofi knowing of the newcomer", || async {
            let members = self.kofi.members(&self.space).await.expect("members");
            members.iter().any(|member| member.id == id).then_some(())
        })
        .await;
        assert!(role.parse::<Role>().is_ok());
        (raw, line, held)
    }

    /// The document's id.
    ///
    /// # Panics
    /// Never: a node has written it.
    pub fn document_id(&self) -> DocumentId {
        self.document.parse().expect("a document's id")
    }

    /// The space's id.
    ///
    /// # Panics
    /// Never: a node has written it.
    pub fn space_id(&self) -> SpaceId {
        self.space.parse().expect("a space's id")
    }

    /// Another connection of a hostile device to Ana.
    ///
    /// # Panics
    /// When she does not answer.
    pub async fn call(&self, raw: &Raw) -> Line {
        let addresses = self.ana.go_online().await.expect("Ana is online");
        let device = self.ana.me().expect("Ana is somebody").device.parse().expect("a device's id");
        raw.call(device, &addresses).await
    }

    /// A link that leads to Ana.
    ///
    /// # Panics
    /// When she is not online.
    pub async fn link_to_ana(&self, secret: InvitationSecret, role: Role) -> String {
        let addresses = self.ana.go_online().await.expect("Ana is online");
        let device = self.ana.me().expect("Ana is somebody").device.parse().expect("a device's id");
        let addresses = addresses.iter().map(ToString::to_string).collect();
        let relays = Vec::new();
        let link = InvitationLink { space: self.space_id(), secret, device, addresses, relays, role };
        link.to_text().expect("a link can be written")
    }

    /// What Ana sees of the space.
    pub async fn picture(&self) -> Picture {
        self.picture_of(&self.space).await
    }

    /// What Ana sees of a space.
    pub async fn picture_of(&self, space: &str) -> Picture {
        picture(&self.ana, space).await
    }

    /// Nothing of what Ana sees has changed, nothing hostile is in it, and she and Kofi still read each other.
    ///
    /// # Panics
    /// When something has.
    pub async fn unharmed(&self, before: &Picture) {
        assert_eq!(self.picture().await, *before);
        self.still_served("after the attack").await;
        let after = self.picture().await;
        for (title, text) in &after.texts {
            assert!(!text.contains(HOSTILE), "{title}: {text}");
            let mut lines = text.lines();
            assert!(before.texts[title].lines().all(|line| lines.any(|other| other == line)), "{before:?}\n{after:?}");
        }
        assert_eq!(after.members, before.members);
    }

    /// Each of the two writes, and the other reads it.
    pub async fn still_served(&self, when: &str) {
        for (from, to, name) in [(&self.kofi, &self.ana, "Kofi"), (&self.ana, &self.kofi, "Ana")] {
            let words = format!("{name}, {when} ({:08x}).", rand::random::<u32>());
            soon("the document", || async { from.append(&self.document, &words).await.ok() }).await;
            soon(&format!("{name}'s words {when}"), || async {
                text(to, &self.document).await.filter(|text| text.contains(&words))
            })
            .await;
        }
    }

    /// Ana has counted a refusal of a device under a number, and said it in her log with its rule.
    ///
    /// # Panics
    /// When she has not.
    pub async fn counted(&self, raw: &Raw, code: u16) -> RefusalInfo {
        let refusal = soon(&format!("refusal {code} of {}; there is {:?}", raw.id(), self.ana.refusals()), || async {
            self.ana.refusals().into_iter().find(|refusal| refusal.device == raw.id() && refusal.code == code)
        })
        .await;
        let rule = format!("rule=\"{}\"", refusal.rule);
        soon("a line in the log", || async {
            logged(&[&raw.id(), &rule, &format!("code={code} ")]).into_iter().next()
        })
        .await;
        refusal
    }
}

async fn open(homes: &tempfile::TempDir, name: &str) -> Result<Node, NodeError> {
    let listen = Some("127.0.0.1:0".parse().expect("an address"));
    Node::open(Options { listen, ..Options::alone(homes.path().join(name)) }).await
}

async fn person(homes: &tempfile::TempDir, name: &str) -> Node {
    let node = open(homes, name).await.expect("a home");
    node.init(name, 1).await.expect("a person");
    node.go_online().await.expect("the loopback interface");
    node
}

async fn text(node: &Node, document: &str) -> Option<String> {
    let bytes = node.export(document, Format::Text).await.ok()?;
    Some(String::from_utf8(bytes).expect("text"))
}

/// What a node's person sees of a space.
///
/// # Panics
/// When it cannot be read.
pub async fn picture(node: &Node, space: &str) -> Picture {
    let mut texts = BTreeMap::new();
    for document in node.documents(Some(space)).await.expect("documents") {
        let text = text(node, &document.id).await.expect("a text");
        texts.insert(document.title, text);
    }
    let members = node.members(space).await.expect("members");
    let members = members.into_iter().map(|member| (member.id, member.role)).collect();
    Picture { texts, members }
}
