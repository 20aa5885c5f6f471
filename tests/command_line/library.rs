//! The documents of a space as a tree: moving, tagging, the trash and what is gone for good.

use sheaf_tests::Home;

use crate::people::{fails, joins, meets, three};

/// The titles in the order of the list, each as deep as it is under others.
fn tree(home: &Home, space: &str) -> Vec<String> {
    let listed = home.ok(&["doc", "list", "--space", space, "--json"]).json();
    let line = |one: &serde_json::Value| {
        let depth = usize::try_from(one["depth"].as_u64().expect("a depth")).expect("a small one");
        format!("{}{}", "  ".repeat(depth), one["title"].as_str().expect("a title"))
    };
    listed.as_array().expect("a list").iter().map(line).collect()
}

#[test]
fn documents_are_put_where_they_belong() {
    let home = Home::of("Ana");
    for title in ["Boats", "Maps", "Tides"] {
        home.ok(&["doc", "new", title]);
    }
    home.ok(&["doc", "new", "Engine", "--under", "Boats"]);
    assert_eq!(tree(&home, "Private"), ["Boats", "  Engine", "Maps", "Tides"]);
    home.ok(&["doc", "move", "Tides", "--before", "Boats"]);
    home.ok(&["doc", "move", "Maps", "--under", "Engine"]);
    assert_eq!(tree(&home, "Private"), ["Tides", "Boats", "  Engine", "    Maps"]);
    let table = home.ok(&["doc", "list"]).stdout;
    assert!(table.lines().nth(3).is_some_and(|line| line.ends_with("      Maps")), "{table}");
    home.ok(&["doc", "move", "Maps", "--before", "Engine"]);
    home.ok(&["doc", "move", "Engine", "--top"]);
    assert_eq!(tree(&home, "Private"), ["Tides", "Boats", "  Maps", "Engine"]);
    assert_eq!(fails(&home, &["doc", "move", "Boats", "--under", "Maps"]), (8, "bad-input".into()));
    assert_eq!(fails(&home, &["doc", "move", "Boats", "--top", "--before", "Maps"]), (8, "bad-input".into()));
    assert_eq!(fails(&home, &["doc", "move", "Boats", "--under", "nothing"]), (4, "no-such-document".into()));
    assert_eq!(home.run(&["doc", "move", "Boats"]).code, 2);

    home.ok(&["doc", "edit", "Maps", "--append", "North is up."]);
    let copy = home.ok(&["doc", "duplicate", "Maps"]).last_line();
    assert_eq!(tree(&home, "Private"), ["Tides", "Boats", "  Maps", "  Maps (copy)", "Engine"]);
    assert_eq!(home.show(&copy), home.show("Maps").replace("# Maps", "# Maps (copy)"));
}

#[test]
fn tags_templates_and_pins() {
    let home = Home::of("Ana");
    home.ok(&["doc", "new", "Minutes"]);
    home.ok(&["doc", "edit", "Minutes", "--append", "Who was there?"]);
    assert_eq!(home.ok(&["doc", "tag", "Minutes", "#Work", "boat"]).last_line(), "#boat #work");
    assert_eq!(home.ok(&["doc", "tag", "Minutes", "--remove", "boat"]).last_line(), "#work");
    assert_eq!(fails(&home, &["doc", "tag", "Minutes", "fine", "two words"]), (8, "bad-input".into()));
    assert_eq!(home.run(&["doc", "tag", "Minutes"]).code, 2);

    home.ok(&["doc", "template", "Minutes"]);
    let made = home.ok(&["doc", "new", "--from", "Minutes"]).last_line();
    assert!(home.show(&made).contains("Who was there?"));
    let listed = home.ok(&["doc", "list", "--tag", "work", "--json"]).json();
    let templates: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["template"] == true).collect();
    assert_eq!(templates, [true, false], "{listed}");
    assert_eq!(home.ok(&["doc", "tags", "--json"]).json(), serde_json::json!([{ "tag": "work", "documents": 2 }]));

    home.ok(&["doc", "pin", &made]);
    let pinned = |id: &str| {
        let listed = home.ok(&["doc", "list", "--json"]).json();
        listed.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap()["pinned"].is_u64()
    };
    assert!(pinned(&made));
    home.ok(&["doc", "pin", &made, "--not"]);
    assert!(!pinned(&made));
}

#[test]
fn what_is_in_the_trash_comes_back_and_what_is_destroyed_does_not() {
    let (ana, kofi, _, space) = three();
    let boats = ana.ok(&["doc", "new", "--space", &space, "Boats"]).last_line();
    let engine = ana.ok(&["doc", "new", "--under", &boats, "Engine"]).last_line();
    ana.ok(&["doc", "new", "--space", &space, "Maps"]);
    let link = ana.ok(&["invite", &space, "--role", "editor"]).last_line();
    assert_eq!(joins(&ana, &kofi, &link).code, 0);
    let online = ana.online();
    meets(&kofi, &online);
    online.stop();
    assert_eq!(tree(&kofi, &space), ["Boats", "  Engine", "Maps"]);

    // Apart, one throws away what the other goes on with.
    ana.ok(&["doc", "trash", "Boats"]);
    kofi.ok(&["doc", "edit", &engine, "--append", "It needs oil."]);
    kofi.ok(&["doc", "move", "Maps", "--before", "Boats"]);
    let online = ana.online();
    meets(&kofi, &online);
    online.stop();
    assert_eq!((tree(&ana, &space), tree(&kofi, &space)), (vec!["Maps".to_owned()], vec!["Maps".to_owned()]));
    assert_eq!(fails(&kofi, &["doc", "show", &engine]), (4, "no-such-document".into()));
    let trash = kofi.ok(&["doc", "list", "--trash", "--json"]).json();
    assert_eq!((&trash[0]["title"], &trash[0]["with"]), (&"Boats".into(), &1.into()), "{trash}");
    assert!(trash[0]["since"].is_u64() && trash.as_array().unwrap().len() == 1, "{trash}");

    kofi.ok(&["doc", "restore", "Boats"]);
    assert_eq!(tree(&kofi, &space), ["Maps", "Boats", "  Engine"]);
    let online = ana.online();
    meets(&kofi, &online);
    online.stop();
    assert!(ana.show(&engine).contains("It needs oil."));

    assert_eq!(fails(&ana, &["doc", "destroy", &boats, "--yes"]), (4, "not-in-trash".into()));
    ana.ok(&["doc", "trash", &boats]);
    let online = ana.online();
    meets(&kofi, &online);
    online.stop();
    assert_eq!(fails(&kofi, &["doc", "destroy", &boats, "--yes"]), (5, "role".into()));
    assert_eq!(fails(&ana, &["doc", "destroy", &boats]), (1, "declined".into()));
    assert_eq!(ana.ok(&["doc", "destroy", &boats, "--yes", "--json"]).json()["destroyed"], 2);
    // Who has not heard writes on, and it comes to nothing.
    kofi.ok(&["doc", "restore", &boats]);
    kofi.ok(&["doc", "edit", &engine, "--append", "It has oil."]);
    let online = ana.online();
    meets(&kofi, &online);
    online.stop();
    for home in [&ana, &kofi] {
        assert_eq!(tree(home, &space), ["Maps"]);
        assert_eq!(home.ok(&["doc", "list", "--trash", "--json"]).json(), serde_json::json!([]));
        assert_eq!(fails(home, &["doc", "show", &engine]), (4, "no-such-document".into()));
        assert_eq!(home.ok(&["verify", &space]).code, 0);
    }
    ana.ok(&["checkpoint", &space]);
    assert_eq!(ana.ok(&["verify", &space]).code, 0);
}
