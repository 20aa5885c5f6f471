/** What the editor is to the shell and to tests: its options, and what it can do. */
import type { Command } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import type { Item } from "../core/types/Item";
import type { Other } from "./carets";
import type { ActionName } from "./commands";
import type { Documents } from "./documents";
import type { BigPaste } from "./paste";
import type { Finder } from "./finder";
import type { Fault, Lost } from "./session";
import type { Snapshot } from "./snapshot";

/** What others did to the page just now, for the live region. */
export interface RemoteEdit {
  /** How many blocks they changed. */
  blocks: number;
  /** Where, seen from one's own caret. */
  where: "above" | "here" | "below";
}

/** Where someone else is, in words. */
export interface Whereabouts {
  /** Who. */
  other: Other;
  /** The words of the nearest heading above them; null when there is none. */
  heading: string | null;
  /** Whether they are in the block that one's own caret is in, or next to it. */
  near: boolean;
}

/** What the editor is told, and whom it tells. Everything has a default. */
export interface EditorOptions {
  /** The document's title: the page's accessible name. */
  title?: string;
  /** Whether this person may write. */
  editable?: boolean;
  /** What an empty page says. */
  placeholder?: string;
  /** What an empty heading at the top says. */
  titlePlaceholder?: string;
  /** Whether the browser checks spelling. */
  spellcheck?: boolean;
  /** The last blocks that were shown, and the update they stand for in this session (W9): painted at once. */
  cached?: { items: readonly Item[]; seen: number };
  /** How many updates go by between two checksums (W11): 1 always, 0 never. In production 1 in 20, else always. */
  checkEvery?: number;
  /** A document is shown and can be written in. */
  onReady?: () => void;
  /** Everything up to this batch is safe. `editor.saved` says whether that is all. */
  onSaved?: (made: number) => void;
  /** Not saved: a sentence that says why, and what to do. */
  onSaveFailed?: (reason: string) => void;
  /** Some of what was written was not taken; its words, for copying. */
  onRefused?: (lost: Lost) => void;
  /**
   * Something too big to go through the window at once was pasted or dropped: the core is to insert it. Without this it
   * goes in a slice at a time, and what is over five million characters is refused through `onRefused`.
   */
  onBigPaste?: (paste: BigPaste) => void;
  /** A long paste is going in (true), or has ended (false). */
  onPasting?: (pasting: boolean) => void;
  /** A link was followed. */
  onOpenLink?: (href: string) => void;
  /** A link is wanted here (Mod-K with words selected, or in a link). Answers whether it is dealt with. */
  onLinkWanted?: () => boolean;
  /** A key while the insert list is open: the shell moves in the list and chooses. Answers whether it took the key. */
  onSlashKey?: (event: KeyboardEvent) => boolean;
  /** A key while the list of documents is open: the shell moves in the list and chooses. Answers whether it took the key. */
  onLinkingKey?: (event: KeyboardEvent) => boolean;
  /** What a document is called that a link leads to; null when it is not here. */
  documents?: Documents;
  /** What others did, for the live region. */
  onRemoteEdit?: (edit: RemoteEdit) => void;
  /** Something that should never happen has; for the log. */
  onFault?: (fault: Fault) => void;
}

/** A page that can be written in. */
export interface Editor {
  /** The ProseMirror view, for tests and for what this interface lacks. */
  readonly view: EditorView;
  /** Finds and replaces. */
  readonly finder: Finder;
  /** Whether there is a document to write in. */
  readonly ready: boolean;
  /** Whether everything this window made is safe. */
  readonly saved: boolean;
  /** The page at this moment. */
  readonly snapshot: Snapshot;
  /** Calls with every new snapshot, and once at first; returns how to stop. */
  subscribe(listener: (snapshot: Snapshot) => void): () => void;
  /** Does something; answers whether it applied. */
  run(action: ActionName | Command): boolean;
  /** Whether something would apply now. */
  can(action: ActionName | Command): boolean;
  /** Makes the selected words a link, or leads the one at the caret elsewhere. False when that is not an address. */
  link(address: string, title?: string): boolean;
  /** Chooses from the insert list: what was typed for it goes, and the action is done. */
  choose(action: ActionName | Command): boolean;
  /** Puts a link to a document where `[[` was typed. */
  linkDocument(id: string, title: string, letters?: number): boolean;
  /** Documents are called otherwise, or came or went: links to them are drawn anew. */
  documentsChanged(): void;
  /** Closes the insert list. */
  closeInsertList(): void;
  /** Gives the page the focus, the caret where it was. */
  focus(): void;
  /** Whether this person may write. */
  setEditable(editable: boolean): void;
  /** The document's title: the page's accessible name. */
  setTitle(title: string): void;
  /** Whether the browser checks spelling. */
  setSpellcheck(on: boolean): void;
  /** Focus mode, and whether the line with the caret stays in the middle while one writes. */
  setManner(manner: { focus: boolean; typewriter: boolean }): void;
  /** Where a stretch of the page is on the screen: for what is drawn at it. */
  rect(from: number, to?: number): DOMRect;
  /** The selected words. */
  selectedText(): string;
  /** All words on the page, as plain text: what is on screen, whatever the core has. */
  text(): string;
  /** All of the page, as HTML. */
  html(): string;
  /** The document the page shows. */
  items(): Item[];
  /** Where everyone else is, in words. */
  whereabouts(): Whereabouts[];
  /** Brings someone else's caret into sight. */
  reveal(id: string): boolean;
  /** Stops a long paste where it is; what is in stays, and can be undone. */
  cancelPaste(): void;
  /** Ends the session and takes the page away. */
  destroy(): void;
}
