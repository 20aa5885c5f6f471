import { expect, test } from "vitest";
import type { Whereabouts } from "../editor/api";
import { countLine } from "./countline";
import { foundLine, replacedLine } from "./findline";
import { remoteLine } from "./remoteline";

const ana = (near: boolean, heading: string | null = null): Whereabouts => ({
  other: { id: "a", name: "Ana Ferreira", colour: 1, anchor: 1, head: 1 },
  heading,
  near,
});
const kofi: Whereabouts = { ...ana(false), other: { ...ana(false).other, id: "k", name: "Kofi" } };

test("others' edits are told by who and where", () => {
  expect(remoteLine({ blocks: 1, where: "here" }, [ana(true, "What is wrong with the gauge")], false)).toBe("Ana is writing under What is wrong with the gauge.");
  expect(remoteLine({ blocks: 1, where: "here" }, [], false)).toBe("The paragraph you are in was changed.");
  expect(remoteLine({ blocks: 2, where: "above" }, [ana(false)], false)).toBeNull();
  expect(remoteLine({ blocks: 2, where: "above" }, [ana(false)], true)).toBe("Ana changed 2 paragraphs above you.");
  expect(remoteLine({ blocks: 1, where: "below" }, [ana(false), kofi], true)).toBe("1 paragraph below you was changed.");
});

test("counts and finds are said in words", () => {
  expect(countLine({ words: 1204, characters: 1 }, null)).toBe("1,204 words, 1 character");
  expect(countLine({ words: 10, characters: 60 }, { words: 1, characters: 5 })).toBe("Selected: 1 of 10 words, 5 of 60 characters");
  expect([foundLine(null, "a"), foundLine({ total: 0, ordinal: null }, "a"), foundLine({ total: 1200, ordinal: 3 }, "a"), foundLine({ total: 2, ordinal: null }, "a")]).toEqual(["", "Not found", "3 of 1,200", "2 matches"]);
  expect([replacedLine(0, 0), replacedLine(1, 1), replacedLine(12, 12), replacedLine(10_000, 12_345)]).toEqual([
    "Nothing was replaced.",
    "1 match was replaced.",
    "12 matches were replaced.",
    "The first 10,000 were replaced, of 12,345.",
  ]);
});
