/**
 * The insert list: `/` typed at the start of a word opens it, what follows narrows it, choosing takes both away again.
 *
 * This keeps only what is open and where; the shell draws the list and its keys.
 */
import { Plugin, PluginKey, type Command, type EditorState, type Transaction } from "prosemirror-state";
import { isCode } from "./schema";

/** An open insert list. */
export interface Slash {
  /** Where the `/` stands. */
  from: number;
  /** Where what was typed after it ends: the caret. */
  to: number;
  /** What was typed after it. */
  query: string;
}

const key = new PluginKey<Slash | null>("slash");
const LONGEST = 32;

/** The open insert list, if any. */
export function slashIn(state: EditorState): Slash | null {
  return key.getState(state) ?? null;
}

/** Closes the list; the `/` stays as it was typed. */
export const closeSlash: Command = (state, dispatch) => {
  if (slashIn(state) === null) return false;
  dispatch?.(state.tr.setMeta(key, "close"));
  return true;
};

/** Takes the `/` and what was typed after it away, and does what was chosen. */
export function chooseSlash(command: Command): Command {
  return (state, dispatch, view) => {
    const open = slashIn(state);
    if (open === null) return false;
    if (dispatch) {
      const without = state.tr.delete(open.from, open.to).setMeta(key, "close");
      dispatch(without);
      if (view) command(view.state, view.dispatch.bind(view), view);
    }
    return true;
  };
}

function follow(tr: Transaction, was: Slash, state: EditorState): Slash | null {
  const from = tr.mapping.mapResult(was.from, 1);
  const { $from, empty } = state.selection;
  if (from.deletedAfter || !empty || $from.depth !== 1 || from.pos < $from.start(1) || $from.pos <= from.pos) return null;
  const typed = state.doc.textBetween(from.pos, $from.pos, "\n", "\ufffc");
  // A list that someone has typed past is not wanted.
  if (!/^\/[^\s/]?[^\n/]*$/.test(typed) || typed.length > LONGEST || /\s{2}$/.test(typed)) return null;
  return { from: from.pos, to: $from.pos, query: typed.slice(1) };
}

/** Notices the `/`. */
export function slashPlugin(): Plugin<Slash | null> {
  return new Plugin<Slash | null>({
    key,
    state: {
      init: () => null,
      apply: (tr, was, _before, state) => {
        const said: unknown = tr.getMeta(key);
        if (said === "close") return null;
        if (was !== null) return tr.docChanged || tr.selectionSet ? follow(tr, was, state) : was;
        if (said !== "open") return null;
        const { pos } = state.selection.$from;
        return { from: pos - 1, to: pos, query: "" };
      },
    },
    props: {
      handleTextInput: (view, from, to, text) => {
        if (text !== "/" || view.composing || slashIn(view.state) !== null) return false;
        const $from = view.state.doc.resolve(from);
        if ($from.depth !== 1 || isCode($from.parent)) return false;
        const before = $from.parent.textBetween(0, $from.parentOffset, undefined, "\ufffc");
        if (before !== "" && !/[\s(]$/.test(before)) return false;
        view.dispatch(view.state.tr.insertText("/", from, to).setMeta(key, "open").scrollIntoView());
        return true;
      },
      handleKeyDown: (view, event) => event.key === "Escape" && closeSlash(view.state, view.dispatch.bind(view)),
    },
  });
}

/** While the list is open its keys are the shell's. */
export function slashKeys(onKey: (event: KeyboardEvent) => boolean): Plugin {
  return new Plugin({
    props: { handleKeyDown: (view, event) => slashIn(view.state) !== null && onKey(event) },
  });
}
