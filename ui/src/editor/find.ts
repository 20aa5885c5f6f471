/**
 * Find in the page: what is looked for, where it is, and which of the matches is the current one.
 *
 * A key must not cost what the page is long. So the number of matches is kept as a sum that each transaction corrects by
 * the blocks it changed (`changed.ts`); a block is searched once (`search.ts`); and only the matches near what is on the
 * screen are drawn (`span`), which `findview.ts` moves as the page is scrolled.
 *
 * Finding moves neither the caret nor the selection, so whoever writes on meanwhile, here or elsewhere, disturbs nothing:
 * the current match is a place that is carried along by every change, as a caret is.
 */
import type { Node } from "prosemirror-model";
import { PluginKey, type EditorState, type Transaction } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";
import { changedBlocks, overBlocks, posOfBlock, type ChangedBlocks } from "./changed";
import { MOST_DRAWN, shiftSpan, type Span } from "./near";
import { Searcher, type Query } from "./search";

/** The current match. */
export interface Current {
  /** Where it begins. */
  from: number;
  /** Where it ends. */
  to: number;
  /** Its number among all, from 1. */
  ordinal: number;
  /** The number of the block it is in. */
  block: number;
}

/** A search in progress. */
export interface Finding {
  searcher: Searcher;
  /** How many matches there are. */
  total: number;
  /** The one that the next and the previous are counted from; null when it is no longer one. */
  current: Current | null;
  /** Where to go on from when there is no current match. */
  from: number;
  /** The blocks whose matches are drawn. */
  span: Span;
  drawn: DecorationSet;
}

/** What is said to the search by a transaction. */
export type Said =
  | { do: "look"; query: Query; from: number }
  | { do: "step"; by: 1 | -1 }
  | { do: "resume"; from: number }
  | { do: "span"; span: Span }
  | { do: "close" };

/** The search's place in the state. */
export const findKey = new PluginKey<Finding | null>("find");

/** The search in progress, if any. */
export function findingIn(state: EditorState): Finding | null {
  return findKey.getState(state) ?? null;
}

/** Says something to the search. */
export function say(tr: Transaction, said: Said): Transaction {
  return tr.setMeta(findKey, said);
}

/** Begins a search over all of a page: the only time all of it is read. */
export function begin(doc: Node, query: Query, from: number, span: Span): Finding | null {
  if (query.text === "") return null;
  const searcher = new Searcher(query);
  const finding: Finding = { searcher, total: 0, current: null, from, span, drawn: DecorationSet.empty };
  finding.total = countIn(searcher, doc, 0, doc.childCount);
  return drawAll(doc, { ...finding, current: nextFrom(searcher, doc, from) });
}

/** The search after a transaction. */
export function follow(tr: Transaction, was: Finding | null, span: Span): Finding | null {
  const said = tr.getMeta(findKey) as Said | undefined;
  if (said?.do === "close") return null;
  if (said?.do === "look") return begin(tr.doc, said.query, said.from, span);
  if (was === null) return null;
  const changed = changedBlocks(tr);
  let now = changed === null ? was : change(tr, was, changed);
  if (said === undefined) return now;
  if (said.do === "span") now = { ...now, span: said.span };
  else if (said.do === "resume") now = { ...now, current: nextFrom(now.searcher, tr.doc, said.from), from: said.from };
  else now = step(tr.doc, now, said.by);
  return drawAll(tr.doc, now);
}

function countIn(searcher: Searcher, doc: Node, first: number, end: number): number {
  let count = 0;
  for (let i = first; i < end; i++) count += searcher.inBlock(doc.child(i)).length;
  return count;
}

function change(tr: Transaction, was: Finding, changed: ChangedBlocks): Finding {
  const { searcher } = was;
  const { first, oldEnd, newEnd } = changed;
  const gained = countIn(searcher, tr.doc, first, newEnd) - countIn(searcher, tr.before, first, oldEnd);
  const now: Finding = {
    ...was,
    total: was.total + gained,
    from: tr.mapping.map(was.from),
    current: carry(tr, was, changed, gained),
    span: shiftSpan(was.span, changed),
  };
  if (was.current !== null) now.from = now.current?.from ?? tr.mapping.map(was.current.from);
  return redraw(tr, was, now, changed);
}

/** The current match after a change: the same words, if they are still a match. */
function carry(tr: Transaction, { current, searcher }: Finding, { first, oldEnd, newEnd, pos }: ChangedBlocks, gained: number): Current | null {
  if (current === null || current.block < first) return current;
  const from = tr.mapping.map(current.from, 1);
  if (current.block >= oldEnd) {
    const { ordinal, block } = current;
    return { from, to: from + searcher.length, ordinal: ordinal + gained, block: block + newEnd - oldEnd };
  }
  // Its own block changed: it is looked for among the matches of the blocks that stand there now.
  let before = 0;
  overBlocks(tr.before, { first, end: current.block + 1, pos }, (block, at) => {
    before += searcher.inBlock(block).filter((place) => at + 1 + place < current.from).length;
  });
  let ordinal = current.ordinal - before;
  let found: Current | null = null;
  overBlocks(tr.doc, { first, end: newEnd, pos }, (block, at, index) => {
    for (const place of searcher.inBlock(block)) {
      if (found !== null) return;
      if (at + 1 + place === from) found = { from, to: from + searcher.length, ordinal, block: index };
      ordinal++;
    }
  });
  return found;
}

