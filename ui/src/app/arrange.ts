/**
 * Where a document goes when its row is dragged, or moved by a key. Pure: what comes out is what the node is asked to do.
 */
import type { DocumentInfo } from "../core/types/DocumentInfo";
import type { Row } from "./tree";

/** A place in the tree of a space: under which document (null: at the top), and before which of those there (null: last). */
export interface Spot {
  under: string | null;
  before: string | null;
}

/** Which part of a row something is held over. */
export type Part = "before" | "in" | "after";

/** One step by a key: past a neighbour, under the one before, or out from under its parent. */
export type Step = "up" | "down" | "in" | "out";

/** The documents of one space that are under the same one, in order. */
function siblings(documents: readonly DocumentInfo[], parent: string | null): DocumentInfo[] {
  return documents.filter((document) => document.parent === parent);
}

/** Whether `id` is `above`, or is under it. */
function isWithin(documents: readonly DocumentInfo[], id: string | null, above: string): boolean {
  const parents = new Map(documents.map((document) => [document.id, document.parent]));
  for (let at = id, left = documents.length; at !== null && left >= 0; at = parents.get(at) ?? null, left -= 1) {
    if (at === above) return true;
  }
  return false;
}

/** Where `moved` goes when it is let go over a row; null if it cannot go there, or is there. */
export function dropped(documents: readonly DocumentInfo[], moved: DocumentInfo, over: Row, part: Part): Spot | null {
  if (over.kind === "none") return null;
  const space = over.kind === "space" ? over.id : over.space;
  if (space !== moved.space) return null;
  const spot = over.kind === "space" ? { under: null, before: siblings(documents, null)[0]?.id ?? null } : beside(documents, over, part);
  if (spot.before === moved.id || isWithin(documents, spot.under, moved.id)) return null;
  return isThere(documents, moved, spot) ? null : spot;
}

function beside(documents: readonly DocumentInfo[], over: Row & { kind: "document" }, part: Part): Spot {
  if (part === "before") return { under: over.parent, before: over.id };
  if (part === "in") return { under: over.id, before: null };
  // Below a row whose documents are shown is before the first of them.
  if (over.open) return { under: over.id, before: siblings(documents, over.id)[0]?.id ?? null };
  const row = siblings(documents, over.parent);
  return { under: over.parent, before: row[row.findIndex((each) => each.id === over.id) + 1]?.id ?? null };
}

function isThere(documents: readonly DocumentInfo[], moved: DocumentInfo, spot: Spot): boolean {
  if (moved.parent !== spot.under) return false;
  const row = siblings(documents, moved.parent);
  return (row[row.findIndex((each) => each.id === moved.id) + 1]?.id ?? null) === spot.before;
}

/** Where a document goes by one step; null if there is no such step. */
export function stepped(documents: readonly DocumentInfo[], moved: DocumentInfo, step: Step): Spot | null {
  const row = siblings(documents, moved.parent);
  const at = row.findIndex((each) => each.id === moved.id);
  const before = row[at - 1];
  switch (step) {
    case "up":
      return before ? { under: moved.parent, before: before.id } : null;
    case "down":
      return row[at + 1] ? { under: moved.parent, before: row[at + 2]?.id ?? null } : null;
    case "in":
      return before ? { under: before.id, before: null } : null;
    case "out": {
      const parent = documents.find((each) => each.id === moved.parent);
      if (!parent) return null;
      const above = siblings(documents, parent.parent);
      return { under: parent.parent, before: above[above.findIndex((each) => each.id === parent.id) + 1]?.id ?? null };
    }
  }
}

/** The step that a key asks for in the tree; null for any other key. */
export function stepOf(event: Pick<KeyboardEvent, "key" | "altKey" | "shiftKey" | "ctrlKey" | "metaKey">, mac: boolean, rtl: boolean): Step | null {
  const held = mac ? event.ctrlKey && event.metaKey && !event.altKey : event.altKey && event.shiftKey && !event.ctrlKey && !event.metaKey;
  if (!held) return null;
  switch (event.key) {
    case "ArrowUp":
      return "up";
    case "ArrowDown":
      return "down";
    case "ArrowRight":
      return rtl ? "out" : "in";
    case "ArrowLeft":
      return rtl ? "in" : "out";
    default:
      return null;
  }
}
