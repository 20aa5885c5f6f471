//! [`Node`]: everything the desktop, the command line and the tests can ask for. There is no other way in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sheaf_access::{AccessOp, ContentKey, InvitationLink, ParseLinkError, Role, SpaceId};
use sheaf_document::model::Item;
use sheaf_document::session::{ToCore, ToWindow};
use sheaf_document::{Genesis, export, import};
use sheaf_log::Draft;
use sheaf_net::NetConfig;
use sheaf_store::Home;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::core::{Core, locked, now};
use crate::document::{Handle, Message};
use crate::error::NodeError;
use crate::identity::Identity;
use crate::network::{self, Input, Network};
use crate::space::Space;
use crate::view::{DocumentInfo, Link, Me, MemberInfo, NodeEvent, Place, Placement, SpaceInfo, SyncReport};
use crate::writer::Work;

/// How long `join` waits for the inviter before it says that it goes on in the background.
const JOIN: Duration = Duration::from_secs(20);
/// The largest file that is read as text, in bytes.
const IMPORT: usize = 16 << 20;
/// The most blocks a document is made with.
const IMPORT_BLOCKS: usize = 100_000;
/// What a person's first space is called until they call it something else.
const PRIVATE: &str = "Private";

/// How to open a node.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds everything.
    pub home: PathBuf,
    /// Where others can call; none: a port of this home's own, on all interfaces.
    pub listen: Option<SocketAddr>,
    /// Whether to look for devices on the local network, and be found.
    pub discovery: bool,
}

/// How a document is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Markdown.
    Markdown,
    /// A whole HTML page.
    Html,
    /// The text alone.
    Text,
    /// The blocks, as JSON.
    Json,
    /// The Automerge document, with its history.
    Automerge,
}

/// The local node. Cheap to clone; all clones are the same node.
#[derive(Clone)]
pub struct Node {
    core: Arc<Core>,
    options: Arc<Options>,
    notices: Arc<[String]>,
}

/// An open window on one document. Dropping it closes it.
pub struct Session {
    handle: Handle,
    number: u64,
    closed: bool,
}

static SESSION: AtomicU64 = AtomicU64::new(1);

impl Session {
    /// Tells the core what the window says. Never waits.
    pub fn send(&self, message: ToCore) {
        // The thread stays as long as a window is open; one that could not load its document takes nothing.
        let _ = self.handle.tell(Message::FromWindow { session: self.number, message });
    }

    /// Closes it, when all it wrote is saved; an error means that something is not.
    pub async fn close(mut self) -> Result<(), NodeError> {
        self.closed = true;
        let (done, answer) = oneshot::channel();
        // A thread that has ended has saved everything before.
        let _ = self.handle.tell(Message::Close { session: self.number, done: Some(done) });
        answer.await.unwrap_or(Ok(()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.closed {
            let _ = self.handle.tell(Message::Close { session: self.number, done: None });
        }
    }
}

/// Runs what blocks where it may.
async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, NodeError> + Send + 'static,
) -> Result<R, NodeError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| NodeError::Closing)?
}

impl Node {
    /// Opens a home: takes its lock, puts in order what a crash has left, and reads what it needs. No network yet.
    pub async fn open(options: Options) -> Result<Self, NodeError> {
        let folder = options.home.clone();
        let (core, notices) = blocking(move || {
            let (home, opened) = Home::open(&folder)?;
            let mut notices: Vec<String> = opened.repaired.iter().map(ToString::to_string).collect();
            if opened.needs_new_logs() {
                notices.push("what others wrote comes back when one of their devices can be reached.".into());
            }
            Ok((Core::open(home, &opened)?, notices))
        })
        .await?;
        Ok(Self { core, options: Arc::new(options), notices: notices.into() })
    }

    /// What opening had to put in order: sentences for the person.
    pub fn notices(&self) -> Vec<String> {
        self.notices.to_vec()
    }

    /// Who this is; nobody before [`Node::init`].
    pub fn me(&self) -> Option<Me> {
        self.core.me().ok().map(|me| me.me())
    }

