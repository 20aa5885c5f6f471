/**
 * Foreign HTML, made flat: what is pasted or dropped from web pages, Word and Google Docs becomes a row of blocks.
 *
 * One walk over the tree. A block element ends the line before it and begins its own; list, quote and code say what the
 * lines inside are; bold, italic and the rest are read from tags and from styles, which is where Word and Google Docs put
 * them. Whatever has no place on the page (scripts, forms, pictures, colours) is left out, its words are kept.
 */
import { Fragment, type Node as PageNode } from "prosemirror-model";
import type { Block } from "../core/types/Block";
import type { Item } from "../core/types/Item";
import type { Scalar } from "../core/types/Scalar";
import { contentOf, nodeOf, Row, type Marks } from "./items";
import { hasSoftSpaces, isFiller, isFurniture, pastRedirect, wordHeading } from "./foreign";
import { hrefOf, linkOf } from "./links";
import { isCode, KINDS } from "./schema";

/** The attribute by which a block that was copied here says exactly what it is. */
export const OWN_BLOCK = "data-sheaf";
/** On an item of a list that no block stands for: it only holds what is nested. */
export const OWN_HOST = "data-sheaf-host";
/** The same for a mark that HTML has no word for. */
export const OWN_MARK = "data-sheaf-mark";

const LEFT_OUT = new Set(
  "SCRIPT STYLE HEAD TITLE META LINK NOSCRIPT TEMPLATE IFRAME OBJECT EMBED SVG CANVAS VIDEO AUDIO SELECT TEXTAREA MAP".split(" "),
);
const LINES = new Set(
  (
    "ADDRESS ARTICLE ASIDE BODY CAPTION CENTER DETAILS DD DIV DL DT FIELDSET FIGCAPTION FIGURE FOOTER FORM HEADER HGROUP HTML " +
    "LEGEND MAIN NAV P SECTION SUMMARY"
  ).split(" "),
);
/** Deeper than any page a person made; a tree made to exhaust the stack is read as plain text from here on. */
const DEEPEST_TREE = 200;

/** An item of a list: its first line carries the bullet, later ones are nested under it. */
interface Bullet {
  marker: Block;
  used: boolean;
}

interface Context {
  marks: Marks;
  /** The kinds around the next line. */
  parents: readonly string[];
  /** What the next line is, when it is nothing special. */
  line: Block["type"];
  attrs: Record<string, Scalar>;
  bullet: Bullet | null;
  /** The kind of the list whose items come here. */
  list: string | null;
  /** Spaces and line ends stand as they are. */
  verbatim: boolean;
  /** Hard spaces are ordinary ones here. */
  soft: boolean;
  /** Inside a heading, whose boldness says nothing. */
  heading: boolean;
  /** Inside a table's cell, which is one line. */
  cell: boolean;
  depth: number;
}

/** The blocks of a foreign piece of HTML. */
export function flatten(root: Node): PageNode[] {
  const flat = new Flat();
  for (const child of root.childNodes) flat.walk(child, TOP);
  flat.end();
  return flat.blocks.map(({ marker, row }) => {
    const block = nodeOf(marker, Fragment.empty);
    return block.copy(contentOf(row.items, isCode(block)));
  });
}

const TOP: Context = {
  marks: {},
  parents: [],
  line: KINDS.paragraph,
  attrs: {},
  bullet: null,
  list: null,
  verbatim: false,
  soft: false,
  heading: false,
  cell: false,
  depth: 0,
};

class Flat {
  readonly blocks: { marker: Block; row: Row }[] = [];
  private row: Row | null = null;
  /** The kind of item at each level of Word's lists, which are not nested but numbered. */
  private readonly wordLevels: string[] = [];

  walk(node: Node, at: Context): void {
    if (node.nodeType === 3) this.text(node.nodeValue ?? "", at);
    else if (node.nodeType === 1) {
      if (at.depth > DEEPEST_TREE) this.text(node.textContent ?? "", at);
      else this.element(node as HTMLElement, { ...at, depth: at.depth + 1 });
    }
  }

