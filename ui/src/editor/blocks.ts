/**
 * Commands on blocks: what kind they are, how deep, in which order; and the keys that make, join and leave them.
 *
 * Every command is a ProseMirror command: called without `dispatch` it only says whether it would apply, which is also
 * how a button knows that it is disabled. Each changes markers rather than replacing blocks, so what others write in a
 * block meanwhile, and what the document holds of it beyond this window's knowledge, stays.
 */
import { Fragment, Slice, type Attrs, type Node } from "prosemirror-model";
import { TextSelection, type Command, type EditorState, type Transaction } from "prosemirror-state";
import { ReplaceStep } from "prosemirror-transform";
import type { Scalar } from "../core/types/Scalar";
import { posOfBlock } from "./changed";
import { attrsFor, blockAttrs, isCode, isTask, kindOf, KINDS, levelOf, schema, typeOf, type Kind } from "./schema";
import { fitBreaks } from "./tidy";

/** A block and where it stands. */
export interface Placed {
  /** The block. */
  node: Node;
  /** The position before it. */
  pos: number;
  /** Its number in the row. */
  index: number;
}

/** What a block is to be. */
export interface Wanted {
  /** Its kind. */
  kind: Kind;
  /** The attributes that make it so. */
  attrs?: Readonly<Record<string, Scalar>>;
}

/** The attributes that only say something about one kind of block. */
const OF_ONE_KIND = new Set(["level", "checked", "language"]);

/** The kinds that stand in lists. */
function isListKind(kind: string): boolean {
  return kind === KINDS.bullet || kind === KINDS.ordered;
}

/** Whether a block is an item of a list. */
export function isItem(node: Node): boolean {
  return isListKind(kindOf(node));
}

/** The blocks that the selection touches. */
export function selectedBlocks(state: EditorState): Placed[] {
  const { $from, $to } = state.selection;
  const blocks: Placed[] = [];
  const [first, last] = [$from.index(0), $to.depth === 0 ? $to.index(0) - 1 : $to.index(0)];
  let pos = $from.depth === 0 ? $from.pos : $from.before(1);
  for (let index = first; index <= last && index < state.doc.childCount; index++) {
    const node = state.doc.child(index);
    blocks.push({ node, pos, index });
    pos += node.nodeSize;
  }
  return blocks;
}

/** The block that holds the caret, when the selection is one inside a single block. */
function caretBlock(state: EditorState): (Placed & { offset: number }) | null {
  const { $from, $to, empty } = state.selection;
  if (!empty || $from.depth !== 1 || !$from.sameParent($to)) return null;
  return { node: $from.parent, pos: $from.before(1), index: $from.index(0), offset: $from.parentOffset };
}

function keptAttrs(node: Node): Record<string, Scalar> {
  return Object.fromEntries(Object.entries(blockAttrs(node).attrs).filter(([name]) => !OF_ONE_KIND.has(name)));
}

/** Makes one block another kind; a list item that becomes another stays as deep as it is, anything else is not nested. */
function become(tr: Transaction, { node, pos }: { node: Node; pos: number }, { kind, attrs = {} }: Wanted): void {
  const stays = isItem(node) && isListKind(kind);
  const parents = stays ? blockAttrs(node).parents : [];
  tr.setNodeMarkup(pos, typeOf(kind), attrsFor(kind, parents, { ...keptAttrs(node), ...attrs }));
  fitBreaks(tr, pos);
}

/** Whether a block is what is wanted. */
export function isBlock(node: Node, { kind, attrs = {} }: Wanted): boolean {
  if (kindOf(node) !== kind) return false;
  if (kind === KINDS.bullet) return isTask(node) === Object.hasOwn(attrs, "checked");
  if (kind === KINDS.heading) return levelOf(node) === (attrs.level ?? 1);
  return true;
}

/** Whether every selected block is what is wanted. */
export function blocksAre(state: EditorState, wanted: Wanted): boolean {
  const blocks = selectedBlocks(state);
  return blocks.length > 0 && blocks.every(({ node }) => isBlock(node, wanted));
}

/** Makes the selected blocks a kind. */
export function setBlocks(wanted: Wanted): Command {
  return (state, dispatch) => {
    const blocks = selectedBlocks(state).filter(({ node }) => !isBlock(node, wanted));
    if (blocks.length === 0) return false;
    if (dispatch) {
      const tr = state.tr;
      if (wanted.kind === KINDS.code) intoCode(tr, selectedBlocks(state), wanted);
      else for (const block of blocks) become(tr, block, wanted);
      dispatch(tr.scrollIntoView());
    }
    return true;
  };
}

