// @vitest-environment jsdom
import { TextSelection } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Item } from "../core/types/Item";
import { FlatSerializer } from "./copy";
import { flatten } from "./flatten";
import { itemsBetween, itemsOf, pageOf } from "./items";
import { looksLikeMarkdown, markdownBlocks, plainBlocks } from "./markdown";
import { BIG_HTML, BIG_TEXT, type BigPaste } from "./paste";
import { schema } from "./schema";
import { documentFrom } from "./test/acts";
import { normal } from "./test/model";
import { b, e, open, paragraphs, t } from "./test/window";

afterEach(() => {
  document.body.replaceChildren();
});

const BULLET = "unordered-list-item";
const ORDERED = "ordered-list-item";
const link = (text: string, href: string): Item => ({ t: "text", text, marks: { link: JSON.stringify({ href, title: "" }) } });

function read(html: string): Item[] {
  const holder = document.implementation.createHTMLDocument("").createElement("div");
  holder.innerHTML = html;
  const doc = schema.nodes.doc.create(null, flatten(holder));
  return itemsBetween(doc, 0, doc.content.size);
}

/** A clipboard as the browser hands it over. */
function paste(view: EditorView, data: Record<string, string>, type = "paste"): Event {
  const event = new Event(type, { bubbles: true, cancelable: true });
  const clipboard = { getData: (kind: string) => data[kind] ?? "", setData: (kind: string, text: string) => (data[kind] = text), clearData: () => undefined, files: [], items: [], types: Object.keys(data) };
  Object.assign(event, { clipboardData: clipboard });
  view.dom.dispatchEvent(event);
  return event;
}

describe("HTML from the web", () => {
  test.each<[string, string, Item[]]>([
    ["paragraphs and headings", "<h2>Title</h2><p>One<br>two</p><div>three</div>", [b("heading", { level: 2 }), t("Title"), b(), t("One\ntwo"), b(), t("three")]],
    ["marks", "<p>a <b>b</b> <i>c</i> <code>d</code> <del>e</del></p>", [b(), t("a "), t("b", "strong"), t(" "), t("c", "em"), t(" "), t("d", "code"), t(" "), t("e", "strike")]],
    ["links, but no scripts", '<p><a href="https://example.org">x</a> <a href="javascript:alert(1)">y</a></p>', [b(), link("x", "https://example.org"), t(" y")]],
    ["nested lists", "<ul><li>a<ol><li>b</li></ol></li><li><p>c</p><p>more</p></li></ul>", [b(BULLET), t("a"), b(ORDERED, {}, [BULLET]), t("b"), b(BULLET), t("c"), b("paragraph", {}, [BULLET]), t("more")]],
    ["task lists", '<ul><li><input type="checkbox" checked> done</li><li><input type="checkbox"> open</li></ul>', [b(BULLET, { checked: true }), t("done"), b(BULLET, { checked: false }), t("open")]],
    ["quotes", "<blockquote><p>a</p><p>b</p></blockquote>", [b("blockquote"), t("a"), b("blockquote"), t("b")]],
    ["code", '<pre><code class="language-rust">fn main() {\n  x\n}\n</code></pre>', [b("code-block", { language: "rust" }), t("fn main() {\n  x\n}")]],
    ["code in lines of its own", "<pre><div>a</div><div>b</div></pre>", [b("code-block"), t("a\nb")]],
    ["tables, a row a line", "<table><tr><th>A</th><th>B</th></tr><tr><td><p>1</p></td><td>2</td></tr></table>", [b(), t("A\tB"), b(), t("1\t2")]],
    ["nothing that is not words", "<style>p{}</style><script>x()</script><p hidden>h</p><p style='display:none'>i</p><p>a</p><!-- c --><svg><text>s</text></svg>", [b(), t("a")]],
    ["spaces as the web means them", "<p>  a\n   <b> b </b>  c  </p>\n\n<p> </p>", [b(), t("a "), t("b ", "strong"), t("c")]],
    ["words without a block", "just <b>words</b>", [b(), t("just "), t("words", "strong")]],
    ["a heading in a quote", "<blockquote><h3>a</h3></blockquote>", [b("heading", { level: 3 }), t("a")]],
    ["an empty item", "<ul><li></li><li>a</li></ul>", [b(BULLET), b(BULLET), t("a")]],
  ])("%s", (_what, html, items) => {
    expect(read(html)).toEqual(items);
  });

  test("a tree made to exhaust the stack is only text", () => {
    expect(read(`${"<div>".repeat(400)}deep${"</div>".repeat(400)}`)).toEqual([b(), t("deep")]);
    const holder = document.createElement("div");
    let inner = holder;
    for (let i = 0; i < 1_000; i++) inner = inner.appendChild(document.createElement("div"));
    inner.textContent = "deep";
    expect(flatten(holder).map((node) => node.textContent)).toEqual(["deep"]);
  });
});

