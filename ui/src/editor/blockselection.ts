/**
 * Whole blocks as what is selected: one, or several side by side.
 *
 * It stands on the borders of blocks, so everything that works on a selection (copying, deleting, marks, kinds, nesting)
 * works on the blocks as they are, markers and all. What others do inside it stays inside; what they add at its ends
 * stays outside.
 */
import { Fragment, Slice, type Node, type ResolvedPos } from "prosemirror-model";
import { Plugin, Selection, TextSelection, type Command, type EditorState, type SelectionBookmark, type Transaction } from "prosemirror-state";
import { Decoration, DecorationSet, type EditorView } from "prosemirror-view";
import type { Mappable } from "prosemirror-transform";
import { posOfBlock } from "./changed";
import { schema } from "./schema";

/** Blocks, from the border before the first to the border after the last. The head is the end that moves. */
export class BlockSelection extends Selection {
  private constructor($anchor: ResolvedPos, $head: ResolvedPos) {
    super($anchor, $head);
  }

  /** The blocks with these numbers and all between them. */
  static of(doc: Node, anchor: number, head: number): BlockSelection {
    const last = doc.childCount - 1;
    const [a, h] = [anchor, head].map((index) => Math.min(Math.max(index, 0), last)) as [number, number];
    const [from, to] = [posOfBlock(doc, Math.min(a, h)), posOfBlock(doc, Math.max(a, h) + 1)];
    return BlockSelection.between(doc, a <= h ? from : to, a <= h ? to : from);
  }

  /** The blocks between two borders. */
  static between(doc: Node, anchor: number, head: number): BlockSelection {
    return new BlockSelection(doc.resolve(anchor), doc.resolve(head));
  }

  /** The number of the first block. */
  get first(): number {
    return this.$from.index(0);
  }

  /** The number of the last block. */
  get last(): number {
    return this.$to.index(0) - 1;
  }

  /** The number of the block that moves when the selection is extended. */
  get headBlock(): number {
    return this.head > this.anchor ? this.last : this.first;
  }

  /** The number of the block that stays. */
  get anchorBlock(): number {
    return this.head > this.anchor ? this.first : this.last;
  }

  map(doc: Node, mapping: Mappable): Selection {
    return this.getBookmark().map(mapping).resolve(doc);
  }

  override replace(tr: Transaction, content = Slice.empty): void {
    const blocks = wholeBlocks(content.content);
    const fresh = blocks.childCount === 0 && this.from === 0 && this.to === tr.doc.content.size ? Fragment.from(schema.nodes.paragraph.create()) : blocks;
    const { from } = this;
    tr.replace(from, this.to, new Slice(fresh, 0, 0));
    const end = Math.min(from + fresh.size, tr.doc.content.size);
    tr.setSelection(Selection.near(tr.doc.resolve(fresh.size === 0 ? from : end), fresh.size === 0 ? 1 : -1));
  }

  override replaceWith(tr: Transaction, node: Node): void {
    this.replace(tr, new Slice(Fragment.from(node), 0, 0));
  }

  eq(other: Selection): boolean {
    return other instanceof BlockSelection && other.anchor === this.anchor && other.head === this.head;
  }

  toJSON(): { type: string; anchor: number; head: number } {
    return { type: "blocks", anchor: this.anchor, head: this.head };
  }

  static override fromJSON(doc: Node, json: { anchor: number; head: number }): BlockSelection {
    return BlockSelection.between(doc, json.anchor, json.head);
  }

  override getBookmark(): SelectionBookmark {
    return bookmark(this.from + 1, this.to - 1, this.head > this.anchor);
  }
}

BlockSelection.prototype.visible = false;
Selection.jsonID("blocks", BlockSelection);

/**
 * The selection on its way to another page: the first place inside the first block, and the last inside the last. What
 * comes to an end of a block from others is inside it, a block that comes next to it is not.
 */
