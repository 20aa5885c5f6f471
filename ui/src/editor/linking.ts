/**
 * The list of documents: `[[` opens it, what follows narrows it, choosing puts a link to the document in their place.
 *
 * This keeps only what is open and where; the shell draws the list and its keys.
 */
import { Plugin, PluginKey, type Command, type EditorState, type Transaction } from "prosemirror-state";
import { linkTo } from "./links";
import { isCode, schema } from "./schema";

/** An open list of documents. */
export interface Linking {
  /** Where the `[[` stands. */
  from: number;
  /** Where what was typed after it ends: the caret. */
  to: number;
  /** What was typed after it. */
  query: string;
}

const key = new PluginKey<Linking | null>("linking");
const OPENS = "[[";
const LONGEST = 100;

/** The open list of documents, if any. */
export function linkingIn(state: EditorState): Linking | null {
  return key.getState(state) ?? null;
}

/** Closes the list; what was typed stays. */
export const closeLinking: Command = (state, dispatch) => {
  if (linkingIn(state) === null) return false;
  dispatch?.(state.tr.setMeta(key, "close"));
  return true;
};

/** Puts a link to a document in the place of the `[[` and what was typed after it, or of so many letters of that. */
export function linkDocument(id: string, title: string, letters = Number.POSITIVE_INFINITY): Command {
  return (state, dispatch) => {
    const open = linkingIn(state);
    if (open === null || title === "") return false;
    if (dispatch) {
      const { link, code } = schema.marks;
      const kept = state.doc.resolve(open.from).marks().filter(({ type }) => type !== link && type !== code);
      const marks = link.create({ value: linkTo(id, title) }).addToSet(kept);
      const to = Math.min(open.to, open.from + OPENS.length + letters);
      const tr = state.tr.replaceWith(open.from, to, schema.text(title, marks));
      dispatch(tr.setMeta(key, "close").removeStoredMark(link).scrollIntoView());
    }
    return true;
  };
}

function follow(tr: Transaction, was: Linking, state: EditorState): Linking | null {
  const from = tr.mapping.mapResult(was.from, 1);
  const { $from, empty } = state.selection;
  if (from.deletedAfter || !empty || $from.depth !== 1 || from.pos < $from.start(1) || $from.pos < from.pos + OPENS.length) return null;
  const typed = state.doc.textBetween(from.pos, $from.pos, "\n", "\ufffc");
  const query = typed.slice(OPENS.length);
  if (!typed.startsWith(OPENS) || /[[\]\n\ufffc]|\s{2}$/.test(query) || query.length > LONGEST) return null;
  return { from: from.pos, to: $from.pos, query };
}

/** Notices the `[[`. While the list is open its keys are the shell's first. */
export function linkingPlugin(onKey: (event: KeyboardEvent) => boolean): Plugin<Linking | null> {
  return new Plugin<Linking | null>({
    key,
    state: {
      init: () => null,
      apply: (tr, was, _before, state) => {
        const said: unknown = tr.getMeta(key);
        if (said === "close") return null;
        if (was !== null) return tr.docChanged || tr.selectionSet ? follow(tr, was, state) : was;
        if (said !== "open") return null;
        const { pos } = state.selection.$from;
        return { from: pos - OPENS.length, to: pos, query: "" };
      },
    },
    props: {
      handleTextInput: (view, from, to, text) => {
        if (text !== "[" || view.composing || linkingIn(view.state) !== null) return false;
        const $from = view.state.doc.resolve(from);
        if ($from.depth !== 1 || isCode($from.parent) || schema.marks.code.isInSet($from.marks())) return false;
        const before = $from.parent.textBetween(0, $from.parentOffset, undefined, "\ufffc");
        if (!before.endsWith("[") || before.endsWith(OPENS)) return false;
        view.dispatch(view.state.tr.insertText("[", from, to).setMeta(key, "open").scrollIntoView());
        return true;
      },
      handleKeyDown: (view, event) => {
        if (linkingIn(view.state) === null) return false;
        return onKey(event) || (event.key === "Escape" && closeLinking(view.state, view.dispatch.bind(view)));
      },
    },
  });
}
