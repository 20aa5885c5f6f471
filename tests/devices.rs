//! A person with several devices: taking one in, removing one, and coming back with nothing but the recovery phrase.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::sync::Mutex;

use sheaf_node::{DeviceInfo, Format, Node, NodeError, NodeEvent, Options, SecretText};
use sheaf_tests::{Home, soon, told};

/// Homes in one temporary folder, each with a node in this process.
struct Homes {
    folder: tempfile::TempDir,
    /// Where each can be called: the same after a restart.
    addresses: Mutex<BTreeMap<String, SocketAddr>>,
}

impl Homes {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), addresses: Mutex::default() }
    }

    /// A node on a home; it is reachable on the loopback interface once it is online.
    async fn open(&self, name: &str) -> Node {
        let free = || UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
        let listen = *self.addresses.lock().unwrap().entry(name.to_owned()).or_insert_with(free);
        let options = Options { listen: Some(listen), ..Options::alone(self.folder.path().join(name)) };
        // One that was just closed is let go in a moment.
        soon("the home", || async { Node::open(options.clone()).await.ok() }).await
    }

    /// Ends a node, and opens its home again.
    async fn reopen(&self, node: Node, name: &str) -> Node {
        close(node).await;
        self.open(name).await
    }

    async fn person(&self, name: &str) -> Node {
        let node = self.open(name).await;
        node.init(name, None).await.expect("a person");
        node.go_online().await.expect("a network");
        node
    }
}

async fn close(node: Node) {
    node.shutdown().await.expect("everything is saved");
}

/// Takes a new device in: the person compares the words, and they are the same.
async fn pair(old: &Node, new: &Node) -> DeviceInfo {
    let mut events = new.subscribe();
    let code = new.pair_show().await.expect("a code").code;
    let peer = old.pair_look(&code).await.expect("the new device answers");
    told(
        "the words",
        &mut events,
        |event| matches!(event, NodeEvent::PairingWords { words, .. } if *words == peer.words),
    )
    .await;
    assert_eq!(peer.words.len(), 6);
    let device = old.pair_confirm(None).await.expect("it becomes the person's");
    assert_eq!(device.id, peer.device);
    told("being paired", &mut events, |event| matches!(event, NodeEvent::Paired { .. })).await;
    device
}

async fn spaces(node: &Node) -> Vec<(String, bool)> {
    let spaces = node.spaces().await.expect("spaces");
    spaces.into_iter().filter(|space| space.role.is_some()).map(|space| (space.name, space.private)).collect()
}

/// Waits until a node can read these spaces, the private one first, and no others.
async fn has(node: &Node, names: &[&str]) {
    let mut wanted: Vec<(String, bool)> = names.iter().map(|name| ((*name).to_owned(), *name == "Private")).collect();
    wanted.sort_by_key(|(name, private)| (!private, name.clone()));
    soon(&format!("the spaces {names:?}"), || async { (spaces(node).await == wanted).then_some(()) }).await;
}

async fn text(node: &Node, document: &str) -> Option<String> {
    let bytes = node.export(document, Format::Text).await.ok()?;
    String::from_utf8(bytes).ok()
}

async fn reads(node: &Node, document: &str, words: &str) {
    soon(&format!("`{words}`"), || async { text(node, document).await?.contains(words).then_some(()) }).await;
}

/// Where a node can be called, as a person types it.
async fn address(node: &Node) -> String {
    let addresses = node.go_online().await.expect("it is online");
    format!("{}@{}", node.me().expect("somebody").device, addresses[0])
}

