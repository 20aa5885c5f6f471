/**
 * What others did, onto the page: patches become one ProseMirror transaction.
 *
 * The transaction stands outside the history (W10), so undo never takes back someone else's work, and each patch
 * becomes the smallest step there is, so that the caret, the selection and the drawn page stay where they are.
 */
import { Fragment, Slice, type Node } from "prosemirror-model";
import { TextSelection, type EditorState, type Transaction } from "prosemirror-state";
import { ReplaceStep } from "prosemirror-transform";
import type { Block } from "../core/types/Block";
import type { Item } from "../core/types/Item";
import type { Patch } from "../core/types/Patch";
import type { Scalar } from "../core/types/Scalar";
import { isBare, setBare } from "./bare";
import { contentOf, cut, embedOf, markOf, namedMark, nodeOf, PARAGRAPH } from "./items";
import { markerAt, posOf } from "./position";
import { attrsFor, isCode, schema, typeOf } from "./schema";
import { fitBreaks, touchedBy } from "./tidy";

const REMOTE = "remote";

/** Whether a transaction came from the core. */
export function isRemote(tr: Transaction): boolean {
  return tr.getMeta(REMOTE) === true;
}

/** The transaction that patches are. Throws when they do not fit the page: then it is not where the core means it to be. */
export function patchTransaction(state: EditorState, patches: readonly Patch[]): Transaction {
  const tr = state.tr.setMeta(REMOTE, true).setMeta("addToHistory", false);
  let bare = isBare(state);
  let mixed = false;
  for (const patch of patches) {
    switch (patch.p) {
      case "splice":
        mixed ||= patch.delete > 0 || patch.insert.some((item) => item.t === "block");
        bare = splice(tr, bare, patch.at, patch.delete, patch.insert);
        break;
      case "mark":
        mark(tr, posOf(tr.doc, patch.from, bare), posOf(tr.doc, patch.to, bare), patch.name, patch.value);
        break;
      case "setBlock":
        setBlock(tr, bare, patch.at, patch.block);
        break;
    }
  }
  if (mixed) tidyBlocks(tr);
  return setBare(keepPlace(tr, state), bare);
}

/**
 * The caret stays before what someone writes exactly there, a new paragraph too; what is selected takes in nothing that
 * comes to its ends; and what was chosen for the next word (strong, say) stays chosen.
 */
function keepPlace(tr: Transaction, { selection, storedMarks }: EditorState): Transaction {
  if (!tr.docChanged) return tr;
  if (selection instanceof TextSelection) {
    const { anchor, head, from, to, empty } = selection;
    const end = tr.mapping.map(to, -1);
    const start = empty ? end : Math.min(tr.mapping.map(from, 1), end);
    const [a, h] = anchor <= head ? [start, end] : [end, start];
    tr.setSelection(TextSelection.between(tr.doc.resolve(a), tr.doc.resolve(h)));
  }
  return tr.setStoredMarks(storedMarks);
}

/** Cutting and joining may carry a line end between code and other blocks. */
function tidyBlocks(tr: Transaction): void {
  const blocks = new Set<number>();
  for (const { from, to } of touchedBy([tr])) {
    tr.doc.nodesBetween(Math.max(0, from - 1), Math.min(tr.doc.content.size, to + 1), (node, pos) => {
      if (node.isBlock) blocks.add(pos);
      return false;
    });
  }
  for (const pos of blocks) fitBreaks(tr, pos);
}

function step(tr: Transaction, from: number, to: number, slice: Slice): void {
  if (from !== to || slice.size > 0) tr.step(new ReplaceStep(from, to, slice));
}

/** Applies a splice; returns whether the page is bare afterwards. */
function splice(tr: Transaction, bare: boolean, at: number, gone: number, insert: readonly Item[]): boolean {
  const { lead, blocks } = cut(insert);
  const from = posOf(tr.doc, at, bare);
  const to = posOf(tr.doc, at + gone, bare);
  const first = tr.doc.resolve(from);
  // What comes first joins the block that `from` is in; in front of everything it is an implicit paragraph.
  const host = first.depth === 0 ? null : first.parent;
  const opening = contentOf(lead, host !== null && isCode(host));
  const nodes = blocks.map(({ marker, inside }) =>
    nodeOf(marker, contentOf(inside, typeOf(marker.type) === schema.nodes.code_block)),
  );
  let now = bare;
  if (host !== null) {
    if (nodes.length === 0) step(tr, from, to, new Slice(opening, 0, 0));
    else step(tr, from, to, new Slice(Fragment.fromArray([host.copy(opening), ...nodes]), 1, 1));
  } else if (gone === 0) {
    now = opening.size > 0;
    if (now) nodes.unshift(nodeOf(PARAGRAPH, opening));
    step(tr, from, to, new Slice(Fragment.fromArray(nodes), 0, 0));
  } else {
    now = opening.size > 0 || nodes.length === 0;
    if (now) nodes.unshift(nodeOf(PARAGRAPH, opening));
    step(tr, from, to, new Slice(Fragment.fromArray(nodes), 0, 1));
  }
  return now && withoutEmptyLead(tr);
}

/** An implicit paragraph with nothing in it does not exist, unless the document is empty. */
function withoutEmptyLead(tr: Transaction): boolean {
  if (tr.doc.childCount === 1 || tr.doc.child(0).content.size > 0) return true;
  tr.step(new ReplaceStep(0, 2, Slice.empty));
  return false;
}

function mark(tr: Transaction, from: number, to: number, name: string, value: Scalar): void {
  const set = value === null ? null : markOf(name, value);
  const ranges: { from: number; to: number; node: Node }[] = [];
  tr.doc.nodesBetween(from, to, (node, pos) => {
    if (node.isText || node.type === schema.nodes.hard_break) {
      ranges.push({ from: Math.max(from, pos), to: Math.min(to, pos + node.nodeSize), node });
    }
  });
  for (const range of ranges) {
    for (const old of range.node.marks) {
      if (namedMark(old)[0] === name && set?.eq(old) !== true) tr.removeMark(range.from, range.to, old);
    }
  }
  const [start, end] = [ranges[0], ranges.at(-1)];
  if (set !== null && start !== undefined && end !== undefined) tr.addMark(start.from, end.to, set);
}

function setBlock(tr: Transaction, bare: boolean, at: number, block: Block): void {
  const marker = markerAt(tr.doc, at, bare);
  if (marker !== null) {
    tr.setNodeMarkup(marker, typeOf(block.type), attrsFor(block.type, block.parents, block.attrs));
    fitBreaks(tr, marker);
    return;
  }
  const pos = posOf(tr.doc, at, bare);
  if (tr.doc.nodeAt(pos)?.type !== schema.nodes.embed) throw new RangeError(`No block at ${String(at)}`);
  tr.replaceWith(pos, pos + 1, embedOf(block));
}
