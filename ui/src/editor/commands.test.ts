// @vitest-environment jsdom
import { TextSelection } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { afterEach, describe, expect, test } from "vitest";
import type { Item } from "../core/types/Item";
import { insertions } from "./commands";
import { blockAttrs } from "./schema";
import { b, open, paragraphs, t } from "./test/window";

afterEach(() => {
  document.body.replaceChildren();
});

const BULLET = "unordered-list-item";
const ORDERED = "ordered-list-item";

/** An editor with the caret (or a selection) at the `|` signs of its texts. */
function at(...blocks: [Item, string][]) {
  const marks: [number, number][] = [];
  const items = blocks.flatMap(([marker, text], k) => {
    for (let i = text.indexOf("|"); i !== -1; i = text.indexOf("|", i + 1)) marks.push([k, i - text.slice(0, i).split("|").length + 1]);
    const words = text.replaceAll("|", "");
    return words === "" ? [marker] : [marker, t(words)];
  });
  const opened = open(items);
  const { view } = opened;
  const pos = ([k, offset]: [number, number]) => {
    let start = 0;
    for (let i = 0; i < k; i++) start += view.state.doc.child(i).nodeSize;
    return start + 1 + offset;
  };
  const first = marks[0] ?? [0, 0];
  view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, pos(first), pos(marks[1] ?? first))));
  return { ...opened, shown: () => shown(view) };
}

/** The page in short: `h2 words`, `- item`, `  1. nested`, with the caret as `|`. */
function shown(view: EditorView): string[] {
  const { doc, selection } = view.state;
  const lines: string[] = [];
  doc.forEach((node, pos) => {
    const { parents, attrs } = blockAttrs(node);
    const inside = selection.empty && selection.from > pos && selection.from < pos + node.nodeSize ? selection.from - pos - 1 : null;
    const text = node.textBetween(0, node.content.size);
    const words = inside === null ? text : `${text.slice(0, inside)}|${text.slice(inside)}`;
    const box = attrs.checked === true ? "[x] " : "[ ] ";
    const signs: Record<string, string> = { paragraph: "", heading: `h${String(attrs.level)} `, bullet: "checked" in attrs ? box : "- ", ordered: "1. ", quote: "> ", code_block: "` " };
    lines.push(`${"  ".repeat(parents.length)}${signs[node.type.name] ?? `${node.type.name} `}${words}`);
  });
  return lines;
}

function press(view: EditorView, key: string, more: KeyboardEventInit = {}): boolean {
  const codes: Record<string, number> = { Enter: 13, Backspace: 8, Delete: 46, Tab: 9, Escape: 27, ArrowUp: 38, ArrowDown: 40 };
  const keyCode = codes[key] ?? key.toUpperCase().charCodeAt(0);
  const event = new KeyboardEvent("keydown", { key, keyCode, bubbles: true, cancelable: true, ...more } as KeyboardEventInit);
  view.dom.dispatchEvent(event);
  return event.defaultPrevented;
}

/** Types as a person does: each character goes past the input rules. */
function type(view: EditorView, text: string): void {
  for (const character of text) {
    const { from, to } = view.state.selection;
    const plain = () => view.state.tr.insertText(character, from, to);
    if (view.someProp("handleTextInput", (handle) => handle(view, from, to, character, plain)) !== true) view.dispatch(plain());
  }
}

const task = (checked: boolean) => b(BULLET, { checked });
const nested = (kind: string, ...parents: string[]) => b(kind, {}, parents);

