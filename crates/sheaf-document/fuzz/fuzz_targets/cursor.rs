//! A cursor from outside: it leads to a place in the text, or nowhere.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sheaf_document::{Document, Genesis, Slot, edit::Edit, model::{Block, Item, Marks}};

fuzz_target!(|data: &[u8]| {
    std::panic::set_hook(Box::new(|_| {}));
    let me = Slot { actor: vec![1; 32], author: vec![101; 32] };
    let mut document = Document::new(Genesis::Text);
    let block = Block { kind: "paragraph".to_owned(), parents: vec![], attrs: Default::default(), is_embed: false };
    let insert = vec![Item::Block { block }, Item::Text { text: "hello world".to_owned(), marks: Marks::new() }];
    document.edit(&me, &[Edit::Splice { at: 0, delete: 0, insert }]).expect("an honest edit");
    let heads = document.heads();
    assert!(document.cursor_position(data, &heads).is_none_or(|at| at <= 12));
});
