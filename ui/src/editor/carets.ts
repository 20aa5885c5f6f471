/**
 * Others on the page: their carets, named and coloured, and what they have selected.
 *
 * They are decorations, moved along by every change until the core says anew where everyone is. Assistive technology
 * does not see them (the shell's live region speaks instead); the name fades by itself (`page.css`) and comes back when
 * the caret moves or the pointer is on it. When someone leaves, or is not heard of for 5 s, the core leaves them out.
 */
import type { Node } from "prosemirror-model";
import { Plugin, PluginKey, type EditorState, type Transaction } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";

/** Someone else, and where they are on the page. */
export interface Other {
  /** Tells two carets apart. */
  id: string;
  /** The person's name. */
  name: string;
  /** The person's colour, 1 to 8. */
  colour: number;
  /** The fixed end of what they have selected; null when they are here without a caret. */
  anchor: number | null;
  /** The moving end. */
  head: number | null;
}

interface Carets {
  others: readonly Other[];
  /** How often each one has moved by themselves: a new number draws a new flag, which is then seen again. */
  moves: ReadonlyMap<string, number>;
  drawn: DecorationSet;
}

const key = new PluginKey<Carets>("carets");
const NONE: Carets = { others: [], moves: new Map(), drawn: DecorationSet.empty };

/** Everyone else who is here. */
export function othersIn(state: EditorState): readonly Other[] {
  return key.getState(state)?.others ?? [];
}

/** Says on a transaction where everyone is now. */
export function setOthers(tr: Transaction, others: readonly Other[]): Transaction {
  return tr.setMeta(key, others).setMeta("addToHistory", false);
}

/** Draws the others. */
export function caretsPlugin(): Plugin<Carets> {
  return new Plugin<Carets>({
    key,
    state: {
      init: () => NONE,
      apply: (tr, was) => {
        const said = tr.getMeta(key) as readonly Other[] | undefined;
        if (said !== undefined) return redraw(tr.doc, was, said);
        if (!tr.docChanged || was.others.length === 0) return was;
        const map = (pos: number | null) => (pos === null ? null : tr.mapping.map(pos));
        const others = was.others.map((other) => ({ ...other, anchor: map(other.anchor), head: map(other.head) }));
        const drawn = was.drawn.map(tr.mapping, tr.doc);
        // A caret whose surroundings were deleted would be lost with them: it is drawn anew where they were.
        if (drawn.find(undefined, undefined, isCaret).length === was.drawn.find(undefined, undefined, isCaret).length) {
          return { others, moves: was.moves, drawn };
        }
        return { others, moves: was.moves, drawn: draw(tr.doc, others, was.moves) };
      },
    },
    props: { decorations: (state) => key.getState(state)?.drawn },
  });
}

function isCaret(spec: { caret?: boolean }): boolean {
  return spec.caret === true;
}

function redraw(doc: Node, was: Carets, others: readonly Other[]): Carets {
  const moves = new Map<string, number>();
  for (const { id, head } of others) {
    const before = was.others.find((other) => other.id === id);
    moves.set(id, (was.moves.get(id) ?? 0) + (before?.head === head ? 0 : 1));
  }
  return { others, moves, drawn: draw(doc, others, moves) };
}

function draw(doc: Node, others: readonly Other[], moves: ReadonlyMap<string, number>): DecorationSet {
  const decorations: Decoration[] = [];
  for (const { id, name, colour, anchor, head } of others) {
    if (head === null || head > doc.content.size) continue;
    const author = String(Math.min(8, Math.max(1, Math.round(colour) || 1)));
    const spec = { key: `${id} ${String(moves.get(id) ?? 0)} ${author} ${name}`, caret: true, side: 1, ignoreSelection: true };
    decorations.push(Decoration.widget(head, () => flag(name, author), spec));
    if (anchor === null || anchor === head) continue;
    const [from, to] = [Math.min(anchor, head), Math.max(anchor, head)];
    decorations.push(Decoration.inline(from, to, { class: "sel", "data-author": author }));
  }
  return DecorationSet.create(doc, decorations);
}

function flag(name: string, author: string): HTMLElement {
  const caret = document.createElement("span");
  caret.className = "caret";
  caret.dataset.author = author;
  caret.setAttribute("aria-hidden", "true");
  const label = document.createElement("b");
  label.textContent = name;
  caret.append(label);
  return caret;
}