    /// Begins: a person, a device, and a private space.
    pub async fn init(&self, name: &str, colour: u8) -> Result<Me, NodeError> {
        let me = match self.core.me() {
            Ok(me) if self.core.first_space().is_some() => return Err(NodeError::AlreadyInitialised(me.name.clone())),
            // It was interrupted half-way: it goes on with the same person.
            Ok(me) => me,
            Err(_) => {
                let identity = Identity::generate(name, colour)?;
                let core = Arc::clone(&self.core);
                blocking(move || core.set_me(identity)).await?
            }
        };
        self.create_space(PRIVATE).await?;
        Ok(me.me())
    }

    /// Changes the name and colour others see.
    pub async fn set_profile(&self, name: &str, colour: u8) -> Result<Me, NodeError> {
        let identity = self.core.me()?.renamed(name, colour)?;
        let core = Arc::clone(&self.core);
        let me = blocking(move || core.set_me(identity)).await?;
        for space in self.core.spaces() {
            self.introduce_myself(&space).await;
        }
        self.core.say(NodeEvent::Spaces);
        Ok(me.me())
    }

    /// The spaces this device has, the private one first, then by name.
    pub async fn spaces(&self) -> Result<Vec<SpaceInfo>, NodeError> {
        self.core.me()?;
        let mut spaces = Vec::new();
        for space in self.core.spaces() {
            spaces.push(self.space_info(&space).await?);
        }
        spaces
            .sort_by(|a, b| b.private.cmp(&a.private).then_with(|| a.name.cmp(&b.name)).then_with(|| a.id.cmp(&b.id)));
        Ok(spaces)
    }

    async fn space_info(&self, space: &Arc<Space>) -> Result<SpaceInfo, NodeError> {
        let me = self.core.me()?;
        let access = space.access();
        let name = self.core.space_name(space).await?;
        let people = access.as_ref().map_or(0, |access| access.members().len());
        let open = access.as_ref().map_or(0, |access| access.invitations().len());
        Ok(SpaceInfo {
            id: space.id.to_string(),
            private: people == 1 && open == 0 && self.core.is_first_space(space.id),
            role: access.and_then(|access| access.role_of(&me.keys.device.id())).map(|role| role.to_string()),
            name,
            people,
        })
    }

    /// Makes a space with this person as its owner.
    pub async fn create_space(&self, name: &str) -> Result<SpaceInfo, NodeError> {
        let name = checked_title(name, "a space's name")?;
        let me = self.core.me()?;
        let core = Arc::clone(&self.core);
        let space = blocking(move || found(&core, &me)).await?;
        self.core.set_space_name(&space, &name).await?;
        self.introduce_myself(&space).await;
        self.settle().await?;
        self.space_info(&space).await
    }

    /// The members of a space.
    pub async fn members(&self, space: &str) -> Result<Vec<MemberInfo>, NodeError> {
        let space = self.space_of(space)?;
        let me = self.core.me()?;
        let people = self.core.people(&space).await?;
        let Some(access) = space.access() else { return Ok(Vec::new()) };
        let mine = access.role_of(&me.keys.device.id());
        // The space is named by the entry that made it, which is also the founder's grant.
        let creation = sheaf_access::EntryHash::from_bytes(*space.id.as_bytes());
        let member = |member: &sheaf_access::Member| {
            let known = people.get(&member.person.to_string());
            let you = member.person == me.person();
            MemberInfo {
                id: member.person.to_string(),
                name: if you { me.name.clone() } else { known.map(|p| p.0.clone()).unwrap_or_default() },
                colour: if you { me.colour } else { known.map_or(1, |p| p.1) },
                role: member.role.to_string(),
                devices: member.devices.len(),
                you,
                founder: member.grant == creation,
                verified: you,
                can_change: mine == Some(Role::Owner) && !you && member.grant != creation,
            }
        };
        Ok(access.members().map(member).collect())
    }

    /// Finds a space by its id, the beginning of it (four letters or more), or its name.
    pub async fn find_space(&self, text: &str) -> Result<SpaceInfo, NodeError> {
        let spaces = self.spaces().await?;
        let found = find(text, &spaces, |space| (&space.id, &space.name), "spaces")?;
        found.cloned().ok_or_else(|| NodeError::NoSuchSpace(shown(text)))
    }

