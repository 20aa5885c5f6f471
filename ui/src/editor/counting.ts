/**
 * How many words and characters there are, as a sum over blocks that each change corrects by the blocks it touched.
 *
 * A word is what stands between spaces and has a letter or a digit in it; where writing has no spaces (Chinese, Japanese),
 * each sign is a word, as elsewhere. Characters are whole ones, spaces among them; the ends of lines are not.
 */
import type { Node } from "prosemirror-model";
import { Plugin, PluginKey, type EditorState, type Transaction } from "prosemirror-state";
import { changedBlocks } from "./changed";

/** How much is written. */
export interface Counts {
  words: number;
  characters: number;
}

const key = new PluginKey<Counts>("counts");
const NOTHING: Counts = { words: 0, characters: 0 };
const SIGN = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}";
/** One sign that is a word, or a run of what is not space. */
const RUN = new RegExp(`[${SIGN}]|[^\\s${SIGN}\\ufffc]+`, "gu");
const OF_A_WORD = /[\p{L}\p{N}]/u;
const remembered = new WeakMap<Node, Counts>();

/** Counts in plain text. */
export function countText(text: string): Counts {
  let words = 0;
  for (const [run] of text.matchAll(RUN)) if (OF_A_WORD.test(run)) words++;
  let characters = 0;
  for (const sign of text) if (sign !== "\n" && sign !== "\ufffc") characters++;
  return { words, characters };
}

/** Counts in a block, once for as long as it stays as it is. */
function countBlock(block: Node): Counts {
  let counts = remembered.get(block);
  if (counts === undefined) {
    counts = countText(block.textBetween(0, block.content.size, undefined, (leaf) => (leaf.type.spec.leafText?.(leaf) ?? "\ufffc")));
    remembered.set(block, counts);
  }
  return counts;
}

function countRow(doc: Node, first: number, end: number): Counts {
  const sum = { ...NOTHING };
  for (let i = first; i < end; i++) {
    const { words, characters } = countBlock(doc.child(i));
    sum.words += words;
    sum.characters += characters;
  }
  return sum;
}

function follow(tr: Transaction, was: Counts): Counts {
  const changed = changedBlocks(tr);
  if (changed === null) return was;
  const gone = countRow(tr.before, changed.first, changed.oldEnd);
  const come = countRow(tr.doc, changed.first, changed.newEnd);
  const words = was.words + come.words - gone.words;
  const characters = was.characters + come.characters - gone.characters;
  return words === was.words && characters === was.characters ? was : { words, characters };
}

/** Keeps the counts of the page. */
export function countsPlugin(): Plugin<Counts> {
  return new Plugin<Counts>({
    key,
    state: { init: (_config, { doc }) => countRow(doc, 0, doc.childCount), apply: follow },
  });
}

/** How much is written on the page. */
export function countsIn(state: EditorState): Counts {
  return key.getState(state) ?? NOTHING;
}

/** How much is selected: whole blocks from memory, the two ends anew; null when nothing is. */
export function countSelected({ doc, selection }: EditorState): Counts | null {
  if (selection.empty) return null;
  const sum = { ...NOTHING };
  selection.content().content.forEach((part, _offset, index) => {
    const at = selection.$from.index(0) + index;
    const whole = at < doc.childCount && doc.child(at).eq(part) ? doc.child(at) : part;
    const { words, characters } = whole.isText ? countText(whole.text ?? "") : countBlock(whole);
    sum.words += words;
    sum.characters += characters;
  });
  return sum;
}
