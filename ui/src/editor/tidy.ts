/**
 * Keeps on the page only what the document can hold.
 *
 * A change may leave half of a character (the document's text is whole ones), or a hard break in code, or a newline
 * outside it. Only the nodes a change touched are looked at, and what is put right travels in the same batch.
 */
import { Fragment, type Node } from "prosemirror-model";
import { Plugin, type Transaction } from "prosemirror-state";
import { AttrStep } from "prosemirror-transform";
import { breaksFit, textNodes, wholeText } from "./items";
import { isCode, schema } from "./schema";
import { markStretch, type Stretch } from "./steps";

/** More stretches than this become one that holds them all: each is carried through every step after it. */
const MOST_STRETCHES = 64;

/** Where transactions changed the page, as positions in the page they led to. */
export function touchedBy(transactions: readonly Transaction[]): Stretch[] {
  const found: Stretch[] = [];
  for (const tr of transactions) {
    for (const [i, step] of tr.steps.entries()) {
      const map = step.getMap();
      for (const range of found) {
        range.from = map.map(range.from, -1);
        range.to = map.map(range.to, 1);
      }
      const marked = markStretch(step);
      if (marked !== null) found.push(marked);
      else if (step instanceof AttrStep) found.push({ from: step.pos, to: step.pos + 1 });
      else tr.mapping.maps[i]?.forEach((_from, _to, from, to) => found.push({ from, to }));
      if (found.length > MOST_STRETCHES) found.splice(0, found.length, around(found));
    }
  }
  return found;
}

function around(stretches: readonly Stretch[]): Stretch {
  const whole = { from: Infinity, to: 0 };
  for (const { from, to } of stretches) {
    whole.from = Math.min(whole.from, from);
    whole.to = Math.max(whole.to, to);
  }
  return whole;
}

/** Puts line ends right in the block at a position, each where it stands: nothing else moves, the caret neither. */
export function fitBreaks(tr: Transaction, pos: number): void {
  const block = tr.doc.nodeAt(pos);
  if (block === null || breaksFit(block)) return;
  const code = isCode(block);
  block.forEach((node, offset) => {
    const text = node.type === schema.nodes.hard_break ? "\n" : node.text;
    if (text === undefined || (code && node.isText)) return;
    const from = pos + 1 + offset;
    for (let i = text.indexOf("\n"); i !== -1; i = text.indexOf("\n", i + 1)) {
      tr.replaceWith(from + i, from + i + 1, Fragment.fromArray(textNodes("\n", node.marks, code)));
    }
  });
}

/** Tidies after every change a person makes. */
export function tidyPlugin(isRemote: (tr: Transaction) => boolean): Plugin {
  return new Plugin({
    appendTransaction: (transactions, _before, state) => {
      const own = transactions.filter((tr) => tr.docChanged);
      if (own.length === 0 || own.some(isRemote)) return null;
      const tr = state.tr;
      const blocks = new Map<number, Node>();
      for (const { from, to } of touchedBy(own)) {
        const [start, end] = [Math.max(0, from - 1), Math.min(state.doc.content.size, to + 1)];
        state.doc.nodesBetween(start, end, (node, pos) => {
          if (node.isBlock) blocks.set(pos, node);
          else if (node.text !== undefined && wholeText(node.text) !== node.text) {
            // As long as it was: positions after it stay where they are.
            tr.replaceWith(pos, pos + node.nodeSize, schema.text(wholeText(node.text), node.marks));
          }
        });
      }
      for (const pos of blocks.keys()) fitBreaks(tr, pos);
      return tr.docChanged ? tr : null;
    },
  });
}
