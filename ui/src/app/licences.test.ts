import { expect, test } from "vitest";
import { byLicence } from "./licences";

const part = (name: string, licence: string) => ({ name, version: "1.0.0", licence, texts: [] });

test("parts stand under their licence, the one of most of them first, whichever way round it is written", () => {
  const groups = byLicence([
    part("a", "Zlib"),
    part("b", "MIT OR Apache-2.0"),
    part("c", "Apache-2.0 OR MIT"),
    part("d", "(MIT OR Apache-2.0) AND ISC"),
  ]);
  expect(groups.map(({ licence, parts }) => [licence, parts.map(({ name }) => name)])).toEqual([
    ["Apache-2.0 OR MIT", ["b", "c"]],
    ["(MIT OR Apache-2.0) AND ISC", ["d"]],
    ["Zlib", ["a"]],
  ]);
});
