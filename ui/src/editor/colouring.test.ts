// @vitest-environment jsdom
/** Code in colours: against reading everything anew, through everything that can happen to a page; and what a key costs. */
import fc from "fast-check";
import type { Node } from "prosemirror-model";
import { history } from "prosemirror-history";
import { TextSelection, type EditorState } from "prosemirror-state";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { AT_ONCE, colouredIn, colouringPlugin, Colourist, LARGEST } from "./colouring";
import { chooseLanguage, setLanguage } from "./language";
import { LANGUAGES, languageName, languageOf, type Rules } from "./languages";
import { Lexer, LONGEST_LINE, type Code } from "./lexing";
import { corePlugins, itemsIn, make, stateOf, updateTransaction } from "./page";
import { isCode, KINDS } from "./schema";
import { anyAct, anyDocument, runs, transactionOf } from "./test/acts";
import { b, firstReset, open as openEditor, paragraphs, t } from "./test/window";

const code = (text: string, language = "rust") => [b(KINDS.code, { language }), ...(text === "" ? [] : [t(text)])];
const RUST = 'fn main() {\n    // says it\n    let x = "words" ;\n}';

let rust: Rules;
beforeAll(async () => {
  rust = await languageOf("rust")!.load();
  Element.prototype.scrollIntoView = () => undefined;
});
afterEach(() => {
  document.body.replaceChildren();
});

/** A page whose languages have come. */
async function coloured(items: Parameters<typeof stateOf>[0]): Promise<{ state: EditorState; colourist: Colourist }> {
  const colourist = new Colourist();
  const plugins = [history(), colouringPlugin(colourist), ...corePlugins()];
  const come = new Promise<void>((done) => (colourist.onRules = done));
  stateOf(items, plugins);
  await come;
  return { state: stateOf(items, plugins), colourist };
}

const shown = (state: EditorState, block: Node) =>
  colouredIn(state, block)
    .map(({ from, to }) => block.textBetween(from, to, undefined, "\ufffc"))
    .filter((words) => words !== "");

function blocksOf(state: EditorState): Node[] {
  return Array.from({ length: state.doc.childCount }, (_, i) => state.doc.child(i));
}

describe("a language", () => {
  test("is known by several words, and an unknown word is kept as it was written", () => {
    expect(["rs", "Rust", "ts", "c++", "BASH"].map((word) => languageOf(word)?.label)).toEqual(["Rust", "Rust", "TypeScript", "C++", "Shell"]);
    expect([languageName("mermaid"), languageName(""), languageOf("constructor")]).toEqual(["mermaid", "Plain text", null]);
    const words = LANGUAGES.flatMap(({ id, also }) => [id, ...also]);
    expect(words.filter((word, i) => words.indexOf(word) !== i)).toEqual([]);
  });

  test("has rules that can be fetched, and that read anything without a word", async () => {
    const odd = ["", "\t", "\"", "'", "`", "/*", "<!--", "#{", "\\", "((((", "}}}}", "😀 ü שלום", "x".repeat(LONGEST_LINE + 1), "a=b;//c", "$$ %% @@ ``` ###"];
    for (const { label, load } of LANGUAGES) {
      const rules = await load();
      const text = odd.join("\n");
      const read = new Lexer(rules).follow(null, text, 1_000);
      expect(read.complete, label).toBe(true);
      for (const [i, line] of read.lines.entries()) {
        let at = 0;
        for (const { from, to } of line.tokens) {
          expect(from >= at && to > from && to <= line.text.length, `${label} ${String(i)}`).toBe(true);
          at = to;
        }
      }
    }
  }, 60_000);
});