  private children(element: Element, at: Context): void {
    for (const child of element.childNodes) this.walk(child, at);
  }

  private element(element: HTMLElement, at: Context): void {
    const tag = element.tagName.toUpperCase();
    const style = element.getAttribute("style") ?? "";
    if (LEFT_OUT.has(tag) || isFurniture(element, tag, style) || isFiller(element, tag)) return;
    const own = ownBlock(element);
    if (own !== null && !own.isEmbed) {
      this.end(true);
      this.begin(own);
      // What was copied here stands exactly as it is, code and all.
      this.children(element, { ...at, marks: {}, line: own.type, parents: own.parents, attrs: own.attrs, bullet: null, verbatim: true });
      this.end(true);
      return;
    }
    if (own !== null) {
      this.open(at).block("embed", own);
      return;
    }
    const heading = /^H([1-6])$/.exec(tag);
    if (heading !== null && !at.cell) {
      const level = Number(heading[1]);
      this.lines(element, { ...inBullet(at), line: KINDS.heading, attrs: { level }, heading: true });
    } else if (tag === "BR") this.br(element, at);
    else if (tag === "UL" || tag === "OL") this.list(element, tag === "OL" ? KINDS.ordered : KINDS.bullet, at);
    else if (tag === "LI") this.item(element, at);
    else if (tag === "BLOCKQUOTE") this.lines(element, { ...inBullet(at), line: KINDS.quote, attrs: {} });
    else if (tag === "PRE") this.code(element, at);
    else if (tag === "TABLE") this.lines(element, at);
    else if (tag === "TR") this.tableRow(element, at);
    else if (tag === "HR") this.end();
    else if (LINES.has(tag) && !at.cell) {
      const word = /mso-list\s*:\s*l\d+\s+level(\d+)/i.exec(style);
      const level = wordHeading(element);
      if (level !== null) this.lines(element, { ...inBullet(at), line: KINDS.heading, attrs: { level }, heading: true });
      else if (word !== null) this.wordItem(element, Number(word[1]), at);
      else this.lines(element, this.styled(element, tag, style, at));
    } else this.children(element, this.styled(element, tag, style, at));
  }

  /** An element that stands on lines of its own. */
  private lines(element: Element, at: Context): void {
    this.end();
    this.children(element, at);
    this.end();
  }

  private br(element: Element, at: Context): void {
    if (element.classList.contains("Apple-interchange-newline")) return;
    if (at.cell) this.text(" ", at);
    // A break between two blocks only keeps them apart; one that ends a line is the editor's own, and goes in `end`.
    else this.row?.text("\n", at.marks);
  }

  private list(element: Element, kind: string, at: Context): void {
    // Under an item that was copied here and has no words, the item stays.
    this.end(at.verbatim);
    let parents = at.parents;
    if (at.bullet !== null) parents = [...at.bullet.marker.parents, at.bullet.marker.type];
    // Google Docs puts a nested list beside the item it belongs to.
    else if (at.list !== null) parents = [...parents, at.list];
    else if (at.line === KINDS.quote) parents = [...parents, KINDS.quote];
    if (at.bullet?.used === false) this.begin(at.bullet.marker, at.bullet);
    this.end(true);
    this.children(element, { ...at, parents, list: kind, bullet: null, line: KINDS.paragraph, attrs: {} });
    this.end();
  }

  private item(element: HTMLElement, at: Context): void {
    this.end();
    if (element.hasAttribute(OWN_HOST)) {
      this.children(element, { ...at, list: null });
      return;
    }
    const checked = tickOf(element);
    const kind = checked === null ? (at.list ?? KINDS.bullet) : KINDS.bullet;
    const attrs: Record<string, Scalar> = checked === null ? {} : { checked };
    const bullet = { marker: { type: kind, parents: [...at.parents], attrs, isEmbed: false }, used: false };
    this.children(element, { ...at, bullet, list: null });
    if (!bullet.used) this.begin(bullet.marker, bullet);
    this.end(true);
  }

