//! The key of a home in the system's own keyring: a real Secret Service, on a bus of its own.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Output;

use sheaf_tests::{Home, SecretService};

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

#[test]
fn the_key_lies_in_the_keyring_and_goes_where_it_is_told() {
    let Some(mut service) = SecretService::start() else {
        eprintln!("gnome-keyring is not installed: nothing was tested. sudo apt-get install -y gnome-keyring");
        return;
    };
    let home = Home::empty();
    let run = |service: &SecretService, arguments: &[&str]| {
        service.command(&home, arguments).output().expect("the program starts")
    };
    let ok = |service: &SecretService, arguments: &[&str]| {
        let out = run(service, arguments);
        assert!(out.status.success(), "{arguments:?}: {}", said(&out));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    };
    let place = || fs::read_to_string(home.path().join("home/vault.json")).expect("it says where the key is");

    ok(&service, &["init", "--name", "Ana"]);
    let document = ok(&service, &["doc", "new", "Spring visit"]);
    ok(&service, &["doc", "edit", &document, "--append", "The float lost its antenna."]);
    assert!(place().contains(r#""in":"keyring""#) || place().contains(r#""in": "keyring""#), "{}", place());

    // Without the keyring, whoever has the disk has nothing; and nothing is made anew in its place.
    service.stop();
    let before = place();
    let without = home.run(&["doc", "show", &document]);
    assert!(without.code != 0 && !without.stdout.contains("antenna"), "{without:?}");
    let out = run(&service, &["doc", "show", &document]);
    assert!(!out.status.success() && said(&out).contains("keyring"), "{}", said(&out));
    assert_eq!(place(), before);

    // It is there again after signing in.
    service.unlock();
    assert!(ok(&service, &["doc", "show", &document]).contains("antenna"));

    // A passphrase takes the key out of it: then the keyring is not needed, and does not help.
    let secret = home.file("passphrase", "a long wet summer\n");
    let secret = secret.to_str().expect("a path");
    ok(&service, &["passphrase", "set", "--new-passphrase-file", secret]);
    assert!(!run(&service, &["doc", "show", &document]).status.success());
    let opened = home.ok(&["--passphrase-file", secret, "doc", "show", &document]);
    assert!(opened.stdout.contains("antenna"));

    // Without a passphrase it goes back.
    ok(&service, &["--passphrase-file", secret, "passphrase", "remove"]);
    assert!(place().contains("keyring"), "{}", place());
    assert!(ok(&service, &["doc", "show", &document]).contains("antenna"));
}
