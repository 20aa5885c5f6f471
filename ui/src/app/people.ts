/** How persons are drawn: initials, and the names of the eight colours. */

/** The colours, in the order of their numbers from 1. */
export const COLOURS = ["Blue", "Teal", "Green", "Ochre", "Brick", "Rose", "Plum", "Slate"] as const;

/** One or two letters for an avatar. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter((word) => word !== "");
  const letter = (word: string | undefined): string => (word ? (Array.from(word)[0] ?? "") : "");
  const last = words.length > 1 ? words.at(-1) : undefined;
  return (letter(words[0]) + letter(last)).toLocaleUpperCase();
}

/** “Ana”, “Ana and Kofi”, “Ana, Kofi and 2 others”. */
export function nameList(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? "";
  if (names.length === 2) return `${names[0]} and ${names[1]}`;
  if (names.length === 3) return `${names[0]}, ${names[1]} and ${names[2]}`;
  return `${names[0]}, ${names[1]} and ${names.length - 2} others`;
}

/** The name to show for someone whose name may not have arrived yet. */
export function shownName(name: string): string {
  return name.trim() === "" ? "Someone new" : name.trim();
}
