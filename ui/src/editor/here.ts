/** Focus mode: the block with the caret is marked, so that the style sheet can take the ink from all others. */
import { Plugin, PluginKey, type EditorState, type Transaction } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { Decoration, DecorationSet } from "prosemirror-view";
import { scrollerOf } from "./scroll";

interface Here {
  on: boolean;
  /** Where the marked block begins; null when none is. */
  pos: number | null;
  drawn: DecorationSet;
}

const key = new PluginKey<Here>("here");
const OFF: Here = { on: false, pos: null, drawn: DecorationSet.empty };

/** Turns focus mode on or off. */
export function setFocusMode(tr: Transaction, on: boolean): Transaction {
  return tr.setMeta(key, on);
}

/** Whether it is on. */
export function inFocusMode(state: EditorState): boolean {
  return key.getState(state)?.on === true;
}

function mark(state: EditorState): Here {
  const { $head } = state.selection;
  const block = $head.depth === 0 ? $head.nodeAfter : $head.node(1);
  const pos = $head.depth === 0 ? $head.pos : $head.before(1);
  if (block === null) return { on: true, pos: null, drawn: DecorationSet.empty };
  return { on: true, pos, drawn: DecorationSet.create(state.doc, [Decoration.node(pos, pos + block.nodeSize, { class: "here" })]) };
}

/** Marks the block. As long as it is the same one the mark only moves along, whatever the page is long. */
export function herePlugin(): Plugin<Here> {
  let kept = false;
  return new Plugin<Here>({
    key,
    state: {
      // A page that is shown anew keeps its manner.
      init: (_config, state) => (kept ? mark(state) : OFF),
      apply: (tr, was, _before, state) => {
        const said = tr.getMeta(key) as boolean | undefined;
        kept = said ?? was.on;
        if (!kept) return OFF;
        if (said === true || was.pos === null) return mark(state);
        const { $head } = state.selection;
        const drawn = tr.docChanged ? was.drawn.map(tr.mapping, tr.doc) : was.drawn;
        const [found] = drawn.find();
        const pos = $head.depth === 0 ? $head.pos : $head.before(1);
        return found?.from === pos && found.to === pos + (state.doc.nodeAt(pos)?.nodeSize ?? 0) ? { on: true, pos, drawn } : mark(state);
      },
    },
    props: {
      decorations: (state) => key.getState(state)?.drawn,
      attributes: (state): Record<string, string> => (inFocusMode(state) ? { class: "focusing" } : {}),
    },
  });
}

/** Typewriter scrolling: the line with the caret comes to the middle. Only what a person does here asks for it. */
export function centreCaret(view: EditorView): boolean {
  const scroller = scrollerOf(view.dom);
  if (scroller === null) return false;
  const caret = view.coordsAtPos(view.state.selection.head);
  const { top, height } = scroller.getBoundingClientRect();
  scroller.scrollTop += (caret.top + caret.bottom) / 2 - (top + height / 2);
  return true;
}
