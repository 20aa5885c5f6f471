/**
 * The keys of the page, as the interface guide names them.
 *
 * Tab indents in lists and code; anywhere else it goes to the next control, and after Escape it does so everywhere.
 */
import { chainCommands, createParagraphNear, deleteSelection, selectAll, selectNodeBackward } from "prosemirror-commands";
import { redo, undo } from "prosemirror-history";
import { undoInputRule } from "prosemirror-inputrules";
import { keydownHandler } from "prosemirror-keymap";
import { Plugin, type Command } from "prosemirror-state";
import * as blocks from "./blocks";
import { chooseBlocks, extendBlocks, intoText, stepBlocks } from "./blockselection";
import { chooseLanguage } from "./language";
import { chordsOf, type ShortcutName } from "./keytable";
import { canLink, linkHere, toggle } from "./marking";
import { moveBlocks } from "./moving";
import { hrefOf } from "./links";
import { KINDS } from "./schema";

/** Whether the keys are those of macOS. */
export const isMac = typeof navigator !== "undefined" && /Mac|iP(hone|[oa]d)/.test(navigator.platform);

/** What the keys need of the shell. */
export interface KeyTargets {
  /** Words are selected, or the caret is in a link, and a link is wanted. */
  onLink: () => boolean;
  /** The link at the caret is to be followed. */
  onOpenLink: (href: string) => void;
}

/** Each key and its command: those of the table (`keytable.ts`), and those that every text has. */
export function keysFor(mac: boolean, targets: KeyTargets): Record<string, Command> {
  const enter = chainCommands(intoText(1), blocks.fence, blocks.newlineInCode, blocks.splitBlock, createParagraphNear);
  const backspace = chainCommands(undoInputRule, deleteSelection, blocks.backspace, selectNodeBackward);
  const forward = chainCommands(deleteSelection, blocks.deleteForward);
  const keys: Record<string, Command> = {
    Enter: enter,
    Backspace: backspace,
    "Mod-Backspace": backspace,
    "Shift-Backspace": backspace,
    Delete: forward,
    "Mod-Delete": forward,
    ArrowUp: stepBlocks(-1),
    ArrowDown: stepBlocks(1),
    ArrowLeft: intoText(-1),
    ArrowRight: intoText(1),
  };
  const bind = (name: ShortcutName, command: Command) => {
    for (const chord of chordsOf(name, mac)) keys[chord.replace("Mod", mac ? "Meta" : "Ctrl")] = command;
  };
  bind("breakLine", chainCommands(blocks.leaveCode, blocks.breakLine));
  bind("tickTask", chainCommands(followLink(targets.onOpenLink), blocks.tick, blocks.leaveCode));
  bind("indent", chainCommands(blocks.indentCode, inList(blocks.indent)));
  bind("outdent", chainCommands(blocks.outdentCode, inList(blocks.outdent)));
  bind("strong", toggle("strong"));
  bind("emphasis", toggle("em"));
  bind("code", toggle("code"));
  bind("strike", toggle("strike"));
  bind("link", (state) => canLink(state) && targets.onLink());
  bind("orderedList", blocks.toggleBlocks({ kind: KINDS.ordered }));
  bind("bulletList", blocks.toggleBlocks({ kind: KINDS.bullet }));
  bind("taskList", blocks.toggleBlocks({ kind: KINDS.bullet, attrs: { checked: false } }));
  bind("codeLanguage", chooseLanguage);
  bind("chooseBlocks", chooseBlocks);
  bind("extendUp", extendBlocks(-1));
  bind("extendDown", extendBlocks(1));
  bind("moveUp", moveBlocks(-1));
  bind("moveDown", moveBlocks(1));
  bind("undo", undo);
  bind("redo", redo);
  bind("selectAll", selectAll);
  for (const level of [1, 2, 3, 4, 5, 6] as const) {
    bind(`heading${level}`, blocks.toggleBlocks({ kind: KINDS.heading, attrs: { level } }));
  }
  if (mac) {
    keys["Ctrl-h"] = backspace;
    keys["Alt-Backspace"] = backspace;
    keys["Ctrl-d"] = keys["Alt-Delete"] = forward;
  }
  return keys;
}

/** Follows the link that the caret is in; not one that it only stands beside. */
function followLink(open: (href: string) => void): Command {
  return (state, dispatch) => {
    const link = state.selection.empty ? linkHere(state) : null;
    const { from } = state.selection;
    const href = link === null || from <= link.from || from >= link.to ? null : hrefOf(link.href);
    if (href === null) return false;
    if (dispatch) open(href);
    return true;
  };
}

/** In a list the key is taken even when it does nothing, so that it never throws the caret out of the page. */
function inList(command: Command): Command {
  return (state, dispatch, view) => {
    const [first] = blocks.selectedBlocks(state);
    return command(state, dispatch, view) || (first !== undefined && blocks.isItem(first.node));
  };
}

/** Binds the keys. */
export function keysPlugin(targets: KeyTargets, mac = isMac): Plugin {
  const handle = keydownHandler(keysFor(mac, targets));
  let leaving = false;
  return new Plugin({
    props: {
      handleKeyDown: (view, event) => {
        if (event.key === "Tab" && leaving) return false;
        if (event.key !== "Shift") leaving = event.key === "Escape";
        return handle(view, event);
      },
      handleDOMEvents: {
        blur: () => {
          leaving = false;
          return false;
        },
      },
    },
  });
}
