/**
 * The editor of one document: a page in a window, and a session with the core behind it.
 *
 * The path of a key: ProseMirror reads it from the DOM and dispatches a transaction; `page.ts` applies it and reads its
 * edits from the steps; `session.ts` numbers them and sends them; the view draws. Nothing waits for the core.
 */
import { history } from "prosemirror-history";
import { dropCursor } from "prosemirror-dropcursor";
import { Plugin, type Command, type Transaction } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import type { CoreLink } from "../core/transport";
import type { Item } from "../core/types/Item";
import type { ToWindow } from "../core/types/ToWindow";
import { isBare } from "./bare";
import { tickAt } from "./blocks";
import { othersIn, type Other } from "./carets";
import { ACTIONS, type ActionName } from "./commands";
import { FlatSerializer, textOfBlocks } from "./copy";
import { HeldInput } from "./hold";
import { markdownRules } from "./inputrules";
import { isMac, keysPlugin } from "./keymap";
import { linkAround, setLink } from "./marking";
import { caretsTransaction, checksumIn, corePlugins, freshState, itemsIn, make, stateOf, updateTransaction } from "./page";
import { HUGE, pastePlugin, type BigPaste } from "./paste";
import { isRemote } from "./patches";
import { placeholderPlugin } from "./placeholder";
import { indexOf } from "./position";
import { hrefOf } from "./links";
import { holdingScroll } from "./scroll";
import { Session, type Fault, type Lost, type SessionPage, type StateName } from "./session";
import { chooseSlash, closeSlash, slashIn, slashPlugin } from "./slash";
import { SlicedPaste, slicesPlugin, type SliceHost } from "./slices";
import { snapshotOf, type Snapshot } from "./snapshot";
import { touchedBy } from "./tidy";
import { Trail } from "./trail";

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
  /** What others did, for the live region. */
  onRemoteEdit?: (edit: RemoteEdit) => void;
  /** Something that should never happen has; for the log. */
  onFault?: (fault: Fault) => void;
}

/** A page that can be written in. */
export interface Editor {
  /** The ProseMirror view, for tests and for what this interface lacks. */
  readonly view: EditorView;
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

const SELECT_EVERY = 40;
/** ProseMirror reads the last of a composition from the DOM this long after the browser ends it. */
const COMPOSITION_SETTLES = 50;

/** Opens an editor in an element. */
export function createEditor(mount: HTMLElement, link: CoreLink, options: EditorOptions = {}): Editor {
  return new PageEditor(mount, link, options);
}

class PageEditor implements Editor, SessionPage {
  readonly view: EditorView;
  private readonly session: Session;
  private readonly trail = new Trail();
  private readonly held: HeldInput;
  private readonly listeners = new Set<(snapshot: Snapshot) => void>();
  private readonly timers = new Map<"hold" | "select" | "composition", ReturnType<typeof setTimeout>>();
  private editable: boolean;
  private title: string;
  private spellcheck: boolean;
  private isComposing = false;
  private lastSnapshot: Snapshot | null = null;
  private pasting: SlicedPaste | null = null;
  /** The person, not the page, ends a paste. */
  private stopping = false;
  /** Others' carets that came while an input method was composing. */
  private latest: (ToWindow & { m: "presence" }) | null = null;
  /** Messages wait while a transaction is being applied: a link may answer before `send` returns. */
  private waiting: ToWindow[] | null = null;

  constructor(
    mount: HTMLElement,
    private readonly wire: CoreLink,
    private readonly options: EditorOptions,
  ) {
    this.editable = options.editable ?? true;
    this.title = options.title ?? "Untitled";
    this.spellcheck = options.spellcheck ?? true;
    const checkEvery = options.checkEvery ?? (import.meta.env.PROD ? 20 : 1);
    this.session = new Session(this, (message) => { wire.send(message); }, {
      onReady: () => { this.becameReady(); },
      onSaved: (made) => options.onSaved?.(made),
      onSaveFailed: (reason) => options.onSaveFailed?.(reason),
      onRefused: (lost) => options.onRefused?.(lost),
      onHold: (holding) => { this.hold(holding); },
      onFault: (fault) => options.onFault?.(fault),
    }, { checkEvery });
    this.held = new HeldInput({ holding: () => this.session.holding, release: () => { this.session.release(); } });
    this.view = new EditorView(mount, {
      state: stateOf(options.cached?.items ?? [], this.plugins()),
      editable: () => this.editable && this.session.ready,
      attributes: () => this.attributes(),
      dispatchTransaction: (tr) => { this.dispatch(tr); },
      handleScrollToSelection: () => false,
    });
    this.trail.start(this.session.state, this.view.state.doc, isBare(this.view.state));
    if (options.cached) {
      this.trail.start({ seen: options.cached.seen, made: 0 }, this.view.state.doc, isBare(this.view.state));
      this.session.resume(options.cached.seen);
    }
    wire.onMessage((message) => { this.receive(message); });
  }

