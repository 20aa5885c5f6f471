/** Which blocks changed, against the plainest way to know: comparing every block of both pages. */
import fc from "fast-check";
import { history } from "prosemirror-history";
import { describe, expect, test } from "vitest";
import { changedBlocks } from "./changed";
import { corePlugins, stateOf } from "./page";
import { anyAct, anyDocument, runs, transactionOf } from "./test/acts";
import { paragraphs } from "./test/window";

const open = (items: Parameters<typeof stateOf>[0]) => stateOf(items, [history(), ...corePlugins()]);

describe("changed blocks", () => {
  test("a key changes one, Enter one into two", () => {
    const state = open(paragraphs("one", "two", "three"));
    expect(changedBlocks(state.tr.insertText("x", 7))).toEqual({ first: 1, oldEnd: 2, newEnd: 2, pos: 5 });
    expect(changedBlocks(state.tr.split(7))).toEqual({ first: 1, oldEnd: 2, newEnd: 3, pos: 5 });
    expect(changedBlocks(state.tr.delete(5, 10))).toEqual({ first: 1, oldEnd: 2, newEnd: 1, pos: 5 });
    expect(changedBlocks(state.tr.setNodeAttribute(5, "attrs", { note: "n" }))).toEqual({ first: 1, oldEnd: 2, newEnd: 2, pos: 5 });
    expect(changedBlocks(state.tr)).toBeNull();
  });

  test("outside of what is named, both pages have the very same blocks", () => {
    fc.assert(
      fc.property(anyDocument, fc.array(anyAct, { minLength: 1, maxLength: 12 }), (items, acts) => {
        let state = open(items);
        for (const act of acts) {
          const tr = transactionOf(state, act);
          if (tr === null) continue;
          const applied = state.applyTransaction(tr);
          for (const each of applied.transactions) {
            const changed = changedBlocks(each);
            if (changed === null) {
              expect(each.doc.eq(each.before)).toBe(true);
              continue;
            }
            const { first, oldEnd, newEnd, pos } = changed;
            expect(oldEnd).toBeGreaterThanOrEqual(first);
            expect(newEnd).toBeGreaterThanOrEqual(first);
            const row = (doc: typeof each.doc) => Array.from({ length: doc.childCount }, (_, i) => doc.child(i));
            const [was, is] = [row(each.before), row(each.doc)];
            expect(is.slice(0, first).every((block, i) => block.eq(was[i]!))).toBe(true);
            expect(is.slice(newEnd).length).toBe(was.slice(oldEnd).length);
            expect(is.slice(newEnd).every((block, i) => block.eq(was[oldEnd + i]!))).toBe(true);
            expect(is.slice(0, first).reduce((sum, block) => sum + block.nodeSize, 0)).toBe(pos);
          }
          state = applied.state;
        }
      }),
      runs(500),
    );
  });
});
