/** Replacing what was found: ordinary edits in one transaction, so that one undo takes them all back. */
import { closeHistory } from "prosemirror-history";
import { Fragment, Slice, type Node } from "prosemirror-model";
import type { Command, Transaction } from "prosemirror-state";
import { ReplaceStep } from "prosemirror-transform";
import { overBlocks } from "./changed";
import { findingIn, say } from "./find";
import { schema } from "./schema";

/** More than this are not replaced at once. */
export const MOST_REPLACED = 10_000;

/** New words in the place of old ones, with the marks of the first of them. */
function put(tr: Transaction, from: number, to: number, words: string, doc: Node): void {
  const marks = doc.nodeAt(from)?.marks ?? [];
  const slice = words === "" ? Slice.empty : new Slice(Fragment.from(schema.text(words, marks)), 0, 0);
  tr.step(new ReplaceStep(from, to, slice));
}

/** Replaces the current match, and goes to the next. */
export function replaceCurrent(words: string): Command {
  return (state, dispatch) => {
    const current = findingIn(state)?.current ?? null;
    if (current === null) return false;
    if (dispatch) {
      const tr = state.tr;
      put(tr, current.from, current.to, words, state.doc);
      dispatch(say(closeHistory(tr), { do: "resume", from: current.from + words.length }));
    }
    return true;
  };
}

/** Replaces every match, as one thing to undo. What the words that go in hold themselves is not looked at again. */
export function replaceAll(words: string): Command {
  return (state, dispatch) => {
    const finding = findingIn(state);
    if (finding === null || finding.total === 0) return false;
    if (dispatch) {
      const places: number[] = [];
      overBlocks(state.doc, { first: 0, end: state.doc.childCount, pos: 0 }, (block, pos) => {
        if (places.length < MOST_REPLACED) for (const place of finding.searcher.inBlock(block)) places.push(pos + 1 + place);
      });
      const tr = state.tr;
      // The last first: those before still stand where they were found.
      for (const from of places.slice(0, MOST_REPLACED).reverse()) put(tr, from, from + finding.searcher.length, words, state.doc);
      dispatch(closeHistory(tr));
    }
    return true;
  };
}
