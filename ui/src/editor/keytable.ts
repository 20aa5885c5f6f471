/**
 * Every key of the window, once: what the keymaps bind, the palette and the menus show, the settings list, and
 * `docs/keyboard.md` says.
 *
 * A chord is written as ProseMirror writes it: modifiers and a key, `Mod` being Command on macOS and Ctrl elsewhere. Never
 * Ctrl and Alt together: that is AltGr on many keyboards.
 */

/** The parts of the table. */
export const GROUPS = {
  window: "The window",
  find: "Finding",
  page: "Words",
  blocks: "Blocks",
} as const;

/** A part of the table. */
export type Group = keyof typeof GROUPS;

/** One thing that has a key. */
export interface Shortcut {
  /** What it does. */
  does: string;
  /** Where it stands in the table. */
  group: Group;
  /** Its chords on macOS. */
  mac: readonly string[];
  /** Its chords elsewhere. */
  other: readonly string[];
}

function keys(group: Group, does: string, mac: string | string[], other: string | string[] = mac): Shortcut {
  return { group, does, mac: [mac].flat(), other: [other].flat() };
}

/** The table, in the order in which it is shown. */
export const SHORTCUTS = {
  goTo: keys("window", "Go to a document, or do something", "Mod-k"),
  palette: keys("window", "The same, also with words selected", "Mod-Shift-p"),
  newDocument: keys("window", "New document", "Mod-n"),
  newWindow: keys("window", "New window", "Mod-Shift-n"),
  where: keys("window", "Where this document is", "Mod-s"),
  sidebar: keys("window", "Sidebar", "Ctrl-Mod-s", "F9"),
  panel: keys("window", "Outline and counts", "Alt-Mod-p", "Shift-F9"),
  nextRegion: keys("window", "Next region", "F6"),
  previousRegion: keys("window", "Previous region", "Shift-F6"),
  settings: keys("window", "Settings", "Mod-,"),

  searchAll: keys("find", "Find in all documents", "Mod-Shift-f"),
  find: keys("find", "Find in this document", "Mod-f"),
  replace: keys("find", "Find and replace", "Alt-Mod-f", "Ctrl-h"),
  findNext: keys("find", "Next match", "Mod-g", ["F3", "Ctrl-g"]),
  findPrevious: keys("find", "Previous match", "Mod-Shift-g", ["Shift-F3", "Ctrl-Shift-g"]),

  strong: keys("page", "Strong", "Mod-b"),
  emphasis: keys("page", "Emphasis", "Mod-i"),
  code: keys("page", "Code", "Mod-e"),
  strike: keys("page", "Strike", "Mod-Shift-x"),
  link: keys("page", "Link, with words selected or in a link", "Mod-k"),
  breakLine: keys("page", "A line break inside a block", "Shift-Enter"),
  undo: keys("page", "Undo one’s own edits", "Mod-z"),
  redo: keys("page", "Redo", "Mod-Shift-z", ["Mod-Shift-z", "Mod-y"]),
  selectAll: keys("page", "Select all", "Mod-a"),
  leave: keys("page", "Leave the page", "Escape Tab"),

  heading1: keys("blocks", "Heading 1 (again: text)", "Alt-Mod-1", "Ctrl-Shift-1"),
  heading2: keys("blocks", "Heading 2", "Alt-Mod-2", "Ctrl-Shift-2"),
  heading3: keys("blocks", "Heading 3", "Alt-Mod-3", "Ctrl-Shift-3"),
  heading4: keys("blocks", "Heading 4", "Alt-Mod-4", "Ctrl-Shift-4"),
  heading5: keys("blocks", "Heading 5", "Alt-Mod-5", "Ctrl-Shift-5"),
  heading6: keys("blocks", "Heading 6", "Alt-Mod-6", "Ctrl-Shift-6"),
  orderedList: keys("blocks", "Ordered list (again: text)", "Mod-Shift-7"),
  bulletList: keys("blocks", "Bullet list", "Mod-Shift-8"),
  taskList: keys("blocks", "Task list", "Mod-Shift-9"),
  tickTask: keys("blocks", "Tick a task; leave a code block; open the link at the caret", "Mod-Enter"),
  indent: keys("blocks", "Nest a list item; indent code", "Tab"),
  outdent: keys("blocks", "Lift a list item; code comes out", "Shift-Tab"),
  codeLanguage: keys("blocks", "The language of a code block", "Mod-Shift-l"),
  chooseBlocks: keys("blocks", "Select the block (again: back to the words)", "Escape"),
  extendUp: keys("blocks", "With a block selected: one more above", "Shift-ArrowUp"),
  extendDown: keys("blocks", "With a block selected: one more below", "Shift-ArrowDown"),
  moveUp: keys("blocks", "Move blocks up", "Ctrl-Mod-ArrowUp", "Alt-Shift-ArrowUp"),
  moveDown: keys("blocks", "Move blocks down", "Ctrl-Mod-ArrowDown", "Alt-Shift-ArrowDown"),
} as const satisfies Record<string, Shortcut>;

/** The name of something that has a key. */
export type ShortcutName = keyof typeof SHORTCUTS;

/** The chords of something on a platform. */
export function chordsOf(name: ShortcutName, mac: boolean): readonly string[] {
  const { mac: onMac, other } = SHORTCUTS[name];
  return mac ? onMac : other;
}

const SIGNS: Record<string, string> = { Ctrl: "⌃", Alt: "⌥", Shift: "⇧", Mod: "⌘" };
const ORDER = ["Ctrl", "Alt", "Shift", "Mod"];
const NAMES: Record<string, string> = { ArrowUp: "Up", ArrowDown: "Down", ArrowLeft: "Left", ArrowRight: "Right" };

/** How a chord is written on a platform: “⇧⌘N”, “Ctrl+Shift+N”. Keys one after another have a space between them. */
export function writtenChord(chord: string, mac: boolean): string {
  return chord
    .split(" ")
    .map((press) => {
      const parts = press.split("-");
      const last = parts.pop() ?? "";
      const key = last.length === 1 ? last.toUpperCase() : (NAMES[last] ?? (mac && last === "Enter" ? "Return" : last));
      const held = parts.sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b));
      if (mac) return held.map((each) => SIGNS[each] ?? "").join("") + key;
      // Elsewhere Mod is Ctrl, and Ctrl comes first.
      return [...held.map((each) => (each === "Mod" ? "Ctrl" : each)).sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)), key].join("+");
    })
    .join(", then ");
}

/** How the first key of something is written on a platform. */
export function writtenKey(name: ShortcutName, mac: boolean): string {
  return writtenChord(chordsOf(name, mac)[0] ?? "", mac);
}

/** All keys of something as they are written: “F3 or Ctrl+G”. */
export function writtenKeys(name: ShortcutName, mac: boolean): string {
  return chordsOf(name, mac)
    .map((chord) => writtenChord(chord, mac))
    .join(" or ");
}

/** The names of a part of the table, in order. */
export function inGroup(group: Group): ShortcutName[] {
  return (Object.keys(SHORTCUTS) as ShortcutName[]).filter((name) => SHORTCUTS[name].group === group);
}
