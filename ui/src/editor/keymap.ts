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
import { canLink, toggle } from "./marking";
import { KINDS } from "./schema";

/** Whether the keys are those of macOS. */
export const isMac = typeof navigator !== "undefined" && /Mac|iP(hone|[oa]d)/.test(navigator.platform);

/** What the keys need of the shell. */
export interface KeyTargets {
  /** Words are selected, or the caret is in a link, and a link is wanted. */
  onLink: () => boolean;
}

/** Each key and its command. `Mod` is Command on macOS, Ctrl elsewhere. */
export function keysFor(mac: boolean, targets: KeyTargets): Record<string, Command> {
  const enter = chainCommands(blocks.fence, blocks.newlineInCode, blocks.splitBlock, createParagraphNear);
  const backspace = chainCommands(undoInputRule, deleteSelection, blocks.backspace, selectNodeBackward);
  const forward = chainCommands(deleteSelection, blocks.deleteForward);
  const keys: Record<string, Command> = {
    Enter: enter,
    "Shift-Enter": chainCommands(blocks.leaveCode, blocks.breakLine),
    "Mod-Enter": chainCommands(blocks.tick, blocks.leaveCode),
    Backspace: backspace,
    "Mod-Backspace": backspace,
    "Shift-Backspace": backspace,
    Delete: forward,
    "Mod-Delete": forward,
    Tab: chainCommands(blocks.indentCode, inList(blocks.indent)),
    "Shift-Tab": chainCommands(blocks.outdentCode, inList(blocks.outdent)),
    "Mod-b": toggle("strong"),
    "Mod-i": toggle("em"),
    "Mod-e": toggle("code"),
    "Mod-Shift-x": toggle("strike"),
    "Mod-k": (state) => canLink(state) && targets.onLink(),
    "Mod-Shift-7": blocks.toggleBlocks({ kind: KINDS.ordered }),
    "Mod-Shift-8": blocks.toggleBlocks({ kind: KINDS.bullet }),
    "Mod-Shift-9": blocks.toggleBlocks({ kind: KINDS.bullet, attrs: { checked: false } }),
    [mac ? "Ctrl-Meta-ArrowUp" : "Alt-Shift-ArrowUp"]: blocks.moveBlocks(-1),
    [mac ? "Ctrl-Meta-ArrowDown" : "Alt-Shift-ArrowDown"]: blocks.moveBlocks(1),
    "Mod-z": undo,
    "Mod-Shift-z": redo,
    "Mod-a": selectAll,
  };
  for (let level = 1; level <= 6; level++) {
    const key = `${mac ? "Alt-Meta" : "Ctrl-Shift"}-${String(level)}`;
    keys[key] = blocks.toggleBlocks({ kind: KINDS.heading, attrs: { level } });
  }
  if (mac) {
    keys["Ctrl-h"] = backspace;
    keys["Alt-Backspace"] = backspace;
    keys["Ctrl-d"] = keys["Alt-Delete"] = forward;
  } else keys["Mod-y"] = redo;
  return keys;
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
