/**
 * The keys of the shell (the editor binds its own), from the one table of keys (`editor/keytable.ts`). Names of keys follow
 * the platform: Command on macOS, Ctrl elsewhere.
 */
import { chordsOf, writtenKey, type ShortcutName } from "../editor/keytable";

const COMMANDS = [
  "goTo",
  "palette",
  "newDocument",
  "newWindow",
  "where",
  "sidebar",
  "panel",
  "nextRegion",
  "previousRegion",
  "settings",
  "searchAll",
  "find",
  "replace",
  "findNext",
  "findPrevious",
] as const satisfies readonly ShortcutName[];

/** What the shell does at a key. */
export type Command = (typeof COMMANDS)[number];

/** What is read of a key press. */
export interface Press {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

/** Whether this machine names its keys the Mac way. */
export const isMac = typeof navigator !== "undefined" && /Mac/u.test(navigator.platform);

/** The command of a key press; null if the shell has none. */
export function commandOf(press: Press, mac = isMac): Command | null {
  return COMMANDS.find((command) => chordsOf(command, mac).some((chord) => isPressed(chord, press, mac))) ?? null;
}

function isPressed(chord: string, press: Press, mac: boolean): boolean {
  const held = chord.split("-");
  const key = held.pop() ?? "";
  const mod = held.includes("Mod");
  return (
    isKey(key, press) &&
    press.metaKey === (mac && mod) &&
    press.ctrlKey === (held.includes("Ctrl") || (!mac && mod)) &&
    press.altKey === held.includes("Alt") &&
    press.shiftKey === held.includes("Shift")
  );
}

function isKey(key: string, press: Press): boolean {
  if (key.length > 1) return press.key === key;
  // Option makes other signs of letters: then it is the place of the key that counts.
  return press.key.toLowerCase() === key || (press.altKey && press.code === `Key${key.toUpperCase()}`);
}

/** How the key of a command is written: “Ctrl+Shift+N”, “⇧⌘N”. */
export function keyName(command: ShortcutName, mac = isMac): string {
  return writtenKey(command, mac);
}
