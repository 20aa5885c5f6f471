/** What the search says. */
import type { Found } from "../editor/finder";
import { MOST_REPLACED } from "../editor/replace";

function number(count: number): string {
  return count.toLocaleString("en-GB");
}

/** How many matches there are, and which one this is. */
export function foundLine(found: Found | null, text: string): string {
  if (found === null || text === "") return "";
  if (found.total === 0) return "Not found";
  if (found.ordinal === null) return found.total === 1 ? "1 match" : `${number(found.total)} matches`;
  return `${number(found.ordinal)} of ${number(found.total)}`;
}

/** What was replaced. */
export function replacedLine(replaced: number, total: number): string {
  if (replaced === 0) return "Nothing was replaced.";
  if (total > replaced) return `The first ${number(MOST_REPLACED)} were replaced, of ${number(total)}.`;
  return replaced === 1 ? "1 match was replaced." : `${number(replaced)} matches were replaced.`;
}
