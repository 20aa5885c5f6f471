import fc from "fast-check";
import { expect, test } from "vitest";
import { match, pieces } from "./match";

const bold = (query: string, label: string): string | null => {
  const found = match(query, label);
  return found === null ? null : pieces(label, found.ranges).map((piece) => (piece.bold ? `[${piece.text}]` : piece.text)).join("");
};

test("the beginning of a word is found and shown", () => {
  expect(bold("tab", "Tide tables 2026")).toBe("Tide [tab]les 2026");
  expect(bold("2026 ti", "Tide tables 2026")).toBe("[Ti]de tables [2026]");
});

test("accents and capitals do not matter", () => {
  expect(bold("ecole", "École d’été")).toBe("[École] d’été");
});

test("letters left out are forgiven, letters strewn about are not", () => {
  expect(bold("sprv", "Spring visit")).toBe("[Spr]ing [v]isit");
  expect(match("sx", "Spring visit")).toBeNull();
  expect(match("std", "Such a long title that the letters of the query are strewn in")).toBeNull();
});

test("a title that begins so comes before one that only contains it", () => {
  const score = (label: string): number => match("plan", label)?.score ?? -1;
  expect(score("Plan")).toBeGreaterThan(score("Season plan"));
  expect(score("Season plan")).toBeGreaterThan(score("Airplane"));
});

test("the pieces are the label, whatever it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ maxLength: 4 }), (label, query) => {
      const found = match(query, label);
      if (found) expect(pieces(label, found.ranges).map((piece) => piece.text).join("")).toBe(label);
    }),
  );
});