  private plugins(): Plugin[] {
    const { options } = this;
    return [
      this.held.plugin(),
      this.watcher(),
      slashKeys((event) => options.onSlashKey?.(event) ?? false),
      slashPlugin(),
      keysPlugin({ onLink: () => options.onLinkWanted?.() ?? false }),
      markdownRules(),
      history(),
      pastePlugin((paste) => { this.bigPaste(paste); }),
      slicesPlugin(),
      placeholderPlugin({
        page: options.placeholder ?? "Write, or press / for headings and lists.",
        title: options.titlePlaceholder ?? "Untitled",
      }),
      dropCursor({ color: false, class: "drop-cursor" }),
      ...corePlugins(),
    ];
  }

  // ---- The page, for the session -----------------------------------------------------------------------------------

  composing(): boolean {
    return this.isComposing || this.view.composing;
  }

  update(patches: Parameters<SessionPage["update"]>[0], to: StateName): void {
    const tr = updateTransaction(this.view.state, patches);
    holdingScroll(this.view, () => { this.show(this.view.state.applyTransaction(tr), to); });
    const { onRemoteEdit } = this.options;
    if (onRemoteEdit && tr.docChanged) outside(() => { onRemoteEdit(this.remoteEdit(tr)); });
  }

  reset(items: readonly Item[], to: StateName): void {
    const state = freshState(this.view.state, items);
    this.trail.start(to, state.doc, isBare(state));
    holdingScroll(this.view, () => { this.view.updateState(state); });
    this.changed();
  }

  checksum(): number {
    return checksumIn(this.view.state);
  }

  carets(people: Parameters<SessionPage["carets"]>[0], at: StateName): void {
    if (this.composing()) {
      this.latest = { m: "presence", number: at.seen, after: at.made, people: [...people] };
      return;
    }
    this.latest = null;
    const tr = caretsTransaction(this.view.state, this.trail, people, at);
    if (tr === null) return;
    this.view.updateState(this.view.state.apply(tr));
    this.changed();
  }

  // ---- Changes -----------------------------------------------------------------------------------------------------

  private dispatch(tr: Transaction): void {
    if (this.view.isDestroyed) return;
    const before = this.view.state;
    if (tr.docChanged && !isRemote(tr) && !this.session.ready) return;
    const outer = this.waiting;
    this.waiting ??= [];
    try {
      const made = make(before, tr);
      // First to the core, then to the screen.
      this.session.batch(made.edits);
      this.show(made, this.session.state);
      if (!made.state.selection.eq(before.selection) || made.edits.length > 0) this.select();
    } finally {
      if (outer === null) this.catchUp();
    }
  }

  private show({ state, transactions }: Pick<ReturnType<typeof make>, "state" | "transactions">, name: StateName): void {
    if (transactions.some((tr) => tr.docChanged)) {
      this.trail.step(name, state.doc, isBare(state), transactions.map((tr) => tr.mapping));
    } else this.trail.rename(name);
    this.view.updateState(state);
    this.changed();
  }

  private receive(message: ToWindow): void {
    if (this.waiting !== null) this.waiting.push(message);
    else if (!this.view.isDestroyed) this.session.receive(message, performance.now());
  }

  private catchUp(): void {
    const { waiting } = this;
    this.waiting = null;
    for (const message of waiting ?? []) this.receive(message);
  }

  private becameReady(): void {
    this.view.setProps({});
    this.changed();
    this.options.onReady?.();
  }

  private hold(holding: boolean): void {
    this.clear("hold");
    const { deadline } = this.session;
    if (holding && deadline !== null) {
      this.later("hold", Math.max(0, deadline - performance.now()) + 1, () => { this.session.tick(performance.now()); });
    } else if (!holding && !this.view.isDestroyed) this.held.play(this.view);
  }

  /** Says where the caret is: at once after a rest, then every so often. */
  private select(): void {
    if (this.timers.has("select")) return;
    this.later("select", SELECT_EVERY, () => {
      const { state } = this.view;
      const bare = isBare(state);
      const at = (pos: number) => indexOf(state.doc, pos, bare);
      if (this.view.hasFocus()) this.session.select(at(state.selection.anchor), at(state.selection.head));
      else this.session.select(null, null);
    });
  }

