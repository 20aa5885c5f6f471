// @vitest-environment node
/** The vectors that both sides run: written by a test of the core, read here. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import type { Item } from "../core/types/Item";
import type { Patch } from "../core/types/Patch";
import { checksumOf, hashText } from "./checksum";
import { pageOf } from "./items";
import { checksumIn, corePlugins, itemsIn, stateOf } from "./page";
import { patchTransaction } from "./patches";
import { normal } from "./test/model";
import { b, t } from "./test/window";

function vectors<T>(name: string): T[] {
  const path = resolve(import.meta.dirname, "../../../tests/vectors", `${name}.json`);
  return JSON.parse(readFileSync(path, "utf8")) as T[];
}

describe("the core and the window agree", () => {
  test("on the hash of a text", () => {
    // FNV-1a of nothing, and of one unit: by hand.
    expect(hashText("")).toBe(2166136261);
    expect(hashText("a")).toBe(0xe40c292c);
  });

  test("on the checksum of nothing", () => {
    expect(checksumOf(pageOf([]))).toBe(2166136261);
    expect(checksumOf(pageOf([b()]))).not.toBe(2166136261);
    expect(checksumOf(pageOf([t("a")]))).not.toBe(checksumOf(pageOf([b(), t("a")])));
  });

  test("on checksums", () => {
    const all = vectors<{ items: Item[]; checksum: number }>("checksum");
    expect(all.length).toBeGreaterThan(10);
    for (const { items, checksum } of all) {
      expect(normal(itemsIn(stateOf(items, corePlugins())))).toEqual(normal(items));
      expect(checksumOf(pageOf(items)), JSON.stringify(items)).toBe(checksum);
    }
  });

  test("on patches", () => {
    const all = vectors<{ before: Item[]; patches: Patch[]; after: Item[]; checksum: number }>("patches");
    expect(all.length).toBeGreaterThan(10);
    for (const { before, patches, after, checksum } of all) {
      const state = stateOf(before, corePlugins());
      const next = state.apply(patchTransaction(state, patches));
      expect(itemsIn(next), JSON.stringify({ before, patches })).toEqual(normal(after));
      expect(checksumIn(next)).toBe(checksum);
    }
  });
});
