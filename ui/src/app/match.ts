/** Finding by a few letters: which titles a query fits, how well, and which letters to show bold. */

/** A fit: higher is better; the ranges are half open, in UTF-16 units of the label. */
export interface Match {
  score: number;
  ranges: Array<[number, number]>;
}

/** Lower case without accents, one unit for one unit, so that places in it are places in the original. */
function fold(text: string): string {
  let folded = "";
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charAt(i);
    const plain = unit.normalize("NFD").charAt(0).toLowerCase();
    folded += plain.length === 1 ? plain : unit;
  }
  return folded;
}

/** How `query` fits `label`; null if it does not. Every word of the query must be found. */
export function match(query: string, label: string): Match | null {
  const words = fold(query).split(/\s+/u).filter((word) => word !== "");
  const text = fold(label);
  const ranges: Array<[number, number]> = [];
  let score = 0;
  for (const word of words) {
    const found = findWord(text, word) ?? findSpread(text, word);
    if (!found) return null;
    score += found.score;
    ranges.push(...found.ranges);
  }
  return { score: score - label.length / 1000, ranges: merge(ranges) };
}

function findWord(text: string, word: string): Match | null {
  let best: Match | null = null;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const starts = at === 0 || /[\s\p{P}]/u.test(text.charAt(at - 1));
    const score = at === 0 ? 4 : starts ? 3 : 2;
    if (!best || score > best.score) best = { score, ranges: [[at, at + word.length]] };
    if (score === 4) break;
  }
  return best;
}

function findSpread(text: string, word: string): Match | null {
  if (word.length < 3) return null;
  const ranges: Array<[number, number]> = [];
  let from = 0;
  for (const unit of word) {
    const at = text.indexOf(unit, from);
    // Letters far apart are chance, not intent.
    if (at < 0 || (ranges.length > 0 && at - from > 8)) return null;
    ranges.push([at, at + unit.length]);
    from = at + unit.length;
  }
  return { score: 1, ranges };
}

function merge(ranges: Array<[number, number]>): Array<[number, number]> {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const merged: Array<[number, number]> = [];
  for (const [from, to] of sorted) {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** The label cut at the ranges, for drawing. */
export function pieces(label: string, ranges: ReadonlyArray<readonly [number, number]>): Array<{ text: string; bold: boolean }> {
  const parts: Array<{ text: string; bold: boolean }> = [];
  let at = 0;
  for (const [from, to] of ranges) {
    if (from > at) parts.push({ text: label.slice(at, from), bold: false });
    parts.push({ text: label.slice(from, to), bold: true });
    at = to;
  }
  if (at < label.length) parts.push({ text: label.slice(at), bold: false });
  return parts;
}
