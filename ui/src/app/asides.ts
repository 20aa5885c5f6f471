/** Work that was set aside (A6), in the words of the window. */
import type { SetAside } from "../core/types/SetAside";
import { nameList, shownName } from "./people";
import { counted } from "./words";

/** What the person has not put away yet. */
export function toLookAt(all: readonly SetAside[], away: readonly string[]): SetAside[] {
  return all.filter((each) => !away.includes(each.id));
}

/** “Kofi and you wrote 40 words here that do not count.” Why they do not, each piece says itself. */
export function asideLine(pieces: readonly SetAside[], me: string): string {
  const names = [...new Set(pieces.map((each) => (each.person === me ? "you" : shownName(each.name))))];
  // One's own last: the others are the news.
  const list = nameList(names.sort((a, b) => Number(a === "you") - Number(b === "you")));
  const words = pieces.reduce((sum, each) => sum + each.words, 0);
  const what = words === 0 ? "made changes" : `wrote ${counted(words, "word", "words")}`;
  return `${list.charAt(0).toLocaleUpperCase()}${list.slice(1)} ${what} here that do not count.`;
}

/** As many ids of what was put away as are remembered; the newest stay. */
export const MOST_AWAY = 500;

/** Remembers one more. */
export function putAway(away: readonly string[], id: string): string[] {
  return [...away.filter((each) => each !== id), id].slice(-MOST_AWAY);
}
