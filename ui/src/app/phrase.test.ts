import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { whatIsWrong } from "./passphrase";
import { askBack, completions, meant, sameWord, WORDS, wordsOf } from "./phrase";

const list = ["abandon", "ability", "able", "about", "act", "action", "zoo"];

describe("words that are asked back", () => {
  test("are two different places, in order, and any two can come", () => {
    const part = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(part, part, (one, other) => {
        const numbers = [one, other];
        const [a, b] = askBack(() => numbers.shift() ?? 0);
        expect(a).toBeLessThan(b);
        expect(a).toBeGreaterThanOrEqual(0);
        expect(b).toBeLessThan(WORDS);
      }),
    );
    expect(askBack(() => 0)).toEqual([0, 1]);
    expect(askBack(() => 0.999)).toEqual([22, 23]);
  });

  test("are compared as words, not as letters", () => {
    expect(sameWord(" Abandon ", "abandon")).toBe(true);
    expect(sameWord("abandom", "abandon")).toBe(false);
    expect(sameWord("", "abandon")).toBe(false);
  });
});

describe("a phrase that is typed in", () => {
  test("is read however it was written down", () => {
    expect(wordsOf("1. Abandon\n2. ability, 3) able;about")).toEqual(["abandon", "ability", "able", "about"]);
    expect(wordsOf("  \n ")).toEqual([]);
  });

  test("is completed from the list", () => {
    expect(completions("AB", list)).toEqual(["abandon", "ability", "able", "about"]);
    expect(completions("act", list)).toEqual(["act", "action"]);
    expect(completions("", list)).toEqual([]);
    expect(meant("aba", list)).toBe("abandon");
    expect(meant("act", list)).toBe("act");
    expect(meant("ab", list)).toBeNull();
    expect(meant("zz", list)).toBeNull();
  });
});

test("a passphrase that would not do says why", () => {
  expect(whatIsWrong("short", "short")?.field).toBe("fresh");
  expect(whatIsWrong("gauge silt cable ", "gauge silt cable ")?.says).toContain("space");
  expect(whatIsWrong("gauge silt cable", "gauge silt")?.field).toBe("again");
  expect(whatIsWrong("gauge silt cable", "gauge silt cable")).toBeNull();
});
