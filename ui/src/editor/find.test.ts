// @vitest-environment jsdom
/** Find and replace: against the plainest way to find, through everything that can happen to a page meanwhile. */
import fc from "fast-check";
import { history, undo } from "prosemirror-history";
import { Plugin, TextSelection, type EditorState } from "prosemirror-state";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { begin, findingIn, findKey, follow, say, type Finding } from "./find";
import { MOST_DRAWN } from "./near";
import { corePlugins, itemsIn, make, stateOf, updateTransaction } from "./page";
import { replaceAll, replaceCurrent } from "./replace";
import { looksLikePattern, Searcher, type Query } from "./search";
import { anyAct, anyDocument, runs, transactionOf } from "./test/acts";
import { firstReset, open as openEditor, paragraphs, t } from "./test/window";

const query = (text: string, more: Partial<Query> = {}): Query => ({ text, matchCase: false, wholeWord: false, ...more });
const SPAN = { first: 0, end: MOST_DRAWN };

function finder(): Plugin<Finding | null> {
  return new Plugin<Finding | null>({ key: findKey, state: { init: () => null, apply: (tr, was) => follow(tr, was, SPAN) } });
}

const open = (items: Parameters<typeof stateOf>[0]) => stateOf(items, [history(), finder(), ...corePlugins()]);
const look = (state: EditorState, wanted: Query, from = 0) => state.apply(say(state.tr, { do: "look", query: wanted, from }));
const step = (state: EditorState, by: 1 | -1) => state.apply(say(state.tr, { do: "step", by }));
const current = (state: EditorState) => findingIn(state)?.current ?? null;
const words = (state: EditorState) => Array.from({ length: state.doc.childCount }, (_, i) => state.doc.child(i).textContent);

/** What a search that has followed every change says, against one begun now. */
function agrees(state: EditorState): void {
  const kept = findingIn(state)!;
  const fresh = begin(state.doc, kept.searcher.query, 0, kept.span)!;
  expect(kept.total).toBe(fresh.total);
  if (kept.current !== null) {
    const { from, to, ordinal, block } = kept.current;
    const again = begin(state.doc, kept.searcher.query, from, kept.span)!;
    expect(again.current).toEqual({ from, to, ordinal, block });
  }
  const places = (finding: Finding) => finding.drawn.find().map(({ from, to }) => `${String(from)}-${String(to)}`).sort();
  expect(places(kept)).toEqual(places(fresh));
}

describe("a search in a block", () => {
  const inText = (text: string, wanted: Query) => {
    const { doc } = open([...paragraphs(text)]);
    return [...new Searcher(wanted).inBlock(doc.child(0))];
  };

  test.each([
    ["a banana", query("an"), [3, 5]],
    ["aaaa", query("aa"), [0, 2]],
    ["Ada ADA ada", query("ada"), [0, 4, 8]],
    ["Ada ADA ada", query("ada", { matchCase: true }), [8]],
    ["can a pecan scan", query("can", { wholeWord: true }), [0]],
    ["über Übermut über", query("über", { wholeWord: true }), [0, 13]],
    ["😀a😀", query("😀"), [0, 3]],
    ["x😀", query("\ude00"), []],
    ["İstanbul istanbul", query("istanbul"), [9]],
    ["a.b acb", query("a.b"), [0]],
    ["words", query(""), []],
  ])("%j for %j", (text, wanted, places) => {
    expect(inText(text, wanted)).toEqual(places);
  });

  test("a line end and an embed are one place each, and no words run across them", () => {
    const state = open([...paragraphs("one\ntwo")]);
    expect([...new Searcher(query("two")).inBlock(state.doc.child(0))]).toEqual([4]);
    expect([...new Searcher(query("onetwo")).inBlock(state.doc.child(0))]).toEqual([]);
  });

  test("what looks like a regular expression is known as such, and ordinary words are not", () => {
    expect(["/a+b/", "\\d", "[a-z]+", ".*"].map(looksLikePattern)).toEqual([true, true, true, true]);
    expect(["and/or", "a.b", "(see below)", "C:\\new", "what?"].map(looksLikePattern)).toEqual([false, false, false, false, false]);
  });
});

describe("finding", () => {
  test("goes from match to match, round both ends", () => {
    let state = look(open(paragraphs("a cat", "no", "cat cat")), query("cat"), 3);
    expect([findingIn(state)?.total, current(state)]).toEqual([3, { from: 3, to: 6, ordinal: 1, block: 0 }]);
    const seen = [1, 1, 1, -1, -1].map((by) => {
      state = step(state, by as 1 | -1);
      return current(state)?.ordinal;
    });
    expect(seen).toEqual([2, 3, 1, 3, 2]);
  });

  test("a match that is edited away is none, and the next is counted from there", () => {
    let state = look(open(paragraphs("cat", "cat", "cat")), query("cat"), 5);
    expect(current(state)?.ordinal).toBe(2);
    state = state.apply(state.tr.insertText("x", 8));
    expect([findingIn(state)?.total, current(state)]).toEqual([2, null]);
    expect(current(step(state, 1))?.from).toBe(12);
    expect(current(step(state, -1))?.from).toBe(1);
  });

  test("others' edits carry the match along and move neither caret nor match", () => {
    let state = look(open(paragraphs("the cat", "a cat")), query("cat"), 10);
    state = state.apply(state.tr.setSelection(TextSelection.create(state.doc, 11)));
    const before = current(state)!;
    state = state.apply(updateTransaction(state, [{ p: "splice", at: 1, delete: 0, insert: [t("cat, ")] }]));
    expect(current(state)).toEqual({ from: before.from + 5, to: before.to + 5, ordinal: 3, block: 1 });
    expect(state.selection.head).toBe(16);
    agrees(state);
  });

  test("what has followed every change says what a new search says", () => {
    fc.assert(
      fc.property(
        anyDocument,
        fc.constantFrom("a", "o", "w", "one", "b", "😀"),
        fc.boolean(),
        fc.array(fc.oneof(anyAct, fc.constantFrom<1 | -1>(1, -1)), { minLength: 1, maxLength: 14 }),
        (items, text, wholeWord, acts) => {
          let state = look(open(items), query(text, { wholeWord }));
          for (const act of acts) {
            if (typeof act === "number") state = step(state, act);
            else {
              const tr = transactionOf(state, act);
              if (tr !== null) state = make(state, tr).state;
            }
            agrees(state);
          }
        },
      ),
      runs(400),
    );
  });
});

