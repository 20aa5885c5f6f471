//! Folders of notes: names, tags, links.

use proptest::prelude::*;

use super::formats::brief;
use crate::{
    export::tests::documents::cases,
    import::{Leads, called, markdown, note, put_title, relink, with_tags},
};

fn linked(text: &str) -> (Vec<String>, Vec<String>) {
    let mut asked = Vec::new();
    let items = relink(note(text).items, |target| {
        let sign = if target.embedded { "!" } else { "" };
        let place = target.place.map_or_else(String::new, |place| format!("#{place}"));
        asked.push(format!("{sign}{}{place}{}", target.path, if target.wiki { " wiki" } else { "" }));
        match target.path {
            "Nobody" => Leads::Nowhere,
            path => Leads::To { address: format!("to:{path}"), shown: path.to_uppercase() },
        }
    });
    (brief(&items), asked)
}

#[test]
fn links_between_notes_are_asked_for_and_others_are_not() {
    let (read, asked) = linked(
        "[[Gauge]], [[Gauge#Silt|the *silt*]], ![[a/post.png|300]] [[Nobody]] [[ ]] [[open\n\n\
         [x](../A%20b.md#Top \"t\") [w](https://e.org/[[a]]) [s](#place) ![p](img/p.png) `[[code]]`\n\n\
         ```\n[[code]]\n```\n",
    );
    assert_eq!(asked, ["Gauge wiki", "!a/post.png wiki", "Nobody wiki", "../A b.md#Top", "!img/p.png"], "{read:?}");
    assert!(read[0].contains("GAUGE") && read[0].contains("A/POST.PNG") && read[0].contains("[[Nobody]]"), "{read:?}");
}

#[test]
fn what_a_note_is_called_stands_at_its_top() {
    let read = note("---\ntitle: Other\ntags: [a, B c]\nx: 1\n---\nWords #tag, #12 `#no`\n\n# Late #end\n");
    assert_eq!(read.title.as_deref(), Some("Other"));
    assert_eq!(read.tags.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "b", "c", "end", "tag"]);
    assert_eq!(called(&read.items), "Late #end");
    let mut items = read.items;
    put_title(&mut items, "File");
    assert_eq!(brief(&items)[1], "heading(level=1): File");
    let before = items.clone();
    put_title(&mut items, "Again");
    assert_eq!(items, before);
    assert_eq!(called(&markdown("only words\nhere")), "only words here");
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn tags_go_out_and_come_in_again(text in "([a-z#\\[\\]| !()-]|\n|---\n|tags: \\[x\\]\n|a: b\n){0,40}") {
        let tags = ["one".to_owned(), "two/three".to_owned()].into();
        let plain = note(&text);
        let read = note(&with_tags(&text, &tags));
        prop_assert!(read.tags.is_superset(&tags));
        if !text.starts_with("---") {
            prop_assert_eq!(read.items, plain.items);
        }
    }

    #[test]
    fn any_links_in_any_text_lose_no_word(text in "([a-z*`|#!]|\\[\\[|\\]\\]|\\[|\\]|\\(|\\)|\n){0,40}") {
        let items = markdown(&text);
        prop_assert_eq!(relink(items.clone(), |_| Leads::Nowhere), items);
    }
}
