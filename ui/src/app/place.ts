/** Where something small goes beside some words: below them, above only where there is no room, never over them. */

/** A box on the screen. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** How far it stays from the words, and from every edge. */
const GAP = 4;
const EDGE = 8;

/**
 * The left upper corner for something of this size at these words, inside these bounds. Null when the words themselves
 * are out of sight.
 */
export function placeAt(words: Box, size: { width: number; height: number }, bounds: Box): { left: number; top: number } | null {
  if (words.bottom < bounds.top || words.top > bounds.bottom) return null;
  const left = Math.max(bounds.left + EDGE, Math.min(words.left, bounds.right - size.width - EDGE));
  const below = words.bottom + GAP;
  if (below + size.height <= bounds.bottom - EDGE) return { left, top: below };
  const above = words.top - GAP - size.height;
  if (above >= bounds.top + EDGE) return { left, top: above };
  // The words fill the view: at its foot, where they are least likely to be read first.
  return { left, top: Math.max(bounds.top + EDGE, bounds.bottom - size.height - EDGE) };
}