    /// The documents of one space, or of all, by title.
    pub async fn documents(&self, space: Option<&str>) -> Result<Vec<DocumentInfo>, NodeError> {
        self.core.me()?;
        let spaces = match space {
            Some(space) => vec![self.space_of(space)?],
            None => self.core.spaces(),
        };
        let mut documents = Vec::new();
        for space in spaces {
            documents.extend(self.core.list_documents(&space).await?);
        }
        documents.sort_by(|a, b| a.title.cmp(&b.title).then_with(|| a.id.cmp(&b.id)));
        Ok(documents)
    }

    /// Finds a document by its id, the beginning of it (four letters or more), or its title.
    pub async fn find_document(&self, text: &str) -> Result<DocumentInfo, NodeError> {
        let documents = self.documents(None).await?;
        let found = find(text, &documents, |document| (&document.id, &document.title), "documents")?;
        found.cloned().ok_or_else(|| NodeError::NoSuchDocument(shown(text)))
    }

    /// Makes a document with a title and an empty paragraph.
    pub async fn create_document(&self, space: Option<&str>, title: &str) -> Result<DocumentInfo, NodeError> {
        let space = self.space_or_first(space)?;
        let title = checked_title(title, "a title")
            .or_else(|e| if title.trim().is_empty() { Ok(String::new()) } else { Err(e) })?;
        let document = self.core.create_document(&space, &title, crate::library::titled(&title)).await?;
        self.settle().await?;
        Ok(document)
    }

    /// A document's place and its blocks.
    pub async fn read(&self, document: &str) -> Result<(DocumentInfo, Vec<Item>), NodeError> {
        let (space, info) = self.locate(document).await?;
        let id = crate::library::parse_document(document)?;
        let items = self.core.with_document(&space, id, Genesis::Text, |task| Ok(task.items())).await?;
        Ok((info, items))
    }

    /// A document, written out.
    pub async fn export(&self, document: &str, format: Format) -> Result<Vec<u8>, NodeError> {
        if format == Format::Automerge {
            let (space, _) = self.locate(document).await?;
            let id = crate::library::parse_document(document)?;
            return self.core.with_document(&space, id, Genesis::Text, |task| Ok(task.save())).await;
        }
        let (info, items) = self.read(document).await?;
        Ok(match format {
            Format::Markdown => export::markdown(&items).into_bytes(),
            Format::Html => export::html(&info.title, &items).into_bytes(),
            Format::Text => export::plain(&items).into_bytes(),
            Format::Json | Format::Automerge => export::json(&info.title, &items).into_bytes(),
        })
    }

    /// Makes a document from a file's bytes. Nothing is imported by half.
    pub async fn import(&self, space: Option<&str>, name: &str, bytes: Vec<u8>) -> Result<DocumentInfo, NodeError> {
        let space = self.space_or_first(space)?;
        let name = name.to_owned();
        let imported = blocking(move || read_file(&name, &bytes)).await?;
        let document = self.core.create_document(&space, &imported.title, imported.items).await?;
        self.settle().await?;
        Ok(document)
    }

    /// Adds paragraphs at the end of a document, one for each line of the text.
    pub async fn append(&self, document: &str, text: &str) -> Result<(), NodeError> {
        let (space, _) = self.locate(document).await?;
        let id = crate::library::parse_document(document)?;
        let more = import::plain(text);
        self.core.with_document(&space, id, Genesis::Text, move |task| task.append(more)).await?;
        self.settle().await
    }

    /// Makes a document say what a Markdown text says. Only the difference is written.
    pub async fn replace(&self, document: &str, markdown: &str) -> Result<(), NodeError> {
        let (space, _) = self.locate(document).await?;
        let id = crate::library::parse_document(document)?;
        let markdown = markdown.to_owned();
        // What did not change in the text keeps everything that Markdown cannot say.
        let revise = move |task: &mut crate::document::Task| {
            let items = import::revise(&task.items(), &markdown);
            task.replace(&items)
        };
        self.core.with_document(&space, id, Genesis::Text, revise).await?;
        self.settle().await
    }

