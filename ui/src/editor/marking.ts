/** Commands on words: strong, emphasis, code, strike, and links. */
import { toggleMark } from "prosemirror-commands";
import type { MarkType, ResolvedPos } from "prosemirror-model";
import { TextSelection, type Command, type EditorState } from "prosemirror-state";
import { addressFrom, linkOf, type Link } from "./links";
import { isCode, linkIn, schema, type MarkName } from "./schema";

function inCode({ selection: { $from, $to } }: EditorState): boolean {
  return ($from.depth === 1 && isCode($from.parent)) || ($to.depth === 1 && isCode($to.parent));
}

/** Puts a mark on the selected words, or takes it off when they all have it. Code blocks take none. */
export function toggle(name: Exclude<MarkName, "link">): Command {
  const command = toggleMark(schema.marks[name], null, { removeWhenPresent: false });
  return (state, dispatch, view) => !inCode(state) && command(state, dispatch, view);
}

/** Whether the selected words, or what would be typed now, have a mark. */
export function hasMark(state: EditorState, name: MarkName): boolean {
  const type: MarkType = schema.marks[name];
  const { empty, $from, from, to } = state.selection;
  if (empty) return type.isInSet(state.storedMarks ?? $from.marks()) !== undefined;
  let all = true;
  let any = false;
  state.doc.nodesBetween(from, to, (node) => {
    if (!all || !node.isText) return all;
    any = true;
    all = type.isInSet(node.marks) !== undefined;
    return false;
  });
  return any && all;
}

/** Takes every mark that Sheaf knows off the selected words. */
export const clearMarks: Command = (state, dispatch) => {
  const { from, to, empty } = state.selection;
  if (empty) return false;
  const tr = state.tr;
  for (const type of Object.values(schema.marks)) if (type !== schema.marks.unknown) tr.removeMark(from, to, type);
  if (!tr.docChanged) return false;
  dispatch?.(tr);
  return true;
};

/** A link on the page and the stretch it lies over. */
export interface PlacedLink extends Link {
  /** Where it begins. */
  from: number;
  /** Where it ends. */
  to: number;
  /** Its words. */
  text: string;
}

/** The link that a position is in, or at the edge of. */
export function linkAround($pos: ResolvedPos): PlacedLink | null {
  if ($pos.depth !== 1) return null;
  const { parent } = $pos;
  const { link } = schema.marks;
  const at = parent.childAfter($pos.parentOffset);
  const mark = link.isInSet(at.node?.marks ?? []) ?? link.isInSet($pos.nodeBefore?.marks ?? []);
  if (mark === undefined) return null;
  let first = link.isInSet(at.node?.marks ?? [])?.eq(mark) === true ? at.index : $pos.index() - 1;
  let start = $pos.start(1);
  for (let i = 0; i < first; i++) start += parent.child(i).nodeSize;
  let end = start + parent.child(first).nodeSize;
  let last = first;
  while (first > 0 && mark.isInSet(parent.child(first - 1).marks)) start -= parent.child(--first).nodeSize;
  while (last + 1 < parent.childCount && mark.isInSet(parent.child(last + 1).marks)) {
    end += parent.child(++last).nodeSize;
  }
  const { doc } = $pos;
  return { ...linkIn(mark), from: start, to: end, text: doc.textBetween(start, end, "\n") };
}

/** The link at the caret, or over the beginning of the selection. */
export function linkHere(state: EditorState): PlacedLink | null {
  return linkAround(state.selection.$from);
}

/** Whether words are selected that could be a link, or the caret is in one. */
export function canLink(state: EditorState): boolean {
  if (inCode(state)) return false;
  return (!state.selection.empty && state.selection instanceof TextSelection) || linkHere(state) !== null;
}

/** Makes the selected words a link, or leads the link at the caret elsewhere. */
export function setLink(typed: string, title = ""): Command {
  return (state, dispatch) => {
    const href = addressFrom(typed);
    if (href === null || !canLink(state)) return false;
    if (dispatch) {
      const around = state.selection.empty ? linkHere(state) : null;
      const { from, to } = around ?? state.selection;
      dispatch(state.tr.addMark(from, to, schema.marks.link.create({ value: linkOf(href, title) })));
    }
    return true;
  };
}

/** Takes the link off the selected words, or off all of the one at the caret. */
export const unlink: Command = (state, dispatch) => {
  const around = state.selection.empty ? linkHere(state) : null;
  const { from, to } = around ?? state.selection;
  if (from === to || !state.doc.rangeHasMark(from, to, schema.marks.link)) return false;
  dispatch?.(state.tr.removeMark(from, to, schema.marks.link));
  return true;
};