describe("Google Docs", () => {
  test("styles are what they look like, and the wrapper is not bold", () => {
    const html = `<meta charset='utf-8'><b style="font-weight:normal;" id="docs-internal-guid-1"><h1 dir="ltr"><span style="font-size:20pt;font-weight:400;">Title</span></h1><p dir="ltr"><span style="font-weight:400;font-style:normal;">plain </span><span style="font-weight:700;font-style:normal;">bold</span><span style="font-weight:400;font-style:italic;"> italic</span><span style="text-decoration:line-through;"> gone</span></p><br /><ul><li dir="ltr" aria-level="1"><p dir="ltr" role="presentation"><span>one</span></p></li><ul><li dir="ltr" aria-level="2"><p dir="ltr"><span>nested</span></p></li></ul></ul></b>`;
    expect(read(html)).toEqual([
      b("heading", { level: 1 }), t("Title"),
      b(), t("plain "), t("bold", "strong"), t(" italic", "em"), t(" gone", "strike"),
      b(BULLET), t("one"),
      b(BULLET, {}, [BULLET]), t("nested"),
    ]);
  });

  test("check lists are tasks", () => {
    expect(read(`<ul><li role="checkbox" aria-checked="true"><p>a</p></li><li role="checkbox" aria-checked="false"><p>b</p></li></ul>`)).toEqual([
      b(BULLET, { checked: true }), t("a"), b(BULLET, { checked: false }), t("b"),
    ]);
  });
});

describe("Word", () => {
  test("lists are paragraphs that say so in their style", () => {
    const item = (level: number, sign: string, words: string) =>
      `<p class=MsoListParagraphCxSpFirst style='text-indent:-18.0pt;mso-list:l0 level${String(level)} lfo1'><![if !supportLists]><span style='font-family:Symbol'><span style='mso-list:Ignore'>${sign}<span style='font:7.0pt "Times New Roman"'>&nbsp;&nbsp; </span></span></span><![endif]>${words}<o:p></o:p></p>`;
    const html = `<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style><!-- p.MsoNormal {margin:0cm;} --></style></head><body><!--StartFragment--><p class=MsoNormal><b>Bold</b> words<o:p></o:p></p>${item(1, "1.", "first")}${item(2, "a.", "inner")}${item(1, "2.", "second")}${item(1, "·", "dot")}<!--EndFragment--></body></html>`;
    expect(read(html)).toEqual([
      b(), t("Bold", "strong"), t(" words"),
      b(ORDERED), t("first"), b(ORDERED, {}, [ORDERED]), t("inner"), b(ORDERED), t("second"), b(BULLET), t("dot"),
    ]);
  });
});

describe("plain text", () => {
  test("is a paragraph a line", () => {
    const read = (text: string) => plainBlocks(text).map((node) => node.textContent);
    expect(read("one\r\ntwo\n\nthree\n")).toEqual(["one", "two", "three"]);
    expect(read("a\0b\ud800c")).toEqual(["ab\ufffdc"]);
    expect(read("")).toEqual([]);
  });

  test.each([
    ["# Title\n\nwords", true],
    ["- one\n- two", true],
    ["```\ncode\n```", true],
    ["> a\n> b", true],
    ["words\nand more", false],
    ["- a lone dash", false],
    ["#hashtag\nwords", false],
    ["1. a lone number\nwords", false],
  ])("%j is Markdown: %s", (text, is) => {
    expect(looksLikeMarkdown(text)).toBe(is);
  });

  test("reads the Markdown that the page can show", () => {
    const text = "# T **b**\n\nwords\nsame [x](https://example.org)\n\n1. one\n   - [x] two\n2. three\n\n> q `c`\n\n```rust\nfn *x*\n```\nsnake_case_name *em*";
    const doc = schema.nodes.doc.create(null, markdownBlocks(text));
    expect(itemsBetween(doc, 0, doc.content.size)).toEqual([
      b("heading", { level: 1 }), t("T "), t("b", "strong"),
      b(), t("words\nsame "), link("x", "https://example.org"),
      b(ORDERED), t("one"), b(BULLET, { checked: true }, [ORDERED]), t("two"), b(ORDERED), t("three"),
      b("blockquote"), t("q "), t("c", "code"),
      b("code-block", { language: "rust" }), t("fn *x*"),
      b(), t("snake_case_name "), t("em", "em"),
    ]);
  });

  test("signs without an end cost no time", () => {
    const before = performance.now();
    markdownBlocks(`# x\n\n${"*a".repeat(2_400)}\n${"[".repeat(4_900)}\n${"**".repeat(200_000)}`);
    expect(performance.now() - before).toBeLessThan(3_000);
  });
});

