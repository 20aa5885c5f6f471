// @vitest-environment node
import fc from "fast-check";
import { history, undo } from "prosemirror-history";
import { TextSelection } from "prosemirror-state";
import { describe, expect, test } from "vitest";
import type { Item } from "../core/types/Item";
import type { Patch } from "../core/types/Patch";
import type { Scalar } from "../core/types/Scalar";
import { checksumOf } from "./checksum";
import { pageOf } from "./items";
import { checksumIn, corePlugins, itemsIn, make, stateOf } from "./page";
import { patchTransaction } from "./patches";
import { schema } from "./schema";
import { anyDocument, documentFrom, runs } from "./test/acts";
import { after, normal, placesOf } from "./test/model";
import { b, e, paragraphs, t } from "./test/window";

const open = (items: Item[]) => stateOf(items, [history(), ...corePlugins()]);
const apply = (items: Item[], ...patches: Patch[]) => {
  const state = open(items);
  return state.apply(patchTransaction(state, patches));
};

/** Any patch that fits a document. */
function patchFor(items: readonly Item[], [kind, a, c, d]: readonly number[]): Patch | null {
  const places = placesOf(items);
  const at = (a ?? 0) % (places.length + 1);
  switch ((kind ?? 0) % 6) {
    case 0:
    case 1:
      return { p: "splice", at, delete: 0, insert: documentFrom([c ?? 0, d ?? 0].slice(0, ((kind ?? 0) % 5) + 1)) };
    case 2:
      return { p: "splice", at, delete: (c ?? 0) % (places.length - at + 1), insert: documentFrom([d ?? 0]) };
    case 3:
      return { p: "splice", at, delete: Math.min((c ?? 0) % 4, places.length - at), insert: [] };
    case 4: {
      const to = at + ((c ?? 0) % (places.length - at + 1));
      const value: Scalar = (d ?? 0) % 3 === 0 ? null : (d ?? 0) % 2 === 0 ? true : "other";
      return { p: "mark", from: at, to, name: ["strong", "code", "__ext__note", "link"][(d ?? 0) % 4]!, value };
    }
    default: {
      const place = places[at];
      if (place === undefined || place.t === "unit") return null;
      const like = documentFrom([(c ?? 0) * 7 + 1])[0]!;
      const block = like.t === "text" ? place.block : like.block;
      return { p: "setBlock", at, block: { ...block, isEmbed: place.t === "embed" } };
    }
  }
}

