/**
 * Items, the document as the core reads it, to the page and back.
 *
 * A line end is `\n` in an item; on the page it is a hard break, in a code block a plain newline. Both take one place.
 * Marks lie on text and breaks; what ProseMirror puts on an embed is not read.
 */
import { Fragment, type Mark, type Node } from "prosemirror-model";
import type { Block } from "../core/types/Block";
import type { Item } from "../core/types/Item";
import type { Scalar } from "../core/types/Scalar";
import { attrsFor, blockAttrs, isCode, kindOf, KINDS, schema, typeOf, type MarkName } from "./schema";

/** The marks over a run of text, by name. */
export type Marks = Record<string, Scalar>;

/** A page, and whether its first block has no marker in the document (see `bare.ts`). */
export interface Page {
  /** The blocks. */
  doc: Node;
  /** Whether the first of them is implicit. */
  bare: boolean;
}

/** A paragraph's marker, as Sheaf writes it. */
export const PARAGRAPH: Block = { type: KINDS.paragraph, parents: [], attrs: {}, isEmbed: false };

/** The marker of a block, or what an embed is. */
export function blockOf(node: Node): Block {
  const { parents, attrs } = blockAttrs(node);
  return { type: kindOf(node), parents: [...parents], attrs: { ...attrs }, isEmbed: node.isInline };
}

/** The node of a block with this marker and content. */
export function nodeOf(marker: Block, content: Fragment): Node {
  return typeOf(marker.type).create(attrsFor(marker.type, marker.parents, marker.attrs), content);
}

/** The node of an embed. */
export function embedOf({ type, parents, attrs }: Block): Node {
  return schema.nodes.embed.create({ kind: type, parents, attrs });
}

const NAMED: ReadonlySet<string> = new Set<MarkName>(["link", "strong", "em", "strike", "code"]);

/** The ProseMirror mark of this name and value. */
export function markOf(name: string, value: Scalar): Mark {
  return NAMED.has(name)
    ? schema.marks[name as MarkName].create({ value })
    : schema.marks.unknown.create({ name, value });
}

/** The name and value of a ProseMirror mark. */
export function namedMark(mark: Mark): [name: string, value: Scalar] {
  const { unknown } = schema.marks;
  return [mark.type === unknown ? String(mark.attrs.name) : mark.type.name, mark.attrs.value as Scalar];
}

/** The marks of a node of text, by name. */
export function marksOf(node: Node): Marks {
  const marks: Marks = {};
  for (const mark of node.marks) {
    const [name, value] = namedMark(mark);
    marks[name] = value;
  }
  return marks;
}

/** Whether two runs of text carry the same marks. */
export function sameMarks(a: Marks | undefined, b: Marks | undefined): boolean {
  const names = Object.keys(a ?? {});
  if (names.length !== Object.keys(b ?? {}).length) return false;
  return names.every((name) => b !== undefined && Object.hasOwn(b, name) && a?.[name] === b[name]);
}

/** The ProseMirror marks of a run of text. */
export function marksFor(marks: Marks | undefined): readonly Mark[] {
  return Object.entries(marks ?? {}).reduce<readonly Mark[]>(
    (set, [name, value]) => (value === null ? set : markOf(name, value).addToSet(set)),
    [],
  );
}

/** Text with every half of a character replaced by U+FFFD: what the document can hold. Its length stays. */
export function wholeText(text: string): string {
  return text.replace(/\p{Cs}/gu, "\ufffd");
}

/** The nodes of a run of text: one, or, outside code, its lines with hard breaks between them. */
export function textNodes(text: string, marks: readonly Mark[], code: boolean): Node[] {
  if (text === "") return [];
  if (code || !text.includes("\n")) return [schema.text(text, marks)];
  const nodes: Node[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (i > 0) nodes.push(schema.nodes.hard_break.create(null, null, marks));
    if (line !== "") nodes.push(schema.text(line, marks));
  }
  return nodes;
}