    /// Opens an invitation to a space and answers its link.
    pub async fn invite(&self, space: &str, role: &str) -> Result<String, NodeError> {
        let space = self.space_of(space)?;
        let role: Role =
            role.parse().map_err(|error: sheaf_access::ParseRoleError| NodeError::BadInput(error.to_string()))?;
        let addresses = self.go_online().await?;
        let core = Arc::clone(&self.core);
        let link = blocking(move || core.invite(&space, role, &addresses)).await?;
        self.settle().await?;
        self.core.say(NodeEvent::Spaces);
        Ok(link)
    }

    /// Joins the space a link invites to. Resolves when the space is here; if the inviter cannot be reached, it says so
    /// and goes on whenever this device is online.
    pub async fn join(&self, link: &str) -> Result<SpaceInfo, NodeError> {
        let link: InvitationLink = link.parse().map_err(|error| match error {
            ParseLinkError::CutShort => NodeError::InvitationCutShort(error.to_string()),
            _ => NodeError::NotAnInvitation(error.to_string()),
        })?;
        let mut events = self.core.subscribe();
        self.go_online().await?;
        let core = Arc::clone(&self.core);
        let space = blocking(move || core.begin_joining(&link)).await?;
        let id = space.id.to_string();
        let joined = async {
            while space.role(&*self.core.me()?).is_none() {
                match events.recv().await {
                    Ok(NodeEvent::JoinFailed { space, reason }) if space == id => {
                        return Err(NodeError::InvitationRefused(reason));
                    }
                    Err(broadcast::error::RecvError::Closed) => return Err(NodeError::Closing),
                    _ => {}
                }
            }
            Ok(())
        };
        tokio::time::timeout(JOIN, joined).await.map_err(|_| {
            NodeError::Unreachable(
                "whoever invited you cannot be reached now. The invitation is remembered: stay online, or try again when they are."
                    .into(),
            )
        })??;
        self.settle().await?;
        self.introduce_myself(&space).await;
        self.wait_for_step(&space).await;
        self.settle().await?;
        self.space_info(&space).await
    }

    /// After joining: a moment for the inviter to hear of it and for the documents to come.
    async fn wait_for_step(&self, space: &Arc<Space>) {
        let Some(network) = self.core.network() else { return };
        let mut reach = network.reach;
        let in_step = async {
            while !reach.borrow_and_update().devices.values().any(|device| device.synced.get(&space.id) == Some(&true))
            {
                if reach.changed().await.is_err() {
                    return;
                }
            }
        };
        // Not an error: what is not here yet comes when it comes.
        let _ = tokio::time::timeout(Duration::from_secs(5), in_step).await;
    }

    /// Connects with whoever can be reached, now and from now on. Answers where others can call this device.
    pub async fn go_online(&self) -> Result<Vec<SocketAddr>, NodeError> {
        let _going = self.core.going_online.lock().await;
        if let Some(network) = self.core.network() {
            return Ok(network.addresses.to_vec());
        }
        let me = self.core.me()?;
        let network = self.open_network(&me).await?;
        let addresses = network.addresses.to_vec();
        self.core.set_network(Some(network));
        for space in self.core.spaces() {
            self.core.show_network(&space)?;
        }
        for space in self.core.spaces() {
            // A process that ended in the middle of joining goes on where it was.
            self.core.finish_joining(&space);
            self.core.redeem(&space);
        }
        Ok(addresses)
    }

    async fn open_network(&self, me: &Identity) -> Result<Network, NodeError> {
        let config = |listen| NetConfig {
            listen,
            discovery: self.options.discovery,
            ..NetConfig::new(*me.keys.device.signing_seed())
        };
        if self.options.listen.is_some() {
            return network::start(Arc::clone(&self.core), config(self.options.listen)).await;
        }
        // The same port every time, so that the addresses others remember stay good.
        let port = self.core.own_port()?;
        let own = SocketAddr::from(([0, 0, 0, 0], port));
        match network::start(Arc::clone(&self.core), config(Some(own))).await {
            Ok(network) => Ok(network),
            Err(_) => network::start(Arc::clone(&self.core), config(None)).await,
        }
    }