describe("reading", () => {
  const told = ({ lines }: Code) => lines.map(({ text, tokens }) => tokens.map(({ from, to, shade }) => [text.slice(from, to), shade]));

  test("colours what can be passed over, names and values", () => {
    expect(told(new Lexer(rust).follow(null, RUST, 100))).toEqual([[["fn", "name"]], [["// says it", "quiet"]], [["let", "name"], ['"words"', "value"]], []]);
  });

  test("after any change says what a new reading says, and reads no more than it must", () => {
    const line = fc.constantFrom("let a = 1;", "/*", "*/", "// no", '"', 'let s = "x";', "}", "", "fn f() {", "r#\"", "\"#");
    const lines = fc.array(line, { maxLength: 12 });
    fc.assert(
      fc.property(lines, fc.array(fc.tuple(fc.nat(12), fc.nat(4), lines), { maxLength: 6 }), fc.integer({ min: 1, max: 8 }), (first, changes, budget) => {
        const lexer = new Lexer(rust);
        let words = first;
        let kept = lexer.follow(null, words.join("\n"), budget);
        for (const [at, gone, come] of changes) {
          words = words.toSpliced(at, gone, ...come);
          kept = lexer.follow(kept, words.join("\n"), budget);
          if (at % 2 === 0) kept = lexer.more(kept, 1_000);
        }
        while (!kept.complete) kept = lexer.more(kept, budget);
        expect(told(kept)).toEqual(told(new Lexer(rust).follow(null, words.join("\n"), 1_000)));
      }),
      runs(600),
    );
  });

  test("a line more or less costs a line, a comment that opens all that follows, in parts", () => {
    const text = Array.from({ length: 1_000 }, (_, i) => `let a${String(i)} = ${String(i)};`);
    const lexer = new Lexer(rust);
    let read = lexer.follow(null, text.join("\n"), 2_000);
    const cost = (words: string[], budget = 2_000) => {
      const before = lexer.read;
      read = lexer.follow(read, words.join("\n"), budget);
      return lexer.read - before;
    };
    expect(cost(text.with(500, "let b = 2;"))).toBe(1);
    expect(cost(text.toSpliced(500, 1, "let b = 2;", "", "// x"))).toBe(2);
    expect(cost(text)).toBeLessThanOrEqual(1);
    expect(cost(text.with(10, "/*"), 200)).toBe(200);
    expect(read.complete).toBe(false);
  });
});

describe("on the page", () => {
  test("is drawn over what is written and is nothing of the document", async () => {
    const { state } = await coloured([...paragraphs("let it be"), ...code(RUST)]);
    expect(blocksOf(state).map((block) => shown(state, block))).toEqual([[], ["fn", "// says it", "let", '"words"']]);
    expect(itemsIn(state)).toEqual([...paragraphs("let it be"), ...code(RUST)]);
  });

  test("follows every change, own or others'", async () => {
    const { state: first, colourist } = await coloured(code(RUST));
    fc.assert(
      fc.property(anyDocument, fc.array(anyAct, { minLength: 1, maxLength: 14 }), (items, acts) => {
        let state = stateOf([...items, ...code(RUST)], first.plugins);
        for (const act of acts) {
          const tr = transactionOf(state, act);
          if (tr !== null) state = make(state, tr).state;
        }
        state = state.apply(updateTransaction(state, [{ p: "splice", at: itemsIn(state).length === 0 ? 0 : 1, delete: 0, insert: [t("let ")] }]));
        const fresh = stateOf(itemsIn(state), [colouringPlugin(colourist), ...corePlugins()]);
        expect(blocksOf(state).map((block) => shown(state, block))).toEqual(blocksOf(fresh).map((block) => shown(fresh, block)));
        for (const block of blocksOf(state)) if (!isCode(block)) expect(colouredIn(state, block)).toEqual([]);
      }),
      runs(300),
    );
  });

  test("a key costs the lines it changes, in a document of ten thousand characters and of half a million", async () => {
    const LINE = "The float sticks at the foot of the gauge and the curve stops falling there. ";
    const cost = async (characters: number) => {
      const around = paragraphs(...Array.from({ length: characters / LINE.length / 2 }, () => LINE));
      const { state, colourist } = await coloured([...code(`${RUST}\n`.repeat(50)), ...around, ...code(RUST), ...around]);
      const before = colourist.lines;
      let next = state.apply(state.tr.insertText("x", 4));
      next = next.apply(next.tr.insertText("x", Math.floor(next.doc.content.size / 4)));
      return [colourist.lines - before, colouredIn(next, next.doc.child(0)).length > 100];
    };
    expect([await cost(10_000), await cost(100_000), await cost(500_000)]).toEqual([[1, true], [1, true], [1, true]]);
  });

  test("what is far from the screen is not read, a long block in parts, and one of a megabyte not at all", async () => {
    const far = await coloured([...code("let a = 1;"), ...paragraphs(...Array.from({ length: 300 }, () => "x")), ...code("let b = 1;\n".repeat(100))]);
    expect(far.colourist.lines).toBe(1);
    const long = await coloured(code("let a = 1;\n".repeat(AT_ONCE * 3)));
    expect(long.colourist.lines).toBe(AT_ONCE);
    const huge = await coloured([...code("let a = 1;\n".repeat(100_000)), ...code("let b = 1;")]);
    expect([huge.colourist.lines, shown(huge.state, huge.state.doc.child(0)).length, LARGEST < 1_000_000]).toEqual([1, 0, true]);
  });
});

