//! Folders of files in, a folder of files out.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use sheaf_tests::Home;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(path, text).expect("the file is written");
    }
}

/// The documents of a space as lines: indented as they stand in the tree, with their tags.
fn tree(home: &Home, space: &str) -> Vec<String> {
    let listed = home.ok(&["doc", "list", "--json", "--space", space]).json();
    let line = |document: &Value| {
        let depth = usize::try_from(document["depth"].as_u64().expect("a depth")).expect("a small one");
        let tags: Vec<&str> = document["tags"].as_array().expect("tags").iter().filter_map(Value::as_str).collect();
        format!("{}{} {}", "  ".repeat(depth), document["title"].as_str().expect("a title"), tags.join(","))
            .trim_end()
            .to_owned()
    };
    listed.as_array().expect("a list").iter().map(line).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
fn a_vault_becomes_a_tree_and_goes_out_again_as_it_came() {
    let home = Home::of("Ana");
    let outside = tempfile::tempdir().expect("a folder");
    let vault = outside.path().join("vault");
    write(
        &vault,
        &[
            (".obsidian/app.json", "{}"),
            (
                "Trip.md",
                "---\ntags: [travel, 2026/spring]\naliases: [Voyage]\n---\nSee [[Gauge]] and [[Gauge#Silt|the silt]].\n",
            ),
            (
                "Trip/Gauge.md",
                "# Gauge\n\nFull of *silt*. Back to [the trip](../Trip.md), [[Voyage]]. #water\n\n![[post.png]]\n",
            ),
            ("Trip/post.png", "not a picture"),
            ("Lists/Food.md", "- bread\n- [ ] oil\n\n`[[no link]]` and [[Nobody]]\n"),
            ("Lists/bad.md", "x"),
            ("Notes.txt", "one line\n"),
        ],
    );
    fs::write(vault.join("Lists/bad.md"), b"ok\xffno").expect("a file");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/", vault.join("Lists/everything")).expect("a link");
    let space = home.ok(&["space", "new", "Field"]).last_line();
    let report = home.ok(&["import", text(&vault), "--space", &space, "--json"]).json();
    assert_eq!(
        tree(&home, &space),
        ["Lists", "  Food", "Notes", "Trip 2026/spring,travel", "  Gauge water"],
        "{report}"
    );
    let left_out: Vec<&str> =
        report["leftOut"].as_array().expect("a list").iter().filter_map(|one| one["file"].as_str()).collect();
    assert!(left_out.contains(&"Lists/bad.md") && left_out.contains(&"Trip/post.png"), "{report}");
    assert_eq!(left_out.contains(&"Lists/everything"), cfg!(unix));
    assert!(report.to_string().contains("byte 2 (0xff)"), "{report}");
    assert_eq!(report["pictures"], 1);
    let trip = home.show("Trip");
    let gauge = report["documents"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["title"] == "Gauge")
        .expect("it is there");
    let address = format!("sheaf://doc/{}", gauge["id"].as_str().expect("an id"));
    assert!(trip.contains(&format!("See [Gauge]({address}) and [the silt]({address}).")), "{trip}");
    assert!(trip.starts_with("---\naliases: [Voyage]\n---\n\n# Trip\n"), "{trip}");
    let food = home.show("Food");
    assert!(food.contains(r"`[[no link]]` and \[\[Nobody\]\]"), "{food}");
    assert!(home.show("Gauge").contains("[post.png](post.png)"));

    let out = outside.path().join("out");
    home.ok(&["export", "Field", "-o", text(&out)]);
    assert!(fs::read_to_string(out.join("Trip.md")).expect("a file").contains("[Gauge](Trip/Gauge.md)"));
    assert!(fs::read_to_string(out.join("Trip/Gauge.md")).expect("a file").contains("[the trip](../Trip.md)"));
    let again = home.ok(&["space", "new", "Again"]).last_line();
    home.ok(&["import", text(&out), "--space", &again]);
    assert_eq!(tree(&home, &again), tree(&home, &space));
    let second = outside.path().join("second");
    home.ok(&["export", &again, "-o", text(&second)]);
    for name in ["Trip.md", "Trip/Gauge.md", "Lists.md", "Lists/Food.md", "Notes.md"] {
        let read = |folder: &Path| fs::read_to_string(folder.join(name)).expect("a file");
        assert_eq!(read(&out), read(&second), "{name}");
    }
    assert_eq!(home.run(&["export", "Field", "-o", text(&out)]).code, 8, "it is not empty");
    assert!(
        fs::read_dir(outside.path()).expect("a folder").all(|one| !text(&one.expect("one").path()).contains(".part-"))
    );
}

#[test]
fn what_cannot_be_read_is_named_and_leaves_nothing() {
    let home = Home::of("Ana");
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("a.docx");
    fs::write(&broken, b"PK\x03\x04 and nothing else").expect("a file");
    let ran = home.run(&["import", text(&broken)]);
    assert_eq!(ran.code, 8, "{ran:?}");
    assert!(ran.stderr.contains("a.docx"), "{ran:?}");
    assert_eq!(home.run(&["import", "/nowhere/at/all"]).code, 1);
    assert_eq!(home.ok(&["doc", "list", "--json"]).json(), serde_json::json!([]));
}

#[cfg(unix)]
#[test]
fn who_stops_an_import_or_ends_it_has_imported_nothing() {
    let home = Home::of("Ana");
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<(String, String)> = (0..400)
        .map(|n| (format!("{}/Note {n}.md", n % 7), format!("# Note {n}\n\nSee [[Note {}]].\n", n + 1)))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    write(folder.path(), &files);
    let mut whole = 0;
    for round in 0..4_u64 {
        let space = home.ok(&["space", "new", &format!("Round {round}")]).last_line();
        let mut process = home.command(&["import", text(folder.path()), "--space", &space]).spawn().expect("it starts");
        thread::sleep(Duration::from_millis(150 + 250 * round));
        if round % 2 == 0 {
            // It may have come to its end before.
            let _ = process.kill();
        } else {
            let pid = process.id().to_string();
            let _ = std::process::Command::new("kill").args(["-INT", &pid]).status();
        }
        let _ = process.wait();
        let listed = tree(&home, &space).len();
        // Entered in pieces, each above what is under it; stopped before that, nothing is.
        assert!(
            listed == 0 || listed == 407 || round % 2 == 0 && listed.is_multiple_of(200),
            "{listed} in round {round}"
        );
        whole += usize::from(listed == 407);
    }
    let space = home.ok(&["space", "new", "Whole"]).last_line();
    home.ok(&["import", text(folder.path()), "--space", &space]);
    assert_eq!(tree(&home, &space).len(), 407, "{whole} others came to their end");
}
