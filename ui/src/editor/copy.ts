/**
 * What leaves by copy, cut and drag: HTML that any program understands, with real lists, and plain text.
 *
 * Each block also says exactly what it is (`data-sheaf`), so that what is copied from one page to another arrives whole.
 */
import { DOMSerializer, type Fragment, type Mark, type Node as PageNode, type Slice } from "prosemirror-model";
import { isItem } from "./blocks";
import { OWN_BLOCK, OWN_HOST, OWN_MARK } from "./flatten";
import { blockOf, namedMark } from "./items";
import { hrefOf } from "./links";
import { blockAttrs, isCode, isTask, kindOf, KINDS, levelOf, linkIn, schema } from "./schema";

interface OpenList {
  kind: string;
  list: HTMLElement;
  item: HTMLElement | null;
}

/** Writes a row of blocks as HTML. */
export class FlatSerializer extends DOMSerializer {
  private readonly own: boolean;

  /** With `own`, each block says exactly what it is, for a page that it may be pasted into; without, it is plain HTML. */
  constructor({ own = true } = {}) {
    super({}, {});
    this.own = own;
  }

  override serializeFragment(
    fragment: Fragment,
    options: { document?: Document } = {},
    target?: HTMLElement | DocumentFragment,
  ): HTMLElement | DocumentFragment {
    const page = options.document ?? document;
    const out = target ?? page.createDocumentFragment();
    const open: OpenList[] = [];
    fragment.forEach((node) => {
      if (node.isInline) {
        out.append(inline(page, node));
        return;
      }
      hostFor(page, out, open, node).append(this.block(page, node, open.at(-1)));
    });
    return out;
  }

  private block(page: Document, node: PageNode, list: OpenList | undefined): HTMLElement {
    const element = page.createElement(tagOf(node));
    if (list !== undefined && isItem(node)) list.item = element;
    if (this.own) element.setAttribute(OWN_BLOCK, JSON.stringify(blockOf(node)));
    let inside: HTMLElement = element;
    if (isCode(node)) {
      inside = element.appendChild(page.createElement("code"));
      const { language } = blockAttrs(node).attrs;
      if (typeof language === "string" && language !== "") inside.className = `language-${language}`;
    } else if (isTask(node)) {
      const box = element.appendChild(page.createElement("input"));
      box.type = "checkbox";
      box.toggleAttribute("checked", blockAttrs(node).attrs.checked === true);
      inside = element.appendChild(page.createElement("span"));
    }
    node.forEach((child) => {
      inside.append(inline(page, child));
    });
    return element;
  }
}

/** Where a block goes: into the item of a list that its parents name, opening and closing lists on the way. */
function hostFor(page: Document, out: Node & ParentNode, open: OpenList[], node: PageNode): Node & ParentNode {
  const around = blockAttrs(node).parents.filter((kind) => kind === KINDS.bullet || kind === KINDS.ordered);
  const path = isItem(node) ? [...around, kindOf(node)] : around;
  let shared = 0;
  while (shared < path.length && open[shared]?.kind === path[shared]) shared++;
  open.length = shared;
  for (const kind of path.slice(shared)) {
    const list = page.createElement(kind === KINDS.ordered ? "ol" : "ul");
    let host: ParentNode & Node = out;
    const above = open.at(-1);
    if (above !== undefined) host = itemOf(page, above);
    host.appendChild(list);
    open.push({ kind, list, item: null });
  }
  const innermost = open.at(-1);
  if (innermost === undefined) return out;
  if (isItem(node)) return innermost.list;
  return itemOf(page, innermost);
}

/** The item that is open in a list; one that no block stands for says so. */
function itemOf(page: Document, open: OpenList): HTMLElement {
  if (open.item === null) {
    open.item = open.list.appendChild(page.createElement("li"));
    open.item.setAttribute(OWN_HOST, "");
  }
  return open.item;
}

function tagOf(node: PageNode): string {
  switch (node.type) {
    case schema.nodes.heading:
      return `h${String(levelOf(node))}`;
    case schema.nodes.bullet:
    case schema.nodes.ordered:
      return "li";
    case schema.nodes.quote:
      return "blockquote";
    case schema.nodes.code_block:
      return "pre";
    default:
      return "p";
  }
}

function inline(page: Document, node: PageNode): Node {
  let drawn: Node;
  if (node.isText) drawn = page.createTextNode(node.text ?? "");
  else if (node.type === schema.nodes.hard_break) drawn = page.createElement("br");
  else {
    const embed = page.createElement("span");
    embed.setAttribute(OWN_BLOCK, JSON.stringify(blockOf(node)));
    drawn = embed;
  }
  for (const mark of node.marks.toReversed()) {
    const around = markElement(page, mark);
    around.append(drawn);
    drawn = around;
  }
  return drawn;
}

function markElement(page: Document, mark: Mark): HTMLElement {
  const { link, strong, em, strike, code } = schema.marks;
  if (mark.type === link) {
    const { href, title } = linkIn(mark);
    const element = page.createElement("a");
    const safe = hrefOf(href);
    if (safe !== null) element.setAttribute("href", safe);
    if (title !== "") element.title = title;
    return element;
  }
  const tags = new Map([[strong, "strong"], [em, "em"], [strike, "s"], [code, "code"]]);
  const tag = tags.get(mark.type);
  if (tag !== undefined && mark.attrs.value === true) return page.createElement(tag);
  const element = page.createElement("span");
  element.setAttribute(OWN_MARK, JSON.stringify(namedMark(mark)));
  return element;
}

/** The plain text of what is copied: an empty line between blocks, lists with their signs. */
export function plainText(slice: Slice): string {
  return textOfBlocks(slice.content);
}

/** The plain text of blocks. */
export function textOfBlocks(blocks: Fragment): string {
  let text = "";
  let before: PageNode | null = null;
  const numbers: number[] = [];
  blocks.forEach((node) => {
    if (node.isInline) {
      text += node.isText ? (node.text ?? "") : node.type === schema.nodes.hard_break ? "\n" : "";
      return;
    }
    const depth = blockAttrs(node).parents.length;
    numbers.length = Math.min(numbers.length, isItem(node) ? depth + 1 : depth);
    if (isItem(node)) numbers[depth] = kindOf(node) === KINDS.ordered ? (numbers[depth] ?? 0) + 1 : 0;
    if (before !== null) text += isItem(before) && isItem(node) ? "\n" : "\n\n";
    text += blocks.childCount === 1 ? "" : sign(node, depth, numbers[depth] ?? 1);
    text += node.textBetween(0, node.content.size);
    before = node;
  });
  return text;
}

function sign(node: PageNode, depth: number, number: number): string {
  if (!isItem(node)) return "";
  const indentation = "  ".repeat(depth);
  if (isTask(node)) return `${indentation}- [${blockAttrs(node).attrs.checked === true ? "x" : " "}] `;
  return `${indentation}${kindOf(node) === KINDS.ordered ? `${String(number)}. ` : "- "}`;
}
