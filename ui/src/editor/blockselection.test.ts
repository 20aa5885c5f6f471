// @vitest-environment jsdom
/** Whole blocks selected, deleted, moved and pasted: nothing is lost, and what is not selected is not touched. */
import fc from "fast-check";
import { history, undo } from "prosemirror-history";
import { Selection, type Command, type EditorState } from "prosemirror-state";
import { afterEach, describe, expect, test } from "vitest";
import type { Item } from "../core/types/Item";
import { nests } from "./blocks";
import { BlockSelection, chooseBlocks, chosenIn, extendBlocks, intoText, stepBlocks } from "./blockselection";
import { posOfBlock } from "./changed";
import { itemsBetween } from "./items";
import { moveBlocks, moveBlocksTo } from "./moving";
import { corePlugins, itemsIn, make, stateOf, updateTransaction, type Made } from "./page";
import { anyAct, anyDocument, runs, transactionOf } from "./test/acts";
import { b, open as openEditor, paragraphs, t } from "./test/window";

const open = (items: Item[]) => stateOf(items, [history(), ...corePlugins()]);
const choose = (state: EditorState, a: number, head: number) => state.apply(state.tr.setSelection(BlockSelection.of(state.doc, a, head)));
const words = (state: EditorState) => Array.from({ length: state.doc.childCount }, (_, i) => state.doc.child(i).textContent);
const span = ({ selection }: EditorState) => (selection instanceof BlockSelection ? [selection.first, selection.last] : null);

function doing(state: EditorState, command: Command): Made | null {
  let made: Made | null = null;
  command(state, (tr) => {
    made = make(state, tr);
  });
  return made;
}

function after(state: EditorState, ...commands: Command[]): EditorState {
  return commands.reduce((now, command) => doing(now, command)?.state ?? now, state);
}

describe("selecting blocks", () => {
  const page = open(paragraphs("one", "two", "three", "four"));

  test("Escape selects the block and gives the caret back; Shift and arrows extend, arrows go on", () => {
    let state = after(page, chooseBlocks);
    expect(span(state)).toEqual([0, 0]);
    state = after(state, extendBlocks(1), extendBlocks(1));
    expect([span(state), chosenIn(state)]).toEqual([[0, 2], 3]);
    state = after(state, extendBlocks(-1), stepBlocks(1));
    expect(span(state)).toEqual([2, 2]);
    state = after(state, extendBlocks(-1), extendBlocks(-1), extendBlocks(-1));
    expect(span(state)).toEqual([0, 2]);
    state = after(state, chooseBlocks);
    expect([span(state), state.selection.head]).toEqual([null, 4]);
    expect(after(choose(page, 1, 2), intoText(-1)).selection.head).toBe(posOfBlock(page.doc, 2) + 1);
  });

  test("it can be told and read again, and copied whole", () => {
    const state = choose(page, 2, 1);
    const again = Selection.fromJSON(state.doc, state.selection.toJSON());
    expect(again.eq(state.selection)).toBe(true);
    const { content, openStart, openEnd } = state.selection.content();
    expect([content.childCount, openStart, openEnd]).toEqual([2, 0, 0]);
  });

  test("what others add at its ends stays outside, what they write in it stays inside", () => {
    let state = choose(open(paragraphs("one", "two", "three")), 1, 1);
    const say = (at: number, insert: Item[], gone = 0) => {
      state = state.apply(updateTransaction(state, [{ p: "splice", at, delete: gone, insert }]));
    };
    say(4, paragraphs("new"));
    say(12, paragraphs("also"));
    say(11, [t("!")]);
    expect([words(state), span(state)]).toEqual([["one", "new", "tw!o", "also", "three"], [2, 2]]);
    // Its marker goes: its words are in the block before, which is then what is selected.
    say(8, [], 1);
    expect([words(state), span(state)]).toEqual([["one", "newtw!o", "also", "three"], [1, 1]]);
  });
});

