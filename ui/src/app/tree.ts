/**
 * The library as a tree: spaces, and the documents in them, as the rows that are visible, in order. Pure, so that what
 * an arrow key does can be tested without a screen.
 */
import type { DocumentInfo } from "../core/types/DocumentInfo";
import type { SpaceInfo } from "../core/types/SpaceInfo";

/** A visible row. */
export type Row =
  | { kind: "space"; id: string; label: string; level: 1; open: boolean; space: SpaceInfo; at: number; of: number }
  | {
      kind: "document";
      id: string;
      label: string;
      level: number;
      space: string;
      /** The document it is under; null at the top of its space. */
      parent: string | null;
      /** Whether those under it are shown; null if there are none. */
      open: boolean | null;
      document: DocumentInfo;
      at: number;
      of: number;
    }
  | { kind: "none"; id: string; label: string; level: 2; space: string };

/** What a key asks for. */
export type Move =
  | { do: "focus"; id: string }
  | { do: "open"; id: string }
  | { do: "close"; id: string }
  | { do: "choose"; id: string };

/** The name of a space on screen. */
export function spaceLabel(space: SpaceInfo): string {
  if (space.name !== "") return space.name;
  return space.private ? "Private" : "Arriving…";
}

/** The title of a document on screen. */
export function documentLabel(document: Pick<DocumentInfo, "title">): string {
  const title = document.title.trim();
  return title === "" ? "Untitled" : title;
}

/** Shared spaces by name, the private one last. */
export function inOrder(spaces: readonly SpaceInfo[]): SpaceInfo[] {
  return [...spaces].sort(
    (a, b) =>
      Number(a.private) - Number(b.private) ||
      spaceLabel(a).localeCompare(spaceLabel(b)) ||
      (a.id < b.id ? -1 : Number(a.id > b.id)),
  );
}

/** The rows to show. */
export function rows(
  spaces: readonly SpaceInfo[],
  documents: ReadonlyMap<string, readonly DocumentInfo[]>,
  closed: ReadonlySet<string>,
): Row[] {
  const list: Row[] = [];
  const ordered = inOrder(spaces);
  ordered.forEach((space, index) => {
    const open = !closed.has(space.id);
    list.push({
      kind: "space",
      id: space.id,
      label: spaceLabel(space),
      level: 1,
      open,
      space,
      at: index + 1,
      of: ordered.length,
    });
    if (!open) return;
    const inside = documents.get(space.id);
    if (!inside) return;
    if (inside.length === 0) {
      list.push({ kind: "none", id: `${space.id}/none`, label: "Nothing here yet", level: 2, space: space.id });
      return;
    }
    const under = new Map<string | null, DocumentInfo[]>();
    for (const document of inside) under.set(document.parent, [...(under.get(document.parent) ?? []), document]);
    const add = (parent: string | null, level: number): void => {
      const siblings = under.get(parent) ?? [];
      siblings.forEach((document, at) => {
        const unfolded = under.has(document.id) ? !closed.has(document.id) : null;
        const label = documentLabel(document);
        const row = { kind: "document", id: document.id, label, level, space: space.id, parent, open: unfolded } as const;
        list.push({ ...row, document, at: at + 1, of: siblings.length });
        if (unfolded) add(document.id, level + 1);
      });
    };
    add(null, 2);
  });
  return list;
}

/** What `key` does while the row `focused` has the focus; null if the tree has no use for it. */
export function move(list: readonly Row[], focused: string, key: string, rtl = false): Move | null {
  const stops = list.filter((row) => row.kind !== "none");
  const at = stops.findIndex((row) => row.id === focused);
  const row = stops[at];
  if (!row) return null;
  const focus = (to: Row | undefined): Move | null => (to && to.id !== focused ? { do: "focus", id: to.id } : null);
  const inwards = rtl ? "ArrowLeft" : "ArrowRight";
  const outwards = rtl ? "ArrowRight" : "ArrowLeft";
  switch (key) {
    case "ArrowDown":
      return focus(stops[at + 1]);
    case "ArrowUp":
      return focus(stops[at - 1]);
    case "Home":
      return focus(stops[0]);
    case "End":
      return focus(stops.at(-1));
    case inwards:
      if (row.open === null) return null;
      if (!row.open) return { do: "open", id: row.id };
      return (stops[at + 1]?.level ?? 0) > row.level ? focus(stops[at + 1]) : null;
    case outwards:
      if (row.open) return { do: "close", id: row.id };
      return focus(stops.find((other) => row.kind === "document" && other.id === (row.parent ?? row.space)));
    case "Enter":
    case " ":
      if (row.kind === "space") return { do: row.open ? "close" : "open", id: row.id };
      return { do: "choose", id: row.id };
    default:
      return null;
  }
}

/** The row that typing `typed` leads to, looking on from `focused` and round again; null if none begins so. */
export function typeAhead(list: readonly Row[], focused: string, typed: string): string | null {
  const stops = list.filter((row) => row.kind !== "none");
  if (typed === "" || stops.length === 0) return null;
  const wanted = typed.toLocaleLowerCase();
  const at = Math.max(0, stops.findIndex((row) => row.id === focused));
  // One letter looks beyond the present row, so that pressing it again walks on; a longer word may stay.
  const from = wanted.length === 1 ? 1 : 0;
  for (let i = from; i < stops.length + from; i += 1) {
    const row = stops[(at + i) % stops.length];
    if (row?.label.toLocaleLowerCase().startsWith(wanted)) return row.id;
  }
  return null;
}
