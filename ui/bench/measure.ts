/**
 * What one key costs in the window, at several sizes of document: the same measurement for a page without a screen, in
 * a simulated DOM, and in a real browser.
 */
import { history } from "prosemirror-history";
import { TextSelection, type EditorState } from "prosemirror-state";
import type { CoreLink } from "../src/core/transport";
import type { Item } from "../src/core/types/Item";
import type { ToWindow } from "../src/core/types/ToWindow";
import { createEditor } from "../src/editor";
import { checksumIn, corePlugins, make, stateOf } from "../src/editor/page";
import { patchTransaction } from "../src/editor/patches";

/** Times in milliseconds. */
export interface Times {
  p50: number;
  p99: number;
  max: number;
}

/** What a key costs at one size. */
export interface Row {
  characters: number;
  blocks: number;
  /** Applying the transaction and reading its edits. */
  dispatch: Times;
  /** The same, and the checksum of the page afterwards. */
  withChecksum: Times;
  /** Someone else's key, applied. */
  update: Times;
}

/** The middle, the worst of a hundred, and the worst. */
export function times(samples: number[]): Times {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p99: at(0.99), max: round(sorted.at(-1) ?? 0) };
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

/** A document of about this many characters: paragraphs of some eighty, a heading now and then, some words marked. */
export function documentOf(characters: number): Item[] {
  const items: Item[] = [];
  const words = "the float sticks below the line and the curve stops falling before low water ";
  for (let length = 0, k = 0; length < characters; k++) {
    const heading = k % 20 === 0;
    items.push({ t: "block", block: { type: heading ? "heading" : "paragraph", parents: [], attrs: heading ? { level: 2 } : {}, isEmbed: false } });
    const text = heading ? `Part ${String(k / 20 + 1)}` : words;
    items.push({ t: "text", text });
    length += text.length + 1;
    if (k % 5 === 1) {
      items.push({ t: "text", text: "and so on", marks: { strong: true } });
      length += 9;
    }
  }
  return items;
}

/** Types in the middle of a page without a screen. */
export function measureState(characters: number, keys = 400): Row {
  let state: EditorState = stateOf(documentOf(characters), [history(), ...corePlugins()]);
  const key = () => {
    const made = make(state, state.tr.insertText("x"));
    if (made.edits.length !== 1) throw new Error("A key is one edit.");
    state = made.state;
  };
  const caret = () => {
    const middle = TextSelection.near(state.doc.resolve(Math.floor(state.doc.content.size / 2)));
    state = state.apply(state.tr.setSelection(middle));
  };
  const run = (act: () => void) => {
    caret();
    const samples: number[] = [];
    for (let i = 0; i < keys; i++) {
      const start = performance.now();
      act();
      samples.push(performance.now() - start);
    }
    return times(samples.slice(keys / 4));
  };
  checksumIn(state);
  return {
    characters,
    blocks: state.doc.childCount,
    dispatch: run(key),
    withChecksum: run(() => {
      key();
      checksumIn(state);
    }),
    update: run(() => {
      const at = Math.floor(characters / 3);
      state = state.apply(patchTransaction(state, [{ p: "splice", at, delete: 0, insert: [{ t: "text", text: "y" }] }]));
    }),
  };
}

/** A link whose core takes everything and says nothing but the document. */
export function quietLink(items: Item[]): CoreLink & { said: number; say(message: ToWindow): void } {
  let handler: ((message: ToWindow) => void) | null = null;
  return {
    said: 0,
    send() {
      this.said++;
    },
    onMessage(take) {
      handler = take;
      take({ m: "reset", number: 1, items, refused: null, checksum: null, forced: true });
    },
    say: (message) => handler?.(message),
    close: () => undefined,
  };
}

/**
 * Types in the middle of a page on a screen, real or simulated: dispatch and drawing, without layout and paint. With
 * `finding`, while a word is looked for that stands in every paragraph.
 */
export function measureView(mount: HTMLElement, characters: number, keys = 200, finding = false): { characters: number; open: number; key: Times } {
  const start = performance.now();
  const editor = createEditor(mount, quietLink(documentOf(characters)), { checkEvery: 0 });
  const open = round(performance.now() - start);
  const { view } = editor;
  view.dispatch(view.state.tr.setSelection(TextSelection.near(view.state.doc.resolve(Math.floor(view.state.doc.content.size / 2)))));
  if (finding) editor.finder.look({ text: "the", matchCase: false, wholeWord: false });
  const samples: number[] = [];
  for (let i = 0; i < keys; i++) {
    const before = performance.now();
    view.dispatch(view.state.tr.insertText("x"));
    samples.push(performance.now() - before);
  }
  editor.destroy();
  return { characters, open, key: times(samples.slice(keys / 4)) };
}
