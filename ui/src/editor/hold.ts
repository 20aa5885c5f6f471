/**
 * Input that is queued while the core catches up (W8), for a quarter of a second at most.
 *
 * Keys are queued as keys and played again in order on the page as it is then, so each does what the person meant by it.
 * What cannot be played again (a paste, a click, an input method) lets everything go first.
 */
import { Plugin, type EditorState, type Transaction } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";

/** What the queue needs of the session. */
export interface HoldTarget {
  /** Whether input is to be queued now. */
  holding(): boolean;
  /** Ends the hold; the queue is then played. */
  release(): void;
}

/** The keys that wait. */
export class HeldInput {
  private queue: KeyboardEvent[] = [];

  constructor(private readonly target: HoldTarget) {}

  /** Takes keys before anything else does. */
  plugin(): Plugin {
    const letGo = () => {
      if (this.target.holding()) this.target.release();
      return false;
    };
    return new Plugin({
      props: {
        handleDOMEvents: {
          keydown: (view, event) => {
            if (!this.target.holding() || event.target !== view.dom) return false;
            if (/^(Shift|Control|Alt|Meta|CapsLock|AltGraph)$/.test(event.key)) return false;
            if (view.composing || event.isComposing || event.keyCode === 229 || !canReplay(event)) return letGo();
            event.preventDefault();
            this.queue.push(event);
            return true;
          },
          compositionstart: letGo,
          beforeinput: letGo,
          mousedown: letGo,
          touchstart: letGo,
          paste: letGo,
          cut: letGo,
          drop: letGo,
          blur: letGo,
        },
      },
    });
  }

  /** Plays what waits. */
  play(view: EditorView): void {
    const { queue } = this;
    this.queue = [];
    for (const event of queue) replay(view, event);
  }
}

const MOVES: Readonly<Record<string, [direction: "backward" | "forward", by: "character" | "line" | "lineboundary"]>> = {
  ArrowLeft: ["backward", "character"],
  ArrowRight: ["forward", "character"],
  ArrowUp: ["backward", "line"],
  ArrowDown: ["forward", "line"],
  Home: ["backward", "lineboundary"],
  End: ["forward", "lineboundary"],
};

const bare = ({ ctrlKey, metaKey, altKey }: KeyboardEvent) => !ctrlKey && !metaKey && !altKey;

/** Whether a key can be played later: it writes, it moves, or it is one of the editor's own. */
function canReplay(event: KeyboardEvent): boolean {
  if (event.key.length === 1 || event.key === "Enter" || event.key === "Tab" || event.key === "Escape") {
    // The clipboard's own events cannot be made up.
    return bare(event) || !/^[cvx]$/i.test(event.key);
  }
  return bare(event) && (event.key === "Backspace" || event.key === "Delete" || event.key in MOVES);
}

function replay(view: EditorView, event: KeyboardEvent): void {
  if (view.someProp("handleKeyDown", (handle) => handle(view, event)) === true) return;
  const move = MOVES[event.key];
  if (event.key.length === 1 && bare(event)) type(view, event.key);
  else if (event.key === "Backspace" || event.key === "Delete") view.dispatch(erase(view.state, event.key === "Delete"));
  else if (move !== undefined) {
    const selection = view.dom.ownerDocument.getSelection();
    // PM reads where the browser's selection is after `selectionchange`.
    selection?.modify(event.shiftKey ? "extend" : "move", move[0], move[1]);
  }
}

function type(view: EditorView, text: string): void {
  const { from, to } = view.state.selection;
  const plain = () => view.state.tr.insertText(text, from, to).scrollIntoView();
  if (view.someProp("handleTextInput", (handle) => handle(view, from, to, text, plain)) !== true) view.dispatch(plain());
}

/** Takes out the character before or after the caret, whole: an accent goes with its letter, an emoji in one piece. */
function erase(state: EditorState, forward: boolean): Transaction {
  const { empty, $from } = state.selection;
  if (!empty) return state.tr.deleteSelection();
  const offset = $from.parentOffset;
  const text = $from.parent.textBetween(0, $from.parent.content.size, undefined, "\ufffc");
  const parts = [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(forward ? text.slice(offset) : text.slice(0, offset))];
  const length = (forward ? parts[0] : parts.at(-1))?.segment.length ?? 0;
  if (length === 0) return state.tr;
  return forward ? state.tr.delete($from.pos, $from.pos + length) : state.tr.delete($from.pos - length, $from.pos);
}
