/** How much is written, in words. */
import type { Counts } from "../editor/counting";

function counted(count: number, one: string, many: string): string {
  return `${count.toLocaleString("en-GB")} ${count === 1 ? one : many}`;
}

/** “1,204 words, 6,981 characters”, and how many of them are selected. */
export function countLine(counts: Counts, selected: Counts | null): string {
  if (selected === null) return `${counted(counts.words, "word", "words")}, ${counted(counts.characters, "character", "characters")}`;
  const of = (part: number, all: number, one: string, many: string): string => `${part.toLocaleString("en-GB")} of ${counted(all, one, many)}`;
  return `Selected: ${of(selected.words, counts.words, "word", "words")}, ${of(selected.characters, counts.characters, "character", "characters")}`;
}
