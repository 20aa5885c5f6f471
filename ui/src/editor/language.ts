/**
 * The language of a code block: which block one is being chosen for, and choosing it.
 *
 * This keeps only what is open and where; the shell draws the list and its keys.
 */
import { Plugin, PluginKey, type Command, type EditorState } from "prosemirror-state";
import { languageIn } from "./colouring";
import { blockAttrs, isCode } from "./schema";

/** A block of code whose language is being chosen. */
export interface Choosing {
  /** The position before it. */
  pos: number;
  /** The word for the language it is in now; empty when it is in none. */
  language: string;
}

const key = new PluginKey<number | null>("language");

/** The block whose language is being chosen, if any. */
export function choosingIn(state: EditorState): Choosing | null {
  const pos = key.getState(state) ?? null;
  const block = pos === null ? null : state.doc.nodeAt(pos);
  return pos === null || block === null || !isCode(block) ? null : { pos, language: languageIn(block) };
}

/** Lets the language of the code block with the caret be chosen. */
export const chooseLanguage: Command = (state, dispatch) => {
  const { $from, $to } = state.selection;
  if ($from.depth !== 1 || !$from.sameParent($to)) return false;
  return chooseLanguageAt($from.before(1))(state, dispatch);
};

/** Lets the language of the code block at a position be chosen. */
export function chooseLanguageAt(pos: number): Command {
  return (state, dispatch) => {
    const block = state.doc.nodeAt(pos);
    if (block === null || !isCode(block)) return false;
    dispatch?.(state.tr.setMeta(key, { pos }));
    return true;
  };
}

/** Leaves the language as it is. */
export const closeLanguages: Command = (state, dispatch) => {
  if ((key.getState(state) ?? null) === null) return false;
  dispatch?.(state.tr.setMeta(key, { pos: null }));
  return true;
};

/** Makes it the language of the block it is being chosen for; the empty word is none. */
export function setLanguage(word: string): Command {
  return (state, dispatch) => {
    const choosing = choosingIn(state);
    const block = choosing === null ? null : state.doc.nodeAt(choosing.pos);
    if (choosing === null || block === null) return false;
    if (dispatch) {
      const kept = Object.entries(blockAttrs(block).attrs).filter(([name]) => name !== "language");
      const attrs = Object.fromEntries(word === "" ? kept : [...kept, ["language", word]]);
      const tr = state.tr.setMeta(key, { pos: null });
      dispatch(word === choosing.language ? tr : tr.setNodeMarkup(choosing.pos, null, { ...block.attrs, attrs }));
    }
    return true;
  };
}

/** Keeps what is open. */
export function languagePlugin(): Plugin<number | null> {
  return new Plugin<number | null>({
    key,
    state: {
      init: () => null,
      apply: (tr, was) => {
        const said = tr.getMeta(key) as { pos: number | null } | undefined;
        if (said !== undefined) return said.pos;
        if (was === null || !tr.docChanged) return was;
        const { pos, deletedAfter } = tr.mapping.mapResult(was, 1);
        const block = deletedAfter ? null : tr.doc.nodeAt(pos);
        return block !== null && isCode(block) ? pos : null;
      },
    },
  });
}
