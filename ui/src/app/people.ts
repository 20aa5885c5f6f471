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

/** Someone who is here now. */
export interface Here {
  /** Tells two persons apart. */
  key: string;
  name: string;
  colour: number;
  /** Their caret, if they have one on this page. */
  caret: string | null;
}

/** Who is here, each person once: those whom the node names, and those whose carets are on the page. */
export function whoIsHere(
  present: ReadonlyArray<{ person: string; name: string; colour: number }>,
  carets: ReadonlyArray<{ id: string; name: string; colour: number; head: number | null }>,
): Here[] {
  const look = (each: { name: string; colour: number }): string => `${each.colour} ${each.name}`;
  const here = new Map<string, Here>();
  for (const { person, name, colour } of present) here.set(look({ name, colour }), { key: person, name, colour, caret: null });
  for (const { id, name, colour, head } of carets) {
    const known = here.get(look({ name, colour }));
    const caret = head === null ? null : id;
    if (!known) here.set(look({ name, colour }), { key: id, name, colour, caret });
    else known.caret ??= caret;
  }
  return [...here.values()];
}