describe("Enter", () => {
  test.each<[string, [Item, string][], string[]]>([
    ["splits a paragraph", [[b(), "one|two"]], ["one", "|two"]],
    ["after a heading begins a paragraph", [[b("heading", { level: 2 }), "Title|"]], ["h2 Title", "|"]],
    ["after a heading goes into the empty paragraph under it", [[b("heading", { level: 1 }), "Title|"], [b(), ""]], ["h1 Title", "|"]],
    ["inside a heading makes two", [[b("heading", { level: 2 }), "Ti|tle"]], ["h2 Ti", "h2 |tle"]],
    ["before a heading's words puts a paragraph above", [[b("heading", { level: 1 }), "|Title"]], ["", "h1 |Title"]],
    ["makes another item", [[b(BULLET), "one|"]], ["- one", "- |"]],
    ["makes another task, not ticked", [[task(true), "done|"]], ["[x] done", "[ ] |"]],
    ["on an empty nested item goes out", [[b(BULLET), "one"], [nested(ORDERED, BULLET), "|"]], ["- one", "1. |"]],
    ["on an empty item leaves the list", [[b(BULLET), "one"], [b(BULLET), "|"]], ["- one", "|"]],
    ["on an empty quote leaves it", [[b("blockquote"), "|"]], ["|"]],
    ["makes more of a quote", [[b("blockquote"), "so|"]], ["> so", "> |"]],
    ["in code is a newline with the indentation", [[b("code-block"), "  if x {|"]], ["`   if x {\n  |"]],
    ["after three backticks begins code", [[b(), "```rust|"]], ["` |"]],
    ["takes the place of what is selected", [[b(), "o|ne"], [b(), "tw|o"]], ["o", "|o"]],
  ])("%s", (_what, before, after) => {
    const { view, shown } = at(...before);
    press(view, "Enter");
    expect(shown()).toEqual(after);
  });

  test("names the language that was typed", () => {
    const { view } = at([b(), "```rust|"]);
    press(view, "Enter");
    expect(blockAttrs(view.state.doc.child(0)).attrs).toEqual({ language: "rust" });
  });
});

describe("Backspace and Delete", () => {
  test.each<[string, [Item, string][], string[]]>([
    ["goes out of nesting", [[b(BULLET), "a"], [nested(BULLET, BULLET), "|b"]], ["- a", "- |b"]],
    ["makes an item a paragraph", [[b(BULLET), "|b"]], ["|b"]],
    ["makes a heading a paragraph", [[b("heading", { level: 1 }), "|b"]], ["|b"]],
    ["joins a paragraph to what is above", [[b("heading", { level: 1 }), "a"], [b(), "|b"]], ["h1 a|b"]],
    ["takes an empty block above away", [[b(BULLET), ""], [b(), "|b"]], ["|b"]],
    ["does nothing at the very start", [[b(), "|b"]], ["|b"]],
  ])("Backspace %s", (_what, before, after) => {
    const { view, shown } = at(...before);
    press(view, "Backspace");
    expect(shown()).toEqual(after);
  });

  test.each<[string, [Item, string][], string[]]>([
    ["joins what follows", [[b(), "a|"], [b("heading", { level: 1 }), "b"]], ["a|b"]],
    ["takes an empty block itself away", [[b(), "|"], [b("heading", { level: 1 }), "b"]], ["h1 |b"]],
  ])("Delete %s", (_what, before, after) => {
    const { view, shown } = at(...before);
    press(view, "Delete");
    expect(shown()).toEqual(after);
  });
});

describe("Tab", () => {
  test("nests an item and what is under it, and brings both back", () => {
    const { view, shown } = at([b(ORDERED), "a"], [b(BULLET), "b|"], [nested(BULLET, BULLET), "c"], [b(BULLET), "d"]);
    expect(press(view, "Tab")).toBe(true);
    expect(shown()).toEqual(["1. a", "  - b|", "    - c", "- d"]);
    expect(blockAttrs(view.state.doc.child(2)).parents).toEqual([ORDERED, BULLET]);
    press(view, "Tab", { shiftKey: true });
    expect(shown()).toEqual(["1. a", "- b|", "  - c", "- d"]);
  });

  test("stays in the page in a list, even when it can do nothing", () => {
    const { view, shown } = at([b(BULLET), "a|"]);
    expect(press(view, "Tab")).toBe(true);
    expect(shown()).toEqual(["- a|"]);
  });

  test("leaves the page from a paragraph, and from anywhere after Escape", () => {
    expect(press(at([b(), "a|"]).view, "Tab")).toBe(false);
    const { view } = at([b(BULLET), "a"], [b(BULLET), "b|"]);
    press(view, "Escape");
    expect(press(view, "Tab")).toBe(false);
  });

  test("indents code, one line or several", () => {
    const { view, shown } = at([b("code-block"), "a|b"]);
    press(view, "Tab");
    expect(shown()).toEqual(["` a  |b"]);
    const several = at([b("code-block"), "o|ne\ntw|o"]);
    press(several.view, "Tab");
    expect(several.view.state.doc.textContent).toBe("  one\n  two");
    press(several.view, "Tab", { shiftKey: true });
    expect(several.view.state.doc.textContent).toBe("one\ntwo");
  });
});

