//! People with a node each, who can be brought online and put to sleep.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sheaf_node::{Format, MemberInfo, Node, NodeError, Options};
use sheaf_tests::soon;
use tempfile::TempDir;

/// Someone with a home, awake or asleep.
pub struct Person {
    pub name: &'static str,
    home: PathBuf,
    /// Where the others remember them: the same every time they are online.
    listen: SocketAddr,
    /// How long they leave an expired invitation open.
    grace: Option<Duration>,
    node: Option<Node>,
}

/// A place for homes, and a person who founds a space there.
pub fn homes() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

impl Person {
    /// Someone new, online.
    pub async fn new(homes: &TempDir, name: &'static str) -> Self {
        Self::begin(homes, name, None).await
    }

    /// Someone new, online, whose node closes an expired invitation so long after its end.
    pub async fn who_closes_after(homes: &TempDir, name: &'static str, grace: Duration) -> Self {
        Self::begin(homes, name, Some(grace)).await
    }

    async fn begin(homes: &TempDir, name: &'static str, grace: Option<Duration>) -> Self {
        let mut person = Self { name, home: homes.path().join(name), listen: free_address(), grace, node: None };
        person.wake().await;
        person.node().init(name, 1).await.expect("a person");
        person.node().go_online().await.expect("the loopback interface");
        person
    }

    /// Their node.
    pub fn node(&self) -> &Node {
        self.node.as_ref().unwrap_or_else(|| panic!("{} is asleep", self.name))
    }

    /// Closes their node.
    pub async fn sleep(&mut self) {
        if let Some(node) = self.node.take() {
            node.shutdown().await.expect("everything is saved");
        }
    }

    /// Opens it again, offline.
    pub async fn wake(&mut self) {
        let alone = Options::alone(&self.home);
        let grace = self.grace.unwrap_or(alone.grace);
        let options = Options { listen: Some(self.listen), grace, ..alone };
        // The one before may still be letting go of the home.
        let node = soon("the home", || async { Node::open(options.clone()).await.ok() }).await;
        self.node = Some(node);
    }

    /// Opens it again, online.
    pub async fn wake_online(&mut self) {
        self.wake().await;
        self.goes_online().await;
    }

    /// Goes online where they were before, as soon as the node of then has let go of the address.
    pub async fn goes_online(&self) {
        soon("the loopback interface", || async { self.node().go_online().await.ok() }).await;
    }

    /// Their id.
    pub fn id(&self) -> String {
        self.node().me().expect("somebody").person
    }

    /// What they read in a document; nothing while it has not come.
    pub async fn reads(&self, document: &str) -> String {
        let bytes = self.node().export(document, Format::Text).await.unwrap_or_default();
        String::from_utf8(bytes).expect("text")
    }

    /// Waits until they read these words.
    pub async fn comes_to_read(&self, document: &str, words: &str) {
        soon(&format!("{} to read “{words}”", self.name), || async {
            self.reads(document).await.contains(words).then_some(())
        })
        .await;
    }

    /// Writes, when their node lets them.
    pub async fn comes_to_write(&self, document: &str, words: &str) {
        soon(&format!("{} to write “{words}”", self.name), || async {
            self.node().append(document, words).await.ok()
        })
        .await;
    }

    /// Someone's role as they see it; none if that is no member.
    pub async fn role_of(&self, space: &str, person: &str) -> Option<String> {
        self.member(space, person).await.map(|member| member.role)
    }

    /// A member as they see them.
    pub async fn member(&self, space: &str, person: &str) -> Option<MemberInfo> {
        let members = self.node().members(space).await.expect("members");
        members.into_iter().find(|member| member.id == person)
    }

    /// Waits until they see someone in this role.
    pub async fn comes_to_see(&self, space: &str, person: &str, role: Option<&str>) {
        soon(&format!("{} to see {person} as {role:?}", self.name), || async {
            (self.role_of(space, person).await.as_deref() == role).then_some(())
        })
        .await;
    }

    /// Lets someone into a space, and waits until both are in step.
    pub async fn lets_in(&self, space: &str, other: &Person, role: &str) {
        let link = self.node().invite(space, role, None, None).await.expect("a link");
        other.node().join(&link).await.expect("they join");
        self.comes_to_see(space, &other.id(), Some(role)).await;
    }
}

fn free_address() -> SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("a bound socket has an address")
}

/// The code of a refusal.
pub fn code<T>(result: Result<T, NodeError>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(error) => {
            assert!(error.to_string().ends_with(['.', '`']), "not a sentence: {error}");
            error.code()
        }
    }
}

/// Ana's space, with one document in it.
pub async fn field_station(ana: &Person) -> (String, String) {
    let space = ana.node().create_space("Field station").await.expect("a space").id;
    let document = ana.node().create_document(Some(&space), "Spring visit").await.expect("a document").id;
    ana.node().append(&document, "Two floats and a rope.").await.expect("words");
    (space, document)
}
