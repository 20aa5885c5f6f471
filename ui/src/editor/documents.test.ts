// @vitest-environment jsdom
/** Links between documents: made with `[[`, drawn as what they lead to, followed; and what a key costs with them. */
import fc from "fast-check";
import type { Node } from "prosemirror-model";
import { history } from "prosemirror-history";
import { TextSelection, type EditorState } from "prosemirror-state";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Item } from "../core/types/Item";
import { documentsPlugin, Linker, linkedIn, type Known } from "./documents";
import { addressOf, documentAt, linkOf, linkTo } from "./links";
import { closeLinking } from "./linking";
import { corePlugins, itemsIn, make, stateOf, updateTransaction } from "./page";
import { anyAct, anyDocument, runs, transactionOf } from "./test/acts";
import { b, open as openEditor, paragraphs, t } from "./test/window";

const ONE = "aebagbafaydqqcikbmga2dqpcaireeyuaebagbafaydqqcikbmga";
const TWO = "bebagbafaydqqcikbmga2dqpcaireeyuaebagbafaydqqcikbmga";
const GONE = "cebagbafaydqqcikbmga2dqpcaireeyuaebagbafaydqqcikbmga";

const shelf = new Map<string, Known>([
  [ONE, { title: "Boats", trashed: false }],
  [TWO, { title: "Tides", trashed: true }],
]);
const documents = (id: string) => shelf.get(id) ?? null;
const link = (text: string, id: string, title = text): Item => ({ t: "text", text, marks: { link: linkTo(id, title) } });

beforeAll(() => {
  Element.prototype.scrollIntoView = () => undefined;
});
afterEach(() => {
  document.body.replaceChildren();
});

const blocksOf = (state: EditorState): Node[] => Array.from({ length: state.doc.childCount }, (_, i) => state.doc.child(i));
const drawn = (state: EditorState) => blocksOf(state).map((block) => linkedIn(state, block).map(({ from, to }) => [from, to]));

test("an address names a document, and nothing else does", () => {
  expect([documentAt(addressOf(ONE)), documentAt(` SHEAF://doc/${ONE} `)]).toEqual([ONE, ONE]);
  expect(["", "sheaf://doc/", "sheaf://doc/abc", `sheaf://join/${ONE}`, ONE, `${addressOf(ONE)}a`].map(documentAt)).toEqual([null, null, null, null, null, null]);
});

describe("a link", () => {
  test("shows the title its document has now, unless its words are someone's own, and says what is not there", () => {
    const items = [b(), link("Ships", ONE), t(" "), link("these boats", ONE, "Ships"), t(" "), link("Tides", TWO), t(" "), link("Maps", GONE)];
    const { view, editor } = openEditor(items, { documents });
    const shown = [...view.dom.querySelectorAll<HTMLElement>("[data-document]")];
    expect(shown.map(({ className, textContent, dataset }) => [className, textContent, dataset.title])).toEqual([
      ["to-document renamed", "Ships", "Boats"],
      ["to-document", "these boats", undefined],
      ["to-document trashed", "Tides", undefined],
      ["to-document missing", "Maps", undefined],
    ]);
    expect(view.dom.querySelector("a")!.hasAttribute("title")).toBe(false);
    expect(editor.text()).toBe("Ships these boats Tides Maps");

    shelf.set(ONE, { title: "Ships", trashed: false });
    editor.documentsChanged();
    expect(view.dom.querySelectorAll(".renamed")).toHaveLength(0);
    shelf.set(ONE, { title: "Boats", trashed: false });
  });

  test("goes on over a change of its other marks, and beside another it is another", () => {
    const strong: Item = { t: "text", text: "ts", marks: { link: linkTo(ONE, "Boats"), strong: true } };
    const state = stateOf([b(), link("Boa", ONE, "Boats"), strong, link("Boats", TWO), t("x"), link("Maps", ONE)], [documentsPlugin(new Linker(documents)), ...corePlugins()]);
    expect(drawn(state)).toEqual([[[0, 5], [5, 10], [11, 15]]]);
  });

  test("is followed with Ctrl and a click, and with Ctrl+Enter where the caret is in it", () => {
    const followed: string[] = [];
    const { view, editor } = openEditor([b(), t("a "), link("Boats", ONE), t(" b")], { documents, onOpenLink: (href) => followed.push(href) });
    view.dom.querySelector("a")!.dispatchEvent(new MouseEvent("click", { bubbles: true, ctrlKey: true, cancelable: true }));
    expect(followed).toEqual([addressOf(ONE)]);
    const press = () => view.someProp("handleKeyDown", (handle) => handle(view, new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true })));
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 5)));
    press();
    expect(followed).toHaveLength(2);
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 3)));
    press();
    expect([followed.length, editor.text()]).toEqual([2, "a Boats b"]);
  });

  test("is drawn alike after any change, own or others', as on a page that is opened now", () => {
    fc.assert(
      fc.property(anyDocument, fc.array(anyAct, { minLength: 1, maxLength: 14 }), (items, acts) => {
        let state = stateOf([...items, b(), t("see "), link("Boats", ONE)], [history(), documentsPlugin(new Linker(documents)), ...corePlugins()]);
        for (const act of acts) {
          const tr = transactionOf(state, act);
          if (tr !== null) state = make(state, tr).state;
        }
        state = state.apply(updateTransaction(state, [{ p: "splice", at: itemsIn(state).length === 0 ? 0 : 1, delete: 0, insert: [link("Tides", TWO)] }]));
        const fresh = stateOf(itemsIn(state), [documentsPlugin(new Linker(documents)), ...corePlugins()]);
        expect(drawn(state)).toEqual(drawn(fresh));
      }),
      runs(300),
    );
  });

  test("costs a key the blocks it changed, in a document of ten thousand characters and of half a million", () => {
    const cost = (characters: number) => {
      const text = "The float sticks at the foot of the gauge and the curve stops falling there. ";
      const items = Array.from({ length: characters / text.length }, () => [b(), t(text), link("Boats", ONE)]).flat();
      const linker = new Linker(documents);
      let state = stateOf(items, [documentsPlugin(linker), ...corePlugins()]);
      const before = linker.looked;
      state = state.apply(state.tr.insertText("x", 5));
      state = state.apply(state.tr.split(8));
      state = state.apply(state.tr.insertText("x", Math.floor(state.doc.content.size / 2)));
      expect(state.doc.childCount).toBe(items.length / 3 + 1);
      return linker.looked - before;
    };
    const [small, large, huge] = [10_000, 100_000, 500_000].map(cost);
    expect([large, huge, small! <= 4]).toEqual([large, large, true]);
    expect(huge).toBeLessThanOrEqual(4);
  });
});

