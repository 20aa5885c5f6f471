import { expect, test } from "vitest";
import type { Refused } from "../core/types/Refused";
import type { ToCore } from "../core/types/ToCore";
import type { ToWindow } from "../core/types/ToWindow";
import { Unsaved } from "./unsaved";

const batch = (made: number): ToCore => ({ m: "batch", made, seen: 1, edits: [] });

test("a batch waits until it is on disk", () => {
  const unsaved = new Unsaved();
  expect(unsaved.since).toBeNull();
  unsaved.sent(batch(1), 100);
  unsaved.sent({ m: "seen", seen: 1, made: 1 }, 150);
  unsaved.sent(batch(2), 200);
  expect(unsaved.since).toBe(100);
  expect(unsaved.received({ m: "saved", made: 1 }, 300)).toBe(true);
  expect(unsaved.since).toBe(200);
  unsaved.received({ m: "saved", made: 2 }, 400);
  expect(unsaved.since).toBeNull();
});

test("a failed save counts from the first word it did not keep, until one succeeds", () => {
  const unsaved = new Unsaved();
  unsaved.sent(batch(1), 100);
  unsaved.received({ m: "saveFailed", reason: "The disk is full." }, 500);
  unsaved.received({ m: "saveFailed", reason: "The disk is full." }, 900);
  expect(unsaved.failure).toEqual({ since: 100, reason: "The disk is full." });
  unsaved.received({ m: "saved", made: 1 }, 1000);
  expect(unsaved.failure).toBeNull();
});

test("what was refused will not be saved, and is not waited for", () => {
  const unsaved = new Unsaved();
  unsaved.sent(batch(1), 100);
  unsaved.sent(batch(2), 200);
  const reset = (refused: Refused | null): ToWindow => ({
    m: "reset",
    number: 5,
    items: [],
    checksum: null,
    forced: true,
    refused,
  });
  expect(unsaved.received(reset(null), 300)).toBe(false);
  expect(unsaved.since).toBe(100);
  expect(unsaved.received(reset({ from: 1, to: 2, reason: "You can read here." }), 300)).toBe(true);
  expect(unsaved.since).toBeNull();
});
