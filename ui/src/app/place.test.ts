import fc from "fast-check";
import { expect, test } from "vitest";
import { placeAt } from "./place";

const bounds = { left: 0, top: 50, right: 900, bottom: 600 };
const size = { width: 300, height: 36 };
const words = (left: number, top: number, width = 80, height = 24) => ({ left, top, right: left + width, bottom: top + height });

test("below the words", () => {
  expect(placeAt(words(100, 200), size, bounds)).toEqual({ left: 100, top: 228 });
});

test("above where there is no room below", () => {
  expect(placeAt(words(100, 570), size, bounds)).toEqual({ left: 100, top: 530 });
});

test("inside the window at its right edge", () => {
  expect(placeAt(words(850, 200), size, bounds)?.left).toBe(592);
});

test("nowhere when the words are scrolled away", () => {
  expect(placeAt(words(100, 10), size, bounds)).toBeNull();
  expect(placeAt(words(100, 700), size, bounds)).toBeNull();
});

test("never over words that leave it room", () => {
  fc.assert(
    fc.property(fc.integer({ min: 50, max: 570 }), fc.integer({ min: 10, max: 300 }), (top, height) => {
      const at = words(100, top, 80, height);
      const placed = placeAt(at, size, bounds);
      if (!placed) return;
      const room = at.bottom + 4 + size.height <= 592 || at.top - 4 - size.height >= 58;
      if (room) expect(placed.top >= at.bottom || placed.top + size.height <= at.top).toBe(true);
    }),
  );
});