describe("in an editor", () => {
  const drawn = (root: Element) => [...root.querySelectorAll(".code-name, .code-quiet, .code-value")].map(({ textContent }) => textContent);

  test("colours come when the rules have, beside others' carets and what is found, and go with the language", async () => {
    const { editor, view, link, faults } = openEditor(code(RUST));
    await vi.waitFor(() => { expect(drawn(view.dom)).toEqual(["fn", "// says it", "let", '"words"']); });
    link.say({ m: "presence", number: 1, after: 0, people: [{ id: "a", name: "Ana", colour: 1, anchor: 20, head: 25 }] });
    editor.finder.look({ text: "says", matchCase: false, wholeWord: false });
    expect(view.dom.querySelectorAll(".found")).toHaveLength(1);
    expect(view.dom.querySelectorAll(".caret")).toHaveLength(1);
    expect(drawn(view.dom).join("")).toBe('fn// says itlet"words"');
    editor.finder.close();

    view.dispatch(view.state.tr.setSelection(TextSelection.create(view.state.doc, 3)));
    expect(editor.run(chooseLanguage)).toBe(true);
    expect(editor.snapshot.choosing).toEqual({ pos: 0, language: "rust" });
    editor.run(setLanguage(""));
    expect([editor.snapshot.choosing, drawn(view.dom)]).toEqual([null, []]);
    expect(link.of("batch").at(-1)?.edits).toEqual([{ e: "setBlock", at: 0, attrs: { language: null } }]);
    expect(faults).toEqual([]);
  });

  test("a long block is read to its end in the pauses", async () => {
    const { view } = openEditor(code("let a = 1;\n".repeat(AT_ONCE * 2)));
    await vi.waitFor(() => { expect(drawn(view.dom)).toHaveLength(AT_ONCE * 4); }, { timeout: 10_000 });
  });

  test("the name of the language is a button that opens the choice, by hand and by key, and names itself", () => {
    const { editor, view, link } = openEditor([...paragraphs("x"), ...code(RUST, "mermaid")]);
    const button = view.dom.querySelector<HTMLButtonElement>("button.lang")!;
    expect([button.textContent, button.getAttribute("aria-label"), button.tabIndex]).toEqual(["mermaid", "Language: mermaid", 0]);
    button.click();
    expect(editor.snapshot.choosing).toEqual({ pos: 3, language: "mermaid" });
    link.say({ m: "update", number: 2, base: 1, after: 0, patches: [{ p: "splice", at: 1, delete: 0, insert: [t("ab")] }], checksum: null });
    expect(editor.snapshot.choosing?.pos).toBe(5);
    editor.run(setLanguage("python"));
    expect(view.dom.querySelector("button.lang")?.textContent).toBe("Python");
    expect(link.of("batch").at(-1)?.edits).toEqual([{ e: "setBlock", at: 4, attrs: { language: "python" } }]);
    view.dom.querySelector("button.lang")!.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    expect(editor.snapshot.choosing?.language).toBe("python");
    editor.setEditable(false);
  });

  test("a page that the core shows anew is coloured anew", async () => {
    const { view, link } = openEditor(code(RUST));
    await vi.waitFor(() => { expect(drawn(view.dom)).toHaveLength(4); });
    link.say(firstReset([...paragraphs("x"), ...code("let y = 2;")], 5));
    expect(drawn(view.dom)).toEqual(["let", "2"]);
  });
});
