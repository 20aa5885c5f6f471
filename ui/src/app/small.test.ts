import { expect, test } from "vitest";
import { asCoreError, CoreError, sentence } from "../core/commands";
import { Announcer, QUIET_MS } from "./announce.svelte";
import { initials, nameList, whoIsHere } from "./people";
import { moment } from "./time";

test("initials are of the first and the last name, in any script", () => {
  expect(initials("Mara Lindqvist")).toBe("ML");
  expect(initials("Ana Maria de Ferreira")).toBe("AF");
  expect(initials("ada")).toBe("A");
  expect(initials("𝒜da 李")).toBe("𝒜李");
  expect(initials("  ")).toBe("");
});

test("a list of names reads as a sentence", () => {
  expect(nameList([])).toBe("");
  expect(nameList(["Ana"])).toBe("Ana");
  expect(nameList(["Ana", "Kofi"])).toBe("Ana and Kofi");
  expect(nameList(["Ana", "Kofi", "Yuki"])).toBe("Ana, Kofi and Yuki");
  expect(nameList(["Ana", "Kofi", "Yuki", "Mara"])).toBe("Ana, Kofi and 2 others");
});

test("a time says as much as is needed", () => {
  const now = new Date(2026, 3, 13, 18, 0, 0).getTime();
  expect(moment(new Date(2026, 3, 13, 16, 42, 7).getTime(), now)).toBe("16:42:07");
  expect(moment(new Date(2026, 3, 12, 19, 20).getTime(), now)).toBe("Sunday, 19:20");
  expect(moment(new Date(2026, 2, 12, 9, 5).getTime(), now)).toBe("12 March, 09:05");
  expect(moment(new Date(2024, 2, 12, 9, 5).getTime(), now)).toBe("12 March 2024, 09:05");
});

test("an error is a sentence, whatever was thrown", () => {
  expect(asCoreError({ code: "role", message: "you can read here, not write" })).toMatchObject({
    code: "role",
    message: "You can read here, not write.",
  });
  expect(asCoreError({ code: "last-owner", message: "make someone else an owner first: `sheaf role`" }).message).not.toContain("`");
  expect(asCoreError("no such command")).toBeInstanceOf(CoreError);
  expect(sentence("Gone?")).toBe("Gone?");
});

test("others are mentioned at most once in five seconds, what one asked for is said at once", () => {
  let now = 0;
  const announcer = new Announcer(() => now);
  announcer.mention("Ana is here.");
  now += QUIET_MS - 1;
  announcer.mention("Kofi is here.");
  expect(announcer.polite).toBe("Ana is here.");
  announcer.say("Copied.");
  expect(announcer.polite).toBe("Copied.");
  now += 1;
  announcer.mention("Ana left.");
  expect(announcer.polite).toBe("Ana left.");
});

test("the same words said again are heard again", () => {
  const announcer = new Announcer();
  announcer.say("Copied.");
  const first = announcer.polite;
  announcer.say("Copied.");
  expect(announcer.polite).not.toBe(first);
});

test("everyone is here once, with the caret that leads to them", () => {
  const ana = { name: "Ana", colour: 1 };
  const kofi = { name: "Kofi", colour: 6 };
  expect(
    whoIsHere(
      [{ person: "p1", ...ana }],
      [
        { id: "s1", ...ana, head: null },
        { id: "s2", ...ana, head: 4 },
        { id: "s3", ...kofi, head: 9 },
      ],
    ),
  ).toEqual([
    { key: "p1", ...ana, caret: "s2" },
    { key: "s3", ...kofi, caret: "s3" },
  ]);
});
