/**
 * What a person did, as edits: the steps of ProseMirror's transactions in the core's terms (W2).
 *
 * Each step is read from its own map (which ranges went, what stands there now), so the cost is that of the change, not
 * of the document. The edits of one step are written last range first, so that the ranges before
 * still stand where the step says.
 */
import type { Node } from "prosemirror-model";
import type { Transaction } from "prosemirror-state";
import { AttrStep, type Step } from "prosemirror-transform";
import type { Block } from "../core/types/Block";
import type { Edit } from "../core/types/Edit";
import type { Item } from "../core/types/Item";
import type { Scalar } from "../core/types/Scalar";
import { blockOf, itemsBetween, marksOf, PARAGRAPH, sameMarks, wholeText, type Marks } from "./items";
import { indexOf } from "./position";
import { schema } from "./schema";
import { markStretch } from "./steps";

/**
 * The edits of transactions that were applied one after another.
 *
 * On a bare page the first edit gives the implicit paragraph its marker. Everything after it is then counted as on any
 * other page, and two people who begin an empty document at the same time get a paragraph each.
 */
export function editsOf(transactions: readonly Transaction[], bare: boolean): Edit[] {
  const edits: Edit[] = [];
  if (!transactions.some((tr) => tr.docChanged)) return edits;
  if (bare) edits.push({ e: "splice", at: 0, delete: 0, insert: [{ t: "block", block: PARAGRAPH }] });
  for (const tr of transactions) {
    for (const [i, step] of tr.steps.entries()) {
      const before = tr.docs[i];
      if (before !== undefined) edits.push(...stepEdits(step, before, tr.docs[i + 1] ?? tr.doc));
    }
  }
  return edits;
}

function stepEdits(step: Step, before: Node, after: Node): Edit[] {
  const marked = markStretch(step);
  if (marked !== null) return markEdits(before, after, marked.from, marked.to);
  if (step instanceof AttrStep) {
    const [was, is] = [before.nodeAt(step.pos), after.nodeAt(step.pos)];
    if (was === null || is === null) return [];
    return blockEdits(indexOf(before, step.pos, false), blockOf(was), blockOf(is));
  }
  const edits: Edit[] = [];
  let mapped = false;
  step.getMap().forEach((oldStart, oldEnd, newStart, newEnd) => {
    mapped = true;
    edits.unshift(...rangeEdits(before, oldStart, oldEnd, after, newStart, newEnd));
  });
  return mapped || before === after ? edits : unknownEdits(before, after);
}

/** A step of a kind that is not known here and moves nothing: where the two pages differ is looked for, once. */
function unknownEdits(before: Node, after: Node): Edit[] {
  const start = before.content.findDiffStart(after.content);
  const end = before.content.findDiffEnd(after.content);
  if (start === null || end === null) return [];
  return rangeEdits(before, start, Math.max(start, end.a), after, start, Math.max(start, end.b));
}

/** One range of a step: what stood between two positions, and what stands there now. */
function rangeEdits(
  before: Node,
  oldStart: number,
  oldEnd: number,
  after: Node,
  newStart: number,
  newEnd: number,
): Edit[] {
  // The core's text is whole characters: a range that cuts one takes in its other half.
  const left = splitsPair(before, oldStart) || splitsPair(after, newStart) ? 1 : 0;
  const right = splitsPair(before, oldEnd) || splitsPair(after, newEnd) ? 1 : 0;
  const was = whole(itemsBetween(before, oldStart - left, oldEnd + right));
  const is = whole(itemsBetween(after, newStart - left, newEnd + right));
  const { start, gone, come } = trim(was, is);
  const at = indexOf(before, oldStart - left, false) + start;
  const [old, now] = [gone[0], come[0]];
  if (gone.length === 1 && come.length === 1 && old?.t === "block" && now?.t === "block") {
    return blockEdits(at, old.block, now.block);
  }
  if (gone.length === 1 && come.length === 1 && old?.t === "embed" && now?.t === "embed") {
    return blockEdits(at, old.block, now.block);
  }
  const taken = lengthOfItems(gone);
  return taken === 0 && come.length === 0 ? [] : [{ e: "splice", at, delete: taken, insert: come }];
}

/** How many places items take. */
export function lengthOfItems(items: readonly Item[]): number {
  return items.reduce((sum, item) => sum + (item.t === "text" ? item.text.length : 1), 0);
}

/** One marker or embed becomes another: only what differs is named, so what Sheaf does not know stays. */
function blockEdits(at: number, was: Block, is: Block): Edit[] {
  const edit: Edit = { e: "setBlock", at };
  if (was.type !== is.type) edit.type = is.type;
  if (was.parents.length !== is.parents.length || was.parents.some((kind, i) => kind !== is.parents[i])) {
    edit.parents = is.parents;
  }
  const attrs: Block["attrs"] = {};
  for (const [name, value] of Object.entries(is.attrs)) {
    if (!Object.hasOwn(was.attrs, name) || was.attrs[name] !== value) attrs[name] = value;
  }
  for (const name of Object.keys(was.attrs)) if (!Object.hasOwn(is.attrs, name)) attrs[name] = null;
  if (Object.keys(attrs).length > 0) edit.attrs = attrs;
  return Object.keys(edit).length > 2 ? [edit] : [];
}

/**
 * What a mark step really did: the marks of each run in its range before and after. A step that was mapped over someone
 * else's change (an undo, for instance) may find other marks than those it was made for.
 */
