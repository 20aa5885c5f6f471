//! The index document of a space.

mod support;

use sheaf_document::{
    Checker, Committed, Document, Genesis,
    index::{
        Index, IndexedPerson, NewDocument, put_document, put_in_trash, put_person, set_space_name, set_tag,
        set_template, set_title,
    },
};
use support::{checked, expect, slot};

fn took(doc: &mut Document, changes: &[(u8, Committed)]) {
    let changes = checked(doc, changes);
    assert_eq!(doc.apply(changes).refused, vec![]);
}

fn new<'a>(id: &'a str, title: &'a str, created: i64) -> NewDocument<'a> {
    NewDocument { id, title, created, ..NewDocument::default() }
}

#[test]
fn two_people_begin_an_index_and_both_have_all_of_it() {
    let (mut ana, mut ben) = (Document::new(Genesis::Index), Document::new(Genesis::Index));
    let (a, b) = (slot(1, 0), slot(2, 0));
    let mut from_ana = vec![
        set_space_name(&mut ana, &a, "Expedition").unwrap().unwrap(),
        put_document(&mut ana, &a, &new("d1", "Plans", 100)).unwrap().unwrap(),
        put_person(&mut ana, &a, "ana", "Ana", 3).unwrap().unwrap(),
    ];
    let from_ben = [
        put_document(&mut ben, &b, &new("d2", "Budget", 50)).unwrap().unwrap(),
        put_person(&mut ben, &b, "ben", "Ben", 99).unwrap().unwrap(),
    ];
    took(&mut ana, &from_ben.map(|change| (2, change)));
    from_ana.push(set_title(&mut ana, &a, "d2", "The budget").unwrap().unwrap());
    from_ana.push(put_in_trash(&mut ana, &a, "d1", 200).unwrap().unwrap());
    took(&mut ben, &from_ana.into_iter().map(|change| (1, change)).collect::<Vec<_>>());
    assert_eq!(ana.heads(), ben.heads());
    for doc in [&ana, &ben] {
        let index = Index::of(doc);
        assert_eq!(index.space_name(), "Expedition");
        let documents = index.documents();
        let read: Vec<_> = documents.iter().map(|d| (d.id.as_str(), d.title.as_str(), d.created, d.trashed)).collect();
        assert_eq!(read, [("d2", "The budget", 50, None), ("d1", "Plans", 100, Some(200))]);
        let person = |id: &str, name: &str, colour| IndexedPerson { id: id.into(), name: name.into(), colour };
        assert_eq!(index.people(), vec![person("ana", "Ana", 3), person("ben", "Ben", 8)]);
    }
}

#[test]
fn what_is_not_there_is_not_changed() {
    let mut doc = Document::new(Genesis::Index);
    assert_eq!(set_title(&mut doc, &slot(1, 0), "nothing", "x").unwrap(), None);
    assert_eq!(put_in_trash(&mut doc, &slot(1, 0), "nothing", 1).unwrap(), None);
    assert_eq!(doc.heads(), vec![Genesis::Index.hash()]);
    assert_eq!(Index::of(&doc).documents(), vec![]);
    assert_eq!(Index::of(&doc).space_name(), "");
}

#[test]
fn an_index_opens_again() {
    let mut doc = Document::new(Genesis::Index);
    let made = put_document(&mut doc, &slot(1, 0), &new("d", &"long ".repeat(400), 1)).unwrap().unwrap();
    let again = Document::load(&doc.save()).unwrap();
    assert_eq!(Index::of(&again).documents()[0].title.chars().count(), 500, "a title from anyone is cut when read");
    let other = Document::new(Genesis::Index);
    assert!(Checker::new(&other).check(&made.bytes, &expect(1)).is_ok());
}

#[test]
fn tags_that_two_people_give_are_both_there_and_saying_it_again_writes_nothing() {
    let (mut ana, mut ben) = (Document::new(Genesis::Index), Document::new(Genesis::Index));
    let (a, b) = (slot(1, 0), slot(2, 0));
    let made = put_document(&mut ana, &a, &NewDocument { tags: vec!["old".into()], ..new("d", "Plans", 1) });
    took(&mut ben, &[(1, made.unwrap().unwrap())]);
    let from_ana = [set_tag(&mut ana, &a, "d", "trip", true), set_tag(&mut ana, &a, "d", "old", false)];
    let from_ben = [set_tag(&mut ben, &b, "d", "boat", true), set_template(&mut ben, &b, "d", true)];
    took(&mut ana, &from_ben.map(|change| (2, change.unwrap().unwrap())));
    took(&mut ben, &from_ana.map(|change| (1, change.unwrap().unwrap())));
    for doc in [&ana, &ben] {
        let read = Index::of(doc).document("d").unwrap();
        assert_eq!(
            (read.tags.into_iter().collect::<Vec<_>>(), read.template),
            (vec!["boat".into(), "trip".into()], true)
        );
    }
    for again in [set_tag(&mut ana, &a, "d", "trip", true), set_tag(&mut ana, &a, "d", "none", false)] {
        assert_eq!(again.unwrap(), None);
    }
    assert_eq!(set_template(&mut ana, &a, "d", true).unwrap(), None);
    assert_eq!(set_tag(&mut ana, &a, "nothing", "trip", true).unwrap(), None);
}