async fn phrase(node: &Node) -> SecretText {
    SecretText::new(node.recovery_phrase(None).await.expect("the words").join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_and_a_third_device_hold_the_same_as_the_first() {
    let homes = Homes::new();
    let laptop = homes.person("Ana").await;
    let team = laptop.create_space("Team").await.unwrap().id;
    let notes = laptop.create_document(Some(&team), "Notes").await.unwrap().id;
    laptop.append(&notes, "from the laptop").await.unwrap();

    let desktop = homes.open("desktop").await;
    pair(&laptop, &desktop).await;
    assert_eq!(desktop.me().unwrap().person, laptop.me().unwrap().person);
    has(&desktop, &["Private", "Team"]).await;
    reads(&desktop, &notes, "from the laptop").await;
    desktop.append(&notes, "from the desktop").await.unwrap();
    reads(&laptop, &notes, "from the desktop").await;

    // What either makes later is on the other.
    desktop.create_space("Garden").await.unwrap();
    has(&laptop, &["Garden", "Private", "Team"]).await;
    let wood = laptop.create_space("Wood").await.unwrap().id;
    has(&desktop, &["Garden", "Private", "Team", "Wood"]).await;

    // A third, taken in by the first, is in what the second made; the root key never left the first.
    let phone = homes.open("phone").await;
    pair(&laptop, &phone).await;
    has(&phone, &["Garden", "Private", "Team", "Wood"]).await;
    let tree = phone.create_document(Some(&wood), "Trees").await.unwrap().id;
    for node in [&laptop, &desktop] {
        soon("the phone's document", || async { text(node, &tree).await }).await;
        soon("three devices", || async { (node.devices().await.ok()?.len() == 3).then_some(()) }).await;
    }
    assert!(matches!(desktop.remove_device(&phone.me().unwrap().device, None).await, Err(NodeError::NeedsPhrase)));

    // The name and the colour are the person's, not the device's.
    desktop.set_profile("Ana Ferreira", 5).await.unwrap();
    for node in [&laptop, &phone] {
        soon("the new name", || async { (node.me()?.name == "Ana Ferreira" && node.me()?.colour == 5).then_some(()) })
            .await;
    }
    laptop.rename_device(&phone.me().unwrap().device, "Telephone").await.unwrap();
    soon("the device's name", || async {
        let devices = phone.devices().await.ok()?;
        devices.into_iter().find(|device| device.this && device.name == "Telephone").map(drop)
    })
    .await;
    for node in [laptop, desktop, phone] {
        node.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_is_left_is_not_fetched_again() {
    let homes = Homes::new();
    let (kofi, laptop) = (homes.person("Kofi").await, homes.person("Ana").await);
    let boats = kofi.create_space("Boats").await.unwrap().id;
    let desktop = homes.open("desktop").await;
    pair(&laptop, &desktop).await;
    laptop.join(&kofi.invite(&boats, "editor", None, None).await.unwrap()).await.unwrap();
    has(&desktop, &["Boats", "Private"]).await;
    desktop.leave(&boats).await.unwrap();
    has(&laptop, &["Private"]).await;
    has(&desktop, &["Private"]).await;
    soon("Kofi alone", || async { (kofi.members(&boats).await.ok()?.len() == 1).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_device_gets_nothing_more_and_says_so() {
    let homes = Homes::new();
    let (kofi, laptop, desktop) = (homes.person("Kofi").await, homes.person("Ana").await, homes.open("desktop").await);
    pair(&laptop, &desktop).await;
    let boats = laptop.create_space("Boats").await.unwrap().id;
    let notes = laptop.create_document(Some(&boats), "Notes").await.unwrap().id;
    laptop.append(&notes, "before").await.unwrap();
    kofi.join(&laptop.invite(&boats, "editor", None, None).await.unwrap()).await.unwrap();
    reads(&desktop, &notes, "before").await;
    reads(&kofi, &notes, "before").await;

    let gone = desktop.me().unwrap().device;
    let mut events = desktop.subscribe();
    laptop.remove_device(&gone, None).await.unwrap();
    told("that it was removed", &mut events, |event| matches!(event, NodeEvent::DeviceRemoved)).await;
    soon("it being offline", || async {
        matches!(desktop.go_online().await, Err(NodeError::DeviceRemoved)).then_some(())
    })
    .await;
    assert!(desktop.devices().await.unwrap()[0].removed);

    // What it had it can read, and no more; it can write nothing, and nobody takes anything.
    laptop.append(&notes, "after").await.unwrap();
    reads(&kofi, &notes, "after").await;
    assert!(text(&desktop, &notes).await.unwrap().contains("before"));
    assert!(matches!(desktop.append(&notes, "a last word").await, Err(NodeError::DeviceRemoved)));
    soon("Kofi knowing of one device", || async {
        let members = kofi.members(&boats).await.ok()?;
        members.iter().find(|member| member.name == "Ana" && member.devices == 1).map(drop)
    })
    .await;

    // Restarted, it knows. And it cannot come back with the same keys.
    let desktop = homes.reopen(desktop, "desktop").await;
    assert!(matches!(desktop.go_online().await, Err(NodeError::DeviceRemoved)));
    assert!(!text(&desktop, &notes).await.unwrap().contains("after"));
    assert!(matches!(desktop.pair_show().await, Err(NodeError::AlreadyInitialised(_))));

    // With new ones it can.
    let again = homes.open("again").await;
    pair(&laptop, &again).await;
    reads(&again, &notes, "after").await;
    let devices = laptop.devices().await.unwrap();
    assert_eq!(devices.iter().filter(|device| device.removed).map(|device| &device.id).collect::<Vec<_>>(), [&gone]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_device_cannot_end_another_does() {
    let homes = Homes::new();
    let (laptop, desktop, phone) = (homes.person("Ana").await, homes.open("desktop").await, homes.open("phone").await);
    pair(&laptop, &desktop).await;
    pair(&laptop, &phone).await;
    has(&phone, &["Private"]).await;
    // A space that only the desktop and the phone have heard of.
    close(laptop).await;
    let garden = desktop.create_space("Garden").await.unwrap().id;
    has(&phone, &["Garden", "Private"]).await;
    close(desktop).await;
    let laptop = homes.open("Ana").await;
    laptop.remove_device(&phone.me().unwrap().device, None).await.unwrap();
    phone.shutdown().await.unwrap();
    laptop.go_online().await.unwrap();
    let desktop = homes.open("desktop").await;
    desktop.go_online().await.unwrap();
    for node in [&laptop, &desktop] {
        soon("the phone's end in the garden", || async {
            let members = node.members(&garden).await.ok()?;
            members.iter().find(|member| member.you && member.devices == 2).map(drop)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_wrong_or_used_or_whose_words_differ() {
    let homes = Homes::new();
    let (ana, ben) = (homes.person("Ana").await, homes.person("Ben").await);
    let new = homes.open("new").await;
    let code = new.pair_show().await.unwrap().code;

    let short = ana.pair_look(&code[..code.len() - 9]).await.unwrap_err();
    assert_eq!((short.code(), short.exit_code()), ("pairing-cut-short", 8));
    let other = ana.pair_look("sheaf://join/abcdefgh").await.unwrap_err();
    assert_eq!((other.code(), other.exit_code()), ("not-a-pairing-code", 8));
    assert_eq!(new.pair_look(&code).await.unwrap_err().code(), "not-initialised");
    assert_eq!(ana.pair_show().await.unwrap_err().code(), "already-initialised");
    assert_eq!(ana.pair_confirm(None).await.unwrap_err().code(), "pairing-refused");

    // A newer code makes the older one worthless.
    let newer = new.pair_show().await.unwrap().code;
    assert_eq!(ana.pair_look(&code).await.unwrap_err().code(), "pairing-refused");

    // The words differ: the person says so, on either device.
    let mut events = new.subscribe();
    ana.pair_look(&newer).await.unwrap();
    ana.pair_cancel();
    told("that it was cancelled", &mut events, |event| matches!(event, NodeEvent::PairingFailed { .. })).await;
    assert!(new.me().is_none());
    assert_eq!(ana.pair_confirm(None).await.unwrap_err().code(), "pairing-refused");
    let code = new.pair_show().await.unwrap().code;
    ana.pair_look(&code).await.unwrap();
    new.pair_cancel();
    soon("it being cancelled", || async { ana.pair_confirm(None).await.err() }).await;

    // One is comparing; another who has the code is told that it is used.
    let code = new.pair_show().await.unwrap().code;
    ana.pair_look(&code).await.unwrap();
    let second = ben.pair_look(&code).await.unwrap_err();
    assert!(second.to_string().contains("has used this code already"), "{second}");
    ana.pair_confirm(None).await.unwrap();
    assert_eq!(ben.pair_look(&code).await.unwrap_err().code(), "pairing-refused");
    assert_eq!(new.me().unwrap().person, ana.me().unwrap().person);
}

#[tokio::test(flavor = "multi_thread")]
async fn back_from_the_phrase_by_an_own_device() {
    let homes = Homes::new();
    let laptop = homes.person("Ana").await;
    let team = laptop.create_space("Team").await.unwrap().id;
    let notes = laptop.create_document(Some(&team), "Notes").await.unwrap().id;
    laptop.append(&notes, "all of it").await.unwrap();
    let words = phrase(&laptop).await;
    let new = homes.open("new").await;
    let recovered = new.recover(&words, None, Some(&address(&laptop).await)).await.unwrap();
    assert!(recovered.private_found);
    assert_eq!(recovered.me.person, laptop.me().unwrap().person);
    has(&new, &["Private", "Team"]).await;
    reads(&new, &notes, "all of it").await;
    soon("the name", || async { (new.me()?.name == "Ana").then_some(()) }).await;
    new.append(&notes, "and more").await.unwrap();
    reads(&laptop, &notes, "and more").await;
    assert_eq!(laptop.devices().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn back_from_the_phrase_by_a_teammate_alone_and_the_laptop_turns_up() {
    let homes = Homes::new();
    let (kofi, laptop) = (homes.person("Kofi").await, homes.person("Ana").await);
    let team = laptop.create_space("Team").await.unwrap().id;
    let notes = laptop.create_document(Some(&team), "Notes").await.unwrap().id;
    laptop.append(&notes, "what we know").await.unwrap();
    let invitation = laptop.invite(&team, "editor", None, None).await.unwrap();
    kofi.join(&invitation).await.unwrap();
    reads(&kofi, &notes, "what we know").await;
    // Kofi has a space of his own: it is nobody's business.
    kofi.create_space("Kofi's").await.unwrap();
    let thoughts = laptop.create_document(None, "Thoughts").await.unwrap().id;
    let words = phrase(&laptop).await;
    close(laptop).await;

    let new = homes.open("new").await;
    let wrong = SecretText::new(words.as_str().replacen(words.as_str().split(' ').next().unwrap(), "zoo", 1));
    assert_eq!(new.recover(&wrong, None, None).await.unwrap_err().code(), "bad-phrase");
    assert!(new.me().is_none());
    let recovered = new.recover(&words, None, Some(&address(&kofi).await)).await.unwrap();
    assert!(!recovered.private_found);
    assert_eq!(recovered.me.name, "Ana");
    has(&new, &["Private", "Team"]).await;
    reads(&new, &notes, "what we know").await;
    new.append(&notes, "I am back").await.unwrap();
    reads(&kofi, &notes, "I am back").await;
    assert!(text(&new, &thoughts).await.is_none());

    // The laptop was not lost after all. There is one private space again, and both have everything.
    let laptop = homes.open("Ana").await;
    // They do not find each other by themselves without discovery; with it, they would.
    new.recover(&words, None, Some(&address(&laptop).await)).await.unwrap();
    soon("the thoughts", || async { text(&new, &thoughts).await }).await;
    let private = |spaces: Vec<sheaf_node::SpaceInfo>| {
        let mut private = spaces.into_iter().filter(|space| space.private).map(|space| space.id);
        private.next().filter(|_| private.next().is_none())
    };
    soon("one private space", || async {
        let (here, there) = (private(laptop.spaces().await.ok()?)?, private(new.spaces().await.ok()?)?);
        (here == there).then_some(())
    })
    .await;
    soon("both devices on the list", || async { (new.devices().await.ok()?.len() == 2).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_a_phrase_of_their_own_learns_nothing() {
    let homes = Homes::new();
    let (ana, ben) = (homes.person("Ana").await, homes.person("Ben").await);
    ana.create_space("Team").await.unwrap();
    let words = phrase(&ben).await;
    let new = homes.open("new").await;
    let alone = new.recover(&words, None, Some(&address(&ana).await)).await.unwrap_err();
    assert_eq!((alone.code(), alone.exit_code()), ("unreachable", 6));
    // It is Ben all the same, with a private space of his own, and tries again where he is known.
    assert_eq!(spaces(&new).await, [("Private".to_owned(), true)]);
    new.recover(&words, None, Some(&address(&ben).await)).await.unwrap();
    soon("two devices", || async { (ben.devices().await.ok()?.len() == 2).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_try_takes_the_name_that_is_given_or_found_as_the_first_would() {
    let homes = Homes::new();
    let (ana, ben) = (homes.person("Ana").await, homes.person("Ben").await);
    ben.create_space("Team").await.unwrap();
    let words = phrase(&ben).await;
    let called = async |node: &Node, name: &str| {
        soon(name, || async { (node.me()?.name == name).then_some(()) }).await;
    };
    for (home, given, name) in [("found", None, "Ben"), ("given", Some("Benjamin"), "Benjamin")] {
        let new = homes.open(home).await;
        let nobody = new.recover(&words, None, Some(&address(&ana).await)).await.unwrap_err();
        assert_eq!(nobody.code(), "unreachable");
        let recovered = new.recover(&words, given, Some(&address(&ben).await)).await.unwrap();
        assert_eq!(recovered.me.name, name);
        called(&new, name).await;
        called(&ben, name).await;
    }
}

#[test]
fn the_command_line_pairs_two_homes() {
    let (laptop, desktop) = (Home::of("Ana").on_loopback(), Home::empty().on_loopback());
    let team = laptop.ok(&["space", "new", "Team"]).last_line();
    let notes = laptop.ok(&["doc", "new", "--space", &team, "Notes"]).last_line();
    let mut waiting = desktop
        .command(&["device", "pair"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(waiting.stdout.take().expect("a pipe")).lines();
    let code = lines.next().expect("a line").expect("text");

    let unasked = laptop.run(&["device", "pair", &code]);
    assert_eq!(unasked.code, 5, "{unasked:?}");
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    assert!(!waiting.wait().expect("it ends").success(), "the other side gave up");

    let mut waiting = desktop
        .command(&["device", "pair"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(waiting.stdout.take().expect("a pipe")).lines();
    let code = lines.next().expect("a line").expect("text");
    let device = laptop.ok(&["device", "pair", &code, "--yes"]).last_line();
    assert!(waiting.wait().expect("it ends").success());
    assert_eq!(desktop.ok(&["whoami", "--json"]).json()["device"], device.as_str());
    assert!(desktop.show(&notes).contains("# Notes"));
    let devices = laptop.ok(&["device", "list", "--json"]).json();
    assert_eq!(devices.as_array().map(Vec::len), Some(2));

    // What it writes before it hears that it was removed is kept, in the private space as in any other.
    let diary = laptop.ok(&["doc", "new", "Diary"]).last_line();
    let online = laptop.online();
    desktop.ok(&["sync", "--once"]);
    online.stop();
    desktop.ok(&["doc", "edit", &diary, "--append", "Late words."]);
    desktop.ok(&["doc", "edit", &notes, "--append", "Late words too."]);

    laptop.ok(&["device", "rename", "Desk", "--device", &device]);
    laptop.ok(&["device", "remove", "Desk", "--yes"]);
    let online = laptop.online();
    for _ in 0..2 {
        // It is told, and knows from then on.
        let ran = desktop.run(&["--json", "sync", "--once", "--timeout", "60"]);
        assert!(ran.code == 5 && ran.stderr.contains("device-removed"), "{ran:?}");
    }
    online.stop();
    assert!(desktop.show(&notes).contains("# Notes"));
    for (space, late) in [("Private", 2), ("Team", 3)] {
        for home in [&laptop, &desktop] {
            let listed = home.ok(&["set-aside", "list", space, "--json"]).json();
            assert_eq!(listed[0]["words"], late, "{space}: {listed}");
        }
        let line = desktop.ok(&["space", "list"]).stdout;
        let line = line.lines().find(|line| line.contains(space)).expect("it is listed").to_owned();
        assert!(line.contains("(you removed this device, "), "{line}");
    }
    let piece =
        laptop.ok(&["set-aside", "list", "Private", "--json"]).json()[0]["id"].as_str().expect("an id").to_owned();
    laptop.ok(&["set-aside", "adopt", "Private", &piece]);
    assert!(laptop.show(&diary).contains("Late words."));
    assert_eq!(laptop.run(&["device", "remove", "Nobody"]).code, 4);
}