describe("in the page", () => {
  test("a word goes into the line, blocks become blocks", () => {
    const { view, editor } = open(paragraphs("ac"));
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 2)));
    paste(view, { "text/html": "<b>b</b>" });
    expect(editor.items()).toEqual([b(), t("a"), t("b", "strong"), t("c")]);
    paste(view, { "text/plain": "# One\n\n- two\n- three" });
    expect(editor.text()).toBe("abOne\n\n- two\n- threec");
  });

  test("plain text is plain in code", () => {
    const { view, editor } = open([b("code-block"), t("x")]);
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 2)));
    paste(view, { "text/plain": "- a\n- b", "text/html": "<ul><li>a</li><li>b</li></ul>" });
    expect(editor.items()).toEqual([b("code-block"), t("x- a\n- b")]);
  });

  test("what is too big is handed over unread, with its place", () => {
    const big: BigPaste[] = [];
    const { view, editor, link: core } = open(paragraphs("one", "two"), { onBigPaste: (paste) => big.push(paste) });
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 2, 8)));
    const fifty = "word ".repeat(10_000_000);
    const event = paste(view, { "text/plain": fifty });
    expect(event.defaultPrevented).toBe(true);
    paste(view, { "text/html": "<p>x</p>".repeat(BIG_HTML / 8 + 1), "text/plain": "x" });
    expect(big.map(({ kind, from, to, data }) => [kind, from, to, data.length])).toEqual([
      ["text", 2, 7, 50_000_000],
      ["html", 2, 7, BIG_HTML + 8],
    ]);
    expect(editor.text()).toBe("one\n\ntwo");
    expect(core.of("batch")).toEqual([]);
  });

  test("what just fits goes in, in no time to speak of", () => {
    const { view, editor } = open(paragraphs(""));
    const text = "seven words that make up one line\n".repeat(Math.floor(BIG_TEXT / 34));
    paste(view, { "text/plain": text });
    expect(editor.items().length).toBeGreaterThan(2 * 2_900);
  });

  test("without a core to send it to, what is big goes in a slice at a time, while one writes on", async () => {
    const pasting: boolean[] = [];
    const { view, editor, link: core } = open(paragraphs("before|after", "end"), { onPasting: (is) => pasting.push(is) });
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 7, 8)));
    const lines = Array.from({ length: 4_000 }, (_, i) => `line ${String(i)} ${"x".repeat(40)}`);
    const [before, now] = [performance.now(), Date.now()];
    // Each slice takes a second, as on a slow machine: it is one thing to undo all the same.
    vi.spyOn(Date, "now").mockImplementation(() => now + core.of("batch").length * 1_000);
    paste(view, { "text/plain": lines.join("\n") });
    expect(performance.now() - before).toBeLessThan(500);
    expect(editor.text().length).toBeLessThan(50);
    // Someone writes above, the person writes at the end.
    const made = core.of("batch").at(-1)!.made;
    core.say({ m: "update", number: 2, base: 1, after: made, patches: [{ p: "splice", at: 0, delete: 0, insert: [b(), t("above")] }], checksum: null });
    view.dispatch(view.state.tr.insertText("!", view.state.doc.content.size - 1));
    await vi.waitFor(() => { expect(pasting).toEqual([true, false]); }, { timeout: 15_000 });
    expect(editor.text().split("\n\n")).toEqual(["above", "before", ...lines, "after", "end!"]);
    expect(core.of("batch").length).toBeGreaterThan(10);
    editor.run("undo");
    editor.run("undo");
    expect(editor.text().split("\n\n").length).toBeLessThan(6);
  });

  test("a paste that is stopped stays as far as it came", async () => {
    const lost: unknown[] = [];
    const { view, editor } = open(paragraphs(""), { onRefused: (words) => lost.push(words) });
    paste(view, { "text/plain": "some words in a line\n".repeat(20_000) });
    await vi.waitFor(() => { expect(editor.items().length).toBeGreaterThan(100); }, { timeout: 15_000 });
    editor.cancelPaste();
    const length = editor.items().length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(editor.items()).toHaveLength(length);
    expect(lost).toEqual([]);
  });

  test("what is huge is refused, in a sentence", () => {
    const lost: { reason: string | null }[] = [];
    const { view, editor } = open(paragraphs("one"), { onRefused: (words) => lost.push(words) });
    paste(view, { "text/plain": "word ".repeat(10_000_000) });
    expect(lost.map(({ reason }) => reason)).toEqual([
      "That is too much to paste at once (50 million characters). Save it as a file and import that.",
    ]);
    expect(editor.text()).toBe("one");
  });

  test("long code goes in as it is", async () => {
    let done = false;
    const { view, editor } = open([b("code-block"), t("[]")], { onPasting: (is) => (done = !is) });
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 2)));
    const code = "- let x = \"😀\";\n".repeat(8_000);
    paste(view, { "text/plain": code });
    await vi.waitFor(() => { expect(done).toBe(true); }, { timeout: 15_000 });
    expect(editor.items()).toEqual([b("code-block"), t(`[${code}]`)]);
  });

  test("a read-only page takes nothing", () => {
    const { view, editor } = open(paragraphs("one"), { editable: false });
    paste(view, { "text/plain": "x" });
    expect(editor.text()).toBe("one");
  });
});

