//! Small documents in each format, and what they become.

use std::fmt::Write;

use crate::{
    import,
    model::{Item, Scalar, blocks_of},
};

/// A short form to compare with: a line a block; `kind(attrs)<parents: content`, marks as `{name text}`.
pub(super) fn brief(items: &[Item]) -> Vec<String> {
    let scalar = |value: &Scalar| match value {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Number(value) => value.to_string(),
        Scalar::Text(value) => value.clone(),
    };
    let block = |(marker, inside): (Option<&crate::model::Block>, &[Item])| {
        let mut line = String::new();
        if let Some(block) = marker {
            let attrs: Vec<String> = block.attrs.iter().map(|(k, v)| format!("{k}={}", scalar(v))).collect();
            let attrs = if attrs.is_empty() { String::new() } else { format!("({})", attrs.join(",")) };
            line = [&[format!("{}{attrs}", block.kind)], &block.parents[..]].concat().join("<") + ": ";
        }
        for item in inside {
            match item {
                Item::Text { text, marks } if marks.is_empty() => line += text,
                Item::Text { text, marks } => {
                    let names: Vec<&str> = marks.keys().map(String::as_str).collect();
                    let _ = write!(line, "{{{} {text}}}", names.join("+"));
                }
                Item::Embed { block } => {
                    let attrs: Vec<String> = block.attrs.iter().map(|(k, v)| format!("{k}={}", scalar(v))).collect();
                    let _ = write!(line, "[{} {}]", block.kind, attrs.join(","));
                }
                Item::Block { .. } => {}
            }
        }
        line.trim_end_matches(' ').to_owned()
    };
    blocks_of(items).map(block).collect()
}

fn markdown(text: &str) -> Vec<String> {
    brief(&import::markdown(text))
}

fn html(text: &str) -> Vec<String> {
    brief(&import::html(text))
}

#[test]
fn markdown_blocks() {
    assert_eq!(
        markdown("# One\n\ntext\nsoft  \nhard\n\n***\n\n```rust x\na\n\n  b\n```\n\n> q\n>\n> r\n> - s\n"),
        [
            "heading(level=1): One",
            "paragraph: text soft\nhard",
            "__ext__divider:",
            "code-block(language=rust x): a\n\n  b",
            "blockquote: q",
            "blockquote: r",
            "unordered-list-item<blockquote: s",
        ]
    );
}

#[test]
fn markdown_lists_nest_by_their_parents() {
    assert_eq!(
        markdown("- a\n\n  3. b\n     - [ ] c\n     - [X] d\n\n  second\n- # h\n- \n\n```\ncode\n```\n"),
        [
            "unordered-list-item: a",
            "ordered-list-item(start=3)<unordered-list-item: b",
            "unordered-list-item(checked=false)<unordered-list-item<ordered-list-item: c",
            "unordered-list-item(checked=true)<unordered-list-item<ordered-list-item: d",
            "paragraph<unordered-list-item: second",
            "unordered-list-item:",
            "heading(level=1)<unordered-list-item: h",
            "unordered-list-item:",
            "code-block: code",
        ]
    );
}

#[test]
fn markdown_marks_links_and_images() {
    assert_eq!(
        markdown(
            "**a *b*** ~~c~~ `d` [e](/f \"g\") <https://h.org> www.i.org j@k.org ![l*m*](n \"o\") [![](p)](q) [](r)"
        ),
        [
            "paragraph: {strong a }{em+strong b} {strike c} {code d} {link e} {link https://h.org} {link www.i.org} {link j@k.org} \
          [image alt=lm,src=n,title=o] [image href=q,src=p] {link r}"
        ]
    );
}

#[test]
fn markdown_html_stays_text_but_for_what_says_the_same() {
    assert_eq!(
        markdown("<div>\nx\n</div>\n\na<br>b <b>c</b> <i>d <u>e</u>\n\n<br>\n\n<!-- f -->\n"),
        [
            "paragraph: <div>\nx\n</div>",
            "paragraph: a\nb {strong c} <i>d <u>e</u>",
            "paragraph:",
            "paragraph: <!-- f -->",
        ]
    );
}

#[test]
fn markdown_keeps_tables_and_front_matter_as_written_and_writes_them_back() {
    let text = "---\ntitle: x\n---\n\n| a | **b** |\n|---|:-:|\n| c | d \\| e |\n\n> | q |\n> | - |\n\nend\n";
    assert_eq!(
        markdown(text),
        [
            "code-block(language=yaml,verbatim=front-matter): ---\ntitle: x\n---",
            "code-block(language=markdown,verbatim=table): | a | **b** |\n|---|:-:|\n| c | d \\| e |",
            "code-block(language=markdown,verbatim=table)<blockquote: | q |\n| - |",
            "paragraph: end",
        ]
    );
    assert_eq!(crate::export::markdown(&import::markdown(text)), text);
    // Not front matter: dividers.
    assert_eq!(markdown("---\n\na\n\n---\n"), ["__ext__divider:", "paragraph: a", "__ext__divider:"]);
    assert_eq!(markdown("---\n---    \n"), ["__ext__divider:", "__ext__divider:"]);
}

