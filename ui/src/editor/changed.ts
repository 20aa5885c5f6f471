/**
 * Which blocks a transaction changed: what everything that is kept per block (matches, counts, headings) has to look at
 * again after a key, and nothing else.
 *
 * What stands before the first change and after the last is the same blocks in both pages, so two numbers say it all: the
 * first changed block, and how many blocks were and are from there to where the pages agree again.
 */
import type { Node } from "prosemirror-model";
import type { Transaction } from "prosemirror-state";
import { touchedBy } from "./tidy";

/** The blocks that differ between the page before a transaction and the page after it. */
export interface ChangedBlocks {
  /** The number of the first of them, in both pages. */
  first: number;
  /** Where they end in the page before, exclusively. */
  oldEnd: number;
  /** Where they end in the page after, exclusively. */
  newEnd: number;
  /** The position before the first of them, in both pages. */
  pos: number;
}

const measured = new WeakMap<Transaction, ChangedBlocks | null>();

/** The blocks that a transaction changed; null when it changed none. Asked by several, measured once. */
export function changedBlocks(tr: Transaction): ChangedBlocks | null {
  let changed = measured.get(tr);
  if (changed === undefined) {
    changed = tr.docChanged ? measure(tr) : null;
    measured.set(tr, changed);
  }
  return changed;
}

function measure(tr: Transaction): ChangedBlocks {
  const { before, doc } = tr;
  const touched = touchedBy([tr]);
  // A step that does not say what it touches may have touched everything.
  if (touched.length === 0) return { first: 0, oldEnd: before.childCount, newEnd: doc.childCount, pos: 0 };
  let [from, to] = [doc.content.size, 0];
  for (const stretch of touched) {
    from = Math.min(from, stretch.from);
    to = Math.max(to, stretch.to);
  }
  const $from = doc.resolve(Math.min(from, doc.content.size));
  const $to = doc.resolve(Math.min(Math.max(to, from), doc.content.size));
  const first = $from.index(0);
  const newEnd = $to.depth === 0 ? $to.index(0) : $to.index(0) + 1;
  // Behind the last change the pages are the same, so they have as many blocks there.
  const oldEnd = before.childCount - (doc.childCount - newEnd);
  return { first, oldEnd, newEnd, pos: $from.depth === 0 ? $from.pos : $from.before(1) };
}

/** Goes over some blocks of a page, with their numbers and the positions before them. */
export function overBlocks(
  doc: Node,
  { first, end, pos }: { first: number; end: number; pos: number },
  visit: (block: Node, pos: number, index: number) => void,
): void {
  let at = pos;
  for (let index = first; index < Math.min(end, doc.childCount); index++) {
    const block = doc.child(index);
    visit(block, at, index);
    at += block.nodeSize;
  }
}

/** The position before the block with a number; the end of the page when there is none. */
export function posOfBlock(doc: Node, index: number): number {
  let pos = 0;
  for (let i = 0; i < Math.min(index, doc.childCount); i++) pos += doc.child(i).nodeSize;
  return pos;
}
