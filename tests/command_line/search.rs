//! Finding documents by their words.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use sheaf_tests::Home;

use crate::people::{fails, joins, meets, three};

/// The titles of what is found, the best first.
fn found(home: &Home, arguments: &[&str]) -> Vec<String> {
    let report = home.ok(&[&["search", "--json"], arguments].concat()).json();
    assert_eq!(report["unread"], 0, "{report}");
    let title = |one: &serde_json::Value| one["title"].as_str().expect("a title").to_owned();
    report["found"].as_array().expect("a list").iter().map(title).collect()
}

/// Whether any file below a folder holds these bytes.
fn is_anywhere(folder: &Path, word: &str) -> bool {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).any(|path| {
        if path.is_dir() {
            return is_anywhere(&path, word);
        }
        let bytes = fs::read(&path).unwrap_or_default();
        bytes.windows(word.len()).any(|piece| piece == word.as_bytes())
    })
}

#[test]
fn what_is_written_is_found_and_what_is_not_any_more_is_not() {
    let home = Home::of("Ana");
    let gauge = home.ok(&["doc", "new", "The gauge"]).last_line();
    home.ok(&["doc", "edit", &gauge, "--append", "It is full of silt, says Kofi."]);
    home.ok(&["doc", "new", "Spring visit"]);
    home.ok(&["doc", "edit", "Spring visit", "--append", "Look after the gauge, and the barnacles."]);
    assert_eq!(found(&home, &["gauge"]), ["The gauge", "Spring visit"], "a title says more than a text");
    assert_eq!(found(&home, &["guage", "sil"]), ["The gauge"]);
    let said = home.ok(&["search", "silt"]).stdout;
    assert!(said.contains("The gauge") && said.contains("It is full of silt, says Kofi."), "{said}");
    assert!(home.ok(&["search", "zeppelin"]).stdout.contains("No document here says that."));

    let text = home.show(&gauge).replace("silt", "sand");
    let file = home.file("gauge.md", &text);
    home.ok(&["doc", "edit", &gauge, "--from", file.to_str().expect("a path")]);
    fs::remove_file(file).expect("the file goes");
    assert_eq!((found(&home, &["silt"]), found(&home, &["sand"])), (vec![], vec!["The gauge".to_owned()]));
    home.ok(&["doc", "tag", &gauge, "#water"]);
    assert_eq!(found(&home, &["--tag", "water"]), ["The gauge"]);
    assert_eq!(found(&home, &["--since", "2020-01-01", "gauge"]).len(), 2);
    assert_eq!(found(&home, &["--until", "2020-01-01", "gauge"]), [""; 0]);
    assert_eq!(home.run(&["search", "--since", "tomorrow"]).code, 2);
    home.ok(&["doc", "trash", &gauge]);
    assert_eq!(found(&home, &["gauge"]), ["Spring visit"]);
    home.ok(&["doc", "restore", &gauge]);
    assert_eq!(found(&home, &["gauge"]), ["The gauge", "Spring visit"]);

    // It is a cache, and says nothing to who reads the disk.
    let cache = home.path().join("home/cache/search");
    assert!(fs::read_dir(&cache).expect("the index").count() > 0);
    assert!(!is_anywhere(home.path(), "barnacle"));
    fs::remove_dir_all(&cache).expect("a cache can be deleted");
    assert_eq!(found(&home, &["barnacle"]), ["Spring visit"]);
}

#[test]
fn what_others_write_is_found_by_who_wrote_it_and_where() {
    let (ana, kofi, _, space) = three();
    ana.ok(&["doc", "new", "--space", &space, "Boats"]);
    ana.ok(&["doc", "new", "Boats of my own"]);
    assert_eq!(found(&ana, &["boats", "--space", &space]), ["Boats"]);
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    assert_eq!(joins(&ana, &kofi, &link).code, 0);
    let online = ana.online();
    meets(&kofi, &online);
    online.stop();
    assert_eq!(found(&kofi, &["boats"]), ["Boats"]);
    kofi.ok(&["doc", "edit", "Boats", "--append", "The engine needs oil."]);
    let online = ana.online();
    meets(&kofi, &online);
    online.stop();
    assert_eq!(found(&ana, &["engine", "--person", "Kofi"]), ["Boats"]);
    assert_eq!(found(&ana, &["boats", "--person", "Kofi"]), ["Boats"]);
    assert_eq!(found(&ana, &["boats", "--person", "Ana"]).len(), 2);
    assert_eq!(fails(&ana, &["search", "boats", "--person", "Zuri"]), (4, "no-such-person".into()));
    assert_eq!(fails(&ana, &["search", "boats", "--space", "nowhere"]), (4, "no-such-space".into()));
}

#[test]
fn an_index_whose_maker_is_killed_is_whole_the_next_time() {
    let home = Home::of("Ana");
    let files: Vec<_> =
        (0..30).map(|n| home.file(&format!("{n}.md"), format!("# Note {n}\n\nA barnacle, word{n}.\n"))).collect();
    let names = files.iter().map(|path| path.to_str().expect("a path"));
    home.ok(&["doc", "import"].into_iter().chain(names).collect::<Vec<_>>());
    for round in 0..6 {
        if round % 2 == 0 {
            let _ = fs::remove_dir_all(home.path().join("home/cache/search"));
        }
        let mut killed = home.command(&["search", "barnacle"]).spawn().expect("the program starts");
        thread::sleep(Duration::from_millis(40 + 110 * round));
        // It may have come to its end before.
        let _ = killed.kill();
        let _ = killed.wait();
    }
    assert_eq!(found(&home, &["barnacle", "--limit", "100"]).len(), 30);
    assert_eq!(found(&home, &["word17 "]), ["Note 17"]);
}
