/** What the shell draws round the page: the bubble, the insert list, the menus' ticks. */
import { redoDepth, undoDepth } from "prosemirror-history";
import type { EditorState } from "prosemirror-state";
import { chosenIn } from "./blockselection";
import { othersIn, type Other } from "./carets";
import { ACTIONS, type ActionName } from "./commands";
import { countsIn, type Counts } from "./counting";
import { choosingIn, type Choosing } from "./language";
import { foundIn, type Found } from "./finder";
import { linkingIn, type Linking } from "./linking";
import { canLink, linkHere, type PlacedLink } from "./marking";
import { outlineIn, sectionIn, type Outline } from "./outline";
import { slashIn, type Slash } from "./slash";

/** The page at one moment, as far as the shell needs it. */
export interface Snapshot {
  /** Whether there is a document to write in. */
  ready: boolean;
  /** Whether this person may write. */
  editable: boolean;
  /** Whether the page has the focus. */
  focused: boolean;
  /** Whether nothing at all is written. */
  empty: boolean;
  /** Whether words are selected, and which positions they lie between. */
  selection: { empty: boolean; from: number; to: number };
  /** How many blocks are selected as wholes; 0 when it is words or nothing. */
  chosen: number;
  /** The actions that are already on for what is selected: kinds of block, marks. */
  on: ReadonlySet<ActionName>;
  /** The link at the caret, for its popover. */
  link: PlacedLink | null;
  /** Whether a link could be made or changed now. */
  canLink: boolean;
  /** The open insert list. */
  slash: Slash | null;
  /** The open list of documents. */
  linking: Linking | null;
  /** The code block whose language is being chosen. */
  choosing: Choosing | null;
  /** Whether there is something of one's own to undo. */
  canUndo: boolean;
  /** And to redo. */
  canRedo: boolean;
  /** The headings; the very same object as long as they are as they were. */
  outline: Outline;
  /** Which of them the caret stands under; null before the first. */
  section: number | null;
  /** How much is written. */
  counts: Counts;
  /** What is found of what is looked for. */
  found: Found | null;
  /** Who else is here. */
  others: readonly Other[];
}

/** Takes a snapshot. The cost is that of what is selected, not of the document. */
export function snapshotOf(state: EditorState, ready: boolean, editable: boolean, focused: boolean): Snapshot {
  const { empty, from, to } = state.selection;
  const on = new Set<ActionName>();
  for (const [name, action] of Object.entries(ACTIONS)) if (action.isOn(state)) on.add(name as ActionName);
  return {
    ready,
    editable,
    focused,
    empty: state.doc.childCount === 1 && state.doc.firstChild?.content.size === 0,
    selection: { empty, from, to },
    chosen: chosenIn(state),
    on,
    link: linkHere(state),
    canLink: canLink(state),
    slash: slashIn(state),
    linking: linkingIn(state),
    choosing: choosingIn(state),
    canUndo: undoDepth(state) > 0,
    canRedo: redoDepth(state) > 0,
    outline: outlineIn(state),
    section: sectionIn(state),
    counts: countsIn(state),
    found: foundIn(state),
    others: othersIn(state),
  };
}