#[test]
fn markdown_says_nothing_as_nothing() {
    assert!(import::markdown("").is_empty());
    assert!(import::markdown("\u{feff}\r\n\r\n").is_empty());
    assert_eq!(markdown("a\0b"), ["paragraph: a\u{fffd}b"]);
    assert_eq!(markdown("a\r\nb\rc\r\n\r\nd"), ["paragraph: a b c", "paragraph: d"]);
}

#[test]
fn html_blocks_and_marks() {
    assert_eq!(
        html(
            "<!DOCTYPE html><html><head><title>no</title><style>p{}</style><script>a<b</script></head><body>\n\
             <h2>Big <em>one</em></h2>\n<p>a  <b>b</b>\n c<br>d<br></p><div>e<div>f</div>g</div><!-- no -->\n\
             <ul><li>h<ol start=4><li><p>i</p><p>j</p></li></ol></li><li><input type=checkbox checked> k</ul>\n\
             <blockquote><p>l</p><p>m</p></blockquote><pre><code class=\"x language-js\">\nn\n  o &amp; p</code></pre><hr>\
             <p>&nbsp;</p><a href=\"http://q\">r</a><a href=\"javascript:s\">t</a>"
        ),
        [
            "heading(level=2): Big {em one}",
            "paragraph: a {strong b} c\nd",
            "paragraph: e",
            "paragraph: f",
            "paragraph: g",
            "unordered-list-item: h",
            "ordered-list-item(start=4)<unordered-list-item: i",
            "paragraph<unordered-list-item<ordered-list-item: j",
            "unordered-list-item(checked=true): k",
            "blockquote: l",
            "blockquote: m",
            "code-block(language=js): \nn\n  o & p",
            "__ext__divider:",
            "paragraph:",
            "paragraph: {link r}t",
        ]
    );
}

#[test]
fn html_as_other_programs_put_it_on_the_clipboard() {
    // Everything in a bold that is none; marks as styles.
    assert_eq!(
        html(
            "<meta charset='utf-8'><b style=\"font-weight:normal;\" id=\"x\"><p dir=ltr><span style=\"font-weight:700\">a</span>\
             <span style=\"font-style:italic;text-decoration:line-through\"> b</span></p><br></b>"
        ),
        ["paragraph: {strong a}{em+strike  b}", "paragraph:"]
    );
    // Lines of code, their blanks kept.
    assert_eq!(
        html("<div style=\"white-space: pre;\"><div><span>if a {</span></div><div>    b</div></div>"),
        ["paragraph: if a {", "paragraph:     b"]
    );
    // A list right inside of a list.
    assert_eq!(
        html("<ul><li>a</li><ul><li>b</li></ul><li>c</li></ul>"),
        ["unordered-list-item: a", "unordered-list-item<unordered-list-item: b", "unordered-list-item: c"]
    );
    // A table.
    assert_eq!(
        html(
            "<table><tr><th>a</th><th>b</th></tr><tr><td><p>c</p><p>d</p></td><td><ul><li>e</li></ul></td></tr></table>"
        ),
        ["paragraph: a | b", "paragraph: c d | e"]
    );
}

#[test]
fn html_that_is_broken_loses_no_word() {
    assert_eq!(html("<b><i>a</b>b</i>c"), ["paragraph: {em+strong a}{em b}c"]);
    assert_eq!(
        html("<p>a<p>b</div></b>c<li>d<li>e"),
        ["paragraph: a", "paragraph: bc", "unordered-list-item: d", "unordered-list-item: e"]
    );
    assert_eq!(html("a &lt;b&gt; &amp &eacute; &#x1F642; &bogus; < c"), ["paragraph: a <b> & é 🙂 &bogus; < c"]);
    assert_eq!(html("a<script>b"), ["paragraph: a"]);
    assert_eq!(
        html("<img src='javascript:x' alt=y> <img src=\"data:image/png;base64,AA==\">"),
        ["paragraph: y [image src=data:image/png;base64,AA==]"]
    );
}

#[test]
fn plain_lines() {
    assert_eq!(
        brief(&import::plain("\u{feff}a\r\nb\n\nc\n\n\nd *e*\n")),
        ["paragraph: a", "paragraph: b", "paragraph: c", "paragraph:", "paragraph: d *e*"]
    );
    assert!(import::plain("").is_empty());
}

#[test]
fn what_is_nested_too_deep_stays_at_the_limit() {
    for deep in
        ["> ".repeat(40) + "a\n", "- ".repeat(40) + "a\n\n" + &"  ".repeat(40) + "b\n", "> - ".repeat(20) + "a\n"]
    {
        let items = import::markdown(&deep);
        assert_eq!(import::markdown(&crate::export::markdown(&items)), items);
    }
    let items = import::html(&("<blockquote>".repeat(40) + "a"));
    assert_eq!(import::html(&crate::export::html("", &items)), items);
}