describe("what a key costs while something is looked for", () => {
  const LINE = "The float sticks at the foot of the gauge and the curve stops falling there. ";

  function keyOf(characters: number): { scanned: number; drawn: number; matches: number } {
    const lines = Array.from({ length: Math.ceil(characters / LINE.length) }, () => LINE);
    let state = look(open(paragraphs(...lines)), query("the"));
    const { searcher, total } = findingIn(state)!;
    const before = searcher.scanned;
    const at = Math.floor(state.doc.content.size / 2);
    state = state.apply(state.tr.insertText("x", state.doc.resolve(at).start(1) + 3));
    const enter = state.tr.split(state.doc.resolve(at).start(1) + 5);
    state = state.apply(enter);
    return { scanned: searcher.scanned - before, drawn: findingIn(state)!.drawn.find().length, matches: total };
  }

  test("is the same in a document of ten thousand characters and of half a million", () => {
    const [small, large, huge] = [10_000, 100_000, 500_000].map(keyOf);
    expect([small!.scanned, large!.scanned, huge!.scanned]).toEqual([3, 3, 3]);
    expect(huge!.matches).toBeGreaterThan(19_000);
    // So many as the screen may hold, not as many as there are.
    expect(large!.drawn).toBeLessThanOrEqual(MOST_DRAWN * 5);
    expect(huge!.drawn).toBe(large!.drawn);
  });
});

describe("replacing", () => {
  test("one, with the marks of what it replaces, then on to the next", () => {
    let state = look(open([...paragraphs("a "), t("cat", "strong"), t(" and a cat")]), query("cat"));
    replaceCurrent("dog")(state, (tr) => { state = state.apply(tr); });
    expect(itemsIn(state).slice(1)).toEqual([t("a "), t("dog", "strong"), t(" and a cat")]);
    expect(current(state)?.ordinal).toBe(1);
    expect(findingIn(state)?.total).toBe(1);
  });

  test("all is one thing to undo, is exact to the character, and does not look at its own words again", () => {
    let state = look(open(paragraphs("cat cat", "the cat")), query("cat"));
    replaceAll("cat cat")(state, (tr) => {
      const made = make(state, tr);
      expect(made.edits).toHaveLength(3);
      expect(made.edits.every((edit) => edit.e === "splice" && edit.delete <= 3)).toBe(true);
      state = made.state;
    });
    expect(words(state)).toEqual(["cat cat cat cat", "the cat cat"]);
    undo(state, (tr) => { state = state.apply(tr); });
    expect(words(state)).toEqual(["cat cat", "the cat"]);
    expect(findingIn(state)?.total).toBe(3);
    agrees(state);
  });

  test("by nothing takes the words out", () => {
    let state = look(open(paragraphs("a cat b cat")), query(" cat"));
    replaceAll("")(state, (tr) => { state = state.apply(tr); });
    expect(words(state)).toEqual(["a b"]);
  });

  test("thousands at once leaves a page that can be written in", () => {
    let state = look(open(paragraphs(...Array.from({ length: 500 }, () => "e e e e e e e e"))), query("e"));
    replaceAll("é")(state, (tr) => { state = make(state, tr).state; });
    expect(words(state).every((each) => each === "é é é é é é é é")).toBe(true);
    expect(findingIn(state)?.total).toBe(0);
  });
});

describe("in an editor", () => {
  beforeAll(() => {
    Element.prototype.scrollIntoView = () => undefined;
  });
  afterEach(() => {
    document.body.replaceChildren();
  });

  test("matches are drawn, the current one as such, and closing selects it", () => {
    const { editor, view } = openEditor(paragraphs("a cat", "cat"));
    editor.finder.look(query("cat"));
    editor.finder.step(1);
    expect(editor.snapshot.found).toEqual({ total: 2, ordinal: 2 });
    expect([...view.dom.querySelectorAll(".found")].map(({ className }) => className)).toEqual(["found", "found current"]);
    editor.finder.close();
    expect(view.dom.querySelectorAll(".found")).toHaveLength(0);
    expect(editor.selectedText()).toBe("cat");
  });

  test("a page that the core shows anew is searched anew", () => {
    const { editor, link } = openEditor(paragraphs("a cat"));
    editor.finder.look(query("cat"));
    link.say(firstReset(paragraphs("cat cat", "cat"), 5));
    expect(editor.snapshot.found).toMatchObject({ total: 3 });
  });

  test("who may only read finds, and replaces nothing", () => {
    const { editor, link } = openEditor(paragraphs("a cat"), { editable: false });
    editor.finder.look(query("cat"));
    expect(editor.snapshot.found).toEqual({ total: 1, ordinal: 1 });
    expect([editor.finder.replace("dog"), editor.finder.replaceAll("dog")]).toEqual([false, 0]);
    expect(link.of("batch")).toEqual([]);
  });
});
