// @vitest-environment node
import { describe, expect, test } from "vitest";
import type { Item } from "../core/types/Item";
import type { ToWindow } from "../core/types/ToWindow";
import type { Caret } from "../core/types/Caret";
import { checksumOf } from "./checksum";
import { pageOf } from "./items";
import { HeadlessWindow } from "./test/headless";
import { after } from "./test/model";
import { firstReset, paragraphs, t } from "./test/window";

const key = (n = 1) => ({ op: "type", a: n, b: 0, c: 0 }) as const;

function opened(items: Item[] = paragraphs("text")): HeadlessWindow {
  const window = new HeadlessWindow(1);
  window.session.receive(firstReset(items), 0);
  window.toCore.length = 0;
  return window;
}

function update(number: number, base: number, made: number, items: Item[], more: Partial<ToWindow & { m: "update" }> = {}): ToWindow {
  const patches = [{ p: "splice" as const, at: 1, delete: 0, insert: [t("+")] }];
  return { m: "update", number, base, after: made, patches, checksum: checksumOf(pageOf(after(items, patches))), ...more };
}

describe("a session", () => {
  test("numbers its batches, and says what it had seen (W2)", () => {
    const window = opened();
    window.act(key());
    window.act(key());
    expect(window.toCore).toMatchObject([
      { m: "batch", made: 1, seen: 1 },
      { m: "batch", made: 2, seen: 1 },
    ]);
  });

  test("applies what fits exactly, and says so (W3)", () => {
    const window = opened();
    window.session.receive(update(2, 1, 0, paragraphs("text")), 0);
    expect(window.items()).toEqual(paragraphs("+text"));
    expect(window.toCore).toEqual([{ m: "seen", seen: 2, made: 0 }]);
  });

  test("drops what crossed a batch, whole, and says nothing: the batch tells", () => {
    const window = opened();
    window.act(key());
    const before = window.items();
    window.toCore.length = 0;
    window.session.receive(update(2, 1, 0, paragraphs("text")), 0);
    expect(window.items()).toEqual(before);
    expect(window.toCore).toEqual([]);
  });

  test("drops what builds on something else, and asks for another", () => {
    const window = opened();
    window.session.receive(update(4, 3, 0, paragraphs("text")), 0);
    expect(window.items()).toEqual(paragraphs("text"));
    expect(window.toCore).toEqual([{ m: "refresh", seen: 1, made: 0 }]);
  });

  test("drops everything while an input method composes, and asks when it ends", () => {
    const window = opened();
    window.compose(true);
    window.session.receive(update(2, 1, 0, paragraphs("text")), 0);
    expect(window.items()).toEqual(paragraphs("text"));
    expect(window.toCore).toEqual([]);
    window.compose(false);
    expect(window.toCore).toEqual([{ m: "refresh", seen: 1, made: 0 }]);
  });

  test("does not ask when the composition made a batch, which tells as much", () => {
    const window = opened();
    window.compose(true);
    window.session.receive(update(2, 1, 0, paragraphs("text")), 0);
    window.act(key());
    window.compose(false);
    expect(window.toCore.map(({ m }) => m)).toEqual(["batch"]);
  });

  test("holds input for a quarter of a second at most (W8)", () => {
    const window = opened();
    window.session.receive({ m: "hold" }, 1_000);
    expect(window.session.holding).toBe(true);
    expect(window.session.deadline).toBe(1_250);
    window.session.tick(1_249);
    expect(window.session.holding).toBe(true);
    window.session.tick(1_250);
    expect(window.session.holding).toBe(false);
  });

  test("lets input go when the update is here; never holds while composing", () => {
    const window = opened();
    window.session.receive({ m: "hold" }, 0);
    window.session.receive(update(2, 1, 0, paragraphs("text")), 10);
    expect(window.session.holding).toBe(false);
    window.compose(true);
    window.session.receive({ m: "hold" }, 20);
    expect(window.session.holding).toBe(false);
  });

  test("a reset waits for a composition, unless it is forced (W7)", () => {
    const window = opened();
    window.compose(true);
    window.session.receive(firstReset(paragraphs("new"), 2), 0);
    expect(window.items()).toEqual(paragraphs("text"));
    window.compose(false);
    expect(window.items()).toEqual(paragraphs("new"));
    window.compose(true);
    window.session.receive({ ...firstReset(paragraphs("newer"), 3), forced: true } as ToWindow, 0);
    expect(window.items()).toEqual(paragraphs("newer"));
  });

  test("offers the words of what was not taken, and of what was on its way (W7)", () => {
    const window = opened(paragraphs(""));
    for (const n of [1, 2, 3]) window.act(key(n));
    const refused = { from: 2, to: 2, reason: "The disk is full. Save a copy." };
    window.session.receive({ ...firstReset(paragraphs("a"), 9), refused } as ToWindow, 0);
    expect(window.lost).toEqual([{ text: "aa", reason: "The disk is full. Save a copy." }]);
    expect(window.session.state).toEqual({ seen: 9, made: 3 });
    // A later reset does not offer them again.
    window.session.receive(firstReset(paragraphs("a"), 10), 0);
    expect(window.lost).toHaveLength(1);
  });

  test("offers nothing that the new document holds", () => {
    const window = opened(paragraphs(""));
    for (const n of [1, 2, 3]) window.act(key(n));
    window.session.receive(firstReset(paragraphs("aaa"), 9), 0);
    expect(window.lost).toEqual([]);
  });

  test("knows what is safe", () => {
    const window = opened();
    window.act(key());
    window.act(key());
    window.session.receive({ m: "saved", made: 1 }, 0);
    expect(window.session.saved).toBe(1);
  });

  test("compares checksums, reports, and asks for a reset: it stands on nothing (W11)", () => {
    const window = opened();
    window.session.receive(update(2, 1, 0, paragraphs("text"), { checksum: 12345 }), 0);
    expect(window.faults).toMatchObject([{ kind: "checksum" }]);
    expect(window.toCore).toEqual([{ m: "refresh", seen: 0, made: 0 }]);
    window.session.receive(firstReset(paragraphs("+text"), 3), 1);
    // Not again and again.
    window.session.receive(update(4, 3, 0, paragraphs("+text"), { checksum: 12345 }), 2);
    expect(window.toCore.filter(({ m }) => m === "refresh")).toHaveLength(1);
  });

  test("an update that does not fit is reported, and changes nothing", () => {
    const window = opened();
    const patches = [{ p: "splice" as const, at: 99, delete: 0, insert: [] }];
    window.session.receive(update(2, 1, 0, paragraphs("text"), { patches }), 0);
    expect(window.faults).toMatchObject([{ kind: "patch" }]);
    expect(window.items()).toEqual(paragraphs("text"));
    expect(window.toCore).toEqual([{ m: "refresh", seen: 0, made: 0 }]);
  });

  test("takes keys from the view cache before anything has come (W9)", () => {
    const window = new HeadlessWindow(1);
    window.session.resume(1);
    expect(window.session.ready).toBe(true);
    window.act(key());
    expect(window.toCore).toMatchObject([{ m: "batch", made: 1, seen: 1 }]);
  });

  test("finds others where they are now, also when the core speaks of a moment ago", () => {
    const window = opened(paragraphs("hello"));
    const ana: Caret = { id: "a", name: "Ana", colour: 1, anchor: 3, head: 3 };
    window.act(key(1));
    window.session.receive({ m: "presence", number: 1, after: 0, people: [ana] }, 0);
    expect(window.others()).toEqual([4]);
    window.session.receive({ m: "presence", number: 1, after: 1, people: [ana] }, 0);
    expect(window.others()).toEqual([3]);
    window.session.receive({ m: "presence", number: 77, after: 1, people: [] }, 0);
    expect(window.others()).toEqual([3]);
  });
});
