/**
 * Moving blocks: with what is nested under them, by key over their neighbour, or by hand to anywhere.
 *
 * What is moved is taken out and put in again; everything it is moved over stays as it is, and so does what others write
 * there meanwhile.
 */
import { TextSelection, type Command, type EditorState, type Transaction } from "prosemirror-state";
import { endOfNest, nests } from "./blocks";
import { BlockSelection } from "./blockselection";
import { posOfBlock } from "./changed";
import { blockAttrs } from "./schema";

/** Some blocks, side by side. */
interface Row {
  first: number;
  end: number;
}

/** Puts blocks before the one with a number that is not among them. */
function move(state: EditorState, { first, end }: Row, target: number): Transaction {
  const [from, to, at] = [posOfBlock(state.doc, first), posOfBlock(state.doc, end), posOfBlock(state.doc, target)];
  const moved = state.doc.slice(from, to).content;
  const { tr, selection } = state;
  // In first, out second: the page is never without a block.
  tr.insert(at, moved);
  const start = tr.mapping.map(from);
  tr.delete(start, start + moved.size);
  const by = (target < first ? at : at - (to - from)) - from;
  const [anchor, head] = [selection.anchor + by, selection.head + by];
  if (selection instanceof TextSelection) tr.setSelection(TextSelection.create(tr.doc, anchor, head));
  else if (selection instanceof BlockSelection) tr.setSelection(BlockSelection.between(tr.doc, anchor, head));
  return tr.scrollIntoView();
}

/** Moves the selected blocks, with what is nested under them, over the one before (-1) or after (1). */
export function moveBlocks(direction: -1 | 1): Command {
  return (state, dispatch) => {
    const range = nests(state);
    if (range === null) return false;
    const depth = blockAttrs(state.doc.child(range.first)).parents.length;
    let target: number;
    if (direction === -1) {
      target = range.first - 1;
      while (target > 0 && blockAttrs(state.doc.child(target)).parents.length > depth) target--;
      if (target < 0) return false;
    } else {
      if (range.end >= state.doc.childCount) return false;
      target = endOfNest(state.doc, range.end);
    }
    dispatch?.(move(state, range, target));
    return true;
  };
}

/** Moves the selected blocks, with what is nested under them, to stand before the block with a number. */
export function moveBlocksTo(target: number): Command {
  return (state, dispatch) => {
    const range = nests(state);
    if (range === null || target < 0 || target > state.doc.childCount) return false;
    if (target >= range.first && target <= range.end) return false;
    dispatch?.(move(state, range, target));
    return true;
  };
}