    /// Tries everyone again now.
    pub fn try_now(&self) {
        self.core.tell_network(Input::TryNow);
    }

    /// Exchanges what is new with whoever can be reached before the deadline, and says how it went.
    pub async fn sync_once(&self, deadline: Duration) -> Result<SyncReport, NodeError> {
        self.go_online().await?;
        let network = self.core.network().ok_or(NodeError::Closing)?;
        crate::once::sync_once(&self.core, &network, self.options.discovery, deadline).await
    }

    /// Opens a window on a document. The first message is a `Reset`.
    pub async fn open_session(
        &self,
        document: &str,
    ) -> Result<(Session, mpsc::UnboundedReceiver<ToWindow>), NodeError> {
        let (space, _) = self.locate(document).await?;
        let id = crate::library::parse_document(document)?;
        let (window, messages) = mpsc::unbounded_channel();
        let number = SESSION.fetch_add(1, Ordering::Relaxed);
        let handle = self.core.tell(&space, id, Genesis::Text, Message::Open { session: number, window })?;
        Ok((Session { handle, number, closed: false }, messages))
    }

    /// Where a document is, as far as receipts prove it.
    pub async fn placement(&self, document: &str) -> Result<Placement, NodeError> {
        let (space, _) = self.locate(document).await?;
        let me = self.core.me()?;
        let people = self.core.people(&space).await?;
        let network = self.core.network();
        let own_seq = space.lock().log.seq;
        let access = space.access();
        let mut places = Vec::new();
        for member in access.iter().flat_map(|access| access.members()) {
            for device in member.devices.keys().filter(|device| **device != me.keys.device.id()) {
                let receipt = locked(&self.core.receipts).of(space.id, *device);
                let standing = network.as_ref().and_then(|n| n.reach.borrow().devices.get(device).cloned());
                let link = match standing {
                    Some(s) if s.connected && s.synced.get(&space.id) == Some(&true) => Link::Live,
                    Some(s) if s.connected => Link::Syncing,
                    Some(s) if s.dialing => Link::Dialing,
                    _ => Link::Away,
                };
                let known = people.get(&member.person.to_string());
                let yours = member.person == me.person();
                places.push(Place {
                    device: device.to_string(),
                    name: if yours { me.name.clone() } else { known.map(|p| p.0.clone()).unwrap_or_default() },
                    colour: if yours { me.colour } else { known.map_or(1, |p| p.1) },
                    yours,
                    link,
                    confirmed: receipt.map(|receipt| receipt.at),
                    waiting: own_seq.saturating_sub(receipt.map_or(0, |receipt| receipt.own)),
                });
            }
        }
        Ok(Placement {
            saved: locked(&self.core.saved_at).get(&space.id).copied(),
            failing: self.core.failing(),
            shared: !places.is_empty(),
            places,
        })
    }

    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<NodeEvent> {
        self.core.subscribe()
    }

    /// Ends: everything saved, caches written, connections closed. The home can be opened again afterwards.
    pub async fn shutdown(&self) -> Result<(), NodeError> {
        if let Some(network) = self.core.network() {
            network.stop().await;
            self.core.set_network(None);
        }
        self.core.rest_documents().await;
        let saved = self.settle().await;
        self.core.stop_writer();
        saved
    }

    /// Waits until everything written so far is stored.
    async fn settle(&self) -> Result<(), NodeError> {
        let core = Arc::clone(&self.core);
        blocking(move || core.flush()).await
    }

    /// Writes this person's name and colour into a space's index, where this person may write.
    async fn introduce_myself(&self, space: &Arc<Space>) {
        match self.core.introduce(space).await {
            // A viewer is known by what they say of themselves when they are there.
            Ok(()) | Err(NodeError::Role(_)) => {}
            Err(error) => tracing::warn!(%error, space = %space.id, "the name is not written down"),
        }
    }

    fn space_of(&self, id: &str) -> Result<Arc<Space>, NodeError> {
        let parsed: SpaceId = id.parse().map_err(|_| NodeError::NoSuchSpace(shown(id)))?;
        self.core.space(parsed).ok_or_else(|| NodeError::NoSuchSpace(shown(id)))
    }