describe("whole blocks", () => {
  test("are deleted as one splice; the last one leaves an empty page", () => {
    const state = choose(open([b("heading", { level: 1 }), t("one"), b(), t("two"), b(), t("three")]), 0, 1);
    const made = make(state, state.tr.deleteSelection());
    expect(made.edits).toEqual([{ e: "splice", at: 0, delete: 8, insert: [] }]);
    expect(words(made.state)).toEqual(["three"]);
    const all = choose(made.state, 0, 0);
    expect(words(make(all, all.tr.deleteSelection()).state)).toEqual([""]);
  });

  test("moving keeps the selection, takes what is nested along, and is one thing to undo", () => {
    const bullet = "unordered-list-item";
    const items = [b(), t("a"), b(bullet), t("b"), b(bullet, {}, [bullet]), t("c"), b(), t("d")];
    const state = choose(open(items), 1, 1);
    const down = after(state, moveBlocksTo(4));
    expect([words(down), span(down)]).toEqual([["a", "d", "b", "c"], [2, 2]]);
    expect(words(after(down, moveBlocks(-1)))).toEqual(["a", "b", "c", "d"]);
    expect(words(after(down, undo))).toEqual(["a", "b", "c", "d"]);
    expect([0, 1, 2, 3, 4, 5, -1].map((to) => moveBlocksTo(to)(state))).toEqual([true, false, false, false, true, false, false]);
  });

  const anyChoice = fc.tuple(anyDocument, fc.nat(20), fc.nat(20), fc.nat(20));

  test("deleting names these blocks and nothing else: every other one keeps its marker and its words", () => {
    fc.assert(
      fc.property(anyChoice, ([items, a, z]) => {
        const page = open([b(), ...items]);
        const state = choose(page, a % page.doc.childCount, z % page.doc.childCount);
        const { from, to } = state.selection;
        const made = make(state, state.tr.deleteSelection());
        const size = state.doc.content.size;
        if (from > 0 || to < size) {
          expect(itemsIn(made.state)).toEqual([...itemsBetween(state.doc, 0, from), ...itemsBetween(state.doc, to, size)]);
          expect(made.edits).toHaveLength(1);
          expect(made.edits[0]).toMatchObject({ e: "splice", insert: [] });
        }
        expect(itemsIn(after(made.state, undo))).toEqual(itemsIn(state));
      }),
      runs(400),
    );
  });

  test("moving loses no block and no word, and names nothing but what is moved", () => {
    fc.assert(
      fc.property(anyChoice, ([items, a, z, to]) => {
        const page = open([b(), ...items]);
        const state = choose(page, a % page.doc.childCount, z % page.doc.childCount);
        const range = nests(state)!;
        const made = doing(state, moveBlocksTo(to % (page.doc.childCount + 1)));
        if (made === null) return;
        const row = (each: EditorState) => Array.from({ length: each.doc.childCount }, (_, i) => JSON.stringify(each.doc.child(i).toJSON()));
        const was = row(state);
        expect(row(made.state).sort()).toEqual([...was].sort());
        // What it is moved over stands as it stood, in its order.
        const rest = was.filter((_, i) => i < range.first || i >= range.end);
        const moved = was.slice(range.first, range.end);
        const at = to % (page.doc.childCount + 1);
        const place = at < range.first ? at : at - moved.length;
        expect(row(made.state)).toEqual([...rest.slice(0, place), ...moved, ...rest.slice(place)]);
        const kinds = made.edits.map((edit) => edit.e === "splice" && (edit.delete === 0 || edit.insert.length === 0));
        expect(kinds).toEqual([true, true]);
        expect(itemsIn(after(made.state, undo))).toEqual(itemsIn(state));
      }),
      runs(400),
    );
  });

  test("whatever happens to the page, what is selected stays blocks or becomes a caret", () => {
    fc.assert(
      fc.property(anyChoice, fc.array(anyAct, { minLength: 1, maxLength: 8 }), ([items, a, z], acts) => {
        let state = choose(open(items), a, z);
        for (const act of acts) {
          const tr = transactionOf(state, act);
          if (tr === null) continue;
          // Only its steps, as another's edit would come: the selection has to find its own way.
          const plain = state.tr;
          for (const step of tr.steps) plain.step(step);
          state = state.applyTransaction(plain).state;
          const { selection } = state;
          if (selection instanceof BlockSelection) {
            expect([selection.$from.depth, selection.$to.depth, selection.first <= selection.last]).toEqual([0, 0, true]);
          } else state = choose(state, a, z);
        }
      }),
      runs(300),
    );
  });
});

describe("in an editor", () => {
  afterEach(() => {
    document.body.replaceChildren();
  });

  test("keys: Escape, Shift-Down, a letter that writes nothing, Delete", () => {
    const { view, editor, link } = openEditor(paragraphs("one", "two", "three"));
    const key = (name: string, more: KeyboardEventInit = {}) =>
      view.someProp("handleKeyDown", (handle) => handle(view, new KeyboardEvent("keydown", { key: name, ...more }))) === true;
    expect(key("Escape")).toBe(true);
    expect(key("ArrowDown", { shiftKey: true })).toBe(true);
    expect([...view.dom.querySelectorAll(".chosen")].map((each) => each.textContent)).toEqual(["one", "two"]);
    expect(editor.snapshot.chosen).toBe(2);
    const typed = view.someProp("handleTextInput", (handle) => handle(view, 0, 5, "x", () => view.state.tr.insertText("x")));
    expect([typed, editor.text()]).toEqual([true, "one\n\ntwo\n\nthree"]);
    expect(key("Delete")).toBe(true);
    expect(editor.text()).toBe("three");
    expect(link.of("batch")).toHaveLength(1);
    expect(key("ArrowDown")).toBe(false);
  });
});
