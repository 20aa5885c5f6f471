//! HTML, as it is pasted or kept in files.
//!
//! It is read token by token, with `html5ever`'s tokenizer and without a tree: what a document needs of HTML is where
//! blocks start, what they are nested in and which marks are on, and a short stack of open elements tells that. So
//! neither depth nor mis-nesting can hurt. Scripts, styles, comments and what only a browser can draw are dropped;
//! links that would run something become text. All other text is kept, and so are the marks and blocks of this table:
//!
//! | HTML | here |
//! | --- | --- |
//! | `p`, `div` and other boxes | a paragraph, or the text of the list item they are first in |
//! | `h1` to `h6`, `pre`, `hr` | heading, code block (`class="language-…"`), divider |
//! | `li` in `ul` or `ol`, with a checkbox a task | list item, nested as the lists are |
//! | `blockquote` | each paragraph in it a `blockquote`; other blocks are nested in one |
//! | `strong`, `b`, `em`, `i`, `s`, `del`, `code`, `kbd`, …, `a`; or a `style` that says so | marks |
//! | `img` | an embed `image` |
//! | `br`, when something follows in its block | a line break |
//! | a table's row | a paragraph, its cells set apart by ` \| ` |

mod element;
mod reader;
mod tame;

use std::cell::RefCell;

use html5ever::{
    TokenizerResult,
    tendril::StrTendril,
    tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts, states::RawKind},
};

pub(crate) use self::element::is_safe_source;
use self::reader::Reader;
use crate::model::Item;

/// Reads HTML, a whole page or a piece of one. Any text is HTML, so this cannot fail; see the [module](self).
pub fn html(text: &str) -> Vec<Item> {
    let text = tame::tame(text.strip_prefix('\u{feff}').unwrap_or(text));
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(&text));
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    while tokenizer.feed(&queue) != TokenizerResult::Done {}
    tokenizer.end();
    tokenizer.sink.reader.into_inner().finish()
}

#[derive(Default)]
struct Sink {
    reader: RefCell<Reader>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut reader = self.reader.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                reader.start(&tag);
                // What is inside of these is no markup.
                let raw = match &*tag.name {
                    "script" => RawKind::ScriptData,
                    "style" | "xmp" | "iframe" | "noembed" | "noframes" => RawKind::Rawtext,
                    "title" | "textarea" => RawKind::Rcdata,
                    _ => return TokenSinkResult::Continue,
                };
                return TokenSinkResult::RawData(raw);
            }
            Token::TagToken(tag) => reader.end(&tag.name),
            Token::CharacterTokens(text) => reader.text(&text),
            Token::NullCharacterToken => reader.text("\u{fffd}"),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}
