/**
 * The shape of a document in the window: a flat row of blocks, each a line of text with breaks and embeds in it.
 *
 * Nesting is an attribute (`parents`), not a tree, as in the document itself. That is what makes the map between a
 * ProseMirror position and an index in the document a running sum (see `position.ts`).
 *
 * What this schema cannot draw it still holds: an unknown kind of block is an `other` block, an unknown mark is an
 * `unknown` mark, and the attributes of every block are kept as they came.
 */
import {
  Schema,
  type Attrs,
  type DOMOutputSpec,
  type Mark,
  type MarkSpec,
  type Node,
  type NodeSpec,
  type NodeType,
} from "prosemirror-model";
import type { Scalar } from "../core/types/Scalar";
import { languageName, PLAIN } from "./languages";
import { documentAt, hrefOf, linkOf, readLink, type Link } from "./links";

/** The attributes by which a block or an embed is known, besides its kind. */
export interface BlockAttrs {
  /** The kinds of the blocks it is nested in, outermost first. */
  parents: readonly string[];
  /** Its scalar attributes by name, as the document has them. */
  attrs: Readonly<Record<string, Scalar>>;
}

/** The published names of the kinds of block that are drawn as what they are. */
export const KINDS = {
  paragraph: "paragraph",
  heading: "heading",
  bullet: "unordered-list-item",
  ordered: "ordered-list-item",
  quote: "blockquote",
  code: "code-block",
} as const;

/** One of the kinds that Sheaf draws, by its published name. */
export type Kind = (typeof KINDS)[keyof typeof KINDS];

/** How deep nesting is drawn; deeper blocks are drawn at this depth and keep their own. */
export const DEEPEST = 8;

const held = { parents: { default: [] }, attrs: { default: {} } };

/** How many items of a list a block stands in. */
export function depthOf(node: Node): number {
  return blockAttrs(node).parents.length;
}

/** The attributes of a block or an embed, typed. */
export function blockAttrs(node: Node): BlockAttrs {
  return node.attrs as unknown as BlockAttrs;
}

/** The level a heading is drawn at: 1 to 6, whatever its attribute says. */
export function levelOf(node: Node): number {
  const level = Number(blockAttrs(node).attrs.level ?? 1);
  return Number.isFinite(level) ? Math.min(6, Math.max(1, Math.round(level))) : 1;
}

/** Whether a block is a task: a bullet that can be ticked. */
export function isTask(node: Node): boolean {
  return node.type.name === "bullet" && typeof blockAttrs(node).attrs.checked === "boolean";
}

/** Whether a block's line ends are newlines in its text instead of hard breaks. */
export function isCode(node: Node): boolean {
  return node.type.spec.code === true;
}

function drawn(node: Node, more: Record<string, string>): Record<string, string> {
  const { parents } = blockAttrs(node);
  const around: Record<string, string> = { dir: "auto", ...more };
  if (parents.length > 0) around["data-depth"] = String(Math.min(parents.length, DEEPEST));
  if (parents.includes(KINDS.quote)) around["data-quoted"] = "";
  return around;
}

function item(node: Node, list: "bullet" | "ordered" | "task"): Record<string, string> {
  return drawn(node, { class: "item", "data-list": list, "data-depth": String(Math.min(depthOf(node), DEEPEST)) });
}

let lastId = 0;

/** A task's box is named by its state and its words, so that it is read as what it ticks. */
function drawTask(node: Node): DOMOutputSpec {
  const checked = blockAttrs(node).attrs.checked === true;
  const id = `task-${String(++lastId)}`;
  return [
    "div",
    { ...item(node, "task"), "data-checked": String(checked) },
    [
      "span",
      {
        class: "box",
        role: "checkbox",
        "aria-checked": String(checked),
        id,
        "aria-label": checked ? "Done" : "To do",
        "aria-labelledby": `${id} ${id}-words`,
        tabindex: "0",
        contenteditable: "false",
      },
    ],
    ["div", { class: "words", id: `${id}-words` }, 0],
  ];
}

function drawCode(node: Node): DOMOutputSpec {
  const { language } = blockAttrs(node).attrs;
  const name = languageName(typeof language === "string" ? language : "");
  const picks = { type: "button", contenteditable: "false", "aria-haspopup": "listbox", "aria-label": `Language: ${name}` };
  const label: DOMOutputSpec = ["button", { class: name === PLAIN ? "lang none" : "lang", ...picks }, name];
  return ["div", drawn(node, { class: "codeblock", spellcheck: "false" }), label, ["pre", ["code", 0]]];
}

/** Every block holds a line: text under any marks, breaks and embeds. */
function block(spec: NodeSpec): NodeSpec {
  return { content: "inline*", group: "block", marks: "_", ...spec, attrs: { ...held, ...spec.attrs } };
}

