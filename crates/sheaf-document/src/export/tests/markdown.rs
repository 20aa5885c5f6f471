//! Markdown that is read back says the same.

use proptest::prelude::*;

use super::documents::{any_document, cases, sayable_document};
use crate::{
    export, import,
    model::{Item, blocks_of},
};

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn what_markdown_can_say_reads_back_equal(items in sayable_document()) {
        let text = export::markdown(&items);
        prop_assert_eq!(import::markdown(&text), items, "\n{}", text);
    }

    #[test]
    fn any_document_keeps_its_blocks_and_settles(items in any_document()) {
        let text = export::markdown(&items);
        let read = import::markdown(&text);
        let blocks = |items: &[Item]| blocks_of(items).count();
        prop_assert_eq!(blocks(&read), blocks(&items), "\n{}", &text);
        let again = export::markdown(&read);
        prop_assert_eq!(import::markdown(&again), read, "\n{}\n{}", text, again);
    }

    #[test]
    fn any_text_is_markdown_and_settles(text in "([ \\t>*+`#~_|\\[\\]()!<>&=:.\\\\0-9a-z-]|\n|    |- |> |1\\. |\\*\\*|```|<br>|</?b>|\\[a\\]: b|---){0,60}") {
        let read = import::markdown(&text);
        let again = export::markdown(&read);
        prop_assert_eq!(import::markdown(&again), read, "\n{}\n----\n{}", text, again);
    }
}
