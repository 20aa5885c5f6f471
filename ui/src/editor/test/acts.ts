/**
 * What a person might do, at random: each act is a name and three numbers, so that a failure can be shrunk and told.
 */
import fc from "fast-check";
import { redo, undo } from "prosemirror-history";
import { Fragment, Slice } from "prosemirror-model";
import { AllSelection, TextSelection, type Command, type EditorState, type Transaction } from "prosemirror-state";
import { canJoin, canSplit } from "prosemirror-transform";
import type { Block } from "../../core/types/Block";
import type { Item } from "../../core/types/Item";
import type { Scalar } from "../../core/types/Scalar";
import * as blocks from "../blocks";
import { BlockSelection } from "../blockselection";
import { embedOf, markOf, pageOf } from "../items";
import { linkOf } from "../links";
import { clearMarks, setLink, toggle, unlink } from "../marking";
import { moveBlocks, moveBlocksTo } from "../moving";
import { sliceOfText } from "../paste";
import { attrsFor, KINDS, schema, typeOf } from "../schema";

/** One thing done. */
export interface Act {
  op: keyof typeof DOINGS;
  a: number;
  b: number;
  c: number;
}

const WORDS = ["a", "bc", "one two", "😀", "ß", "\n", "é́", " ", "**x**", "👩‍👩‍👧", "\t", "שלום", "漢字"];
const NAMES = ["strong", "em", "code", "strike"] as const;

function pick<T>(list: readonly T[], n: number): T {
  return list[n % list.length] as T;
}

function place(state: EditorState, n: number): number {
  return n % (state.doc.content.size + 1);
}

/** A position inside a block. */
function inside(state: EditorState, n: number): number {
  const $pos = state.doc.resolve(place(state, n));
  if ($pos.depth > 0) return $pos.pos;
  return $pos.nodeAfter === null ? $pos.pos - 1 : $pos.pos + 1;
}

function two(state: EditorState, a: number, b: number): [number, number] {
  const [x, y] = [inside(state, a), inside(state, b)];
  return x < y ? [x, y] : [y, x];
}

function near(state: EditorState, a: number, length: number): [number, number] {
  const from = inside(state, a);
  return [from, Math.max(from, inside(state, Math.min(from + (length % 12), state.doc.content.size)))];
}

const WANTED: blocks.Wanted[] = [
  { kind: KINDS.paragraph },
  { kind: KINDS.heading, attrs: { level: 1 } },
  { kind: KINDS.heading, attrs: { level: 3 } },
  { kind: KINDS.bullet },
  { kind: KINDS.bullet, attrs: { checked: false } },
  { kind: KINDS.bullet, attrs: { checked: true } },
  { kind: KINDS.ordered },
  { kind: KINDS.quote },
  { kind: KINDS.code },
  { kind: KINDS.code, attrs: { language: "rust" } },
];

/** A document for pasting and for loading. */
export function documentFrom(numbers: readonly number[]): Item[] {
  const items: Item[] = [];
  for (const n of numbers) {
    switch (n % 7) {
      case 0:
      case 1: {
        const { kind, attrs = {} } = pick(WANTED, Math.floor(n / 7));
        const parents = n % 3 === 0 ? [KINDS.bullet] : [];
        items.push({ t: "block", block: { type: kind, parents, attrs: { ...attrs }, isEmbed: false } });
        break;
      }
      case 2:
        items.push({ t: "block", block: { type: "__ext__table", parents: [], attrs: { rows: n, odd: 0.5 }, isEmbed: false } });
        break;
      case 3:
        items.push({ t: "embed", block: { type: "image", parents: [], attrs: { alt: `picture ${String(n)}` }, isEmbed: true } });
        break;
      case 4:
        items.push({ t: "text", text: pick(WORDS, n), marks: { [pick(["strong", "em", "__ext__note"], n)]: pick<Scalar>([true, "x", 2], n) } });
        break;
      default:
        items.push({ t: "text", text: pick(WORDS, Math.floor(n / 5)) });
    }
  }
  return items;
}