describe("the other keys", () => {
  test("Shift-Enter breaks a line, and leaves code", () => {
    const { view, shown } = at([b(), "a|b"]);
    press(view, "Enter", { shiftKey: true });
    expect(shown()).toEqual(["a\n|b"]);
    const code = at([b("code-block"), "x|"]);
    press(code.view, "Enter", { shiftKey: true });
    expect(code.shown()).toEqual(["` x", "|"]);
  });

  test("Mod-Enter ticks a task, and leaves code", () => {
    const { view, shown } = at([task(false), "a|"]);
    press(view, "Enter", { ctrlKey: true });
    expect(shown()).toEqual(["[x] a|"]);
    const code = at([b("code-block"), "x|"]);
    press(code.view, "Enter", { ctrlKey: true });
    expect(code.shown()).toEqual(["` x", "|"]);
  });

  test("headings come and go", () => {
    const { view, shown } = at([b(), "a|"]);
    press(view, "2", { ctrlKey: true, shiftKey: true });
    expect(shown()).toEqual(["h2 a|"]);
    press(view, "2", { ctrlKey: true, shiftKey: true });
    expect(shown()).toEqual(["a|"]);
  });

  test("lists come and go", () => {
    const { view, shown } = at([b(), "a|"]);
    press(view, "7", { ctrlKey: true, shiftKey: true });
    expect(shown()).toEqual(["1. a|"]);
    press(view, "9", { ctrlKey: true, shiftKey: true });
    expect(shown()).toEqual(["[ ] a|"]);
    press(view, "8", { ctrlKey: true, shiftKey: true });
    expect(shown()).toEqual(["- a|"]);
  });

  test("blocks move, with what is nested under them, over what is nested under others", () => {
    const { view, shown } = at([b(), "top"], [b(BULLET), "a"], [nested(BULLET, BULLET), "a1"], [b(BULLET), "b|"], [nested(BULLET, BULLET), "b1"]);
    press(view, "ArrowUp", { altKey: true, shiftKey: true });
    expect(shown()).toEqual(["top", "- b|", "  - b1", "- a", "  - a1"]);
    press(view, "ArrowDown", { altKey: true, shiftKey: true });
    expect(shown()).toEqual(["top", "- a", "  - a1", "- b|", "  - b1"]);
    expect(press(view, "ArrowDown", { altKey: true, shiftKey: true })).toBe(false);
  });

  test("several paragraphs become one piece of code, and code becomes text again", () => {
    const { view, shown, editor } = at([b(), "o|ne"], [b(), "two"], [b(), "thr|ee"]);
    editor.run("codeBlock");
    expect(shown()).toEqual(["` one\ntwo\nthree"]);
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 2)));
    editor.run("paragraph");
    expect(shown()).toEqual(["o|ne\ntwo\nthree"]);
    expect(view.dom.querySelectorAll("br")).toHaveLength(2);
  });

  test("Mod-K is the shell's when there is something to link", () => {
    let asked = 0;
    const { view, editor } = open(paragraphs("words"), { onLinkWanted: () => (asked++, true) });
    expect(press(view, "k", { ctrlKey: true })).toBe(false);
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 1, 6)));
    expect(press(view, "k", { ctrlKey: true })).toBe(true);
    expect(asked).toBe(1);
    expect(editor.link("javascript:alert(1)")).toBe(false);
    expect(editor.link("example.org")).toBe(true);
    expect(editor.items()).toEqual([b(), { t: "text", text: "words", marks: { link: '{"href":"https://example.org","title":""}' } }]);
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 3)));
    expect(editor.snapshot.link).toMatchObject({ href: "https://example.org", from: 1, to: 6, text: "words" });
    expect(editor.run("removeLink")).toBe(true);
    expect(editor.items()).toEqual(paragraphs("words"));
  });
});