describe("[[", () => {
  function type(view: ReturnType<typeof openEditor>["view"], text: string): void {
    for (const sign of text) {
      const { from, to } = view.state.selection;
      const insert = () => view.state.tr.insertText(sign, from, to);
      if (view.someProp("handleTextInput", (handle) => handle(view, from, to, sign, insert)) !== true) view.dispatch(insert());
    }
  }

  test("opens the list, what follows narrows it, and choosing puts a link there that the core is told of", () => {
    const { view, editor, link: core } = openEditor(paragraphs("see "), { documents });
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 5)));
    type(view, "[[bo");
    expect(editor.snapshot.linking).toEqual({ from: 5, to: 9, query: "bo" });
    expect(editor.linkDocument(ONE, "Boats")).toBe(true);
    expect([editor.snapshot.linking, editor.text()]).toEqual([null, "see Boats"]);
    type(view, " and");
    expect(editor.items()).toEqual([b(), t("see "), link("Boats", ONE), t(" and")]);
    expect(core.of("batch").flatMap(({ edits }) => edits)).toContainEqual({ e: "splice", at: 5, delete: 4, insert: [link("Boats", ONE)] });
    editor.run("undo");
    editor.run("undo");
    expect(editor.text()).not.toContain("Boats");
  });

  test.each([["a bracket", "[[bo["], ["closing ones", "[[bo]"], ["two spaces", "[[bo  "], ["a bracket alone", "[bo"]])("stays or goes shut at %s", (_what, typed) => {
    const { view, editor } = openEditor(paragraphs("x"));
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 2)));
    type(view, typed);
    expect([editor.snapshot.linking, editor.text()]).toEqual([null, `x${typed}`.trimEnd() === editor.text() ? editor.text() : `x${typed}`]);
  });

  test("is words in code", () => {
    const { view, editor } = openEditor([b("code-block"), t("a")]);
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 2)));
    type(view, "[[a");
    expect([editor.snapshot.linking, editor.text()]).toEqual([null, "a[[a"]);
  });

  test("closes with Escape, and its keys are the shell's first; others' words in front move it along", () => {
    const onLinkingKey = vi.fn((event: KeyboardEvent) => event.key === "Enter");
    const { view, editor, link: core } = openEditor(paragraphs("x"), { onLinkingKey });
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 2)));
    type(view, "[[q");
    core.say({ m: "update", number: 2, base: 1, after: core.of("batch").at(-1)!.made, patches: [{ p: "splice", at: 1, delete: 0, insert: [t("ab")] }], checksum: null });
    expect(editor.snapshot.linking).toEqual({ from: 4, to: 7, query: "q" });
    const press = (key: string) => view.someProp("handleKeyDown", (handle) => handle(view, new KeyboardEvent("keydown", { key })));
    expect(press("Enter")).toBe(true);
    expect(editor.text()).toBe("abx[[q");
    press("Escape");
    expect([editor.snapshot.linking, onLinkingKey.mock.calls.length, closeLinking(view.state)]).toEqual([null, 2, false]);
  });

  test("a link whose words say an address of their own is no link to a document", () => {
    const { view } = openEditor([b(), { t: "text", text: "x", marks: { link: linkOf("https://example.org", "Boats") } }], { documents });
    expect(view.dom.querySelectorAll("[data-document]")).toHaveLength(0);
  });
});