function markEdits(before: Node, after: Node, from: number, to: number): Edit[] {
  const edits: (Edit & { e: "mark" })[] = [];
  const old = runs(before, from, to);
  const now = runs(after, from, to);
  const borders = [from, to, ...old.map((run) => run.from), ...now.map((run) => run.from)];
  if (borders.some((pos) => splitsPair(before, pos) !== splitsPair(after, pos))) {
    // Marks that end inside a character take it apart: that is more than marks can say.
    return rangeEdits(before, from, to, after, from, to);
  }
  // The last edit of each name, and where it ended in text: runs side by side are one edit.
  const open = new Map<string, { edit: Edit & { e: "mark" }; run: number }>();
  let i = 0;
  let j = 0;
  let at = from;
  let run = 0;
  while (i < old.length && j < now.length) {
    const [a, b] = [old[i], now[j]];
    if (a === undefined || b === undefined) break;
    at = Math.max(at, a.from, b.from);
    const end = Math.min(a.to, b.to);
    run++;
    for (const [name, value] of changed(a.marks, b.marks)) {
      const last = open.get(name);
      const index = { from: indexOf(before, at, false), to: indexOf(before, end, false) };
      if (last?.run === run - 1 && last.edit.value === value) {
        last.edit.to = index.to;
        last.run = run;
      } else {
        const edit: Edit & { e: "mark" } = { e: "mark", ...index, name, value };
        edits.push(edit);
        open.set(name, { edit, run });
      }
    }
    at = end;
    if (a.to === end) i++;
    if (b.to === end) j++;
  }
  return edits;
}

/** The runs of text and breaks between two positions; embeds and the borders of blocks are left out. */
function runs(doc: Node, from: number, to: number): { from: number; to: number; marks: Marks }[] {
  const found: { from: number; to: number; marks: Marks }[] = [];
  doc.nodesBetween(from, to, (node, pos) => {
    if (node.isText || node.type === schema.nodes.hard_break) {
      found.push({ from: Math.max(from, pos), to: Math.min(to, pos + node.nodeSize), marks: marksOf(node) });
    }
  });
  return found;
}

function changed(was: Marks, is: Marks): [name: string, value: Scalar][] {
  const changes: [name: string, value: Scalar][] = [];
  for (const [name, value] of Object.entries(is)) if (was[name] !== value) changes.push([name, value]);
  for (const name of Object.keys(was)) if (!Object.hasOwn(is, name)) changes.push([name, null]);
  return changes;
}

const isHigh = (unit: number) => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff;

/** Whether a position stands between the two halves of one character. Halves with different marks are apart already. */
export function splitsPair(doc: Node, pos: number): boolean {
  const $pos = doc.resolve(pos);
  if ($pos.textOffset === 0) return false;
  const text = $pos.parent.child($pos.index()).text ?? "";
  return isHigh(text.charCodeAt($pos.textOffset - 1)) && isLow(text.charCodeAt($pos.textOffset));
}

/** Half a character has no place in the document: it is sent as U+FFFD, and `tidy.ts` puts that on the page. */
function whole(items: Item[]): Item[] {
  return items.map((item) => (item.t === "text" ? { ...item, text: wholeText(item.text) } : item));
}

/** Leaves out what is the same at both ends. */
export function trim(was: readonly Item[], is: readonly Item[]): { start: number; gone: Item[]; come: Item[] } {
  const gone = [...was];
  const come = [...is];
  let start = 0;
  for (;;) {
    const [a, b] = [gone[0], come[0]];
    if (a === undefined || b === undefined) break;
    if (a.t === "text" && b.t === "text" && sameMarks(a.marks, b.marks)) {
      const length = commonStart(a.text, b.text);
      if (length === 0) break;
      start += length;
      shorten(gone, 0, a, a.text.slice(length));
      shorten(come, 0, b, b.text.slice(length));
      if (length < a.text.length && length < b.text.length) break;
    } else if (a.t !== "text" && b.t === a.t && sameBlock(a.block, b.block)) {
      start += 1;
      gone.shift();
      come.shift();
    } else break;
  }
  for (;;) {
    const [a, b] = [gone.at(-1), come.at(-1)];
    if (a === undefined || b === undefined) break;
    if (a.t === "text" && b.t === "text" && sameMarks(a.marks, b.marks)) {
      const length = commonEnd(a.text, b.text);
      if (length === 0) break;
      shorten(gone, gone.length - 1, a, a.text.slice(0, a.text.length - length));
      shorten(come, come.length - 1, b, b.text.slice(0, b.text.length - length));
      if (length < a.text.length && length < b.text.length) break;
    } else if (a.t !== "text" && b.t === a.t && sameBlock(a.block, b.block)) {
      gone.pop();
      come.pop();
    } else break;
  }
  return { start, gone, come };
}

function shorten(items: Item[], at: number, item: Item & { t: "text" }, text: string): void {
  items.splice(at, 1, ...(text === "" ? [] : [{ ...item, text }]));
}

/** Whether two markers, or two embeds, are the same. */
export function sameBlock(a: Block, b: Block): boolean {
  return (
    a.type === b.type &&
    a.parents.length === b.parents.length &&
    a.parents.every((kind, i) => kind === b.parents[i]) &&
    sameMarks(a.attrs, b.attrs)
  );
}

function commonStart(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let n = 0;
  while (n < most && a.charCodeAt(n) === b.charCodeAt(n)) n++;
  return n > 0 && isHigh(a.charCodeAt(n - 1)) ? n - 1 : n;
}

function commonEnd(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let n = 0;
  while (n < most && a.charCodeAt(a.length - 1 - n) === b.charCodeAt(b.length - 1 - n)) n++;
  return n > 0 && isLow(a.charCodeAt(a.length - n)) ? n - 1 : n;
}
