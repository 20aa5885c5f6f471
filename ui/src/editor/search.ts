/**
 * Finding words in a block: a query is read once, and each block is searched once, for as long as it stays as it is.
 *
 * Blocks never change, they are replaced (that is how ProseMirror keeps a page), so what was found in one is remembered
 * beside it. Places are counted in UTF-16 units, as on the page: a break and an embed are one unit each, so a place in
 * the words is a place in the block.
 */
import type { Node } from "prosemirror-model";

/** What is looked for. It is taken as it is written: there are no signs with a meaning of their own. */
export interface Query {
  /** The words. */
  text: string;
  /** Whether capitals count. */
  matchCase: boolean;
  /** Whether only whole words count. */
  wholeWord: boolean;
}

/** A longer query is cut: nobody looks for a page in a page. */
export const LONGEST_QUERY = 1_000;

const OF_A_WORD = /[\p{L}\p{M}\p{N}_]/u;

/** Lower case, unit for unit, so that places in it are places in the original. */
function fold(text: string): string {
  const lower = text.toLowerCase();
  if (lower.length === text.length) return lower;
  let folded = "";
  for (const sign of text) {
    const small = sign.toLowerCase();
    folded += small.length === sign.length ? small : sign;
  }
  return folded;
}

/** The words of a block as they are searched. */
function wordsOf(block: Node): string {
  return block.textBetween(0, block.content.size, undefined, (leaf) => leaf.type.spec.leafText?.(leaf) ?? "\ufffc");
}

function joinsWords(text: string, at: number): boolean {
  const before = String.fromCodePoint(text.codePointAt(at - (isLow(text.charCodeAt(at - 1)) ? 2 : 1)) ?? 0);
  const after = String.fromCodePoint(text.codePointAt(at) ?? 0);
  return OF_A_WORD.test(before) && OF_A_WORD.test(after);
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** Finds one query in blocks. */
export class Searcher {
  /** How many blocks were read, as against remembered: what a key costs. */
  scanned = 0;
  /** How long a match is, in units. */
  readonly length: number;
  private readonly wanted: string;
  private readonly found = new WeakMap<Node, readonly number[]>();

  constructor(readonly query: Query) {
    const text = query.text.slice(0, LONGEST_QUERY);
    this.wanted = query.matchCase ? text : fold(text);
    this.length = this.wanted.length;
  }

  /** Where the matches in a block begin, in order, none over another. */
  inBlock(block: Node): readonly number[] {
    let places = this.found.get(block);
    if (places === undefined) {
      places = this.search(wordsOf(block));
      this.found.set(block, places);
      this.scanned++;
    }
    return places;
  }

  private search(words: string): number[] {
    const places: number[] = [];
    if (this.length === 0 || words.length < this.length) return places;
    const text = this.query.matchCase ? words : fold(words);
    for (let at = text.indexOf(this.wanted); at !== -1; ) {
      const taken = this.isWhole(words, at);
      if (taken) places.push(at);
      at = text.indexOf(this.wanted, taken ? at + this.length : at + 1);
    }
    return places;
  }

  private isWhole(words: string, at: number): boolean {
    const end = at + this.length;
    // A match never takes half of a character.
    if (isSplit(words, at) || isSplit(words, end)) return false;
    if (!this.query.wholeWord) return true;
    return !(at > 0 && joinsWords(words, at)) && !(end < words.length && joinsWords(words, end));
  }
}

function isSplit(text: string, at: number): boolean {
  return /[\ud800-\udbff]/.test(text.charAt(at - 1)) && isLow(text.charCodeAt(at));
}

/** Whether what was written looks like a regular expression, which is then looked for as it is written. */
export function looksLikePattern(text: string): boolean {
  return /^\/.+\/[a-z]*$/.test(text) || /\\[bdswDSW]|\(\?|\[[^\]]+\][+*?]|\.\*|\.\+/.test(text);
}
