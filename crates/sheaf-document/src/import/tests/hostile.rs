//! Input made to hurt: it never panics, never overflows the stack, and time grows with the size, not its square.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::{
    export,
    export::tests::documents::cases,
    import,
    model::{Item, len_of},
};

/// Patterns that were quadratic in some reader or other, or nest.
const MARKDOWN: [&str; 34] = [
    "> ",
    "- ",
    "1. ",
    "> - ",
    "- > 1. ",
    "  - a\n",
    "*",
    "**a ",
    "*a **a ",
    "a_ ",
    "~~",
    "~~a ",
    "[",
    "[a](",
    "![",
    "![a](b ",
    "[a]: b\n",
    "<",
    "<b>",
    "</b>",
    "<b><i>",
    "<!--",
    "<?",
    "<![CDATA[",
    "`",
    "`a``",
    "\\",
    "&",
    "&amp;",
    "|",
    "|a|b\n|-|-\n",
    "www.a_",
    "a@b.c ",
    "http://a",
];

const HTML: [&str; 22] = [
    "<div>",
    "<p>",
    "<b>",
    "<a href=x>",
    "<ul><li>",
    "<li>",
    "<blockquote>",
    "<table><tr><td>",
    "<td>",
    "<b><p>",
    "</p>",
    "</b>",
    "<b></i>",
    "<pre>",
    "<svg>",
    "<!--",
    "<!",
    "&",
    "&amp",
    "<a b='",
    "<h1>",
    "<br>",
];

fn slowest(patterns: &[&str], size: usize, read: impl Fn(&str) -> Vec<Item>) -> (Duration, String) {
    let mut slowest = (Duration::ZERO, String::new());
    for pattern in patterns {
        let text = pattern.repeat(size / pattern.len());
        for text in [
            text.clone(),
            format!("{text}a"),
            format!("{text}\n{}", "a\n".repeat(1000)),
            format!("{text}{}", "\n".repeat(1000)),
        ] {
            let start = Instant::now();
            drop(read(&text));
            slowest = slowest.max((start.elapsed(), (*pattern).to_owned()));
        }
    }
    slowest
}

#[test]
fn hostile_markdown_takes_time_by_its_size() {
    let (time, pattern) = slowest(&MARKDOWN, 100_000, import::markdown);
    assert!(time < Duration::from_secs(20), "{pattern:?}: {time:?}");
    let start = Instant::now();
    for text in [stairs(200), landings(10)] {
        let items = import::markdown(&text);
        export::markdown(&items);
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Lists nested as deep as their indentation allows, and then lines that all of them might hold.
fn stairs(depth: usize) -> String {
    let steps: Vec<String> = (0..depth).map(|n| " ".repeat(2 * n) + "- a\n").collect();
    steps.concat() + &"\n".repeat(depth * depth) + "*b* c\n" + &"*d*\n".repeat(depth * depth / 4)
}

/// The same, a hundred lists deeper with each line, and then one long paragraph.
fn landings(lines: usize) -> String {
    let steps: Vec<String> = (0..lines).map(|n| " ".repeat(200 * n) + &"- ".repeat(100) + "a\n").collect();
    steps.concat() + &"*d*\n".repeat(10_000)
}

#[test]
fn hostile_html_takes_time_by_its_size() {
    let (time, pattern) = slowest(&HTML, 200_000, import::html);
    assert!(time < Duration::from_secs(20), "{pattern:?}: {time:?}");
    let attributes: String = (0..40_000).map(|n| format!(" a{n}")).collect::<Vec<_>>().concat();
    let start = Instant::now();
    let items = import::html(&format!("<p{attributes} title=\"x\">a"));
    assert_eq!(len_of(&items), 2);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Not run by default: prints what a megabyte takes, of prose and of every pattern.
#[test]
#[ignore = "a measurement"]
fn measure_a_megabyte() {
    let prose = "## A heading\n\nSome *prose* with **marks**, a [link](https://example.org), `code`, and words enough to fill a line or two of it.\n\n- an item\n  - another\n\n".repeat(7000);
    for size in [250_000, 500_000, 1_000_000] {
        let prose = &prose[..size];
        let start = Instant::now();
        let items = import::markdown(prose);
        let read = start.elapsed();
        let start = Instant::now();
        let text = export::markdown(&items);
        let written = start.elapsed();
        let start = Instant::now();
        let page = export::html("", &items);
        let html_written = start.elapsed();
        let start = Instant::now();
        import::html(&page);
        println!(
            "{size}: markdown read {read:?} written {written:?} ({}); html written {html_written:?} read {:?}",
            text.len(),
            start.elapsed()
        );
    }
    for text in [stairs(400), stairs(560), landings(10) + &"*d*\n".repeat(200_000)] {
        let start = Instant::now();
        import::markdown(&text);
        println!("{} bytes of stairs: {:?}", text.len(), start.elapsed());
    }
    let (mut times, sizes) = (Vec::new(), [250_000, 500_000]);
    for pattern in MARKDOWN {
        let time = sizes.map(|size| slowest(&[pattern], size, import::markdown).0);
        times.push((time[1], format!("markdown {pattern:?} {time:?}")));
    }
    for pattern in HTML {
        let time = sizes.map(|size| slowest(&[pattern], size, import::html).0);
        times.push((time[1], format!("html {pattern:?} {time:?}")));
    }
    times.sort();
    times.iter().rev().take(15).for_each(|(_, line)| println!("{line}"));
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn any_text_reads_as_any_format(text in "(\\PC|[ -~]|\n|<|>|</|&|\"|'|=|<p|<li|<pre|<td>|<ul>|<a href=|style=|<br/>|- |> |\\* |`|\\||\\[|\\]){0,80}") {
        import::markdown(&text);
        import::html(&text);
        import::plain(&text);
    }
}