  private compositionEnded(): void {
    this.later("composition", COMPOSITION_SETTLES, () => {
      if (this.view.composing) return;
      this.isComposing = false;
      this.session.compositionEnded();
      const { latest } = this;
      if (latest !== null) this.carets(latest.people, { seen: latest.number, made: latest.after });
    });
  }

  private bigPaste(paste: BigPaste): void {
    const { onBigPaste, onPasting, onRefused } = this.options;
    if (onBigPaste) {
      onBigPaste(paste);
      return;
    }
    if (paste.data.length > HUGE) {
      const size = `${String(Math.round(paste.data.length / 1_000_000))} million characters`;
      onRefused?.({ text: "", reason: `That is too much to paste at once (${size}). Save it as a file and import that.` });
      return;
    }
    this.pasting?.cancel();
    onPasting?.(true);
    const host: SliceHost = {
      view: this.view,
      busy: () => this.composing() || this.session.holding,
      ended: (complete) => {
        this.pasting = null;
        onPasting?.(false);
        if (!complete && !this.stopping) {
          onRefused?.({ text: "", reason: "Not all of what you pasted went in. Paste the rest again." });
        }
      },
    };
    this.pasting = new SlicedPaste(host, paste, paste.plain);
  }

  /** Listens to what ProseMirror leaves to its host: focus, compositions, boxes and links. */
  private watcher(): Plugin {
    return new Plugin({
      props: {
        handleDOMEvents: {
          focus: () => { this.select(); this.changed(); return false; },
          blur: () => { this.select(); this.changed(); return false; },
          compositionstart: () => { this.clear("composition"); this.isComposing = true; return false; },
          compositionend: () => { this.compositionEnded(); return false; },
          mousedown: (_view, event) => boxOf(event) !== null && (event.preventDefault(), true),
          click: (view, event) => {
            if (this.tickBox(view, event)) return true;
            const anchor = event.target instanceof Element ? event.target.closest("a") : null;
            if (anchor === null) return false;
            // The window itself never goes anywhere.
            event.preventDefault();
            const followed = !view.editable || (isMac ? event.metaKey : event.ctrlKey);
            const at = followed ? linkAround(view.state.doc.resolve(view.posAtDOM(anchor, 0))) : null;
            const href = at === null ? null : hrefOf(at.href);
            if (href !== null) this.options.onOpenLink?.(href);
            return followed;
          },
          keydown: (view, event) => {
            if (boxOf(event) === null) return false;
            if (event.key === "Escape") view.focus();
            return event.key === " " || event.key === "Enter" ? this.tickBox(view, event) : event.key !== "Tab";
          },
        },
      },
    });
  }

  private tickBox(view: EditorView, event: Event): boolean {
    const box = boxOf(event);
    if (box === null) return false;
    event.preventDefault();
    const $pos = view.state.doc.resolve(view.posAtDOM(box, 0));
    const pos = $pos.depth === 0 ? $pos.pos : $pos.before(1);
    const had = box === view.dom.ownerDocument.activeElement;
    if (view.editable && tickAt(pos)(view.state, (tr) => { view.dispatch(tr); }) && had) {
      const drawn = view.nodeDOM(pos);
      if (drawn instanceof HTMLElement) drawn.querySelector<HTMLElement>(".box")?.focus();
    }
    return true;
  }

  private attributes(): Record<string, string> {
    return {
      class: "page",
      role: "textbox",
      "aria-multiline": "true",
      "aria-label": this.title,
      "aria-readonly": String(!(this.editable && this.session.ready)),
      spellcheck: String(this.spellcheck),
      translate: "no",
    };
  }

  private changed(): void {
    this.lastSnapshot = null;
    for (const listener of this.listeners) outside(() => { listener(this.snapshot); });
  }

  private later(name: "hold" | "select" | "composition", after: number, then: () => void): void {
    this.clear(name);
    this.timers.set(name, setTimeout(() => {
      this.timers.delete(name);
      if (!this.view.isDestroyed) then();
    }, after));
  }

  private clear(name: "hold" | "select" | "composition"): void {
    clearTimeout(this.timers.get(name));
    this.timers.delete(name);
  }

  private remoteEdit(tr: Transaction): RemoteEdit {
    const { doc, selection } = this.view.state;
    const own = selection.$head.index(0);
    const blocks = new Set<number>();
    for (const { from, to } of touchedBy([tr])) {
      const last = doc.resolve(Math.min(to, doc.content.size)).index(0);
      for (let k = doc.resolve(Math.min(from, doc.content.size)).index(0); k <= last; k++) blocks.add(k);
    }
    const first = Math.min(...blocks);
    return { blocks: blocks.size, where: blocks.has(own) ? "here" : first < own ? "above" : "below" };
  }

