//! Files, and what is said about those that cannot be read.

use automerge::{AutoCommit, ObjType, ROOT, TextEncoding, transaction::Transactable};

use super::formats::brief;
use crate::import::{ImportError, file};

#[test]
fn a_file_is_what_its_name_says() {
    let imported = file("/home/ana/My notes.MD", b"text\n\n## The *first* heading\n").unwrap();
    assert_eq!(imported.title, "The first heading");
    assert_eq!(brief(&imported.items), ["paragraph: text", "heading(level=2): The {em first} heading"]);

    let imported = file("C:\\x\\page.one.htm", b"<p>*a*").unwrap();
    assert_eq!((imported.title.as_str(), &*brief(&imported.items)), ("page.one", &["paragraph: *a*".to_owned()][..]));

    let imported = file("README", b"# a").unwrap();
    assert_eq!((imported.title.as_str(), &*brief(&imported.items)), ("README", &["paragraph: # a".to_owned()][..]));
    assert_eq!(file("empty.md", b"").unwrap().items, []);
    assert_eq!(file(".md", b"*a*").unwrap().title, ".md");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name_and_place() {
    let error = file("a/latin.txt", b"caf\xe9 ole").unwrap_err();
    assert!(matches!(error, ImportError::NotUtf8 { offset: 3, byte: 0xe9, .. }));
    assert_eq!(
        error.to_string(),
        "latin.txt is not UTF-8 text: byte 3 (0xe9) cannot stand there; save it as UTF-8 and try again"
    );
    // Cut in the middle of a character.
    assert!(matches!(
        file("a.md", "ab…".as_bytes().split_last().unwrap().1),
        Err(ImportError::NotUtf8 { offset: 2, .. })
    ));
    assert!(file("a.odt", b"PK").unwrap_err().to_string().starts_with("a.odt is of no kind"));
    assert!(matches!(file("a.docx", b"PK"), Err(ImportError::NotDocx { .. })));
    let error = file("a.automerge", b"# a heading").unwrap_err();
    assert!(error.to_string().starts_with("a.automerge is not an Automerge document"), "{error}");
    assert!(matches!(file("a.automerge", b""), Err(ImportError::NotAutomerge { .. })));
    assert!(matches!(file("a.txt", &vec![b'a'; 65 * 1024 * 1024]), Err(ImportError::TooLarge { .. })));
}

#[test]
fn the_text_of_a_foreign_document_is_found() {
    let saved = |keys: &[&str]| {
        let mut doc = AutoCommit::new_with_encoding(TextEncoding::Utf16CodeUnit);
        doc.put(ROOT, "title", "x").unwrap();
        for key in keys {
            let text = doc.put_object(ROOT, *key, ObjType::Text).unwrap();
            doc.splice_text(&text, 0, 0, &format!("in {key} 🙂")).unwrap();
        }
        doc.save()
    };
    for (keys, found) in
        [(&["body", "content"][..], "in content 🙂"), (&["doc", "text"], "in text 🙂"), (&["notes"], "in notes 🙂")]
    {
        assert_eq!(brief(&file("a.automerge", &saved(keys)).unwrap().items), [found]);
    }
    assert!(matches!(file("a.automerge", &saved(&[])), Err(ImportError::NotAutomerge { .. })));
    assert!(matches!(file("a.automerge", &saved(&["one", "two"])), Err(ImportError::NotAutomerge { .. })));
}

#[test]
fn a_damaged_document_is_an_error_at_every_byte() {
    let mut doc = AutoCommit::new_with_encoding(TextEncoding::Utf16CodeUnit);
    let text = doc.put_object(ROOT, "content", ObjType::Text).unwrap();
    doc.splice_text(&text, 0, 0, "some words").unwrap();
    let whole = doc.save();
    for cut in 0..whole.len() {
        assert!(file("a.automerge", &whole[..cut]).is_err(), "cut at {cut}");
        let mut damaged = whole.clone();
        damaged[cut] ^= 0x55;
        assert!(file("a.automerge", &damaged).is_err(), "damaged at {cut}");
    }
}
