/**
 * Everything a person can do to the page, by name: for the palette, the bubble, the insert list and the menus.
 *
 * A command called without `dispatch` says whether it would apply, and `isOn` whether it already does.
 */
import { redo, undo } from "prosemirror-history";
import { selectAll } from "prosemirror-commands";
import type { Command, EditorState } from "prosemirror-state";
import * as blocks from "./blocks";
import { clearMarks, hasMark, toggle, unlink } from "./marking";
import { KINDS } from "./schema";

/** One thing that can be done. */
export interface Action {
  /** What it is called, on screen. */
  label: string;
  /** Words by which it is also found. */
  words: string;
  /** Its key on macOS and elsewhere, as shown; empty when it has none. */
  keys: { mac: string; other: string };
  /** What can be typed instead, for the insert list. */
  typed: string;
  /** Whether it stands in the insert list. */
  inserts: boolean;
  /** Does it. */
  command: Command;
  /** Whether what is selected is that already. */
  isOn: (state: EditorState) => boolean;
}

const never = () => false;

function action(label: string, command: Command, more: Partial<Action> = {}): Action {
  return { label, words: "", keys: { mac: "", other: "" }, typed: "", inserts: false, command, isOn: never, ...more };
}

function block(label: string, wanted: blocks.Wanted, more: Partial<Action>): Action {
  return action(label, blocks.toggleBlocks(wanted), {
    inserts: true,
    isOn: (state) => blocks.blocksAre(state, wanted),
    ...more,
  });
}

function heading(level: number): Action {
  return block(`Heading ${String(level)}`, { kind: KINDS.heading, attrs: { level } }, {
    words: "title section",
    keys: { mac: `⌥⌘${String(level)}`, other: `Ctrl+Shift+${String(level)}` },
    typed: "#".repeat(level),
    inserts: level <= 3,
  });
}

function mark(label: string, name: Parameters<typeof toggle>[0], mac: string, other: string, typed: string, words: string) {
  return action(label, toggle(name), { words, keys: { mac, other }, typed, isOn: (state) => hasMark(state, name) });
}

/** The actions of the page, by name. The names stay. */
export const ACTIONS = {
  paragraph: action("Text", blocks.setBlocks({ kind: KINDS.paragraph }), {
    words: "paragraph plain",
    inserts: true,
    isOn: (state) => blocks.blocksAre(state, { kind: KINDS.paragraph }),
  }),
  heading1: heading(1),
  heading2: heading(2),
  heading3: heading(3),
  heading4: heading(4),
  heading5: heading(5),
  heading6: heading(6),
  bulletList: block("Bullet list", { kind: KINDS.bullet }, {
    words: "unordered item",
    keys: { mac: "⇧⌘8", other: "Ctrl+Shift+8" },
    typed: "-",
  }),
  orderedList: block("Ordered list", { kind: KINDS.ordered }, {
    words: "numbered item",
    keys: { mac: "⇧⌘7", other: "Ctrl+Shift+7" },
    typed: "1.",
  }),
  taskList: block("Task list", { kind: KINDS.bullet, attrs: { checked: false } }, {
    words: "to do check box",
    keys: { mac: "⇧⌘9", other: "Ctrl+Shift+9" },
    typed: "[ ]",
  }),
  quote: block("Quote", { kind: KINDS.quote }, { words: "blockquote citation", typed: ">" }),
  codeBlock: block("Code block", { kind: KINDS.code }, { words: "program source fence", typed: "```" }),
  strong: mark("Strong", "strong", "⌘B", "Ctrl+B", "**", "bold"),
  emphasis: mark("Emphasis", "em", "⌘I", "Ctrl+I", "*", "italic"),
  code: mark("Code", "code", "⌘E", "Ctrl+E", "`", "monospace inline"),
  strike: mark("Strike", "strike", "⇧⌘X", "Ctrl+Shift+X", "~~", "strikethrough delete"),
  removeLink: action("Remove link", unlink, { words: "unlink" }),
  clearFormatting: action("Clear formatting", clearMarks, { words: "plain remove marks" }),
  tickTask: action("Tick a task", blocks.tick, {
    words: "check done",
    keys: { mac: "⌘Return", other: "Ctrl+Enter" },
  }),
  indent: action("Nest deeper", blocks.indent, { words: "indent", keys: { mac: "Tab", other: "Tab" } }),
  outdent: action("Nest less deep", blocks.outdent, { words: "outdent", keys: { mac: "⇧Tab", other: "Shift+Tab" } }),
  moveUp: action("Move block up", blocks.moveBlocks(-1), { keys: { mac: "⌃⌘Up", other: "Alt+Shift+Up" } }),
  moveDown: action("Move block down", blocks.moveBlocks(1), { keys: { mac: "⌃⌘Down", other: "Alt+Shift+Down" } }),
  undo: action("Undo", undo, { keys: { mac: "⌘Z", other: "Ctrl+Z" } }),
  redo: action("Redo", redo, { keys: { mac: "⇧⌘Z", other: "Ctrl+Shift+Z" } }),
  selectAll: action("Select all", selectAll, { keys: { mac: "⌘A", other: "Ctrl+A" } }),
} satisfies Record<string, Action>;

/** The name of an action. */
export type ActionName = keyof typeof ACTIONS;

/** The actions of the insert list whose name or words begin with what was typed, best first. */
export function insertions(query: string): { name: ActionName; action: Action }[] {
  const wanted = query.trim().toLowerCase();
  const rank = ({ label, words, typed }: Action) => {
    if (wanted === "") return 0;
    if (label.toLowerCase().startsWith(wanted) || typed === wanted) return 0;
    if (`${label} ${words}`.toLowerCase().split(" ").some((word) => word.startsWith(wanted))) return 1;
    return label.toLowerCase().replaceAll(" ", "").startsWith(wanted) ? 1 : 2;
  };
  return (Object.entries(ACTIONS) as [ActionName, Action][])
    .filter(([, each]) => each.inserts && rank(each) < 2)
    .sort(([, a], [, b]) => rank(a) - rank(b))
    .map(([name, each]) => ({ name, action: each }));
}