function slice(a: number, b: number): Slice {
  const { doc } = pageOf(documentFrom([a, b, a * 3 + 1, b * 7 + 2, a + b, 6, a % 14]));
  const [from, to] = [a % (doc.content.size + 1), b % (doc.content.size + 1)];
  return doc.slice(Math.min(from, to), Math.max(from, to));
}

function at(state: EditorState, from: number, to = from): EditorState {
  return state.apply(state.tr.setSelection(TextSelection.create(state.doc, from, to)));
}

/** Does a command with the selection somewhere, as one transaction on the state it was given. */
function doing(state: EditorState, from: number, to: number, command: Command): Transaction | null {
  const moved = at(state, from, to);
  let done: Transaction | null = null;
  command(moved, (tr) => {
    done = tr;
  });
  return done;
}

/** The state with some whole blocks selected. */
function chosen(state: EditorState, a: number, b: number): EditorState {
  const { doc } = state;
  return state.apply(state.tr.setSelection(BlockSelection.of(doc, a % doc.childCount, b % doc.childCount)));
}

/** Each act, as a transaction of the state; null where it does not apply. */
const DOINGS = {
  type: (s: EditorState, a: number, b: number) => s.tr.insertText(pick(WORDS, b), inside(s, a)),
  typeOver: (s: EditorState, a: number, b: number, c: number) => s.tr.insertText(pick(WORDS, c), ...near(s, a, b)),
  typeMarked: (s: EditorState, a: number, b: number, c: number) =>
    s.tr.replaceWith(inside(s, a), inside(s, a), schema.text(pick(WORDS, b), [markOf(pick(NAMES, c), true)])),
  erase: (s: EditorState, a: number, b: number) => s.tr.delete(...near(s, a, b)),
  eraseFar: (s: EditorState, a: number, b: number) => s.tr.delete(...two(s, a, b)),
  eraseAll: (s: EditorState) => {
    const tr = s.tr;
    return tr.setSelection(new AllSelection(tr.doc)).deleteSelection();
  },
  eraseRaw: (s: EditorState, a: number, b: number) => {
    const [x, y] = [place(s, a), place(s, b)];
    return s.tr.deleteRange(Math.min(x, y), Math.max(x, y));
  },
  enter: (s: EditorState, a: number) => doing(s, inside(s, a), inside(s, a), blocks.splitBlock),
  enterOver: (s: EditorState, a: number, b: number) => doing(s, ...near(s, a, b), blocks.splitBlock),
  newline: (s: EditorState, a: number) => doing(s, inside(s, a), inside(s, a), blocks.newlineInCode),
  leave: (s: EditorState, a: number) => doing(s, inside(s, a), inside(s, a), blocks.leaveCode),
  breakLine: (s: EditorState, a: number) => doing(s, inside(s, a), inside(s, a), blocks.breakLine),
  backspace: (s: EditorState, a: number) => {
    const start = s.doc.resolve(inside(s, a)).start(1);
    return doing(s, start, start, blocks.backspace);
  },
  deleteForward: (s: EditorState, a: number) => {
    const end = s.doc.resolve(inside(s, a)).end(1);
    return doing(s, end, end, blocks.deleteForward);
  },
  kind: (s: EditorState, a: number, b: number, c: number) => doing(s, ...near(s, a, b), blocks.setBlocks(pick(WANTED, c))),
  kindFar: (s: EditorState, a: number, b: number, c: number) => doing(s, ...two(s, a, b), blocks.toggleBlocks(pick(WANTED, c))),
  indent: (s: EditorState, a: number, b: number) => doing(s, ...near(s, a, b), blocks.indent),
  outdent: (s: EditorState, a: number, b: number) => doing(s, ...near(s, a, b), blocks.outdent),
  tick: (s: EditorState, a: number, b: number) => doing(s, ...near(s, a, b), blocks.tick),
  moveUp: (s: EditorState, a: number, b: number) => doing(s, ...near(s, a, b), moveBlocks(-1)),
  moveDown: (s: EditorState, a: number, b: number) => doing(s, ...near(s, a, b), moveBlocks(1)),
  blocksErase: (s: EditorState, a: number, b: number) => chosen(s, a, b).tr.deleteSelection(),
  blocksMove: (s: EditorState, a: number, b: number, c: number) => command(chosen(s, a, b), moveBlocks(c % 2 === 0 ? 1 : -1)),
  blocksMoveTo: (s: EditorState, a: number, b: number, c: number) => command(chosen(s, a, b), moveBlocksTo(c % (s.doc.childCount + 1))),
  blocksPaste: (s: EditorState, a: number, b: number, c: number) => chosen(s, a, b).tr.replaceSelection(slice(b, c)),
  blocksKind: (s: EditorState, a: number, b: number, c: number) => command(chosen(s, a, b), blocks.toggleBlocks(pick(WANTED, c))),
  blocksIndent: (s: EditorState, a: number, b: number) => command(chosen(s, a, b), blocks.indent),
  mark: (s: EditorState, a: number, b: number, c: number) => doing(s, ...near(s, a, b), toggle(pick(NAMES, c))),
  markRaw: (s: EditorState, a: number, b: number, c: number) => {
    const [x, y] = [place(s, a), place(s, b)];
    const mark = markOf(pick([...NAMES, "__ext__note"], c), pick<Scalar>([true, "y", false], c));
    return s.tr.addMark(Math.min(x, y), Math.max(x, y), mark);
  },
  unmarkRaw: (s: EditorState, a: number, b: number, c: number) =>
    s.tr.removeMark(...two(s, a, b), schema.marks[pick([...NAMES, "unknown"] as const, c)]),
  clear: (s: EditorState, a: number, b: number) => doing(s, ...two(s, a, b), clearMarks),
  link: (s: EditorState, a: number, b: number, c: number) => doing(s, ...near(s, a, b), setLink(`example${String(c % 3)}.org`)),
  unlink: (s: EditorState, a: number, b: number) => doing(s, ...near(s, a, b), unlink),
  linkRaw: (s: EditorState, a: number, b: number, c: number) =>
    s.tr.addMark(...two(s, a, b), schema.marks.link.create({ value: linkOf(`https://e${String(c % 3)}.org`) })),
  embed: (s: EditorState, a: number, b: number) => {
    const block: Block = { type: "image", parents: [], attrs: { alt: String(b) }, isEmbed: true };
    return s.tr.insert(inside(s, a), embedOf(block));
  },
  paste: (s: EditorState, a: number, b: number, c: number) => {
    const moved = at(s, ...near(s, a, c));
    return moved.tr.replaceSelection(slice(b, c));
  },
  pasteFar: (s: EditorState, a: number, b: number, c: number) => at(s, ...two(s, a, b)).tr.replaceSelection(slice(b, c)),
  pasteText: (s: EditorState, a: number, b: number, c: number) => {
    const text = ["# Title\n\n- one\n  - two\n\nwords **bold**", "plain\n\nlines", "x", "```rust\nfn main() {}\n```\nend"];
    return at(s, ...near(s, a, c)).tr.replaceSelection(sliceOfText(pick(text, b), c % 2 === 0));
  },
  copyWithin: (s: EditorState, a: number, b: number, c: number) => s.tr.replace(inside(s, c), inside(s, c), s.doc.slice(...two(s, a, b))),
  drag: (s: EditorState, a: number, b: number, c: number) => {
    const [from, to] = two(s, a, b);
    const dragged = s.doc.slice(from, to);
    const tr = s.tr.delete(from, to);
    const target = tr.mapping.map(inside(s, c));
    return tr.replaceRange(target, target, dragged);
  },
  insertBlocks: (s: EditorState, a: number, b: number, c: number) => {
    const { doc } = pageOf(documentFrom([b, c, b + c, 6]));
    const $pos = s.doc.resolve(place(s, a));
    return s.tr.insert($pos.depth === 0 ? $pos.pos : $pos.before(1), doc.content);
  },
  markup: (s: EditorState, a: number, b: number) => {
    const { kind, attrs = {} } = pick(WANTED, b);
    const pos = s.doc.resolve(inside(s, a)).before(1);
    return s.tr.setNodeMarkup(pos, typeOf(kind), attrsFor(kind, b % 2 === 0 ? [] : [KINDS.ordered], attrs));
  },
  attribute: (s: EditorState, a: number, b: number) => {
    const pos = s.doc.resolve(inside(s, a)).before(1);
    return s.tr.setNodeAttribute(pos, "attrs", b % 2 === 0 ? {} : { level: b % 7, note: "n" });
  },
  join: (s: EditorState, a: number) => {
    const $pos = s.doc.resolve(inside(s, a));
    const pos = $pos.after(1);
    return pos < s.doc.content.size && canJoin(s.doc, pos) ? s.tr.join(pos) : null;
  },
  split: (s: EditorState, a: number) => {
    const pos = inside(s, a);
    return canSplit(s.doc, pos) ? s.tr.split(pos) : null;
  },
  replaceWithSame: (s: EditorState, a: number, b: number) => {
    const [from, to] = two(s, a, b);
    return s.tr.replace(from, to, s.doc.slice(from, to));
  },
  removeFirst: (s: EditorState) => (s.doc.childCount > 1 ? s.tr.delete(0, s.doc.child(0).nodeSize) : null),
  nothing: (s: EditorState) => s.tr.replace(0, 0, new Slice(Fragment.empty, 0, 0)),
  undo: (s: EditorState) => command(s, undo),
  redo: (s: EditorState) => command(s, redo),
} satisfies Record<string, (state: EditorState, a: number, b: number, c: number) => Transaction | null>;

