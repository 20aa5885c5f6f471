/**
 * What comes in by paste and drop.
 *
 * HTML is made flat (`flatten.ts`), plain text is read as lines, or as Markdown where it clearly is (`markdown.ts`). What
 * is too big to go through the window in one go is not even parsed here: it is handed over with its place. A shell that
 * can send it to the core does; otherwise it goes in a slice at a time (`slices.ts`), up to a limit.
 */
import { DOMParser, Slice, type ParseOptions } from "prosemirror-model";
import { Plugin, Selection, TextSelection, type EditorState } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { isBare } from "./bare";
import { FlatSerializer, plainText } from "./copy";
import { flatten } from "./flatten";
import { asFragment, looksLikeMarkdown, markdownBlocks, plainBlocks } from "./markdown";
import { indexOf } from "./position";
import { schema } from "./schema";

/** The most text, in UTF-16 units, that goes through the window at once. */
export const BIG_TEXT = 100_000;
/** The same for HTML, most of which is not words. */
export const BIG_HTML = 400_000;
/** More than this does not go through the window at all, not even a slice at a time. */
export const HUGE = 5_000_000;

/** Something too big to paste through the window. */
export interface BigPaste {
  /** What it is. */
  kind: "text" | "html";
  /** All of it. */
  data: string;
  /** Where it is to go, as an index in the document: what stands between these two goes. */
  from: number;
  /** Where that ends. */
  to: number;
  /** Whether it is to be taken as it is, without looking for Markdown in it. */
  plain: boolean;
}

class FlatParser extends DOMParser {
  override parseSlice(dom: Node, _options?: ParseOptions): Slice {
    const blocks = flatten(dom);
    return blocks.length === 0 ? Slice.empty : Slice.maxOpen(asFragment(blocks));
  }
}

/** What a piece of plain text becomes. */
export function sliceOfText(text: string, asPlain: boolean): Slice {
  const blocks = !asPlain && looksLikeMarkdown(text) ? markdownBlocks(text) : plainBlocks(text);
  return blocks.length === 0 ? Slice.empty : Slice.maxOpen(asFragment(blocks));
}

function tooBig(data: DataTransfer | null): Pick<BigPaste, "kind" | "data"> | null {
  if (data === null) return null;
  const html = data.getData("text/html");
  const text = data.getData("text/plain");
  if (html.length > HUGE && text !== "") return { kind: "text", data: text };
  if (html.length > BIG_HTML) return { kind: "html", data: html };
  return text.length > BIG_TEXT ? { kind: "text", data: text } : null;
}

function between(state: EditorState, from: number, to: number): Pick<BigPaste, "from" | "to"> {
  const bare = isBare(state);
  return { from: indexOf(state.doc, from, bare), to: indexOf(state.doc, to, bare) };
}

/** Reads and writes the clipboard. */
export function pastePlugin(onBigPaste: (paste: BigPaste) => void): Plugin {
  // Whether Shift is down with the keys that paste: then formatting is not wanted.
  let shift = false;
  const intercept = (view: EditorView, event: Event, data: DataTransfer | null, from: number, to: number): boolean => {
    const big = view.editable ? tooBig(data) : null;
    if (big === null) return false;
    event.preventDefault();
    if (event.type === "drop") view.dispatch(view.state.tr.setSelection(TextSelection.near(view.state.doc.resolve(from))));
    onBigPaste({ ...big, ...between(view.state, from, to), plain: shift });
    return true;
  };
  return new Plugin({
    props: {
      clipboardParser: new FlatParser(schema, []),
      clipboardSerializer: new FlatSerializer(),
      clipboardTextParser: (text, _context, plain) => sliceOfText(text, plain),
      clipboardTextSerializer: plainText,
      handleDOMEvents: {
        keydown: (_view, event) => {
          shift = event.shiftKey;
          return false;
        },
        paste: (view, event) => {
          const { from, to } = view.state.selection;
          return intercept(view, event, event.clipboardData, from, to);
        },
        drop: (view, event) => {
          if (view.dragging !== null) return false;
          const at = view.posAtCoords({ left: event.clientX, top: event.clientY })?.pos ?? view.state.selection.head;
          const { from } = Selection.near(view.state.doc.resolve(at));
          return intercept(view, event, event.dataTransfer, from, from);
        },
      },
    },
  });
}