function bookmark(start: number, end: number, forward: boolean): SelectionBookmark {
  return {
    map: (mapping) => bookmark(mapping.map(start, -1), mapping.map(end, -1), forward),
    resolve: (doc) => {
      const [from, to] = [border(doc, start, -1), border(doc, end, 1)];
      if (from >= to) return Selection.near(doc.resolve(Math.min(from, doc.content.size)));
      return forward ? BlockSelection.between(doc, from, to) : BlockSelection.between(doc, to, from);
    },
  };
}

/** The border at a position: itself, or that of the block it lies in. */
function border(doc: Node, pos: number, side: -1 | 1): number {
  const $pos = doc.resolve(Math.min(pos, doc.content.size));
  if ($pos.depth === 0) return $pos.pos;
  return side === -1 ? $pos.before(1) : $pos.after(1);
}

/** Content as blocks: words without one get a paragraph. */
function wholeBlocks(content: Fragment): Fragment {
  if (content.childCount === 0 || content.firstChild?.isBlock === true) return content;
  return Fragment.from(schema.nodes.paragraph.create(null, content));
}

/** How many blocks are selected as wholes. */
export function chosenIn({ selection }: EditorState): number {
  return selection instanceof BlockSelection ? selection.last - selection.first + 1 : 0;
}

/** Selects the blocks that the selection touches; again, the caret is back in the one that moves. */
export const chooseBlocks: Command = (state, dispatch) => {
  const { selection, doc } = state;
  if (selection instanceof BlockSelection) return intoText(1)(state, dispatch);
  const last = selection.$to.depth === 0 ? selection.$to.index(0) - 1 : selection.$to.index(0);
  const [anchor, head] = selection.anchor <= selection.head ? [selection.$from.index(0), last] : [last, selection.$from.index(0)];
  dispatch?.(state.tr.setSelection(BlockSelection.of(doc, anchor, head)));
  return true;
};

/** Takes one more block to the selection, or one less. */
export function extendBlocks(by: -1 | 1): Command {
  return ({ selection, doc, tr }, dispatch) => {
    if (!(selection instanceof BlockSelection)) return false;
    dispatch?.(tr.setSelection(BlockSelection.of(doc, selection.anchorBlock, selection.headBlock + by)).scrollIntoView());
    return true;
  };
}

/** Goes to the block above or below. */
export function stepBlocks(by: -1 | 1): Command {
  return ({ selection, doc, tr }, dispatch) => {
    if (!(selection instanceof BlockSelection)) return false;
    const to = selection.headBlock + by;
    dispatch?.(tr.setSelection(BlockSelection.of(doc, to, to)).scrollIntoView());
    return true;
  };
}

/** Puts the caret into the block that moves, at its beginning or its end. */
export function intoText(side: -1 | 1): Command {
  return ({ selection, doc, tr }, dispatch) => {
    if (!(selection instanceof BlockSelection)) return false;
    const pos = posOfBlock(doc, selection.headBlock);
    const size = doc.child(selection.headBlock).content.size;
    dispatch?.(tr.setSelection(TextSelection.create(doc, pos + 1 + (side === 1 ? size : 0))).scrollIntoView());
    return true;
  };
}

/** Draws the blocks as selected, and keeps keys that write from replacing them unawares: Enter writes in them. */
export function blockSelectionPlugin(): Plugin {
  return new Plugin({
    props: {
      decorations: ({ doc, selection }) => {
        if (!(selection instanceof BlockSelection)) return null;
        const drawn: Decoration[] = [];
        for (let index = selection.first, pos = selection.from; index <= selection.last; index++) {
          const end = pos + doc.child(index).nodeSize;
          drawn.push(Decoration.node(pos, end, { class: "chosen" }));
          pos = end;
        }
        return DecorationSet.create(doc, drawn);
      },
      handleTextInput: (view) => view.state.selection instanceof BlockSelection,
      handleDOMEvents: {
        // An input method writes into the page itself: it needs a caret there.
        compositionstart: (view: EditorView) => {
          intoText(1)(view.state, view.dispatch.bind(view));
          return false;
        },
      },
    },
  });
}