describe("Markdown as it is typed", () => {
  test.each<[string, string[]]>([
    ["# x", ["h1 x|"]],
    ["###### x", ["h6 x|"]],
    ["- x", ["- x|"]],
    ["* x", ["- x|"]],
    ["1. x", ["1. x|"]],
    ["[] x", ["[ ] x|"]],
    ["[ ] x", ["[ ] x|"]],
    ["[x] x", ["[x] x|"]],
    ["- [ ] x", ["[ ] x|"]],
    ["> x", ["> x|"]],
    ["``` x", ["` x|"]],
    ["2. x", ["2. x|"]],
  ])("%s begins a block", (typed, after) => {
    const { view, shown } = at([b(), "|"]);
    type(view, typed);
    expect(shown()).toEqual(after);
  });

  test.each<[string, Item[]]>([
    ["a **b** c", [t("a "), t("b", "strong"), t(" c")]],
    ["a __b__ c", [t("a "), t("b", "strong"), t(" c")]],
    ["a *b* c", [t("a "), t("b", "em"), t(" c")]],
    ["a _b_ c", [t("a "), t("b", "em"), t(" c")]],
    ["a `b` c", [t("a "), t("b", "code"), t(" c")]],
    ["a ~~b~~ c", [t("a "), t("b", "strike"), t(" c")]],
    ["snake_case_name", [t("snake_case_name")]],
    ["2 * 3 * 4", [t("2 * 3 * 4")]],
    ["`**b**` c", [t("**b**", "code"), t(" c")]],
    ["[a](example.org) c", [{ t: "text", text: "a", marks: { link: '{"href":"https://example.org","title":""}' } }, t(" c")]],
    ["https://example.org c", [{ t: "text", text: "https://example.org", marks: { link: '{"href":"https://example.org","title":""}' } }, t(" c")]],
  ])("%s marks words", (typed, after) => {
    const { view, editor } = at([b(), "|"]);
    type(view, typed);
    expect(editor.items()).toEqual([b(), ...after]);
  });

  test("Backspace takes it back", () => {
    const { view, shown } = at([b(), "|"]);
    type(view, "# ");
    expect(shown()).toEqual(["h1 |"]);
    press(view, "Backspace");
    expect(shown()).toEqual(["# |"]);
  });

  test("says nothing in code", () => {
    const { view, shown } = at([b("code-block"), "|"]);
    type(view, "- **x** ");
    expect(shown()).toEqual(["` - **x** |"]);
  });
});

describe("the insert list", () => {
  test("opens at a slash, narrows, and gives way to what was chosen", () => {
    const { view, editor, shown } = at([b(), "words |"]);
    type(view, "/ta");
    expect(editor.snapshot.slash).toMatchObject({ query: "ta" });
    expect(insertions("ta").map(({ name }) => name)).toEqual(["taskList"]);
    editor.choose("taskList");
    expect(shown()).toEqual(["[ ] words |"]);
    expect(editor.snapshot.slash).toBeNull();
  });

  test("stays shut inside a word, in code, and after Escape", () => {
    const word = at([b(), "and|"]);
    type(word.view, "/or");
    expect(word.editor.snapshot.slash).toBeNull();
    const code = at([b("code-block"), "|"]);
    type(code.view, "/");
    expect(code.editor.snapshot.slash).toBeNull();
    const { view, editor } = at([b(), "|"]);
    type(view, "/h");
    press(view, "Escape");
    expect(editor.snapshot.slash).toBeNull();
    type(view, "e");
    expect(editor.snapshot.slash).toBeNull();
    expect(editor.text()).toBe("/he");
  });

  test("its keys are the shell's", () => {
    const keys: string[] = [];
    const { view } = open(paragraphs(""), { onSlashKey: (event) => (keys.push(event.key), event.key === "Enter") });
    type(view, "/h");
    expect(press(view, "Enter")).toBe(true);
    expect(keys).toEqual(["Enter"]);
    expect(view.state.doc.childCount).toBe(1);
  });
});

describe("undo", () => {
  test("takes back one's own, and leaves what others did", () => {
    const { view, editor, link } = at([b(), "one|"]);
    type(view, "!");
    link.say({ m: "update", number: 2, base: 1, after: 1, patches: [{ p: "splice", at: 0, delete: 0, insert: [b(), t("zero")] }], checksum: null });
    expect(editor.can("undo")).toBe(true);
    editor.run("undo");
    expect(editor.items()).toEqual(paragraphs("zero", "one"));
    expect(link.of("batch").at(-1)?.edits).toEqual([{ e: "splice", at: 9, delete: 1, insert: [] }]);
    editor.run("redo");
    expect(editor.items()).toEqual(paragraphs("zero", "one!"));
  });
});

describe("a command can be asked", () => {
  test("whether it applies, and whether it is so already", () => {
    const { editor } = at([b("heading", { level: 2 }), "o|n|e"]);
    expect(editor.can("indent")).toBe(false);
    expect(editor.can("tickTask")).toBe(false);
    expect(editor.can("strong")).toBe(true);
    expect([...editor.snapshot.on]).toEqual(["heading2"]);
    editor.run("strong");
    expect(editor.snapshot.on.has("strong")).toBe(true);
    editor.setEditable(false);
    expect(editor.can("strong")).toBe(false);
  });
});
