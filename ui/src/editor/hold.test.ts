// @vitest-environment jsdom
import { TextSelection } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { b, open, paragraphs, t } from "./test/window";

beforeEach(() => {
  // jsdom has no layout to look points up in.
  document.elementFromPoint = () => null;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

function key(view: EditorView, name: string, more: KeyboardEventInit = {}): boolean {
  const event = new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more });
  view.dom.dispatchEvent(event);
  return event.defaultPrevented;
}

function caret(view: EditorView, pos: number): void {
  view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, pos)));
}

const patches = [{ p: "splice" as const, at: 0, delete: 0, insert: [b(), t("above")] }];

describe("while the window holds (W8)", () => {
  test("keys wait, and are played in order on the page as it is then", () => {
    const { view, link, editor } = open(paragraphs("a"));
    caret(view, 2);
    link.say({ m: "hold" });
    for (const name of ["x", "y", "Backspace", "z", "Enter", "w"]) expect(key(view, name)).toBe(true);
    expect(editor.text()).toBe("a");
    expect(link.of("batch")).toEqual([]);
    link.say({ m: "update", number: 2, base: 1, after: 0, patches, checksum: null });
    expect(editor.items()).toEqual(paragraphs("above", "axz", "w"));
    expect(link.of("batch").every(({ seen }) => seen === 2)).toBe(true);
  });

  test("for a quarter of a second at most", () => {
    const { view, link, editor } = open(paragraphs("a"));
    caret(view, 2);
    link.say({ m: "hold" });
    key(view, "x");
    vi.advanceTimersByTime(240);
    expect(editor.text()).toBe("a");
    vi.advanceTimersByTime(12);
    expect(editor.text()).toBe("ax");
  });

  test("what cannot be played later lets everything go first", () => {
    const { view, link, editor } = open(paragraphs("a"));
    caret(view, 2);
    link.say({ m: "hold" });
    key(view, "x");
    view.dom.dispatchEvent(new MouseEvent("mousedown", { bubbles: true }));
    expect(editor.text()).toBe("ax");
    link.say({ m: "hold" });
    key(view, "y");
    view.dom.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
    expect(editor.text()).toBe("axy");
    expect(key(view, "z")).toBe(false);
  });

  test("rules and shortcuts work as if nothing had been held", () => {
    const { view, link, editor } = open(paragraphs(""));
    caret(view, 1);
    link.say({ m: "hold" });
    for (const name of ["#", " ", "H", "i"]) key(view, name);
    link.say({ m: "update", number: 2, base: 1, after: 0, patches: [{ p: "splice", at: 1, delete: 0, insert: [b(), t("end")] }], checksum: null });
    expect(editor.items()).toEqual([b("heading", { level: 1 }), t("Hi"), b(), t("end")]);
  });

  test("a backspace takes a whole character", () => {
    const { view, link, editor } = open(paragraphs("a👩‍👩‍👧é"));
    caret(view, view.state.doc.content.size - 1);
    link.say({ m: "hold" });
    key(view, "Backspace");
    key(view, "Backspace");
    vi.advanceTimersByTime(300);
    expect(editor.text()).toBe("a");
  });
});

describe("while an input method composes", () => {
  test("nothing is dispatched, and what was missed is asked for when it has settled", () => {
    const { view, link, editor } = open(paragraphs("a"));
    view.dom.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
    const before = view.state;
    link.say({ m: "update", number: 2, base: 1, after: 0, patches, checksum: null });
    link.say({ m: "presence", number: 1, after: 0, people: [{ id: "a", name: "Ana", colour: 1, anchor: 1, head: 1 }] });
    link.say({ m: "hold" });
    expect(view.state).toBe(before);
    view.dom.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true }));
    expect(link.of("refresh")).toEqual([]);
    vi.advanceTimersByTime(60);
    expect(link.of("refresh")).toEqual([{ m: "refresh", seen: 1, made: 0 }]);
    expect(editor.snapshot.others).toHaveLength(1);
    link.say({ m: "update", number: 3, base: 1, after: 0, patches, checksum: null });
    expect(editor.items()).toEqual(paragraphs("above", "a"));
  });

  test("the first word of an empty document gets its marker without the block being drawn anew", () => {
    const { view, link } = open([]);
    view.dom.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
    const drawn = view.dom.firstElementChild;
    view.dispatch(view.state.tr.insertText("に", 1));
    expect(view.dom.firstElementChild).toBe(drawn);
    expect(link.of("batch")[0]?.edits[0]).toEqual({ e: "splice", at: 0, delete: 0, insert: [b()] });
  });
});

describe("where the caret is", () => {
  test("is told at most every 40 ms, in the state it is in", () => {
    const { view, link } = open(paragraphs("hello"));
    view.focus();
    for (const character of "abc") view.dispatch(view.state.tr.insertText(character));
    vi.advanceTimersByTime(45);
    expect(link.of("select")).toEqual([{ m: "select", seen: 1, made: 3, anchor: 4, head: 4 }]);
    view.dom.blur();
    vi.advanceTimersByTime(45);
    expect(link.of("select").at(-1)).toEqual({ m: "select", seen: 1, made: 3, anchor: null, head: null });
  });
});