function command(state: EditorState, run: Command): Transaction | null {
  let done: Transaction | null = null;
  run(state, (tr) => {
    done = tr;
  });
  return done;
}

/**
 * The transaction of an act. Acts that first move the selection are made on a state of their own: their steps are put
 * onto the state they are for, which differs in nothing but the selection.
 */
export function transactionOf(state: EditorState, { op, a, b, c }: Act): Transaction | null {
  const made: Transaction | null = DOINGS[op](state, a, b, c);
  if (made === null || made.before === state.doc && made.docs.length === made.steps.length && isFor(made, state)) return made;
  const tr = state.tr;
  for (const step of made.steps) tr.step(step);
  return tr.setSelection(TextSelection.near(tr.doc.resolve(Math.min(made.selection.head, tr.doc.content.size))));
}

function isFor(tr: Transaction, state: EditorState): boolean {
  // A transaction remembers the selection it began with; only one of this very state may be applied to it.
  return (tr as unknown as { curSelectionFor: number }).curSelectionFor === 0 && tr.before === state.doc;
}

const HEAVY: (keyof typeof DOINGS)[] = ["type", "type", "type", "typeOver", "erase", "enter", "backspace", "undo", "redo", "paste"];

/** Any act. */
export const anyAct: fc.Arbitrary<Act> = fc.record({
  op: fc.constantFrom(...(Object.keys(DOINGS) as (keyof typeof DOINGS)[]), ...HEAVY),
  a: fc.nat(10_000),
  b: fc.nat(10_000),
  c: fc.nat(10_000),
});

/** Any document. */
export const anyDocument: fc.Arbitrary<Item[]> = fc.array(fc.nat(1_000), { maxLength: 14 }).map(documentFrom);

/** How many cases to run, and the seed to run them from: `SHEAF_CASES`, `SHEAF_SEED`, `SHEAF_PATH`. */
export function runs(few: number): fc.Parameters<unknown> {
  const { SHEAF_CASES, SHEAF_SEED, SHEAF_PATH } = process.env;
  return {
    numRuns: SHEAF_CASES === undefined ? few : Number(SHEAF_CASES),
    ...(SHEAF_SEED === undefined ? {} : { seed: Number(SHEAF_SEED) }),
    ...(SHEAF_PATH === undefined ? {} : { path: SHEAF_PATH, endOnFailure: true }),
  };
}