/** The content of one block, from the items inside it. */
export function contentOf(items: readonly Item[], code: boolean): Fragment {
  const nodes: Node[] = [];
  for (const item of items) {
    if (item.t === "text") nodes.push(...textNodes(item.text, marksFor(item.marks), code));
    else if (item.t === "embed") nodes.push(embedOf(item.block));
  }
  return Fragment.fromArray(nodes);
}

/** A row of items cut at its markers: first what stands before any, then each block. */
export interface Blocks {
  /** What stands before the first marker. */
  lead: Item[];
  /** Each marker and what it holds. */
  blocks: { marker: Block; inside: Item[] }[];
}

/** Cuts a row of items at its markers. */
export function cut(items: readonly Item[]): Blocks {
  const lead: Item[] = [];
  const blocks: Blocks["blocks"] = [];
  let inside = lead;
  for (const item of items) {
    if (item.t === "block") {
      inside = [];
      blocks.push({ marker: item.block, inside });
    } else inside.push(item);
  }
  return { lead, blocks };
}

/** The page that shows a document. An empty document is one implicit, empty paragraph. */
export function pageOf(items: readonly Item[]): Page {
  const { lead, blocks } = cut(items);
  const nodes = blocks.map(({ marker, inside }) =>
    nodeOf(marker, contentOf(inside, typeOf(marker.type) === schema.nodes.code_block)),
  );
  const bare = lead.length > 0 || nodes.length === 0;
  if (bare) nodes.unshift(nodeOf(PARAGRAPH, contentOf(lead, false)));
  return { doc: schema.nodes.doc.create(null, nodes), bare };
}

/** Puts items in a row, joining text that carries the same marks. */
export class Row {
  /** The row so far. */
  readonly items: Item[] = [];
  private last: { t: "text"; text: string; marks?: Marks } | null = null;

  /** Adds text. */
  text(text: string, marks: Marks): void {
    if (text === "") return;
    if (this.last !== null && sameMarks(this.last.marks, marks)) {
      this.last.text += text;
      return;
    }
    this.last = Object.keys(marks).length === 0 ? { t: "text", text } : { t: "text", text, marks };
    this.items.push(this.last);
  }

  /** Adds a marker or an embed. */
  block(t: "block" | "embed", block: Block): void {
    this.last = null;
    this.items.push({ t, block });
  }

  /** Adds what a block holds between two offsets of its content. */
  inside(block: Node, from = 0, to: number = block.content.size): void {
    for (let i = 0, start = 0; i < block.childCount && start < to; i++) {
      const child = block.child(i);
      const end = start + child.nodeSize;
      if (end > from) {
        if (child.isText) {
          this.text((child.text ?? "").slice(Math.max(0, from - start), to - start), marksOf(child));
        } else if (child.type === schema.nodes.hard_break) this.text("\n", marksOf(child));
        else this.block("embed", blockOf(child));
      }
      start = end;
    }
  }
}

/** The items inside one block. */
export function insideOf(block: Node): Item[] {
  const row = new Row();
  row.inside(block);
  return row.items;
}

/** The document that a page shows. */
export function itemsOf({ doc, bare }: Page): Item[] {
  const items = itemsBetween(doc, 0, doc.content.size);
  return bare ? items.slice(1) : items;
}

/** The items between two positions: a block's marker stands where it opens; its end is nothing. */
export function itemsBetween(doc: Node, from: number, to: number): Item[] {
  const row = new Row();
  if (from >= to) return row.items;
  const $from = doc.resolve(from);
  let k = $from.index(0);
  let start = $from.depth === 0 ? from : $from.before(1);
  for (; k < doc.childCount && start < to; k++) {
    const block = doc.child(k);
    if (start >= from) row.block("block", blockOf(block));
    row.inside(block, Math.max(0, from - start - 1), Math.min(block.content.size, to - start - 1));
    start += block.nodeSize;
  }
  return row.items;
}

/** Whether a block's line ends are drawn as its kind wants them: newlines in code, hard breaks elsewhere. */
export function breaksFit(block: Node): boolean {
  const code = isCode(block);
  for (let i = 0; i < block.childCount; i++) {
    const child = block.child(i);
    if (code ? child.type === schema.nodes.hard_break : child.text?.includes("\n") === true) return false;
  }
  return true;
}
