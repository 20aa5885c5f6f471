/**
 * The keyboard map of the shell (the editor has its own). Names of keys follow the platform: Command on macOS, Ctrl
 * elsewhere. Never Ctrl+Alt: it is AltGr on many keyboards.
 */

/** What the shell does at a key. */
export type Command =
  | "goTo"
  | "palette"
  | "newDocument"
  | "newWindow"
  | "where"
  | "sidebar"
  | "nextRegion"
  | "previousRegion"
  | "settings";

/** What is read of a key press. */
export interface Press {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

interface Chord {
  command: Command;
  key: string;
  mod?: boolean;
  ctrl?: boolean;
  shift?: boolean;
}

const everywhere: Chord[] = [
  { command: "goTo", key: "k", mod: true },
  { command: "palette", key: "p", mod: true, shift: true },
  { command: "newDocument", key: "n", mod: true },
  { command: "newWindow", key: "n", mod: true, shift: true },
  { command: "where", key: "s", mod: true },
  { command: "settings", key: ",", mod: true },
  { command: "nextRegion", key: "F6" },
  { command: "previousRegion", key: "F6", shift: true },
];
const onMac: Chord[] = [...everywhere, { command: "sidebar", key: "s", mod: true, ctrl: true }];
const elsewhere: Chord[] = [...everywhere, { command: "sidebar", key: "F9" }];

/** Whether this machine names its keys the Mac way. */
export const isMac = typeof navigator !== "undefined" && /Mac/u.test(navigator.platform);

/** The command of a key press; null if the shell has none. */
export function commandOf(press: Press, mac = isMac): Command | null {
  if (press.altKey) return null;
  const letter = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  for (const chord of mac ? onMac : elsewhere) {
    const mod = mac ? press.metaKey : press.ctrlKey;
    const other = mac ? press.ctrlKey : press.metaKey;
    if (
      letter === chord.key &&
      mod === (chord.mod ?? false) &&
      other === (chord.ctrl ?? false) &&
      press.shiftKey === (chord.shift ?? false)
    ) {
      return chord.command;
    }
  }
  return null;
}

/** How the key of a command is written: “Ctrl+Shift+N”, “⇧⌘N”. */
export function keyName(command: Command, mac = isMac): string {
  const chord = (mac ? onMac : elsewhere).find((each) => each.command === command);
  if (!chord) return "";
  return chordName(chord, mac);
}

/** How a chord is written on this platform. */
export function chordName(chord: { key: string; mod?: boolean; ctrl?: boolean; shift?: boolean }, mac = isMac): string {
  const key = chord.key.length === 1 ? chord.key.toUpperCase() : chord.key;
  if (mac) return `${chord.ctrl ? "⌃" : ""}${chord.shift ? "⇧" : ""}${chord.mod ? "⌘" : ""}${key}`;
  return [chord.mod ? "Ctrl" : "", chord.shift ? "Shift" : "", key].filter((part) => part !== "").join("+");
}