describe("patches", () => {
  test("text goes where it belongs at the border of two blocks", () => {
    expect(itemsIn(apply(paragraphs("one", "two"), { p: "splice", at: 4, delete: 0, insert: [t("!")] }))).toEqual(
      paragraphs("one!", "two"),
    );
  });

  test("a marker cuts a block, and its absence joins two", () => {
    const cut = apply(paragraphs("onetwo"), { p: "splice", at: 4, delete: 0, insert: [b("heading", { level: 2 })] });
    expect(itemsIn(cut)).toEqual([b(), t("one"), b("heading", { level: 2 }), t("two")]);
    expect(itemsIn(cut.apply(patchTransaction(cut, [{ p: "splice", at: 4, delete: 1, insert: [] }])))).toEqual(
      paragraphs("onetwo"),
    );
  });

  test("a first marker comes and goes", () => {
    const bare = apply(paragraphs("one"), { p: "splice", at: 0, delete: 1, insert: [] });
    expect(itemsIn(bare)).toEqual([t("one")]);
    const again = bare.apply(patchTransaction(bare, [{ p: "splice", at: 0, delete: 0, insert: [b()] }]));
    expect(itemsIn(again)).toEqual(paragraphs("one"));
    const emptied = apply(paragraphs("", "two"), { p: "splice", at: 0, delete: 1, insert: [] });
    expect(itemsIn(emptied)).toEqual(paragraphs("two"));
    expect(itemsIn(apply(paragraphs("one"), { p: "splice", at: 0, delete: 4, insert: [] }))).toEqual([]);
  });

  test("line ends are drawn as the block they come to wants them", () => {
    const code = apply([b(), t("a\nb")], { p: "setBlock", at: 0, block: (b("code-block") as Item & { t: "block" }).block });
    expect(code.doc.firstChild?.textContent).toBe("a\nb");
    expect(code.doc.firstChild?.childCount).toBe(1);
  });

  test("an embed changes where it stands", () => {
    const block = (e("image", { alt: "new" }) as Item & { t: "embed" }).block;
    expect(itemsIn(apply([b(), t("a"), e()], { p: "setBlock", at: 2, block }))).toEqual([b(), t("a"), e("image", { alt: "new" })]);
  });

  test("what does not fit is refused whole", () => {
    const state = open(paragraphs("one"));
    expect(() => patchTransaction(state, [{ p: "splice", at: 9, delete: 0, insert: [] }])).toThrow(RangeError);
    expect(() => patchTransaction(state, [{ p: "splice", at: 2, delete: 9, insert: [] }])).toThrow(RangeError);
    expect(() => patchTransaction(state, [{ p: "setBlock", at: 1, block: b().t === "block" ? (b() as Item & { t: "block" }).block : never() }])).toThrow(RangeError);
  });

  test("keep the selection, and stay out of undo", () => {
    let state = open(paragraphs("one", "two"));
    state = make(state, state.tr.insertText("X", 2)).state;
    state = state.apply(state.tr.setSelection(TextSelection.create(state.doc, 8, 9)));
    state = state.apply(patchTransaction(state, [{ p: "splice", at: 1, delete: 0, insert: [t("zero ")] }]));
    expect(state.doc.textBetween(state.selection.from, state.selection.to)).toBe("w");
    undo(state, (tr) => {
      expect(itemsIn(state.apply(tr))).toEqual(paragraphs("zero one", "two"));
    });
    expect.assertions(2);
  });

  test("leave the caret where it is when someone writes exactly there", () => {
    const at = (pos: number, to = pos) => {
      const state = open(paragraphs("one", "two"));
      return state.apply(state.tr.setSelection(TextSelection.create(state.doc, pos, to)));
    };
    const after = (state: ReturnType<typeof at>, ...patches: Patch[]) => {
      const { anchor, head } = state.apply(patchTransaction(state, patches)).selection;
      return [anchor, head];
    };
    expect(after(at(4), { p: "splice", at: 4, delete: 0, insert: [b(), t("between")] })).toEqual([4, 4]);
    expect(after(at(4), { p: "splice", at: 4, delete: 0, insert: [t("!")] })).toEqual([4, 4]);
    expect(after(at(6), { p: "splice", at: 4, delete: 0, insert: [b(), t("x")] })).toEqual([9, 9]);
    const heading = (b("heading", { level: 1 }) as Item & { t: "block" }).block;
    expect(after(at(1), { p: "setBlock", at: 0, block: heading })).toEqual([1, 1]);
    expect(after(at(2, 4), { p: "splice", at: 2, delete: 0, insert: [t("x")] }, { p: "splice", at: 5, delete: 0, insert: [t("y")] })).toEqual([3, 5]);
    expect(after(at(4, 2), { p: "splice", at: 2, delete: 0, insert: [t("x")] })).toEqual([5, 3]);
    expect(after(at(1, 4), { p: "splice", at: 1, delete: 3, insert: [] })).toEqual([1, 1]);
  });

  test("leave what was chosen for the next word", () => {
    const state = open(paragraphs("one"));
    const chosen = state.apply(state.tr.addStoredMark(schema.marks.strong.create()));
    const later = chosen.apply(patchTransaction(chosen, [{ p: "splice", at: 1, delete: 0, insert: [t("x")] }]));
    expect(later.storedMarks).toEqual([schema.marks.strong.create()]);
  });

  test("read as the core reads them, whatever they are", () => {
    fc.assert(
      fc.property(
        anyDocument,
        fc.array(fc.array(fc.nat(1_000), { minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 8 }),
        fc.nat(40),
        (items, choices, caret) => {
          let state = open(items);
          let model = normal(items);
          expect(itemsIn(state)).toEqual(model);
          state = state.apply(state.tr.setSelection(TextSelection.near(state.doc.resolve(caret % (state.doc.content.size + 1)))));
          let patches: Patch[] = [];
          for (const [i, choice] of choices.entries()) {
            const patch = patchFor(model, choice);
            if (patch === null) continue;
            let next: Item[];
            try {
              next = after(model, [patch]);
            } catch {
              continue; // It would cut a character.
            }
            model = next;
            patches.push(patch);
            // Some come alone, some together.
            if (i % 2 === 0) continue;
            state = state.apply(patchTransaction(state, patches));
            patches = [];
            state.doc.check();
            expect(itemsIn(state)).toEqual(model);
            expect(checksumIn(state)).toBe(checksumOf(pageOf(model)));
            expect(state.selection.$head.parent.inlineContent).toBe(true);
          }
          state = state.apply(patchTransaction(state, patches));
          expect(itemsIn(state)).toEqual(model);
        },
      ),
      runs(1_500),
    );
  });
});

function never(): never {
  throw new Error("unreachable");
}
