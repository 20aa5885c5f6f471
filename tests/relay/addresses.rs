//! Where a relay is: at an IPv6 address, and behind a name that leads elsewhere from one day to the next.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sheaf_node::{Node, Options, Resolver, Surroundings};
use sheaf_tests::{Home, RelayProcess, soon};

use crate::{SPACE, TITLE, WORDS, waiting};

/// Everyone is at IPv6 addresses, and the link and the space say so.
#[test]
fn a_space_is_kept_at_an_ipv6_address() {
    const ADDRESS: &str = "[::1]:0";
    if std::net::UdpSocket::bind(ADDRESS).is_err() {
        eprintln!("this machine has no IPv6: there is nothing to be shown");
        return;
    }
    let relay = RelayProcess::start_on(ADDRESS, &[], &[]);
    let link: sheaf_access::RelayLink = relay.link().parse().expect("a relay's link");
    assert!(link.relay.addresses.iter().any(|address| address.starts_with("[::1]:")), "{link:?}");
    let ana = Home::of("Ana").at(ADDRESS);
    let space = ana.ok(&["space", "new", SPACE]).last_line();
    let document = ana.ok(&["doc", "new", "--space", &space, TITLE]).last_line();
    ana.ok(&["doc", "edit", &document, "--append", WORDS]);
    let added = ana.ok(&["relay", "add", relay.link(), "--space", &space, "--wait", "100", "--json"]).json();
    assert_eq!(added[0]["answer"], "keeps", "{added}");
    let invitation = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    ana.sync();
    let ben = Home::of("Ben").at(ADDRESS);
    assert_eq!(ben.ok(&["join", &invitation]).last_line(), space);
    ben.sync();
    assert!(ben.show(&document).contains(WORDS));
}

/// The name of a relay, and where it leads now.
#[derive(Debug)]
struct Name(Mutex<SocketAddr>);

impl Resolver for Name {
    fn addresses(&self, name: &str) -> Vec<SocketAddr> {
        assert!(name.starts_with("relay.example.org:"), "{name} is nowhere in the link");
        vec![*self.0.lock().expect("nothing panics with it")]
    }
}

/// The relay moves to another machine: its name leads there from then on, and a device that was connected all the while finds it,
/// though nobody has given it a new link.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_moves_is_found_by_its_name() {
    let mut relay = RelayProcess::start();
    let mut link: sheaf_access::RelayLink = relay.link().parse().expect("a relay's link");
    link.relay.addresses = vec!["relay.example.org:4479".to_owned()];
    let link = link.to_text().expect("a link can be written");
    let before: SocketAddr = relay.listens().parse().expect("an address");
    let name = Arc::new(Name(Mutex::new(before)));
    let resolver: Arc<dyn Resolver> = name.clone();
    let homes = tempfile::tempdir().expect("a temporary folder");
    let surroundings = Surroundings { resolver: Some(resolver), ..Surroundings::default() };
    let listen = Some("127.0.0.1:0".parse().expect("an address"));
    let options = Options { listen, surroundings, ..Options::alone(homes.path().join("ana")) };
    let ana = Node::open(options).await.expect("a home");
    ana.init("Ana", 1).await.expect("a person");
    let space = ana.create_space(SPACE).await.expect("a space").id;
    let document = ana.create_document(Some(&space), TITLE).await.expect("a document").id;
    ana.add_relay(&link, Some(&space)).await.expect("a relay");
    ana.go_online().await.expect("the loopback interface");
    ana.append(&document, WORDS).await.expect("words");
    soon("everything being acknowledged", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;

    relay.kill();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let after = socket.local_addr().expect("a bound socket has an address");
    drop(socket);
    ana.append(&document, "Written while it moved.").await.expect("words");
    relay.start_at(&after.to_string());
    assert!(waiting(&ana, &document).await > 0, "the name still leads to where nobody is");
    *name.0.lock().expect("nothing panics with it") = after;
    soon("everything being acknowledged there", || async { (waiting(&ana, &document).await == 0).then_some(()) }).await;
    ana.shutdown().await.expect("all is saved");
}
