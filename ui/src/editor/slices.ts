/**
 * A long paste, put onto the page a slice at a time, so that the window answers keys in between.
 *
 * It goes in as blocks of its own between what stood before and after the caret (or as text, in code). The place is kept
 * on every change, one's own and others', until all of it is in; a reset ends it. All of it is one thing to undo.
 */
import type { Node } from "prosemirror-model";
import { Plugin, PluginKey, TextSelection, type EditorState, type Transaction } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { isBlock, splitBlock } from "./blocks";
import { flatten } from "./flatten";
import { cleanText, looksLikeMarkdown, markdownBlocks, plainBlocks } from "./markdown";
import { isCode, KINDS } from "./schema";

/** How many lines of text become blocks at a time. */
const LINES = 100;
/** How many UTF-16 units of one line, or of code, go in at a time. */
const UNITS = 15_000;

const key = new PluginKey<number | null>("slices");

/** Keeps the place where the next slice goes. */
export function slicesPlugin(): Plugin<number | null> {
  return new Plugin<number | null>({
    key,
    state: {
      init: () => null,
      apply: (tr, was) => {
        const said = tr.getMeta(key) as number | null | undefined;
        if (said !== undefined) return said;
        return was === null ? null : tr.mapping.map(was);
      },
    },
  });
}

/** Where the next slice goes; null when nothing is on its way in. */
export function nextSlice(state: EditorState): number | null {
  return key.getState(state) ?? null;
}

/** The blocks of a long text, a few at a time. */
export function* blocksOfText(text: string, asPlain: boolean): Generator<Node[]> {
  const lines = cleanText(text).split("\n");
  const markdown = !asPlain && looksLikeMarkdown(text);
  let fenced = false;
  for (let start = 0; start < lines.length; ) {
    let end = start;
    // Markdown is only cut where nothing goes on: at an empty line, outside code, before a line that is in no list.
    for (; end < lines.length; end++) {
      const line = lines[end] ?? "";
      if (markdown && /^\s*(```|~~~)/.test(line)) fenced = !fenced;
      const next = lines[end + 1] ?? "";
      if (end - start >= LINES && (!markdown || (!fenced && line.trim() === "" && /^[^\s\d*+-]/.test(next)))) break;
      if (end - start >= LINES * 10) break;
    }
    const part = lines.slice(start, end + 1);
    start = end + 1;
    yield* markdown ? [markdownBlocks(part.join("\n"))] : shortLines(part);
  }
}

/** A paragraph a line; lines that are long by themselves come alone. */
function* shortLines(lines: string[]): Generator<Node[]> {
  let some: string[] = [];
  let units = 0;
  for (const line of lines) {
    if (units + line.length > UNITS && some.length > 0) {
      yield plainBlocks(some.join("\n"));
      some = [];
      units = 0;
    }
    some.push(line);
    units += line.length;
  }
  yield plainBlocks(some.join("\n"));
}

/** The blocks of a long piece of HTML, a few at a time. The browser reads all of it at once. */
export function* blocksOfHtml(html: string): Generator<Node[]> {
  const blocks = flatten(new DOMParser().parseFromString(html, "text/html").body);
  for (let i = 0; i < blocks.length; i += LINES) yield blocks.slice(i, i + LINES);
}

function* slicesOfCode(text: string): Generator<string> {
  const clean = cleanText(text);
  for (let start = 0; start < clean.length; ) {
    let end = Math.min(clean.length, start + UNITS);
    // Never through a character.
    if (/[\ud800-\udbff]/.test(clean.charAt(end - 1))) end += 1;
    yield clean.slice(start, end);
    start = end;
  }
}

/** What a long paste needs of the editor. */
export interface SliceHost {
  /** The page. */
  view: EditorView;
  /** Whether something must not be disturbed now: a composition, a hold. */
  busy(): boolean;
  /** It has ended: with all of it in, or not. */
  ended(complete: boolean): void;
}

/** A paste that is on its way in. */
export class SlicedPaste {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly parts: Generator<Node[] | string>;
  /** All of it is done at this time, however long it takes: what is far apart in time is undone one by one. */
  private readonly began = Date.now();

  constructor(
    private readonly host: SliceHost,
    paste: { kind: "text" | "html"; data: string },
    asPlain: boolean,
  ) {
    const { view } = host;
    const tr = view.state.tr.deleteSelection();
    view.dispatch(tr);
    const { $from } = view.state.selection;
    if (isCode($from.parent) && paste.kind === "text") {
      this.parts = slicesOfCode(paste.data);
      view.dispatch(view.state.tr.setMeta(key, $from.pos));
    } else {
      this.parts = paste.kind === "html" ? blocksOfHtml(paste.data) : blocksOfText(paste.data, asPlain);
      this.open();
    }
    this.later(0);
  }

  /** Stops where it is; what is in stays. */
  cancel(): void {
    this.end(false);
  }

  /** Makes room: what stood after the caret becomes a block of its own, and the caret goes there. */
  private open(): void {
    const { view } = this.host;
    if (view.state.selection.$from.parent.content.size > 0) {
      // At the start of a block splitting puts an empty one in front: the place is between the two all the same.
      splitBlock(view.state, (tr) => { view.dispatch(tr.setTime(this.began)); });
    }
    view.dispatch(view.state.tr.setMeta(key, view.state.selection.$from.before(1)));
  }

  private later(after: number): void {
    this.timer = setTimeout(() => {
      this.slice();
    }, after);
  }

  private slice(): void {
    const { view } = this.host;
    if (view.isDestroyed) return;
    if (this.host.busy()) {
      this.later(30);
      return;
    }
    const at = nextSlice(view.state);
    if (at === null || !view.editable) {
      this.end(false);
      return;
    }
    const part = this.parts.next();
    if (part.done === true) {
      this.end(true);
      return;
    }
    if (part.value.length > 0) {
      const tr = view.state.tr;
      if (typeof part.value === "string") tr.insertText(part.value, at);
      else tr.insert(at, part.value);
      view.dispatch(tr.setTime(this.began).setMeta(key, tr.mapping.map(at)));
    }
    this.later(0);
  }

  private end(complete: boolean): void {
    clearTimeout(this.timer);
    const { view } = this.host;
    if (view.isDestroyed) return;
    const at = nextSlice(view.state);
    if (at !== null) view.dispatch(tidyEnd(view.state, at).setTime(this.began).setMeta(key, null));
    this.host.ended(complete);
  }
}

/** The empty paragraph that the caret waits in goes, if it still does: the caret is then at the end of what came in. */
function tidyEnd(state: EditorState, at: number): Transaction {
  const tr = state.tr;
  const after = state.doc.nodeAt(at);
  const before = at > 0 ? state.doc.resolve(at).nodeBefore : null;
  const waits = state.selection.empty && state.selection.from === at + 1;
  if (after?.isBlock === true && before?.isBlock === true && after.content.size === 0 && waits && isBlock(after, { kind: KINDS.paragraph })) {
    tr.delete(at, at + after.nodeSize).setSelection(TextSelection.create(tr.doc, at - 1));
  }
  return tr.scrollIntoView();
}