/** Makes the selected blocks a kind, or paragraphs when they are that already. */
export function toggleBlocks(wanted: Wanted): Command {
  return (state, dispatch) => {
    if (blocksAre(state, wanted)) return setBlocks({ kind: KINDS.paragraph })(state, dispatch);
    return setBlocks(wanted)(state, dispatch);
  };
}

/** Several blocks become one piece of code, a line each. */
function intoCode(tr: Transaction, blocks: Placed[], wanted: Wanted): void {
  const [first] = blocks;
  const last = blocks.at(-1);
  if (first === undefined || last === undefined) return;
  for (const mark of Object.values(schema.marks)) {
    if (mark !== schema.marks.unknown) tr.removeMark(first.pos, last.pos + last.node.nodeSize, mark);
  }
  for (const { pos } of blocks.slice(1).reverse()) {
    const newline = new Slice(Fragment.from(schema.text("\n")), 0, 0);
    tr.step(new ReplaceStep(pos - 1, pos + 1, newline));
  }
  const node = tr.doc.nodeAt(first.pos);
  if (node !== null) become(tr, { node, pos: first.pos }, wanted);
}

/** Where the blocks end that are nested under the one with this number (its own place, when there are none). */
export function endOfNest(doc: Node, index: number): number {
  const depth = blockAttrs(doc.child(index)).parents.length;
  let end = index + 1;
  while (end < doc.childCount && blockAttrs(doc.child(end)).parents.length > depth) end++;
  return end;
}

/** The selected blocks and all that is nested under them. */
export function nests(state: EditorState): { first: number; end: number } | null {
  const blocks = selectedBlocks(state);
  const [first, last] = [blocks[0], blocks.at(-1)];
  if (first === undefined || last === undefined) return null;
  return { first: first.index, end: endOfNest(state.doc, last.index) };
}

function nest(tr: Transaction, pos: number, parents: readonly string[]): void {
  const node = tr.doc.nodeAt(pos);
  if (node !== null) tr.setNodeMarkup(pos, null, { ...node.attrs, parents } satisfies Attrs);
}

/** Nests the selected list items, and what is under them, one deeper: under the item before them. */
export const indent: Command = (state, dispatch) => {
  const range = nests(state);
  if (range === null || range.first === 0) return false;
  const top = state.doc.child(range.first);
  if (!isItem(top)) return false;
  const { parents } = blockAttrs(top);
  // The item to nest under: the nearest one before that is as deep.
  let above = range.first - 1;
  while (above >= 0 && blockAttrs(state.doc.child(above)).parents.length > parents.length) above--;
  const host = above < 0 ? null : state.doc.child(above);
  if (host === null || !isItem(host) || blockAttrs(host).parents.length !== parents.length) return false;
  if (dispatch) {
    const tr = state.tr;
    let pos = posOfBlock(state.doc, range.first);
    for (let i = range.first; i < range.end; i++) {
      const node = state.doc.child(i);
      const own = blockAttrs(node).parents;
      // What is less deep than the first one began elsewhere; it goes one deeper where it is.
      const shared = own.length >= parents.length ? parents.length : own.length;
      nest(tr, pos, [...own.slice(0, shared), kindOf(host), ...own.slice(shared)]);
      pos += node.nodeSize;
    }
    dispatch(tr.scrollIntoView());
  }
  return true;
};

/** Takes the selected blocks, and what is under them, one level out. */
export const outdent: Command = (state, dispatch) => {
  const range = nests(state);
  if (range === null) return false;
  const { parents } = blockAttrs(state.doc.child(range.first));
  if (parents.length === 0) return false;
  if (dispatch) {
    const tr = state.tr;
    let pos = posOfBlock(state.doc, range.first);
    for (let i = range.first; i < range.end; i++) {
      const node = state.doc.child(i);
      const own = blockAttrs(node).parents;
      const gone = Math.min(parents.length, own.length) - 1;
      if (gone >= 0) nest(tr, pos, own.toSpliced(gone, 1));
      pos += node.nodeSize;
    }
    dispatch(tr.scrollIntoView());
  }
  return true;
};

/** Out of nesting if it is nested, else a paragraph: what Enter does on an empty item, and Backspace at its start. */
function lift(state: EditorState, dispatch: ((tr: Transaction) => void) | undefined, block: Placed): boolean {
  if (outdent(state, dispatch)) return true;
  if (isBlock(block.node, { kind: KINDS.paragraph })) return false;
  if (dispatch) {
    const tr = state.tr;
    become(tr, block, { kind: KINDS.paragraph });
    dispatch(tr.scrollIntoView());
  }
  return true;
}