    fn space_or_first(&self, space: Option<&str>) -> Result<Arc<Space>, NodeError> {
        match space {
            Some(space) => self.space_of(space),
            None => self.core.first_space().ok_or(NodeError::NotInitialised),
        }
    }

    /// The space a document is in, and what is known of it.
    async fn locate(&self, document: &str) -> Result<(Arc<Space>, DocumentInfo), NodeError> {
        self.core.me()?;
        for space in self.core.spaces() {
            let documents = self.core.list_documents(&space).await?;
            if let Some(info) = documents.into_iter().find(|info| info.id == document) {
                return Ok((space, info));
            }
        }
        Err(NodeError::NoSuchDocument(shown(document)))
    }
}

/// Makes a space: its first entry creates it, and its id is that entry's hash.
fn found(core: &Arc<Core>, me: &Arc<Identity>) -> Result<Arc<Space>, NodeError> {
    let mut rng = rand::rng();
    let key = ContentKey::generate(&mut rng);
    let op = AccessOp::create(me.keys.certificate, &key, &mut rng)
        .map_err(|error| NodeError::BadInput(error.to_string()))?;
    let mut state = core.new_state(SpaceId::UNBORN, me)?;
    let entry = Draft::founding(state.log.id, now(), &op, &me.keys.device)
        .map_err(|error| NodeError::BadInput(error.to_string()))?;
    let id = entry.space();
    core.put_log(id, state.log.id)?;
    state.admit_access(&entry).map_err(|refusal| NodeError::Role(refusal.to_string()))?;
    state.log.seq = entry.seq();
    state.log.tip = Some(entry.hash());
    state.take_keys(me);
    let space = Space::new(id, state, 0);
    {
        let _state = space.lock();
        core.write(Work::new(&space, entry, None));
    }
    core.flush()?;
    core.add_space(&space)?;
    core.remember_first_space(id)?;
    Ok(space)
}

/// Reads a file as blocks, unless it is more than a document holds.
fn read_file(name: &str, bytes: &[u8]) -> Result<import::Imported, NodeError> {
    let is_automerge =
        std::path::Path::new(name).extension().is_some_and(|kind| kind.eq_ignore_ascii_case("automerge"));
    if !is_automerge && bytes.len() > IMPORT {
        return Err(NodeError::BadInput(format!(
            "{name} has {} MB, and a document takes at most {} MB of text. Split it; nothing was imported.",
            bytes.len() >> 20,
            IMPORT >> 20
        )));
    }
    let imported = import::file(name, bytes).map_err(|error| NodeError::BadInput(error.to_string()))?;
    let blocks = imported.items.iter().filter(|item| matches!(item, Item::Block { .. })).count();
    if blocks > IMPORT_BLOCKS {
        return Err(NodeError::BadInput(format!(
            "{name} has {blocks} paragraphs, and a document takes at most {IMPORT_BLOCKS}. Split it; nothing was imported."
        )));
    }
    Ok(imported)
}

fn checked_title(text: &str, what: &str) -> Result<String, NodeError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(NodeError::BadInput(format!("{what} has 1 to 200 characters, on one line.")));
    }
    Ok(text.to_owned())
}

/// A person's text, short enough to be repeated to them.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// By id, by the beginning of an id, or by name.
fn find<'t, T>(
    text: &str,
    all: &'t [T],
    names: impl Fn(&T) -> (&String, &String),
    what: &'static str,
) -> Result<Option<&'t T>, NodeError> {
    let text = text.trim();
    if let Some(found) = all.iter().find(|one| names(one).0 == text) {
        return Ok(Some(found));
    }
    let by_name = all.iter().filter(|one| names(one).1 == text);
    let by_beginning = all.iter().filter(|one| text.len() >= 4 && names(one).0.starts_with(text));
    for found in [by_name.collect::<Vec<_>>(), by_beginning.collect()] {
        match found[..] {
            [] => {}
            [one] => return Ok(Some(one)),
            _ => return Err(NodeError::Ambiguous { text: shown(text), count: found.len(), what }),
        }
    }
    Ok(None)
}
