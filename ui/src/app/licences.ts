/** What the app is made of, put in order for reading. Pure. */
import type { Part } from "../core/types/Part";

/** Parts under one licence. */
export interface Group {
  licence: string;
  parts: Part[];
}

/** The parts by licence: the licence of most of them first. “A OR B” and “B OR A” are one. */
export function byLicence(parts: readonly Part[]): Group[] {
  const groups = new Map<string, Part[]>();
  for (const part of parts) {
    // Only a plain choice may change its order: brackets and “AND” bind it.
    const plain = !/[()]| AND /u.test(part.licence);
    const licence = plain ? part.licence.split(" OR ").sort().join(" OR ") : part.licence;
    const group = groups.get(licence);
    if (group) group.push(part);
    else groups.set(licence, [part]);
  }
  return [...groups]
    .map(([licence, under]) => ({ licence, parts: under }))
    .sort((a, b) => b.parts.length - a.parts.length || a.licence.localeCompare(b.licence));
}
