// @vitest-environment jsdom
import { TextSelection } from "prosemirror-state";
import { afterEach, describe, expect, test, vi } from "vitest";
import { b, firstReset, open, paragraphs, t } from "./test/window";

afterEach(() => {
  document.body.replaceChildren();
  vi.useRealTimers();
});

describe("an editor", () => {
  test("shows what the core sends, and says that it did", () => {
    const { editor, link, view } = open([b("heading", { level: 1 }), t("Title"), b(), t("Words")]);
    expect(view.dom.innerHTML).toContain("<h1 dir=\"auto\">Title</h1>");
    expect(link.sent).toEqual([{ m: "seen", seen: 1, made: 0 }]);
    expect(editor.ready).toBe(true);
    expect(editor.text()).toBe("Title\n\nWords");
  });

  test("is a labelled, multiline text box", () => {
    const { view, editor } = open(paragraphs("a"), { title: "Spring visit" });
    expect(view.dom.getAttribute("role")).toBe("textbox");
    expect(view.dom.getAttribute("aria-multiline")).toBe("true");
    expect(view.dom.getAttribute("aria-label")).toBe("Spring visit");
    editor.setTitle("Autumn visit");
    expect(view.dom.getAttribute("aria-label")).toBe("Autumn visit");
  });

  test("sends what is typed at once, numbered", () => {
    const { view, link } = open(paragraphs("ac"));
    view.dispatch(view.state.tr.insertText("b", 2));
    view.dispatch(view.state.tr.insertText("d", 4));
    expect(link.of("batch")).toEqual([
      { m: "batch", made: 1, seen: 1, edits: [{ e: "splice", at: 2, delete: 0, insert: [t("b")] }] },
      { m: "batch", made: 2, seen: 1, edits: [{ e: "splice", at: 4, delete: 0, insert: [t("d")] }] },
    ]);
  });

  test("applies an update where it belongs, drops it elsewhere, and keeps the caret", () => {
    const { view, link, editor } = open(paragraphs("world"));
    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 4)));
    const patches = [{ p: "splice" as const, at: 1, delete: 0, insert: [t("hello ")] }];
    link.say({ m: "update", number: 2, base: 1, after: 1, patches, checksum: null });
    expect(editor.text()).toBe("world");
    link.say({ m: "update", number: 3, base: 1, after: 0, patches, checksum: null });
    expect(editor.text()).toBe("hello world");
    expect(view.state.selection.head).toBe(10);
    expect(link.of("seen").at(-1)).toEqual({ m: "seen", seen: 3, made: 0 });
  });

  test("writes nothing before there is a document", () => {
    const { view, link } = open([]);
    expect(view.editable).toBe(true);
    view.dispatch(view.state.tr.insertText("x", 1));
    expect(link.of("batch")[0]?.edits).toEqual([
      { e: "splice", at: 0, delete: 0, insert: [b()] },
      { e: "splice", at: 1, delete: 0, insert: [t("x")] },
    ]);
  });

  test("a task's box ticks by click, and by key, and is named by its words", () => {
    const { view, link } = open([b("unordered-list-item", { checked: false }), t("Pack the float")]);
    const box = () => view.dom.querySelector<HTMLElement>("[role=checkbox]")!;
    const [own, words] = box().getAttribute("aria-labelledby")!.split(" ").map((id) => document.getElementById(id)!);
    expect([own, own?.getAttribute("aria-label"), words?.textContent]).toEqual([box(), "To do", "Pack the float"]);
    box().click();
    expect(box().getAttribute("aria-checked")).toBe("true");
    box().dispatchEvent(new KeyboardEvent("keydown", { key: " ", bubbles: true, cancelable: true }));
    expect(box().getAttribute("aria-checked")).toBe("false");
    expect(link.of("batch").map(({ edits }) => edits)).toEqual([
      [{ e: "setBlock", at: 0, attrs: { checked: true } }],
      [{ e: "setBlock", at: 0, attrs: { checked: false } }],
    ]);
  });

  test("a reset clears what could be undone and offers the words that were not taken", () => {
    const lost: unknown[] = [];
    const { view, link, editor } = open(paragraphs("a"), { onRefused: (words) => lost.push(words) });
    view.dispatch(view.state.tr.insertText("bcd", 2));
    expect(editor.can("undo")).toBe(true);
    link.say({
      ...(firstReset(paragraphs("a"), 5) as object),
      refused: { from: 1, to: 1, reason: "You can comment here, not write. Ask an owner to change your role." },
    } as never);
    expect(editor.can("undo")).toBe(false);
    expect(lost).toEqual([
      { text: "bcd", reason: "You can comment here, not write. Ask an owner to change your role." },
    ]);
  });

  test("who listens may write at once, in the state that has just come", () => {
    const { link, editor } = open(paragraphs("a"));
    let written = 0;
    editor.subscribe(() => {
      if (editor.text() !== "b" || written++ > 0) return;
      editor.view.dispatch(editor.view.state.tr.insertText("!", 2));
    });
    link.say(firstReset(paragraphs("b"), 7));
    expect(editor.text()).toBe("b!");
    expect(link.of("batch")).toMatchObject([{ made: 1, seen: 7 }]);
  });

  test("says what others did, and where they are, in words", () => {
    const said: unknown[] = [];
    const { link, editor } = open([b("heading", { level: 1 }), t("Gauge"), b(), t("one"), b(), t("two"), b(), t("three")], {
      onRemoteEdit: (edit) => said.push(edit),
    });
    editor.view.dispatch(editor.view.state.tr.setSelection(TextSelection.create(editor.view.state.doc, 15)));
    const at = (place: number) => [{ p: "splice" as const, at: place, delete: 0, insert: [t("x")] }];
    link.say({ m: "update", number: 2, base: 1, after: 0, patches: at(1), checksum: null });
    link.say({ m: "update", number: 3, base: 2, after: 0, patches: at(13), checksum: null });
    link.say({ m: "update", number: 4, base: 3, after: 0, patches: at(17), checksum: null });
    expect(said).toEqual([
      { blocks: 1, where: "above" },
      { blocks: 1, where: "here" },
      { blocks: 1, where: "below" },
    ]);
    link.say({ m: "presence", number: 4, after: 0, people: [{ id: "a", name: "Ana", colour: 1, anchor: 9, head: 9 }] });
    expect(editor.whereabouts()).toMatchObject([{ other: { name: "Ana" }, heading: "xGauge", near: true }]);
  });

  test("others' carets are drawn, moved along, and hidden from assistive technology", () => {
    const { view, link, editor } = open(paragraphs("hello world"));
    const people = [{ id: "k", name: "Kofi", colour: 6, anchor: 1, head: 7 }];
    link.say({ m: "presence", number: 1, after: 0, people });
    const caret = () => view.dom.querySelector<HTMLElement>(".caret")!;
    expect(caret().textContent).toBe("Kofi");
    expect(caret().getAttribute("aria-hidden")).toBe("true");
    expect(caret().dataset.author).toBe("6");
    view.dispatch(view.state.tr.insertText("oh ", 1));
    expect(editor.snapshot.others[0]?.head).toBe(10);
    // What is said of an earlier state is found in the present one.
    link.say({ m: "presence", number: 1, after: 0, people: [{ ...people[0]!, anchor: 1, head: 1 }] });
    expect(editor.snapshot.others[0]?.head).toBe(4);
    link.say({ m: "presence", number: 1, after: 1, people: [] });
    expect(view.dom.querySelector(".caret")).toBeNull();
  });
});
