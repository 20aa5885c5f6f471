/**
 * Code into coloured pieces, a line at a time, and after a change only the lines that may read differently.
 *
 * Each line remembers in which state it was read and in which it left off. After a change the lines that are the same
 * words as before keep what they have; the new ones are read; and reading goes on only until a line would begin in the
 * state in which it was read before. A stretch that takes long (a comment opened over a whole file) is read in parts.
 */
import { StringStream } from "@codemirror/streamparser";
import type { Rules } from "./languages";

/** The three ways code is coloured: what can be passed over, what names something, what is a value. */
export type Shade = "quiet" | "name" | "value";

/** A piece of a line with a colour. */
export interface Token {
  /** Where it begins in its line. */
  from: number;
  /** Where it ends. */
  to: number;
  /** Its colour. */
  shade: Shade;
}

/** A line as it was read; `null` states: not yet. */
export interface Line {
  /** Its words. */
  text: string;
  /** What is coloured in it. */
  tokens: readonly Token[];
  before: unknown;
  after: unknown;
}

/** A piece of code, read as far as it is. */
export interface Code {
  /** Its lines. */
  lines: readonly Line[];
  /** Whether all of them were read. */
  complete: boolean;
}

/** A line longer than this is not read: nobody wrote it by hand. */
export const LONGEST_LINE = 2_000;

const TAB = 4;
const INDENT = 2;
const UNREAD = null;
const NOTHING: readonly Token[] = [];

const SHADES = new Map<string, Shade>([
  ...["comment", "quote", "deleted", "documentMeta", "lineComment", "blockComment"].map((name) => [name, "quiet"] as const),
  ...["keyword", "controlKeyword", "definitionKeyword", "moduleKeyword", "operatorKeyword", "modifier", "self", "tag", "tagName", "type", "typeName", "className", "namespace", "builtin", "standard", "heading", "header", "section", "labelName", "macroName"].map((name) => [name, "name"] as const),
  ...["string", "number", "integer", "float", "bool", "atom", "null", "regexp", "escape", "literal", "character", "attributeValue", "unit", "color", "url", "inserted"].map((name) => [name, "value"] as const),
]);

/** The colour of what a language calls a piece: `"string.special"`, `"keyword variableName"`, … */
function shadeOf(style: string | null): Shade | null {
  if (style === null) return null;
  for (const word of style.split(" ")) {
    const [name = "", ...rest] = word.split(".");
    const shade = SHADES.get(name) ?? (rest.includes("standard") ? "name" : undefined);
    if (shade !== undefined) return shade;
  }
  return null;
}

/** Reads code in one language. */
export class Lexer {
  /** How many lines were read, as against kept: what a change costs. */
  read = 0;

  constructor(private readonly rules: Rules) {}

  /** The code after a change, with what was read before it; at the most `budget` lines are read now. */
  follow(was: Code | null, text: string, budget: number): Code {
    const words = text.split("\n");
    const old = was?.lines ?? [];
    let first = 0;
    while (first < old.length && first < words.length && old[first]?.text === words[first]) first++;
    let last = 0;
    const most = Math.min(old.length, words.length) - first;
    while (last < most && old[old.length - 1 - last]?.text === words[words.length - 1 - last]) last++;
    const fresh = words.slice(first, words.length - last).map((each) => ({ text: each, tokens: NOTHING, before: UNREAD, after: UNREAD }));
    return this.go([...old.slice(0, first), ...fresh, ...old.slice(old.length - last)], budget);
  }

  /** Reads on where a budget ended. */
  more(code: Code, budget: number): Code {
    return this.go([...code.lines], budget);
  }

  private go(lines: Line[], budget: number): Code {
    let state: unknown = this.rules.startState?.(INDENT) ?? true;
    let left = budget;
    for (const [i, line] of lines.entries()) {
      if (line.before !== UNREAD && sameState(line.before, state)) {
        state = line.after;
        continue;
      }
      if (left === 0) return { lines, complete: false };
      left--;
      const read = this.line(line.text, state);
      lines[i] = read;
      state = read.after;
    }
    return { lines, complete: true };
  }

  private line(text: string, before: unknown): Line {
    this.read++;
    const after = this.copy(before);
    const tokens: Token[] = [];
    if (text.length > LONGEST_LINE) return { text, tokens, before, after };
    try {
      if (text === "") this.rules.blankLine?.(after, INDENT);
      const stream = new StringStream(text, TAB, INDENT);
      while (!stream.eol()) {
        stream.start = stream.pos;
        const style = this.token(stream, after);
        const shade = shadeOf(style);
        if (shade === null) continue;
        const beside = tokens.at(-1);
        if (beside?.to === stream.start && beside.shade === shade) beside.to = stream.pos;
        else tokens.push({ from: stream.start, to: stream.pos, shade });
      }
    } catch {
      // A language's rules that stumble over this line leave it in ink; what is written is not theirs to stop.
      return { text, tokens: NOTHING, before, after: this.copy(before) };
    }
    return { text, tokens, before, after };
  }

  private token(stream: StringStream, state: unknown): string | null {
    // Rules may first change their state and only then take something.
    for (let tries = 0; tries < 10; tries++) {
      const style = this.rules.token(stream, state);
      if (stream.pos > stream.start) return style;
    }
    stream.next();
    return null;
  }

  private copy(state: unknown): unknown {
    if (this.rules.copyState) return this.rules.copyState(state);
    if (typeof state !== "object" || state === null) return state;
    return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, Array.isArray(value) ? [...(value as unknown[])] : (value as unknown)]));
  }
}

/** How much of two states is compared before they count as different: reading a line more is cheaper. */
const PATIENCE = 200;

function sameState(a: unknown, b: unknown): boolean {
  let left = PATIENCE;
  const same = (x: unknown, y: unknown): boolean => {
    if (Object.is(x, y)) return true;
    if (typeof x !== "object" || typeof y !== "object" || x === null || y === null || --left < 0) return false;
    if (x instanceof RegExp || y instanceof RegExp || Array.isArray(x) !== Array.isArray(y)) return false;
    const [mine, others] = [Object.entries(x), Object.entries(y)];
    if (mine.length !== others.length) return false;
    return mine.every(([name, value]) => Object.hasOwn(y, name) && same(value, (y as Record<string, unknown>)[name]));
  };
  return same(a, b);
}
