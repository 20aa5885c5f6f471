/**
 * Everything a person can do to the page, by name: for the palette, the bubble, the insert list and the menus.
 *
 * A command called without `dispatch` says whether it would apply, and `isOn` whether it already does.
 */
import { redo, undo } from "prosemirror-history";
import { selectAll } from "prosemirror-commands";
import type { Command, EditorState } from "prosemirror-state";
import * as blocks from "./blocks";
import { chooseBlocks } from "./blockselection";
import { chooseLanguage } from "./language";
import { SHORTCUTS, writtenKey, type ShortcutName } from "./keytable";
import { clearMarks, hasMark, toggle, unlink } from "./marking";
import { moveBlocks } from "./moving";
import { KINDS } from "./schema";

/** One thing that can be done. */
export interface Action {
  /** What it is called, on screen. */
  label: string;
  /** Words by which it is also found. */
  words: string;
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
  return { label, words: "", typed: "", inserts: false, command, isOn: never, ...more };
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
    typed: "#".repeat(level),
    inserts: level <= 3,
  });
}

function mark(label: string, name: Parameters<typeof toggle>[0], typed: string, words: string) {
  return action(label, toggle(name), { words, typed, isOn: (state) => hasMark(state, name) });
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
    typed: "-",
  }),
  orderedList: block("Ordered list", { kind: KINDS.ordered }, {
    words: "numbered item",
    typed: "1.",
  }),
  taskList: block("Task list", { kind: KINDS.bullet, attrs: { checked: false } }, {
    words: "to do check box",
    typed: "[ ]",
  }),
  quote: block("Quote", { kind: KINDS.quote }, { words: "blockquote citation", typed: ">" }),
  codeBlock: block("Code block", { kind: KINDS.code }, { words: "program source fence", typed: "```" }),
  codeLanguage: action("Language of the code", chooseLanguage, { words: "highlight syntax colour programming" }),
  strong: mark("Strong", "strong", "**", "bold"),
  emphasis: mark("Emphasis", "em", "*", "italic"),
  code: mark("Code", "code", "`", "monospace inline"),
  strike: mark("Strike", "strike", "~~", "strikethrough delete"),
  removeLink: action("Remove link", unlink, { words: "unlink" }),
  clearFormatting: action("Clear formatting", clearMarks, { words: "plain remove marks" }),
  tickTask: action("Tick a task", blocks.tick, {
    words: "check done",
  }),
  indent: action("Nest deeper", blocks.indent, { words: "indent" }),
  outdent: action("Nest less deep", blocks.outdent, { words: "outdent" }),
  chooseBlocks: action("Select the block", chooseBlocks, { words: "blocks whole" }),
  moveUp: action("Move block up", moveBlocks(-1)),
  moveDown: action("Move block down", moveBlocks(1)),
  undo: action("Undo", undo),
  redo: action("Redo", redo),
  selectAll: action("Select all", selectAll),
} satisfies Record<string, Action>;

/** The name of an action. */
export type ActionName = keyof typeof ACTIONS;

/** How the key of an action is written on a platform; empty when it has none. */
export function keyOfAction(name: ActionName, mac: boolean): string {
  return Object.hasOwn(SHORTCUTS, name) ? writtenKey(name as ShortcutName, mac) : "";
}

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
