//! What an operator does with the spaces that are kept: looks at them, removes one, gives room back, backs up, restores.

use std::path::Path;
use std::process::{Command, Output};

use sheaf_tests::{RelayProcess, contains, eventually, program};

use crate::operating::metric;
use crate::{WORDS, free, joins, kept, kept_at};

/// What the program says of a data folder, whether a relay runs there or not.
fn ask(data: &Path, arguments: &[&str]) -> Output {
    let ran = Command::new(program("sheaf-relay")).args(arguments).arg("--data").arg(data).output();
    ran.expect("the program starts")
}

fn ok(data: &Path, arguments: &[&str]) -> String {
    let ran = ask(data, arguments);
    assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    String::from_utf8(ran.stdout).expect("text")
}

/// What an operator is shown of a space.
pub fn show(data: &Path, space: &str) -> serde_json::Value {
    let shown: serde_json::Value = serde_json::from_str(&ok(data, &["space", "show", space, "--json"])).expect("JSON");
    shown["Space"].clone()
}

#[test]
fn an_operator_sees_how_much_and_never_what() {
    let kept = kept();
    let data = kept.relay.data();
    let list = ok(&data, &["space", "list"]);
    assert!(list.contains(&kept.space), "{list}");
    let shown = ok(&data, &["space", "show", &kept.space[..12]]);
    let me = kept.ana.ok(&["whoami", "--json"]).json();
    assert!(shown.contains(me["person"].as_str().expect("an id")) && shown.contains("members      1"), "{shown}");
    assert!(!shown.contains("Heron") && !shown.contains("Anastasia"), "{shown}");
    let none = ask(&data, &["space", "show", "nothing-is-called-this"]);
    assert!(!none.status.success());
    assert!(String::from_utf8_lossy(&none.stderr).contains("space list"), "{none:?}");
    let json: serde_json::Value = serde_json::from_str(&ok(&data, &["space", "list", "--json"])).expect("JSON");
    assert!(json["Spaces"].as_array().is_some_and(|rows| rows.iter().any(|row| row["space"] == kept.space)), "{json}");
}

/// While the relay runs: it is gone from the disk, its owner's devices are still let in, and so bring it again.
#[cfg(unix)]
#[test]
fn a_removed_space_is_gone_and_may_come_again() {
    let http = free();
    let mut kept = kept_at(RelayProcess::start_with(&["--http", &http.to_string()]));
    let id: sheaf_access::SpaceId = kept.space.parse().expect("a space's id");
    let ben = joins(&kept, "Benedikt", "editor");
    let before = metric(http, "sheaf_relay_spaces");
    let only_shown = ok(&kept.relay.data(), &["space", "remove", &kept.space]);
    assert!(only_shown.contains(&kept.space));
    assert_eq!(metric(http, "sheaf_relay_spaces"), before, "not without --yes");
    let removed = ok(&kept.relay.data(), &["space", "remove", &kept.space, "--yes"]);
    assert!(removed.contains("removed"), "{removed}");
    assert_eq!(metric(http, "sheaf_relay_spaces"), before - 1);
    assert!(!ok(&kept.relay.data(), &["space", "list"]).contains(&kept.space));
    // Nor does it come back from the journal.
    kept.relay.signal("TERM");
    assert_eq!(kept.relay.ended(), Some(0));
    assert!(!ok(&kept.relay.data(), &["space", "list"]).contains(&kept.space));
    let journal = kept.relay.disk().into_iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "own"));
    for (path, bytes) in journal {
        assert!(!contains(&bytes, id.as_bytes()), "it is in {}", path.display());
    }
    kept.relay.start_again();
    // Ben has no token: it does not come by him. By Ana it does.
    let ran = ben.run(&["sync", "--once"]);
    assert!(!ok(&kept.relay.data(), &["space", "list"]).contains(&kept.space), "{ran:?}");
    eventually("the space to come again", || {
        kept.ana.run(&["sync", "--once"]);
        ok(&kept.relay.data(), &["space", "list"]).contains(&kept.space).then_some(())
    });
    ben.ok(&["sync", "--once"]);
    assert!(ben.show(&kept.document).contains(WORDS));
}

#[cfg(unix)]
#[test]
fn what_was_backed_up_while_it_ran_serves_again_after_the_folder_is_lost() {
    let mut kept = kept();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("relay.backup");
    let file = file.to_str().expect("a path is text");
    let said = ok(&kept.relay.data(), &["backup", file]);
    assert!(said.contains("keys"), "{said}");
    let link = kept.relay.link().to_owned();
    let data = kept.relay.data();
    let inside = data.join("inside.backup");
    assert!(
        !ask(&data, &["backup", inside.to_str().expect("text")]).status.success(),
        "it would be lost with the folder"
    );
    kept.ana.ok(&["doc", "edit", &kept.document, "--append", "After the backup."]);
    kept.ana.ok(&["sync", "--once"]);
    kept.relay.kill();
    let refused = ask(&data, &["restore", file]);
    assert!(!refused.status.success(), "nothing is put over what is there: {refused:?}");
    std::fs::remove_dir_all(&data).expect("the folder is lost");
    ok(&data, &["restore", file]);
    kept.relay.start_again();
    assert_eq!(kept.relay.link(), link, "it is the same relay");
    // What came after the backup comes from Ana's device; Ben has it all from the relay.
    kept.ana.ok(&["sync", "--once"]);
    let ben = joins(&kept, "Benedikt", "editor");
    let text = ben.show(&kept.document);
    assert!(text.contains(WORDS) && text.contains("After the backup."), "{text}");
}

#[cfg(unix)]
#[test]
fn giving_room_back_says_first_what_it_would_do() {
    let mut kept = kept();
    let running = ok(&kept.relay.data(), &["gc", "--dry-run"]);
    assert!(running.contains("when the relay is stopped"), "{running}");
    kept.relay.signal("TERM");
    assert_eq!(kept.relay.ended(), Some(0));
    // A blob that nobody names, as a crash leaves it.
    let stray = kept.relay.data().join("blobs");
    let bytes = b"left behind by a crash";
    let id = sheaf_log::BlobId::of(bytes);
    sheaf_store::BlobStore::put(&sheaf_store::FileBlobs::open(&stray).expect("blobs"), id, bytes).expect("it is put");
    let would = ok(&kept.relay.data(), &["gc", "--dry-run"]);
    assert!(would.contains("would delete 1 blobs"), "{would}");
    assert!(ok(&kept.relay.data(), &["gc"]).contains("deleted 1 blobs"));
    assert!(ok(&kept.relay.data(), &["gc", "--dry-run"]).contains("would delete 0 blobs"));
    kept.relay.start_again();
    kept.ana.ok(&["sync", "--once"]);
}