  // ---- For the shell -----------------------------------------------------------------------------------------------

  get ready(): boolean {
    return this.session.ready;
  }

  get saved(): boolean {
    return this.session.saved >= this.session.state.made;
  }

  get snapshot(): Snapshot {
    return (this.lastSnapshot ??= snapshotOf(this.view.state, this.session.ready, this.editable, this.view.hasFocus()));
  }

  subscribe(listener: (snapshot: Snapshot) => void): () => void {
    this.listeners.add(listener);
    listener(this.snapshot);
    return () => this.listeners.delete(listener);
  }

  run(action: ActionName | Command): boolean {
    if (!this.view.editable) return false;
    return commandOf(action)(this.view.state, (tr) => { this.view.dispatch(tr); }, this.view);
  }

  can(action: ActionName | Command): boolean {
    return this.view.editable && commandOf(action)(this.view.state, undefined, this.view);
  }

  link(address: string, title = ""): boolean {
    return this.run(setLink(address, title));
  }

  choose(action: ActionName | Command): boolean {
    return this.run(chooseSlash(commandOf(action)));
  }

  closeInsertList(): void {
    this.run(closeSlash);
  }

  focus(): void {
    this.view.focus();
  }

  setEditable(editable: boolean): void {
    this.editable = editable;
    this.view.setProps({});
    this.changed();
  }

  setTitle(title: string): void {
    this.title = title;
    this.view.setProps({});
  }

  setSpellcheck(on: boolean): void {
    this.spellcheck = on;
    this.view.setProps({});
  }

  rect(from: number, to = from): DOMRect {
    const size = this.view.state.doc.content.size;
    const start = this.view.coordsAtPos(Math.min(from, size));
    const end = this.view.coordsAtPos(Math.min(to, size), -1);
    const oneLine = Math.abs(start.top - end.top) < 2;
    const page = this.view.dom.getBoundingClientRect();
    const [left, right] = oneLine ? [Math.min(start.left, end.left), Math.max(start.right, end.right)] : [page.left, page.right];
    const [top, bottom] = [Math.min(start.top, end.top), Math.max(start.bottom, end.bottom)];
    return new DOMRect(left, top, right - left, bottom - top);
  }

  selectedText(): string {
    return textOfBlocks(this.view.state.selection.content().content);
  }

  text(): string {
    return textOfBlocks(this.view.state.doc.content);
  }

  html(): string {
    const holder = document.createElement("div");
    holder.append(new FlatSerializer({ own: false }).serializeFragment(this.view.state.doc.content));
    return holder.innerHTML;
  }

  items(): Item[] {
    return itemsIn(this.view.state);
  }

  whereabouts(): Whereabouts[] {
    const { doc, selection } = this.view.state;
    const own = selection.$head.index(0);
    return othersIn(this.view.state).map((other) => {
      if (other.head === null || other.head > doc.content.size) return { other, heading: null, near: false };
      const at = doc.resolve(other.head).index(0);
      let k = Math.min(at, doc.childCount - 1);
      while (k >= 0 && doc.child(k).type.name !== "heading") k--;
      return { other, heading: k < 0 ? null : doc.child(k).textContent, near: Math.abs(at - own) <= 1 };
    });
  }

  reveal(id: string): boolean {
    const head = othersIn(this.view.state).find((other) => other.id === id)?.head ?? null;
    if (head === null) return false;
    const { node } = this.view.domAtPos(head);
    (node instanceof Element ? node : node.parentElement)?.scrollIntoView({ block: "center" });
    return true;
  }

  cancelPaste(): void {
    this.stopping = true;
    this.pasting?.cancel();
    this.stopping = false;
  }

  destroy(): void {
    this.cancelPaste();
    for (const name of [...this.timers.keys()]) this.clear(name);
    this.listeners.clear();
    this.wire.close();
    this.view.destroy();
  }
}

/** Calls what is not ours: its failure is reported, and is not taken for one of the page. */
function outside(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function commandOf(action: ActionName | Command): Command {
  return typeof action === "string" ? ACTIONS[action].command : action;
}

/** While the insert list is open its keys are the shell's. */
function slashKeys(onKey: (event: KeyboardEvent) => boolean): Plugin {
  return new Plugin({
    props: { handleKeyDown: (view, event) => slashIn(view.state) !== null && onKey(event) },
  });
}

/** The box of a task that an event is on. */
function boxOf(event: Event): HTMLElement | null {
  const box = event.target instanceof Element ? event.target.closest(".box[role=checkbox]") : null;
  return box instanceof HTMLElement ? box : null;
}