/** What follows a block when Enter is pressed at its end. */
function successor(node: Node): { type: Node["type"]; attrs: Attrs } {
  const { parents } = blockAttrs(node);
  const kind = kindOf(node);
  if (isItem(node)) return { type: node.type, attrs: attrsFor(kind, parents, isTask(node) ? { checked: false } : {}) };
  if (kind === KINDS.quote) return { type: node.type, attrs: attrsFor(kind, parents, {}) };
  return { type: schema.nodes.paragraph, attrs: attrsFor(KINDS.paragraph, parents, {}) };
}

/** Enter: a new block of the fitting kind; on an empty item, quote or code block, out of it. */
export const splitBlock: Command = (state, dispatch) => {
  const { $from, $to, empty } = state.selection;
  if ($from.depth !== 1 || $to.depth !== 1) return false;
  const block = $from.parent;
  const place = { node: block, pos: $from.before(1), index: $from.index(0) };
  if (empty && block.content.size === 0 && !isBlock(block, { kind: KINDS.paragraph }) && lift(state, dispatch, place)) {
    return true;
  }
  const following = state.doc.maybeChild(place.index + 1);
  if (empty && kindOf(block) === KINDS.heading && $from.parentOffset === block.content.size && isBlank(following)) {
    // A new document has an empty paragraph under its title: Enter goes there, and leaves no gap behind.
    dispatch?.(state.tr.setSelection(TextSelection.create(state.doc, $from.after(1) + 1)).scrollIntoView());
    return true;
  }
  if (dispatch) {
    const tr = state.tr;
    if (!empty) tr.deleteSelection();
    const at = tr.selection.$from;
    const parent = at.parent;
    const next = successor(parent);
    if (at.parentOffset === 0 && parent.content.size > 0) {
      // In front of the words: the new, empty block goes before, and the words keep their own.
      tr.insert(at.before(1), next.type.create(next.attrs));
    } else {
      const after = at.parentOffset === parent.content.size || isItem(parent) ? next : { type: parent.type, attrs: parent.attrs };
      const open = parent.type.create(parent.attrs);
      const slice = new Slice(Fragment.fromArray([open, after.type.create(after.attrs)]), 1, 1);
      tr.step(new ReplaceStep(at.pos, at.pos, slice));
      tr.setSelection(TextSelection.create(tr.doc, at.pos + 2));
    }
    const marks = state.storedMarks ?? ($from.parentOffset > 0 ? $from.marks() : null);
    if (marks !== null) tr.ensureMarks(marks);
    dispatch(tr.scrollIntoView());
  }
  return true;
};

/** Whether a block is a paragraph with nothing in it. */
function isBlank(node: Node | null): boolean {
  return node !== null && node.content.size === 0 && isBlock(node, { kind: KINDS.paragraph });
}

/** Enter in code: a newline, and the indentation of the line it ends. */
export const newlineInCode: Command = (state, dispatch) => {
  const { $from, $to } = state.selection;
  if ($from.depth !== 1 || !isCode($from.parent) || !$from.sameParent($to)) return false;
  if (dispatch) {
    const line = $from.parent.textBetween(0, $from.parentOffset, undefined, "\ufffc").split("\n").at(-1) ?? "";
    const indentation = /^[ \t]*/.exec(line)?.[0] ?? "";
    dispatch(state.tr.insertText(`\n${indentation}`).scrollIntoView());
  }
  return true;
};

/** Leaves code downwards, into a new paragraph. */
export const leaveCode: Command = (state, dispatch) => {
  const { $head, $anchor } = state.selection;
  if ($head.depth !== 1 || !isCode($head.parent) || !$head.sameParent($anchor)) return false;
  if (dispatch) {
    const next = successor($head.parent);
    const after = $head.after(1);
    const tr = state.tr.insert(after, next.type.create(next.attrs));
    dispatch(tr.setSelection(TextSelection.create(tr.doc, after + 1)).scrollIntoView());
  }
  return true;
};