/** The first match at or after a position, round the end if need be. */
function nextFrom(searcher: Searcher, doc: Node, from: number): Current | null {
  const start = doc.resolve(Math.min(Math.max(from, 0), doc.content.size)).index(0);
  const pos = posOfBlock(doc, start);
  return (
    firstIn(searcher, doc, { first: start, end: doc.childCount, pos }, from) ??
    firstIn(searcher, doc, { first: 0, end: Math.min(start + 1, doc.childCount), pos: 0 }, 0)
  );
}

function firstIn(searcher: Searcher, doc: Node, range: { first: number; end: number; pos: number }, from: number): Current | null {
  let at = range.pos;
  for (let index = range.first; index < range.end; index++) {
    const block = doc.child(index);
    const places = searcher.inBlock(block);
    const nth = places.findIndex((place) => at + 1 + place >= from);
    if (nth !== -1) return matchAt(searcher, doc, index, at, nth);
    at += block.nodeSize;
  }
  return null;
}

/** The last match that begins before a position, round the beginning if need be. */
function lastBefore(searcher: Searcher, doc: Node, before: number): Current | null {
  let at = doc.content.size;
  let around: Current | null = null;
  for (let index = doc.childCount - 1; index >= 0; index--) {
    const block = doc.child(index);
    at -= block.nodeSize;
    const places = searcher.inBlock(block);
    if (places.length === 0) continue;
    const nth = places.findLastIndex((place) => at + 1 + place < before);
    if (nth !== -1) return matchAt(searcher, doc, index, at, nth);
    around ??= matchAt(searcher, doc, index, at, places.length - 1);
  }
  return around;
}

function matchAt(searcher: Searcher, doc: Node, block: number, pos: number, nth: number): Current {
  const from = pos + 1 + (searcher.inBlock(doc.child(block))[nth] ?? 0);
  return { from, to: from + searcher.length, ordinal: countIn(searcher, doc, 0, block) + nth + 1, block };
}

function step(doc: Node, was: Finding, by: 1 | -1): Finding {
  const { searcher, current } = was;
  const next =
    by === 1
      ? nextFrom(searcher, doc, current === null ? was.from : current.to)
      : lastBefore(searcher, doc, current === null ? was.from : current.from);
  return { ...was, current: next, from: next?.from ?? was.from };
}

function decorationsOf(finding: Finding, doc: Node, range: { first: number; end: number; pos: number }): Decoration[] {
  const { searcher, current, span } = finding;
  const drawn: Decoration[] = [];
  overBlocks(doc, range, (block, pos, index) => {
    const near = index >= span.first && index < span.end;
    if (!near && index !== current?.block) return;
    for (const place of searcher.inBlock(block)) {
      const from = pos + 1 + place;
      const isCurrent = from === current?.from;
      if (!near && !isCurrent) continue;
      drawn.push(Decoration.inline(from, from + searcher.length, { class: isCurrent ? "found current" : "found" }));
    }
  });
  return drawn;
}

/** Draws the matches near the screen, and the current one wherever it is. */
function drawAll(doc: Node, finding: Finding): Finding {
  const first = Math.min(finding.span.first, doc.childCount);
  const drawn = decorationsOf(finding, doc, { first, end: Math.min(finding.span.end, first + MOST_DRAWN), pos: posOfBlock(doc, first) });
  const { current, span } = finding;
  if (current !== null && (current.block < span.first || current.block >= span.end)) {
    drawn.push(...decorationsOf(finding, doc, { first: current.block, end: current.block + 1, pos: posOfBlock(doc, current.block) }));
  }
  return { ...finding, drawn: DecorationSet.create(doc, drawn) };
}

/** Draws anew what a change touched; what is elsewhere moves along. */
function redraw(tr: Transaction, was: Finding, now: Finding, { first, newEnd, pos }: ChangedBlocks): Finding {
  if (was.current !== null && now.current === null) return drawAll(tr.doc, now);
  let end = pos;
  overBlocks(tr.doc, { first, end: newEnd, pos }, (block, at) => {
    end = at + block.nodeSize;
  });
  const moved = was.drawn.map(tr.mapping, tr.doc);
  // A match that only touches the changed blocks from outside is not theirs.
  const stale = moved.find(pos, end).filter((each) => each.from > pos && each.to < end);
  const kept = stale.length === 0 ? moved : moved.remove(stale);
  const fresh = decorationsOf(now, tr.doc, { first, end: newEnd, pos });
  return { ...now, drawn: fresh.length === 0 ? kept : kept.add(tr.doc, fresh) };
}
