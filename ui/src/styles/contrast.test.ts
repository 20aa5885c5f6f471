/**
 * What is written and drawn can be read, in both themes: WCAG 2.2's contrast (1.4.3 and 1.4.11) of every pair of tokens that
 * meet on screen, worked out from the tokens themselves.
 */

import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

type Colour = readonly [red: number, green: number, blue: number, alpha: number];
type Theme = ReadonlyMap<string, string>;

const source = readFileSync("src/styles/tokens.css", "utf8").replace(/\/\*[^]*?\*\//g, "");

/** The custom properties of the first block that begins with `head`. */
function block(head: string): Theme {
  const from = source.indexOf(head);
  expect(from, `${head} is in tokens.css`).toBeGreaterThanOrEqual(0);
  const body = source.slice(from + head.length, source.indexOf("}", from));
  return new Map([...body.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name = "", value = ""]) => [name, value.trim()]));
}

const light = block(":root {");
const dark = new Map([...light, ...block(':root[data-theme="dark"] {')]);
const system = block(':root:not([data-theme="light"]) {');

function colour(theme: Theme, name: string): Colour {
  const value = theme.get(name) ?? "";
  const hex = /^#([\da-f]{6})$/i.exec(value)?.[1];
  if (hex !== undefined) {
    const part = (at: number): number => parseInt(hex.slice(at, at + 2), 16);
    return [part(0), part(2), part(4), 1];
  }
  const rgb = /^rgb\(\s*(\d+)\s+(\d+)\s+(\d+)\s*\/\s*([\d.]+)\s*\)$/.exec(value);
  if (rgb === null) throw new Error(`--${name} is no colour that can be read: "${value}"`);
  return [Number(rgb[1]), Number(rgb[2]), Number(rgb[3]), Number(rgb[4])];
}

/** One colour laid over an opaque one. */
function over(top: Colour, under: Colour): Colour {
  const mix = (at: 0 | 1 | 2): number => top[at] * top[3] + under[at] * (1 - top[3]);
  return [mix(0), mix(1), mix(2), 1];
}

/** Relative luminance, as WCAG defines it. */
function luminance([red, green, blue]: Colour): number {
  const linear = (part: number): number => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function contrast(one: Colour, other: Colour): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const SURFACES = ["page", "chrome", "raised", "sunken"] as const;
const AUTHORS = [1, 2, 3, 4, 5, 6, 7, 8];
const WASHES = ["ok-wash", "caution-wash", "danger-wash", "comment-wash", "comment-active"];

/** Text of these on any surface, and how much they need: 4.5 to 1, 3 to 1 for what is not text. */
const ON_SURFACES: readonly (readonly [names: readonly string[], least: number])[] = [
  [["ink", "ink-2", "ink-3", "link", "ok", "caution", "danger"], 4.5],
  [["code-ink", "code-quiet", "code-name", "code-value"], 4.5],
  [AUTHORS.map((number) => `author-${number}`), 4.5],
  [["line-strong", "focus", "comment-line"], 3],
];

/** Other pairs that meet. */
const PAIRS: readonly (readonly [on: string, under: string, least: number])[] = [
  ["action-ink", "action", 4.5],
  ["action-ink", "action-hover", 4.5],
  ["ok", "ok-wash", 4.5],
  ["caution", "caution-wash", 4.5],
  ["danger", "danger-wash", 4.5],
  ...WASHES.map((wash) => ["ink", wash, 4.5] as const),
  ...AUTHORS.map((number) => ["author-on", `author-${number}`, 4.5] as const),
];

describe.each([
  ["light", light],
  ["dark", dark],
])("in the %s theme", (_, theme) => {
  it.each(SURFACES)("everything written or drawn on %s can be read", (surface) => {
    const under = colour(theme, surface);
    for (const [names, least] of ON_SURFACES) {
      for (const name of names) {
        // What others wrote shows on the page and on its cards, and code in its wells.
        expect(contrast(colour(theme, name), under), `--${name} on --${surface}`).toBeGreaterThanOrEqual(least);
      }
    }
  });

  it.each(SURFACES)("rows of %s can be read under the pointer and when they are selected", (surface) => {
    for (const state of ["hover", "selected"]) {
      const under = over(colour(theme, state), colour(theme, surface));
      for (const name of ["ink", "ink-2"]) {
        expect(contrast(colour(theme, name), under), `--${name} on --${state} on --${surface}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  it("what is selected or marked as somebody's can be read", () => {
    const page = colour(theme, "page");
    for (const wash of ["text-select", ...AUTHORS.map((number) => `author-${number}-wash`)]) {
      const under = over(colour(theme, wash), page);
      expect(contrast(colour(theme, "ink"), under), `--ink on --${wash}`).toBeGreaterThanOrEqual(4.5);
    }
  });

  it("what is written on a colour can be read", () => {
    for (const [on, under, least] of PAIRS) {
      expect(contrast(colour(theme, on), colour(theme, under)), `--${on} on --${under}`).toBeGreaterThanOrEqual(least);
    }
  });
});

it("is the same dark, whether it was chosen or is the system's", () => {
  expect(Object.fromEntries(system)).toEqual(Object.fromEntries(block(':root[data-theme="dark"] {')));
});
