//! A change from outside: checked, and if it passes applied; the document must live on, and open again once saved.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use sheaf_document::{Document, Expect, Genesis, Slot, check::peek, check_change, edit::Edit, model::{Item, Marks}};

fn typed(text: &str) -> Edit {
    Edit::Splice { at: 0, delete: 0, insert: vec![Item::Text { text: text.to_owned(), marks: Marks::new() }] }
}

fuzz_target!(|data: &[u8]| {
    // Automerge's panics are caught and answered; only those that get out of the crate count.
    std::panic::set_hook(Box::new(|_| {}));
    let mut bytes = data.to_vec();
    if bytes.len() > 9 {
        // The checksum is made right, so that what is inside is what is looked at.
        let hash = Sha256::digest(&bytes[8..]);
        bytes[4..8].copy_from_slice(&hash[..4]);
    }
    let _ = peek(&bytes);
    let me = Slot { actor: vec![1; 32], author: vec![101; 32] };
    let mut document = Document::new(Genesis::Text);
    document.edit(&me, &[typed("hello world")]).expect("an honest edit");
    let expect = Expect { actors: vec![vec![2; 32]], author: vec![102; 32] };
    if let Ok(valid) = check_change(&document, &bytes, &expect)
        && document.apply(vec![valid]).refused.is_empty()
    {
        assert!(Document::load(&document.save()).is_ok());
    }
    document.edit(&me, &[typed("still here")]).expect("an honest edit");
    assert!(document.text().starts_with("still here"));
});