/** Enter after a line of three backticks: a code block in the language they name. */
export const fence: Command = (state, dispatch) => {
  const block = caretBlock(state);
  if (block === null || !isBlock(block.node, { kind: KINDS.paragraph })) return false;
  if (block.offset !== block.node.content.size) return false;
  const language = /^```([\w+#.-]*)$/.exec(block.node.textContent)?.[1];
  if (language === undefined) return false;
  if (dispatch) {
    const tr = state.tr.delete(block.pos + 1, block.pos + 1 + block.node.content.size);
    become(tr, { node: tr.doc.nodeAt(block.pos) ?? block.node, pos: block.pos }, {
      kind: KINDS.code,
      attrs: language === "" ? {} : { language },
    });
    dispatch(tr.scrollIntoView());
  }
  return true;
};

/** A line break inside a block. */
export const breakLine: Command = (state, dispatch) => {
  const { $from, $to } = state.selection;
  if ($from.depth !== 1 || $to.depth !== 1 || isCode($from.parent)) return false;
  dispatch?.(state.tr.replaceSelectionWith(schema.nodes.hard_break.create(), true).scrollIntoView());
  return true;
};

/** Backspace at the start of a block: out of nesting, then a paragraph, then joined to the block before. */
export const backspace: Command = (state, dispatch) => {
  const block = caretBlock(state);
  if (block?.offset !== 0) return false;
  if (lift(state, dispatch, block)) return true;
  if (block.index === 0) return false;
  if (dispatch) {
    const above = state.doc.child(block.index - 1);
    const tr = state.tr;
    // An empty block above goes itself, so that the one with words keeps its kind and its place.
    if (above.content.size === 0 && block.node.content.size > 0) tr.delete(block.pos - above.nodeSize, block.pos);
    else tr.step(new ReplaceStep(block.pos - 1, block.pos + 1, Slice.empty));
    dispatch(tr.scrollIntoView());
  }
  return true;
};

/** Delete at the end of a block: what follows joins it; an empty block goes itself. */
export const deleteForward: Command = (state, dispatch) => {
  const block = caretBlock(state);
  if (block?.offset !== block?.node.content.size || block === null) return false;
  if (block.index === state.doc.childCount - 1) return false;
  if (dispatch) {
    const end = block.pos + block.node.nodeSize;
    const tr = state.tr;
    if (block.node.content.size === 0) {
      tr.delete(block.pos, end).setSelection(TextSelection.create(tr.doc, block.pos + 1));
    } else tr.step(new ReplaceStep(end - 1, end + 1, Slice.empty));
    dispatch(tr.scrollIntoView());
  }
  return true;
};

/** Ticks, or unticks, the selected tasks; all alike, as the first one goes. */
export const tick: Command = (state, dispatch) => {
  const tasks = selectedBlocks(state).filter(({ node }) => isTask(node));
  const [first] = tasks;
  if (first === undefined) return false;
  if (dispatch) {
    const checked = blockAttrs(first.node).attrs.checked !== true;
    const tr = state.tr;
    for (const { pos } of tasks) setChecked(tr, pos, checked);
    dispatch(tr);
  }
  return true;
};

/** Ticks, or unticks, the task at a position. */
export function tickAt(pos: number): Command {
  return (state, dispatch) => {
    const node = state.doc.nodeAt(pos);
    if (node === null || !isTask(node)) return false;
    dispatch?.(setChecked(state.tr, pos, blockAttrs(node).attrs.checked !== true));
    return true;
  };
}

function setChecked(tr: Transaction, pos: number, checked: boolean): Transaction {
  const node = tr.doc.nodeAt(pos);
  if (node === null) return tr;
  return tr.setNodeMarkup(pos, null, { ...node.attrs, attrs: { ...blockAttrs(node).attrs, checked } });
}

/** Tab in code: a tab stop of two spaces at the caret, or every selected line deeper. */
export const indentCode: Command = (state, dispatch) => {
  const { $from, $to, empty } = state.selection;
  if ($from.depth !== 1 || !isCode($from.parent) || !$from.sameParent($to)) return false;
  if (empty) {
    dispatch?.(state.tr.insertText("  ").scrollIntoView());
    return true;
  }
  if (dispatch) {
    const tr = state.tr;
    for (const start of lineStarts(state).reverse()) tr.insertText("  ", start);
    dispatch(tr.scrollIntoView());
  }
  return true;
};

/** Shift-Tab in code: the selected lines come out by a tab stop. */
export const outdentCode: Command = (state, dispatch) => {
  const { $from, $to } = state.selection;
  if ($from.depth !== 1 || !isCode($from.parent) || !$from.sameParent($to)) return false;
  if (dispatch) {
    const tr = state.tr;
    const text = $from.parent.textBetween(0, $from.parent.content.size, undefined, "\ufffc");
    for (const start of lineStarts(state).reverse()) {
      const spaces = /^(\t| {1,2})/.exec(text.slice(start - $from.start(1)))?.[0].length ?? 0;
      if (spaces > 0) tr.delete(start, start + spaces);
    }
    dispatch(tr.scrollIntoView());
  }
  return true;
};

function lineStarts(state: EditorState): number[] {
  const { $from, $to } = state.selection;
  const text = $from.parent.textBetween(0, $from.parent.content.size, undefined, "\ufffc");
  const starts = [$from.start(1) + text.lastIndexOf("\n", $from.parentOffset - 1) + 1];
  if ($from.parentOffset === 0) starts[0] = $from.start(1);
  for (let i = text.indexOf("\n", $from.parentOffset); i !== -1 && i < $to.parentOffset; i = text.indexOf("\n", i + 1)) {
    starts.push($from.start(1) + i + 1);
  }
  return starts;
}
