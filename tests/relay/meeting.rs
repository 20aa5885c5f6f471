//! People who know no address of each other meet where their relay says.

use sheaf_access::InvitationLink;
use sheaf_tests::{Home, RelayProcess, eventually};

use crate::operating::{free, metric};
use crate::{WORDS, kept_at};

/// The device of a home.
fn device(home: &Home) -> String {
    home.ok(&["whoami", "--json"]).json()["device"].as_str().expect("an id").to_owned()
}

#[test]
fn two_who_know_no_address_of_each_other_connect_where_their_relay_says() {
    let (http, meeting) = (free(), free());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("relay.toml");
    std::fs::write(&file, format!("[meeting]\nlisten = \"{meeting}\"\nurl = \"http://{meeting}\"\n")).expect("a file");
    let config = file.to_str().expect("a path is text");
    let kept = kept_at(RelayProcess::start_with(&["--http", &http.to_string(), "--config", config]));
    let link = kept.ana.ok(&["invite", &kept.space, "--role", "editor"]).last_line();
    kept.ana.sync();
    // Ana's address is not in it, and she is not there: what Ben has, he has from the relay, which knows nobody's address.
    let link = InvitationLink { addresses: Vec::new(), ..link.parse().expect("an invitation") };
    let ben = Home::of("Benedikt").on_loopback();
    ben.ok(&["join", &link.to_text().expect("a link")]);
    ben.sync();
    assert!(ben.show(&kept.document).contains(WORDS));

    let (anas, bens) = (device(&kept.ana), device(&ben));
    let (mut ana, mut ben) = (kept.ana.online(), ben.online());
    ana.wait_for("Ben's device", |event| event["event"] == "connected" && event["device"] == bens.as_str());
    ben.wait_for("Ana's device", |event| event["event"] == "connected" && event["device"] == anas.as_str());
    eventually("both at the meeting point", || (metric(http, "sheaf_relay_meeting_connections") >= 2).then_some(()));
    ana.stop();
    ben.stop();
}