const nodes = {
  doc: { content: "block+" },
  paragraph: block({
    parseDOM: [{ tag: "p" }],
    toDOM: (node) => ["p", drawn(node, {}), 0],
  }),
  heading: block({
    defining: true,
    parseDOM: [1, 2, 3, 4, 5, 6].map((level) => ({ tag: `h${String(level)}`, attrs: { attrs: { level } } })),
    toDOM: (node) => [`h${String(levelOf(node))}`, drawn(node, {}), 0],
  }),
  bullet: block({
    defining: true,
    parseDOM: [
      { tag: "div[data-list=bullet]" },
      { tag: "div[data-list=task]", attrs: { attrs: { checked: false } }, contentElement: ".words" },
    ],
    toDOM: (node) => (isTask(node) ? drawTask(node) : ["div", item(node, "bullet"), 0]),
  }),
  ordered: block({
    defining: true,
    parseDOM: [{ tag: "div[data-list=ordered]" }],
    toDOM: (node) => ["div", item(node, "ordered"), 0],
  }),
  quote: block({
    defining: true,
    parseDOM: [{ tag: "blockquote" }],
    toDOM: (node) => ["blockquote", drawn(node, {}), 0],
  }),
  code_block: block({
    code: true,
    defining: true,
    parseDOM: [
      { tag: "div.codeblock", preserveWhitespace: "full", contentElement: "code" },
      { tag: "pre", preserveWhitespace: "full" },
    ],
    toDOM: drawCode,
  }),
  other: block({
    defining: true,
    attrs: { kind: { default: "" } },
    toDOM: (node) => ["div", drawn(node, { class: "other", "data-kind": String(node.attrs.kind) }), 0],
  }),
  text: { group: "inline" },
  hard_break: {
    group: "inline",
    inline: true,
    selectable: false,
    leafText: () => "\n",
    parseDOM: [{ tag: "br" }],
    toDOM: () => ["br"],
  },
  embed: {
    group: "inline",
    inline: true,
    atom: true,
    attrs: { ...held, kind: { default: "" } },
    leafText: () => "\ufffc",
    toDOM: (node) => ["span", { class: "embed", "data-kind": String(node.attrs.kind) }, nameOfEmbed(node)],
  },
} satisfies Record<string, NodeSpec>;

function nameOfEmbed(node: Node): string {
  const { alt, title } = blockAttrs(node).attrs;
  for (const name of [alt, title, node.attrs.kind]) if (typeof name === "string" && name !== "") return name;
  return "Embedded";
}

/** A mark that is on by being there; a document may still hold another value than `true`, and keeps it. */
function plain(tag: string, spec: MarkSpec & { extra?: Record<string, string> }): MarkSpec {
  const { extra, ...rest } = spec;
  return {
    attrs: { value: { default: true } },
    toDOM: (mark) => (mark.attrs.value === false ? ["span", 0] : [tag, extra ?? {}, 0]),
    ...rest,
  };
}

const marks = {
  link: {
    attrs: { value: { default: "" } },
    inclusive: false,
    parseDOM: [
      {
        tag: "a[href]",
        getAttrs: (dom) => ({ value: linkOf(dom.getAttribute("href") ?? "", dom.getAttribute("title") ?? "") }),
      },
    ],
    toDOM: (mark) => {
      const { href, title } = linkIn(mark);
      const safe = hrefOf(href);
      if (safe === null) return ["a", { class: "dead" }, 0];
      return ["a", { href: safe, rel: "noopener noreferrer", ...(title === "" || documentAt(href) !== null ? {} : { title }) }, 0];
    },
  },
  strong: plain("strong", { parseDOM: [{ tag: "strong" }, { tag: "b" }] }),
  em: plain("em", { parseDOM: [{ tag: "em" }, { tag: "i" }] }),
  strike: plain("s", { parseDOM: [{ tag: "s" }, { tag: "del" }, { tag: "strike" }] }),
  code: plain("code", { code: true, inclusive: false, parseDOM: [{ tag: "code" }], extra: { spellcheck: "false" } }),
  // Several of these may lie over the same words: they exclude nothing, not even each other.
  unknown: {
    attrs: { name: {}, value: {} },
    inclusive: false,
    excludes: "",
    toDOM: (mark) => ["span", { class: "unknown", "data-mark": String(mark.attrs.name) }, 0],
  },
} satisfies Record<string, MarkSpec>;

/** The schema of every page. */
export const schema = new Schema<keyof typeof nodes, keyof typeof marks>({ nodes, marks });

/** The marks a person can put on words. */
export type MarkName = Exclude<keyof typeof marks, "unknown">;

/** The link that a mark is: its address and title. */
export function linkIn(mark: Mark): Link {
  return readLink(mark.attrs.value as Scalar);
}

const TYPES = {
  [KINDS.paragraph]: schema.nodes.paragraph,
  [KINDS.heading]: schema.nodes.heading,
  [KINDS.bullet]: schema.nodes.bullet,
  [KINDS.ordered]: schema.nodes.ordered,
  [KINDS.quote]: schema.nodes.quote,
  [KINDS.code]: schema.nodes.code_block,
} satisfies Record<Kind, NodeType>;
const TYPE_OF_KIND = new Map<string, NodeType>(Object.entries(TYPES));
const KIND_OF_TYPE = new Map<NodeType, string>([...TYPE_OF_KIND].map(([kind, type]) => [type, kind]));

/** The published name of a block's or an embed's kind. */
export function kindOf(node: Node): string {
  return KIND_OF_TYPE.get(node.type) ?? String(node.attrs.kind);
}

/** The type of the node that stands for a block of this kind. */
export function typeOf(kind: string): NodeType {
  return TYPE_OF_KIND.get(kind) ?? schema.nodes.other;
}

/** The attributes of the node that stands for such a block. */
export function attrsFor(kind: string, parents: readonly string[], attrs: BlockAttrs["attrs"]): Attrs {
  return TYPE_OF_KIND.has(kind) ? { parents, attrs } : { kind, parents, attrs };
}
