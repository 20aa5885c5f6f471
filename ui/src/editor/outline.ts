/**
 * The headings of the page, in order, kept as it changes: a key looks at the blocks it changed, and where there is no
 * heading among them and none comes or goes, the outline is the very same object, so nobody draws it again.
 */
import type { Node } from "prosemirror-model";
import { Plugin, PluginKey, TextSelection, type Command, type EditorState, type Transaction } from "prosemirror-state";
import { changedBlocks, posOfBlock } from "./changed";
import { levelOf, schema } from "./schema";

/** A heading. */
export interface Heading {
  /** The number of its block. */
  index: number;
  /** Its level, 1 to 6. */
  level: number;
  /** Its words; empty when it has none. */
  text: string;
}

/** The headings of a page, in order. */
export type Outline = readonly Heading[];

const key = new PluginKey<Outline>("outline");

/** The outline of the page. */
export function outlineIn(state: EditorState): Outline {
  return key.getState(state) ?? [];
}

/** Which heading the caret stands under: its place in the outline; null before the first. */
export function sectionIn(state: EditorState): number | null {
  const at = headingsBefore(outlineIn(state), state.selection.$head.index(0) + 1) - 1;
  return at < 0 ? null : at;
}

/** How many headings stand in blocks before one with a number. */
function headingsBefore(outline: Outline, index: number): number {
  let [low, high] = [0, outline.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((outline[middle]?.index ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

function headingsOf(doc: Node, first: number, end: number): Heading[] {
  const found: Heading[] = [];
  for (let index = first; index < end; index++) {
    const block = doc.child(index);
    if (block.type !== schema.nodes.heading) continue;
    found.push({ index, level: levelOf(block), text: block.textContent.trim().replaceAll(/\s+/gu, " ") });
  }
  return found;
}

function follow(tr: Transaction, was: Outline): Outline {
  const changed = changedBlocks(tr);
  if (changed === null) return was;
  const { first, oldEnd, newEnd } = changed;
  const [from, to] = [headingsBefore(was, first), headingsBefore(was, oldEnd)];
  const fresh = headingsOf(tr.doc, first, newEnd);
  const by = newEnd - oldEnd;
  if (by === 0 && fresh.length === to - from && fresh.every((heading, i) => isSame(heading, was[from + i]))) return was;
  const rest = was.slice(to);
  return [...was.slice(0, from), ...fresh, ...(by === 0 ? rest : rest.map((each) => ({ ...each, index: each.index + by })))];
}

function isSame(a: Heading, b: Heading | undefined): boolean {
  return a.index === b?.index && a.level === b.level && a.text === b.text;
}

/** Keeps the outline. */
export function outlinePlugin(): Plugin<Outline> {
  return new Plugin<Outline>({
    key,
    state: { init: (_config, { doc }) => headingsOf(doc, 0, doc.childCount), apply: follow },
  });
}

/** Puts the caret at the beginning of the block with a number. */
export function goToBlock(index: number): Command {
  return (state, dispatch) => {
    if (index < 0 || index >= state.doc.childCount) return false;
    const at = posOfBlock(state.doc, index) + 1;
    dispatch?.(state.tr.setSelection(TextSelection.create(state.doc, at)).scrollIntoView());
    return true;
  };
}