  /** Word writes lists as paragraphs with a level, and the bullet or number as words that are left out. */
  private wordItem(element: HTMLElement, level: number, at: Context): void {
    const sign = [...element.querySelectorAll("[style]")].find((part) =>
      /mso-list\s*:\s*Ignore/i.test(part.getAttribute("style") ?? ""),
    );
    const ordered = /^[\s(]*([0-9]+|[a-z]{1,4})[.)]/i.test(sign?.textContent ?? "");
    const depth = Math.min(Math.max(level, 1), 9);
    this.wordLevels.length = depth - 1;
    const parents = Array.from({ length: depth - 1 }, (_, i) => this.wordLevels[i] ?? KINDS.bullet);
    const type = ordered ? KINDS.ordered : KINDS.bullet;
    this.wordLevels[depth - 1] = type;
    this.end();
    this.begin({ type, parents, attrs: {}, isEmbed: false });
    this.children(element, at);
    this.end(true);
  }

  private code(element: HTMLElement, at: Context): void {
    if (at.cell) {
      this.children(element, at);
      return;
    }
    this.end();
    const named = [element, element.querySelector("code"), element.parentElement]
      .map((part) => part?.className ?? "")
      .map((names) => /(?:^|\s)(?:language|lang|highlight-source)-([\w+#.-]+)/.exec(names)?.[1])
      .find((name) => name !== undefined);
    const { parents } = inBullet(at);
    this.begin({ type: KINDS.code, parents: [...parents], attrs: named === undefined ? {} : { language: named }, isEmbed: false });
    const text = linesOf(element).replace(/\r\n?/g, "\n").replace(/\n$/, "");
    this.row?.text(text, {});
    this.end(true);
  }

  /** A row of a table is a line, its cells apart by tabs. */
  private tableRow(element: Element, at: Context): void {
    this.end();
    let first = true;
    for (const cell of element.children) {
      if (!first) this.open(at).text("\t", {});
      first = false;
      this.children(cell, { ...at, cell: true });
    }
    this.end();
  }

  private styled(element: HTMLElement, tag: string, style: string, at: Context): Context {
    const marks = { ...at.marks };
    const says = (pattern: RegExp) => pattern.test(style);
    const bold = tag === "B" || tag === "STRONG";
    if (says(/font-weight\s*:\s*(normal|[1-4]00)\b/i)) delete marks.strong;
    else if ((bold || says(/font-weight\s*:\s*(bold|bolder|[6-9]00)\b/i)) && !at.heading) marks.strong = true;
    if (says(/font-style\s*:\s*normal\b/i)) delete marks.em;
    else if (tag === "I" || tag === "EM" || tag === "CITE" || says(/font-style\s*:\s*(italic|oblique)\b/i)) marks.em = true;
    if (tag === "S" || tag === "DEL" || tag === "STRIKE" || says(/text-decoration[^;]*line-through/i)) marks.strike = true;
    const ofBlock = at.line === KINDS.code && element.parentElement?.tagName === "PRE";
    if ((tag === "CODE" || tag === "KBD" || tag === "SAMP" || tag === "TT") && !ofBlock) marks.code = true;
    if (tag === "A") {
      const href = hrefOf(pastRedirect(element.getAttribute("href") ?? ""));
      if (href !== null) marks.link = linkOf(href, element.getAttribute("title") ?? "");
    }
    const unknown = ownMark(element);
    if (unknown !== null) marks[unknown[0]] = unknown[1];
    const verbatim = at.verbatim || says(/white-space\s*:\s*(pre|break-spaces)/i);
    return { ...at, marks, verbatim, soft: at.soft || hasSoftSpaces(element, style) };
  }

  private text(text: string, at: Context): void {
    let words = text.replace(/\0/g, "");
    if (at.soft) words = words.replaceAll("\u00a0", " ");
    if (!at.verbatim) {
      // Signs without width hold lines and words apart on the page they come from.
      words = words.replace(/[\u200b\ufeff]/g, "").replace(/[ \t\r\n\f]+/g, " ");
      if (this.row === null || endsInSpace(this.row)) words = words.replace(/^ /, "");
    }
    if (words === "" || (this.row === null && words.trim() === "" && !words.includes("\u00a0"))) return;
    this.open(at).text(words, at.marks);
  }

  /** The line that is open, or a new one. */
  private open(at: Context): Row {
    if (this.row !== null) return this.row;
    if (at.bullet !== null && !at.bullet.used && at.line !== KINDS.heading) return this.begin(at.bullet.marker, at.bullet);
    const { parents } = at.bullet === null ? at : inBullet(at);
    return this.begin({ type: at.line, parents: [...parents], attrs: at.attrs, isEmbed: false });
  }

  private begin(marker: Block, bullet: Bullet | null = null): Row {
    this.end();
    if (bullet !== null) bullet.used = true;
    this.row = new Row();
    this.blocks.push({ marker, row: this.row });
    return this.row;
  }

  /** Ends the open line; one without words goes, unless it is to be kept. */
  end(keep = false): void {
    const { row } = this;
    this.row = null;
    if (row === null) return;
    if (!keep) trimEnd(row.items);
    if (row.items.length === 0 && !keep) this.blocks.pop();
  }
}

/** Inside an item whose first line is written, the next lines are nested under it. */
function inBullet(at: Context): Context {
  const { bullet } = at;
  if (bullet === null) return at;
  return { ...at, bullet: null, parents: [...bullet.marker.parents, bullet.marker.type] };
}

function endsInSpace({ items }: Row): boolean {
  const last = items.at(-1);
  return last === undefined || (last.t === "text" && /[ \n\t]$/.test(last.text));
}

function trimEnd(items: Item[]): void {
  for (let last = items.at(-1); last?.t === "text"; last = items.at(-1)) {
    last.text = last.text.replace(/[ \n]+$/, "");
    if (last.text !== "") return;
    items.pop();
  }
}

/** The text of code, a line for each element that stands on one. */
function linesOf(element: Element): string {
  let text = "";
  for (const child of element.childNodes) {
    if (child.nodeType === 3) text += child.nodeValue ?? "";
    else if (child.nodeType === 1) {
      const part = child as Element;
      const tag = part.tagName.toUpperCase();
      if (tag === "BR") text += "\n";
      else if (!LEFT_OUT.has(tag)) {
        if ((LINES.has(tag) || tag === "LI" || tag === "TR") && text !== "" && !text.endsWith("\n")) text += "\n";
        text += linesOf(part);
      }
    }
  }
  return text;
}

/** Whether an item is a task, and ticked: a box in it, or a role that says so. */
function tickOf(element: HTMLElement): boolean | null {
  const said = element.getAttribute("aria-checked") ?? element.getAttribute("data-checked");
  if (said !== null) return said === "true" || said === "";
  const box = element.querySelector("input[type=checkbox]");
  if (box === null || box.closest("li") !== element) return null;
  return box.hasAttribute("checked");
}

function ownBlock(element: Element): Block | null {
  const said: unknown = parsed(element.getAttribute(OWN_BLOCK));
  if (typeof said !== "object" || said === null) return null;
  const { type, parents, attrs, isEmbed } = said as Partial<Record<keyof Block, unknown>>;
  if (typeof type !== "string" || !Array.isArray(parents) || !parents.every((kind) => typeof kind === "string")) return null;
  if (typeof attrs !== "object" || attrs === null || !Object.values(attrs).every(isScalar)) return null;
  return { type, parents, attrs: { ...attrs } as Record<string, Scalar>, isEmbed: isEmbed === true };
}

function ownMark(element: Element): [string, Scalar] | null {
  const said: unknown = parsed(element.getAttribute(OWN_MARK));
  if (!Array.isArray(said) || typeof said[0] !== "string" || !isScalar(said[1]) || said[1] === null) return null;
  return [said[0], said[1]];
}

function isScalar(value: unknown): value is Scalar {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function parsed(json: string | null): unknown {
  if (json === null || json.length > 10_000) return null;
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
