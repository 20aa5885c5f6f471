// @vitest-environment node
/** One table of keys: what is bound, what is shown and what the documentation says are the same. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { commandOf } from "../app/keys";
import { keysFor } from "./keymap";
import { chordsOf, GROUPS, inGroup, SHORTCUTS, writtenChord, writtenKeys, type Group, type ShortcutName } from "./keytable";

const names = Object.keys(SHORTCUTS) as ShortcutName[];
const targets = { onLink: () => true, onOpenLink: () => undefined };

function press(chord: string, mac: boolean) {
  const held = chord.split("-");
  const key = held.pop() ?? "";
  return {
    key,
    code: "",
    ctrlKey: held.includes("Ctrl") || (!mac && held.includes("Mod")),
    metaKey: mac && held.includes("Mod"),
    shiftKey: held.includes("Shift"),
    altKey: held.includes("Alt"),
  };
}

describe.each([["macOS", true], ["Windows and Linux", false]])("the table of keys, on %s", (_where, mac) => {
  test("everything in it is bound, by the page or by the window", () => {
    const bound = keysFor(mac, targets);
    for (const name of names) {
      if (name === "leave") continue;
      for (const chord of chordsOf(name, mac)) {
        const onPage = Object.hasOwn(bound, chord.replace("Mod", mac ? "Meta" : "Ctrl"));
        const command = commandOf(press(chord, mac), mac);
        if (SHORTCUTS[name].group === "page" || SHORTCUTS[name].group === "blocks") expect(onPage, `${name} ${chord}`).toBe(true);
        else expect(command, `${name} ${chord}`).toBe(name);
      }
    }
  });

  test("no chord stands for two things, but for Mod-K, which is a link where there are words", () => {
    const all = names.flatMap((name) => chordsOf(name, mac).map((chord) => press(chord, mac)).map((each) => JSON.stringify(each)));
    const twice = all.filter((each, i) => all.indexOf(each) !== i);
    expect(twice).toEqual([JSON.stringify(press("Mod-k", mac))]);
  });

  test("nothing needs Ctrl and Alt together", () => {
    for (const name of names) {
      for (const chord of chordsOf(name, mac)) {
        const { ctrlKey, altKey } = press(chord, mac);
        expect(ctrlKey && altKey, chord).toBe(false);
      }
    }
  });
});

test("chords are written as each platform writes them", () => {
  expect(["Mod-Shift-n", "Ctrl-Mod-ArrowUp", "Alt-Mod-1", "Mod-Enter"].map((chord) => writtenChord(chord, true))).toEqual(["⇧⌘N", "⌃⌘Up", "⌥⌘1", "⌘Return"]);
  expect(["Mod-Shift-n", "Alt-Shift-ArrowUp", "Mod-,", "Escape Tab"].map((chord) => writtenChord(chord, false))).toEqual([
    "Ctrl+Shift+N",
    "Alt+Shift+Up",
    "Ctrl+,",
    "Escape, then Tab",
  ]);
});

/** `docs/keyboard.md` between its two marks: `SHEAF_WRITE=1` writes it. */
test("docs/keyboard.md says what the table says", () => {
  const file = fileURLToPath(new URL("../../../docs/keyboard.md", import.meta.url));
  const [begins, ends] = ["<!-- The keys: from ui/src/editor/keytable.ts -->", "<!-- The keys end. -->"];
  const tables = (Object.keys(GROUPS) as Group[]).map((group) => {
    const rows = inGroup(group).map((name) => `| ${SHORTCUTS[name].does} | ${writtenKeys(name, true)} | ${writtenKeys(name, false)} |`);
    return [`## ${GROUPS[group]}`, "", "| do | macOS | Windows, Linux |", "| --- | --- | --- |", ...rows].join("\n");
  });
  const text = readFileSync(file, "utf8");
  const [start, end] = [text.indexOf(begins), text.indexOf(ends)];
  expect(start).toBeGreaterThan(0);
  const wanted = `${text.slice(0, start)}${begins}\n\n${tables.join("\n\n")}\n\n${text.slice(end)}`;
  if (process.env.SHEAF_WRITE === "1") writeFileSync(file, wanted);
  else expect(text).toBe(wanted);
});
