/** A passphrase before it is set: what is wrong with it, as a sentence. Pure. */

/** Fewer letters than this are guessed in no time. */
export const SHORTEST = 8;

/** What keeps a passphrase from being set; null if nothing does. */
export function whatIsWrong(fresh: string, again: string): { field: "fresh" | "again"; says: string } | null {
  if ([...fresh].length < SHORTEST) {
    return { field: "fresh", says: `Use at least ${SHORTEST} letters. Four words that have nothing to do with each other are good.` };
  }
  if (fresh.trim() !== fresh) return { field: "fresh", says: "It begins or ends with a space, which is easily forgotten." };
  if (fresh !== again) return { field: "again", says: "This is not the same as above." };
  return null;
}
