/**
 * The page as a ProseMirror state, without a screen: what every change to it goes through.
 *
 * A person's transaction becomes edits and a batch; the core's patches become a transaction. The editor shows these
 * states in a view; the property tests use them as they are.
 */
import { EditorState, Selection, TextSelection, type Plugin, type Transaction } from "prosemirror-state";
import type { Node } from "prosemirror-model";
import type { Caret } from "../core/types/Caret";
import type { Edit } from "../core/types/Edit";
import type { Item } from "../core/types/Item";
import type { Patch } from "../core/types/Patch";
import { barePlugin, isBare, setBare } from "./bare";
import { caretsPlugin, setOthers, type Other } from "./carets";
import { checksumOf } from "./checksum";
import { editsOf } from "./edits";
import { itemsOf, pageOf } from "./items";
import { isRemote, patchTransaction } from "./patches";
import { schema } from "./schema";
import type { StateName } from "./session";
import { tidyPlugin } from "./tidy";
import type { Trail } from "./trail";

/** The plugins that keep the page true; the rest are for a person's comfort. */
export function corePlugins(): Plugin[] {
  return [barePlugin(), caretsPlugin(), tidyPlugin(isRemote)];
}

/** A new state that shows a document, as if it had just been opened. */
export function stateOf(items: readonly Item[], plugins: readonly Plugin[]): EditorState {
  const { doc, bare } = pageOf(items);
  const state = EditorState.create({ doc, schema, plugins });
  return state.apply(setBare(state.tr, bare).setMeta("addToHistory", false));
}

/** The document that a state shows. */
export function itemsIn(state: EditorState): Item[] {
  return itemsOf({ doc: state.doc, bare: isBare(state) });
}

/** The checksum of the document that a state shows (W11). */
export function checksumIn(state: EditorState): number {
  return checksumOf({ doc: state.doc, bare: isBare(state) });
}

/** A person's transaction, applied: the state it leads to, and what the core is to be told. */
export interface Made {
  /** The new state. */
  state: EditorState;
  /** What was done, in the core's terms; empty when the document is as it was. */
  edits: Edit[];
  /** The transaction and those that followed from it. */
  transactions: readonly Transaction[];
}

/** Applies a person's transaction. */
export function make(state: EditorState, tr: Transaction): Made {
  const applied = state.applyTransaction(tr);
  return { ...applied, edits: editsOf(applied.transactions, isBare(state)) };
}

/** The transaction that shows a wholly new document, with the caret about where it was. */
export function freshState(before: EditorState, items: readonly Item[]): EditorState {
  const state = stateOf(items, before.plugins);
  const { anchor, head } = before.selection;
  const map = between(before.doc, state.doc);
  const [from, to] = [map(anchor), map(head)].map((pos) => Selection.near(state.doc.resolve(pos)));
  if (from === undefined || to === undefined) return state;
  const selection = anchor === head ? to : TextSelection.between(from.$anchor, to.$head);
  return state.apply(state.tr.setSelection(selection).setMeta("addToHistory", false));
}

/** Where a position of one document is in another that differs in one stretch. */
function between(was: Node, is: Node): (pos: number) => number {
  const start = was.content.findDiffStart(is.content);
  const end = start === null ? null : was.content.findDiffEnd(is.content);
  if (start === null || end === null) return (pos) => Math.min(pos, is.content.size);
  return (pos) => {
    if (pos <= start) return pos;
    if (pos >= end.a) return Math.max(0, Math.min(is.content.size, pos - end.a + end.b));
    return Math.min(Math.max(start, 0), is.content.size);
  };
}

/** The transaction of an update. */
export function updateTransaction(state: EditorState, patches: readonly Patch[]): Transaction {
  return patchTransaction(state, patches);
}

/** The transaction that shows where others are; null when the state they refer to is no longer known. */
export function caretsTransaction(
  state: EditorState,
  trail: Trail,
  people: readonly Caret[],
  at: StateName,
): Transaction | null {
  const places = trail.find(at, people.flatMap(({ anchor, head }) => [anchor, head]));
  if (places === null) return null;
  const others: Other[] = people.map(({ id, name, colour }, i) => ({
    id,
    name,
    colour,
    anchor: places[2 * i] ?? null,
    head: places[2 * i + 1] ?? null,
  }));
  return setOthers(state.tr, others);
}
