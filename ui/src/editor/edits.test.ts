// @vitest-environment node
import fc from "fast-check";
import { history } from "prosemirror-history";
import { TextSelection } from "prosemirror-state";
import { describe, expect, test } from "vitest";
import * as blocks from "./blocks";
import { lengthOfItems, trim } from "./edits";
import { itemsIn, make, corePlugins, stateOf } from "./page";
import { KINDS, schema } from "./schema";
import { anyAct, anyDocument, runs, transactionOf } from "./test/acts";
import { after, normal } from "./test/model";
import { b, paragraphs, t } from "./test/window";

const open = (items: Parameters<typeof stateOf>[0]) => stateOf(items, [history(), ...corePlugins()]);

describe("edits", () => {
  test("a key is one splice with the marks it was typed in", () => {
    const state = open([b(), t("bo", "strong")]);
    const { edits } = make(state, state.tr.insertText("ld", 3));
    expect(edits).toEqual([{ e: "splice", at: 3, delete: 0, insert: [t("ld", "strong")] }]);
  });

  test("Enter is a marker, Backspace takes it out again", () => {
    const state = open(paragraphs("onetwo"));
    const moved = state.apply(state.tr.setSelection(TextSelection.create(state.doc, 4)));
    blocks.splitBlock(moved, (tr) => {
      const made = make(moved, tr);
      expect(made.edits).toEqual([{ e: "splice", at: 4, delete: 0, insert: [b()] }]);
      blocks.backspace(made.state, (back) => {
        expect(make(made.state, back).edits).toEqual([{ e: "splice", at: 4, delete: 1, insert: [] }]);
      });
    });
    expect.assertions(2);
  });

  test("another kind changes the marker where it stands", () => {
    const state = open(paragraphs("one", "two"));
    const inTwo = state.apply(state.tr.setSelection(TextSelection.create(state.doc, 6)));
    blocks.setBlocks({ kind: KINDS.heading, attrs: { level: 2 } })(inTwo, (tr) => {
      expect(make(inTwo, tr).edits).toEqual([{ e: "setBlock", at: 4, type: "heading", attrs: { level: 2 } }]);
    });
    expect.assertions(1);
  });

  test("marks over several blocks name only what carries them", () => {
    const state = open(paragraphs("one", "two"));
    const made = make(state, state.tr.addMark(2, 8, schema.marks.strong.create()));
    expect(made.edits).toEqual([
      { e: "mark", from: 2, to: 4, name: "strong", value: true },
      { e: "mark", from: 5, to: 7, name: "strong", value: true },
    ]);
  });

  test("the first change to a bare page gives it its marker, in front", () => {
    const state = open([t("from elsewhere")]);
    expect(make(state, state.tr.insertText("!", 15)).edits).toEqual([
      { e: "splice", at: 0, delete: 0, insert: [b()] },
      { e: "splice", at: 15, delete: 0, insert: [t("!")] },
    ]);
  });

  test("a range that cuts a character takes in its other half", () => {
    const state = open(paragraphs("a😀b"));
    const made = make(state, state.tr.delete(2, 3));
    expect(after(paragraphs("a😀b"), made.edits)).toEqual(itemsIn(made.state));
    expect(itemsIn(made.state)).toEqual(paragraphs("a\ufffdb"));
  });

  test("what is the same at both ends is left out", () => {
    expect(trim([t("abcd")], [t("abXd")])).toEqual({ start: 2, gone: [t("c")], come: [t("X")] });
    expect(trim([t("😀")], [t("😁")])).toEqual({ start: 0, gone: [t("😀")], come: [t("😁")] });
    expect(trim([b(), t("a")], [b(), t("a")])).toEqual({ start: 2, gone: [], come: [] });
    expect(lengthOfItems([b(), t("a😀")])).toBe(4);
  });

  test("say exactly what happened, whatever happened", () => {
    fc.assert(
      fc.property(anyDocument, fc.array(anyAct, { minLength: 1, maxLength: 12 }), (items, acts) => {
        let state = open(items);
        let model = normal(items);
        for (const act of acts) {
          const tr = transactionOf(state, act);
          if (tr === null) continue;
          const made = make(state, tr);
          made.state.doc.check();
          model = after(model, made.edits);
          expect(itemsIn(made.state)).toEqual(model);
          state = made.state;
        }
      }),
      runs(1_500),
    );
  });
});
