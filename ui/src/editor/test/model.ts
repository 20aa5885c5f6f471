/**
 * The document in the plainest way there is: a row of places. Slow, and obviously right, so that edits and patches can be
 * held against it.
 */
import type { Block } from "../../core/types/Block";
import type { Edit } from "../../core/types/Edit";
import type { Item } from "../../core/types/Item";
import type { Patch } from "../../core/types/Patch";
import { Row, type Marks } from "../items";

type Place = { t: "unit"; unit: string; marks: Marks } | { t: "block" | "embed"; block: Block };

function places(items: readonly Item[]): Place[] {
  return items.flatMap((item): Place[] =>
    item.t === "text"
      ? Array.from({ length: item.text.length }, (_, i) => ({ t: "unit", unit: item.text.charAt(i), marks: item.marks ?? {} }))
      : [{ t: item.t, block: item.block }],
  );
}

function read(row: readonly Place[]): Item[] {
  const out = new Row();
  for (const place of row) {
    if (place.t === "unit") out.text(place.unit, place.marks);
    else out.block(place.t, place.block);
  }
  return out.items;
}

/** The items in the one form they have: runs joined, nothing empty. */
export function normal(items: readonly Item[]): Item[] {
  return read(places(items));
}

/** The places of a document, for choosing among them. */
export function placesOf(items: readonly Item[]): readonly Place[] {
  return places(items);
}

/** A document after some edits or patches. */
export function after(items: readonly Item[], changes: readonly (Edit | Patch)[]): Item[] {
  const row = places(items);
  for (const change of changes) {
    const kind = "e" in change ? change.e : change.p;
    if (kind === "splice") {
      const { at, delete: gone, insert } = change as { at: number; delete: number; insert: Item[] };
      if (at + gone > row.length) throw new RangeError(`splice ${String(at)}+${String(gone)} of ${String(row.length)}`);
      const come = places(insert);
      row.splice(at, gone, ...come);
      // Half of a character has no place in the document.
      for (const border of [at, at + come.length]) if (splits(row, border)) throw new RangeError("half a character");
    } else if (kind === "mark") {
      const { from, to, name, value } = change as Edit & { e: "mark" };
      if (splits(row, from) || splits(row, to)) throw new RangeError("half a character is marked");
      for (let i = from; i < to; i++) {
        const place = row[i];
        if (place === undefined) throw new RangeError(`mark to ${String(to)} of ${String(row.length)}`);
        if (place.t !== "unit") continue;
        const { [name]: _, ...rest } = place.marks;
        row[i] = { ...place, marks: value === null ? rest : { ...rest, [name]: value } };
      }
    } else {
      const { at } = change as { at: number };
      const place = row[at];
      if (place === undefined || place.t === "unit") throw new RangeError(`no block at ${String(at)}`);
      row[at] = { ...place, block: "p" in change ? (change as Patch & { p: "setBlock" }).block : edited(place.block, change as never) };
    }
  }
  const text = row.map((place) => (place.t === "unit" ? place.unit : " ")).join("");
  if (/\p{Cs}/u.test(text)) throw new RangeError("half a character is left");
  return read(row);
}

function splits(row: readonly Place[], at: number): boolean {
  const [left, right] = [row[at - 1], row[at]];
  return left?.t === "unit" && right?.t === "unit" && /[\ud800-\udbff]/.test(left.unit) && /[\udc00-\udfff]/.test(right.unit);
}

function edited(block: Block, edit: Edit & { e: "setBlock" }): Block {
  const changed = Object.entries({ ...block.attrs, ...edit.attrs }).filter(([name]) => edit.attrs?.[name] !== null);
  const attrs = Object.fromEntries(changed);
  return { ...block, type: edit.type ?? block.type, parents: edit.parents ?? block.parents, attrs };
}
