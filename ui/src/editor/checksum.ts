/**
 * The checksum of a page (W11): proof that the window shows the document the core means.
 *
 * Each block is hashed alone and remembered with its node, which never changes; so after a key only one block is hashed
 * anew, and the rest is a fold over numbers. The core computes the same from its own reading.
 */
import type { Node } from "prosemirror-model";
import type { Block } from "../core/types/Block";
import type { Item } from "../core/types/Item";
import type { Scalar } from "../core/types/Scalar";
import { blockOf, insideOf, type Page } from "./items";

const START = 2166136261;
const PRIME = 16777619;

/** FNV-1a over UTF-16 code units, each fed as one 16-bit value. */
export function hashText(text: string): number {
  let hash = START;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return hash >>> 0;
}

function scalarText(value: Scalar): string {
  if (value === null) return "n";
  if (value === true) return "t";
  if (value === false) return "f";
  if (typeof value === "string") return `s${value}`;
  if (Number.isInteger(value) && Math.abs(value) <= 2 ** 53) return `#${String(value === 0 ? 0 : value)}`;
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  return `d${bits.getBigUint64(0).toString(16).padStart(16, "0")}`;
}

function namedText(values: Readonly<Record<string, Scalar | undefined>>): string {
  return Object.keys(values)
    .sort()
    .map((name) => `${name}\u0002${scalarText(values[name] ?? null)}\0`)
    .join("");
}

function blockText({ type, parents, attrs }: Block): string {
  return `${type}\0${parents.join("\u0001")}\0${namedText(attrs)}`;
}

function itemText(item: Item): string {
  if (item.t === "text") return `T${namedText(item.marks ?? {})}\u0003${item.text}`;
  return `E${blockText(item.block)}`;
}

/** The canonical text of one block; `marker` is null for the implicit first paragraph. */
export function canonical(marker: Block | null, inside: readonly Item[]): string {
  return (marker === null ? "-" : `B${blockText(marker)}`) + inside.map(itemText).join("");
}

const known = new WeakMap<Node, number>();

function hashOf(block: Node): number {
  let hash = known.get(block);
  if (hash === undefined) {
    hash = hashText(canonical(blockOf(block), insideOf(block)));
    known.set(block, hash);
  }
  return hash;
}

/** The checksum of a page. */
export function checksumOf({ doc, bare }: Page): number {
  let hash = START;
  for (let k = 0; k < doc.childCount; k++) {
    const block = doc.child(k);
    if (k === 0 && bare) {
      if (block.content.size === 0) continue;
      hash = Math.imul(hash ^ hashText(canonical(null, insideOf(block))), PRIME);
    } else hash = Math.imul(hash ^ hashOf(block), PRIME);
  }
  return hash >>> 0;
}
