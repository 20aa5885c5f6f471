// @vitest-environment jsdom
/** The outline, the counts and focus mode: kept as the page changes, against what the whole page says. */
import fc from "fast-check";
import { history } from "prosemirror-history";
import { TextSelection, type EditorState } from "prosemirror-state";
import { afterEach, describe, expect, test } from "vitest";
import { countSelected, countsIn, countsPlugin, countText } from "./counting";
import { goToBlock, outlineIn, outlinePlugin, sectionIn } from "./outline";
import { corePlugins, itemsIn, make, stateOf, updateTransaction } from "./page";
import { anyAct, anyDocument, runs, transactionOf } from "./test/acts";
import { b, firstReset, open as openEditor, paragraphs, t } from "./test/window";

const open = (items: Parameters<typeof stateOf>[0]) => stateOf(items, [history(), outlinePlugin(), countsPlugin(), ...corePlugins()]);
const at = (state: EditorState, pos: number, to = pos) => state.apply(state.tr.setSelection(TextSelection.create(state.doc, pos, to)));
const PAGE = [b(), t("before"), b("heading", { level: 1 }), t("One"), b(), t("words"), b("heading", { level: 2 }), t("Two"), b(), t("more")];

describe("the outline", () => {
  test("has every heading, and knows under which the caret stands", () => {
    const state = open(PAGE);
    expect(outlineIn(state)).toEqual([{ index: 1, level: 1, text: "One" }, { index: 3, level: 2, text: "Two" }]);
    expect([1, 10, 14, 22, 27].map((pos) => sectionIn(at(state, pos)))).toEqual([null, 0, 0, 1, 1]);
    goToBlock(3)(state, (tr) => expect(tr.selection.$head.parent.textContent).toBe("Two"));
    expect(goToBlock(9)(state)).toBe(false);
  });

  test("is the same object after a key in a paragraph, however many headings there are", () => {
    const long = Array.from({ length: 300 }, (_, i) => [b("heading", { level: 2 }), t(`Part ${String(i)}`), b(), t("words")]).flat();
    let state = open(long);
    const before = outlineIn(state);
    const inside = state.doc.child(0).nodeSize + 2;
    state = state.apply(state.tr.insertText("x", inside));
    state = state.apply(updateTransaction(state, [{ p: "splice", at: 9, delete: 0, insert: [t("y")] }]));
    expect(outlineIn(state)).toBe(before);
    state = state.apply(state.tr.insertText("!", 2));
    expect(outlineIn(state)[0]?.text).toBe("P!art 0");
    expect(outlineIn(state)[1]).toBe(before[1]);
  });
});

describe("counting", () => {
  test.each([
    ["", 0, 0],
    ["one two", 2, 7],
    ["  spaced   out  ", 2, 16],
    ["well-known — isn’t it?", 3, 22],
    ["3 × 4", 2, 5],
    ["漢字 かな", 4, 5],
    ["日本語and English", 5, 14],
    ["한국어 낱말", 2, 6],
    ["👩‍👩‍👧 ok", 1, 8],
    ["a\nb", 2, 2],
  ])("%j: %i words, %i characters", (text, words, characters) => {
    expect(countText(text)).toEqual({ words, characters });
  });

  test("what is selected is counted, its ends in part", () => {
    const state = open(paragraphs("one two three", "four", "five six"));
    expect(countsIn(state)).toEqual({ words: 6, characters: 25 });
    expect(countSelected(at(state, 5, 5))).toBeNull();
    expect(countSelected(at(state, 5, 26))).toEqual({ words: 4, characters: 17 });
    expect(countSelected(at(state, 5, 8))).toEqual({ words: 1, characters: 3 });
  });
});

test("outline and counts that followed every change say what the page says", () => {
  fc.assert(
    fc.property(anyDocument, fc.array(anyAct, { minLength: 1, maxLength: 14 }), (items, acts) => {
      let state = open(items);
      for (const act of acts) {
        const tr = transactionOf(state, act);
        if (tr !== null) state = make(state, tr).state;
        const fresh = open(itemsIn(state));
        expect(outlineIn(state)).toEqual(outlineIn(fresh));
        expect(countsIn(state)).toEqual(countsIn(fresh));
      }
    }),
    runs(400),
  );
});

describe("focus mode", () => {
  afterEach(() => {
    document.body.replaceChildren();
  });
  const here = (view: { dom: HTMLElement }) => [...view.dom.querySelectorAll(".here")].map((each) => each.textContent);

  test("marks the block with the caret, and follows it", () => {
    const { editor, view, link } = openEditor(paragraphs("one", "two", "three"));
    editor.setManner({ focus: true, typewriter: false });
    expect(view.dom.classList.contains("focusing")).toBe(true);
    expect(here(view)).toEqual(["one"]);
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 7)));
    view.dispatch(view.state.tr.insertText("x", 7));
    expect(here(view)).toEqual(["txwo"]);
    link.say({ m: "update", number: 2, base: 1, after: 1, patches: [{ p: "splice", at: 0, delete: 0, insert: paragraphs("new") }], checksum: null });
    expect(here(view)).toEqual(["txwo"]);
    link.say(firstReset(paragraphs("other"), 9));
    expect(here(view)).toEqual(["other"]);
    editor.setManner({ focus: false, typewriter: false });
    expect([here(view), view.dom.classList.contains("focusing")]).toEqual([[], false]);
  });
});