describe("what leaves", () => {
  const items: Item[] = [
    b("heading", { level: 2 }), t("Title"),
    b(ORDERED), t("one"), b(BULLET, {}, [ORDERED]), t("in"), b("paragraph", {}, [ORDERED]), t("more"), b(ORDERED), t("two"),
    b(BULLET, { checked: true }), t("done"),
    b("blockquote"), t("q", "em"),
    b("code-block", { language: "rust" }), t("a\n b"),
    b(), link("x", "https://example.org"), t("\ny"),
  ];

  test("is HTML with real lists", () => {
    const { editor } = open(items);
    expect(editor.html()).toBe(
      '<h2>Title</h2><ol><li>one<ul><li>in</li></ul><p>more</p></li><li>two</li></ol><ul><li><input type="checkbox" checked=""><span>done</span></li></ul>' +
        '<blockquote><em>q</em></blockquote><pre><code class="language-rust">a\n b</code></pre><p><a href="https://example.org">x</a><br>y</p>',
    );
  });

  test("is plain text with signs", () => {
    expect(open(items).editor.text()).toBe("Title\n\n1. one\n  - in\n\nmore\n\n2. two\n- [x] done\n\nq\n\na\n b\n\nx\ny");
  });

  test("comes back as it was, marks that HTML has no word for too", () => {
    const numbers = Array.from({ length: 400 }, (_, i) => i);
    const whole = normal([b(), ...documentFrom(numbers), b("__ext__table", { rows: 2 }), e("image", { alt: "a" }), ...items]);
    const holder = document.createElement("div");
    holder.append(new FlatSerializer().serializeFragment(pageOf(whole).doc.content));
    const again = document.createElement("div");
    again.innerHTML = holder.innerHTML;
    const doc = schema.nodes.doc.create(null, flatten(again));
    expect(itemsOf({ doc, bare: false })).toEqual(whole);
  });

  test("copy and paste within a page keep the pieces of blocks they took", () => {
    vi.stubGlobal("DOMParser", DOMParser);
    const { view, editor } = open([...paragraphs("hello world"), b(BULLET), t("item one", "strong")]);
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 7, 18)));
    const clipboard: Record<string, string> = {};
    paste(view, clipboard, "copy");
    expect(clipboard["text/plain"]).toBe("world\n\n- item");
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 1)));
    paste(view, clipboard);
    expect(editor.items()).toEqual([b(), t("world"), b(BULLET), t("item", "strong"), t("hello world"), b(BULLET), t("item one", "strong")]);
  });
});
