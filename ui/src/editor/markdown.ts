/**
 * Plain text as blocks, read as Markdown only where it clearly is.
 *
 * A line is a paragraph; empty lines only keep paragraphs apart. Text is taken for Markdown when it holds a pair of code
 * fences, a heading with something under it, or two list, task or quote lines in a row: signs that nobody writes by
 * chance. Pasting without formatting (Mod-Shift-V) never reads Markdown. Files are imported by the core, whose reader is
 * a full one; this one knows what the page can show.
 */
import { Fragment, type Node } from "prosemirror-model";
import type { Block } from "../core/types/Block";
import type { Scalar } from "../core/types/Scalar";
import { contentOf, nodeOf, Row, wholeText, type Marks } from "./items";
import { addressFrom, linkOf } from "./links";
import { KINDS } from "./schema";

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)\s*$/;
const HEADING = /^(#{1,6})\s+(.+?)\s*#*$/;
const ITEM = /^(\s*)(?:([-*+])|(\d{1,9})[.)])\s+(?:\[([ xX])\]\s+)?(.*)$/;
const QUOTE = /^>\s?(.*)$/;

/** Text as it comes from outside: one kind of line end, whole characters, nothing that cannot be shown. */
export function cleanText(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are the ones that are taken out
  return wholeText(text.replace(/\r\n?|\u2028|\u2029/g, "\n").replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, ""));
}

/** Whether text is clearly Markdown. */
export function looksLikeMarkdown(text: string): boolean {
  const lines = text.slice(0, 20_000).split("\n");
  if (lines.length < 2) return false;
  if (lines.filter((line) => FENCE.test(line)).length >= 2) return true;
  if (lines.some((line, i) => HEADING.test(line) && lines.slice(i + 1).some((next) => next.trim() !== ""))) return true;
  const signs = lines.map((line) => (ITEM.test(line) ? "item" : QUOTE.test(line) ? "quote" : ""));
  return signs.some((sign, i) => sign !== "" && sign === signs[i + 1]);
}

/** The blocks of plain text: a paragraph a line. */
export function plainBlocks(text: string): Node[] {
  const lines = cleanText(text).split("\n");
  const kept = lines.some((line) => line.trim() !== "") ? lines.filter((line) => line.trim() !== "") : [];
  return kept.map((line) => paragraph([line], KINDS.paragraph, false));
}

function block(type: string, attrs: Record<string, Scalar> = {}, parents: string[] = []): Block {
  return { type, attrs, parents, isEmbed: false };
}

function paragraph(lines: readonly string[], kind: string, markdown: boolean, marker: Block = block(kind)): Node {
  const row = new Row();
  if (markdown) inline(lines.join("\n"), {}, row, 0);
  else row.text(lines.join("\n"), {});
  return nodeOf(marker, contentOf(row.items, false));
}

/** The blocks of Markdown. */
export function markdownBlocks(text: string): Node[] {
  const lines = cleanText(text).split("\n");
  const blocks: Node[] = [];
  // The indentations of the items that are open, and their kinds.
  let levels: { indent: number; kind: string }[] = [];
  let words: string[] = [];
  const flush = () => {
    if (words.length > 0) blocks.push(paragraph(words, KINDS.paragraph, true));
    words = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const fence = FENCE.exec(line);
    if (fence !== null) {
      flush();
      const [, sign = "```", language = ""] = fence;
      const code: string[] = [];
      for (i++; i < lines.length && !(lines[i] ?? "").trimStart().startsWith(sign); i++) code.push(lines[i] ?? "");
      const row = new Row();
      row.text(code.join("\n"), {});
      blocks.push(nodeOf(block(KINDS.code, language === "" ? {} : { language }), contentOf(row.items, true)));
      continue;
    }
    const heading = HEADING.exec(line);
    const item = ITEM.exec(line);
    const quote = QUOTE.exec(line);
    if (heading !== null) {
      flush();
      levels = [];
      const [, signs = "#", title = ""] = heading;
      blocks.push(paragraph([title], KINDS.heading, true, block(KINDS.heading, { level: signs.length })));
    } else if (item !== null) {
      flush();
      const [, space = "", bullet, , tick, rest = ""] = item;
      const indent = space.replaceAll("\t", "    ").length;
      levels = levels.filter((level) => level.indent < indent);
      const kind = bullet === undefined && tick === undefined ? KINDS.ordered : KINDS.bullet;
      const attrs: Record<string, Scalar> = tick === undefined ? {} : { checked: tick !== " " };
      const parents = levels.map((level) => level.kind);
      blocks.push(paragraph([rest], kind, true, block(kind, attrs, parents)));
      levels.push({ indent, kind });
    } else if (quote !== null) {
      flush();
      levels = [];
      if ((quote[1] ?? "").trim() !== "") blocks.push(paragraph([quote[1] ?? ""], KINDS.quote, true));
    } else if (line.trim() === "") flush();
    else {
      levels = [];
      words.push(line.trim());
    }
  }
  flush();
  return blocks;
}

const INLINE =
  /(?<code>`+)(?<coded>[^`]+)\k<code>|\[(?<words>[^\]]+)\]\((?<href>[^()\s]+)\)|(?<strong>\*\*|__)(?<bold>\S(?:.*?\S)?)\k<strong>|(?<strike>~~)(?<struck>\S(?:.*?\S)?)~~|(?<em>[*_])(?<italic>[^\s*_](?:.*?[^\s*_])?)\k<em>(?![\p{L}\p{N}])/su;

/** Longer lines are taken as they are: looking for signs costs the square of the length. */
const LONGEST_LINE = 5_000;

/** Reads the marks inside a line; nested ones too, to a sane depth. */
function inline(text: string, marks: Marks, row: Row, depth: number): void {
  let rest = text;
  while (rest !== "") {
    const match = depth < 8 && rest.length <= LONGEST_LINE ? INLINE.exec(rest) : null;
    if (match === null) {
      row.text(rest, marks);
      return;
    }
    const { coded, words, href = "", bold, struck, italic } = match.groups ?? {};
    if (italic !== undefined && /[\p{L}\p{N}]$/u.test(rest.slice(0, match.index))) {
      // Inside a word these are only signs: snake_case_names, 2*3*4.
      row.text(rest.slice(0, match.index + match[0].length - 1), marks);
      rest = rest.slice(match.index + match[0].length - 1);
      if (rest.length === 1) {
        row.text(rest, marks);
        return;
      }
      continue;
    }
    row.text(rest.slice(0, match.index), marks);
    rest = rest.slice(match.index + match[0].length);
    if (coded !== undefined) row.text(coded, { ...marks, code: true });
    else if (bold !== undefined) inline(bold, { ...marks, strong: true }, row, depth + 1);
    else if (struck !== undefined) inline(struck, { ...marks, strike: true }, row, depth + 1);
    else if (italic !== undefined) inline(italic, { ...marks, em: true }, row, depth + 1);
    else if (words !== undefined) {
      const address = addressFrom(href);
      if (address === null) row.text(match[0], marks);
      else inline(words, { ...marks, link: linkOf(address) }, row, depth + 1);
    }
  }
}

/** Blocks as a fragment that can be pasted. */
export function asFragment(blocks: readonly Node[]): Fragment {
  return Fragment.fromArray([...blocks]);
}
