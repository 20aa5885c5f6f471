/** Work that was set aside (A6), in the words of the window. */
import type { SetAside } from "../core/types/SetAside";
import { nameList, shownName } from "./people";
import { counted } from "./words";

/** What the person has not put away yet. */
export function toLookAt(all: readonly SetAside[], away: readonly string[]): SetAside[] {
  return all.filter((each) => !away.includes(each.id));
}

/** “Kofi and Ana wrote 40 words here that do not count.” */
export function asideLine(pieces: readonly SetAside[]): string {
  const names = [...new Set(pieces.map((each) => shownName(each.name)))];
  const words = pieces.reduce((sum, each) => sum + each.words, 0);
  const what = words === 0 ? "made changes" : `wrote ${counted(words, "word", "words")}`;
  return `${nameList(names)} ${what} here after their right to write had ended.`;
}

/** As many ids of what was put away as are remembered; the newest stay. */
export const MOST_AWAY = 500;

/** Remembers one more. */
export function putAway(away: readonly string[], id: string): string[] {
  return [...away.filter((each) => each !== id), id].slice(-MOST_AWAY);
}
