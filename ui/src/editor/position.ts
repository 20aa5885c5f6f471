/**
 * The map between a ProseMirror position and an index in the document.
 *
 * Each block costs ProseMirror two places more than its content (its opening and its end), and the document one (its
 * marker). So before block `k` there are `k` ends that the document does not count, and *index = position - k*. A
 * document whose first block has no marker (a *bare* one, see `bare.ts`) has one place less in front.
 *
 * Finding `k` passes over the row of blocks, as ProseMirror itself does for every position it resolves; nothing here
 * looks inside a block.
 */
import type { Node } from "prosemirror-model";

/** The index of a position: inside a block, or at the border before one (where its marker stands). */
export function indexOf(doc: Node, pos: number, bare: boolean): number {
  return Math.max(0, pos - doc.resolve(pos).index(0) - (bare ? 1 : 0));
}

/**
 * The position of an index, inside a block wherever there is one: an index that a marker stands at is the end of the
 * block before it. Only index 0 of a document that begins with a marker is outside, at position 0.
 */
export function posOf(doc: Node, index: number, bare: boolean): number {
  let marker = bare ? -1 : 0;
  let start = 0;
  for (let k = 0; k < doc.childCount; k++) {
    const { size } = doc.child(k).content;
    if (index <= marker + 1 + size) {
      if (index < 0) break;
      return start + (index - marker);
    }
    marker += 1 + size;
    start += 2 + size;
  }
  throw new RangeError(`No place ${String(index)} in a document of ${String(lengthOf(doc, bare))}`);
}

/** The position of the block whose marker stands at an index; null when no marker does. */
export function markerAt(doc: Node, index: number, bare: boolean): number | null {
  let marker = bare ? -1 : 0;
  let start = 0;
  for (let k = 0; k < doc.childCount && marker <= index; k++) {
    if (marker === index) return start;
    const { size } = doc.child(k).content;
    marker += 1 + size;
    start += 2 + size;
  }
  return null;
}

/** How many places the document has. */
export function lengthOf(doc: Node, bare: boolean): number {
  return doc.content.size - doc.childCount - (bare ? 1 : 0);
}
