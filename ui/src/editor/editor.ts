/**
 * The editor of one document: a page in a window, and a session with the core behind it.
 *
 * The path of a key: ProseMirror reads it from the DOM and dispatches a transaction; `page.ts` applies it and reads its
 * edits from the steps; `session.ts` numbers them and sends them; the view draws. Nothing waits for the core.
 */
import { history } from "prosemirror-history";
import { dropCursor } from "prosemirror-dropcursor";
import type { Command, Plugin, Transaction } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import type { CoreLink } from "../core/transport";
import type { Item } from "../core/types/Item";
import type { ToWindow } from "../core/types/ToWindow";
import type { Editor, EditorOptions, Whereabouts } from "./api";
import { isBare } from "./bare";
import { blockSelectionPlugin } from "./blockselection";
import { othersIn } from "./carets";
import { ACTIONS, type ActionName } from "./commands";
import { colouringPlugin } from "./colouring";
import { countsPlugin } from "./counting";
import { FlatSerializer, textOfBlocks } from "./copy";
import { documentsChanged, documentsPlugin, Linker } from "./documents";
import { Finder } from "./finder";
import { findPlugin } from "./findview";
import { centreCaret, herePlugin, inFocusMode, setFocusMode } from "./here";
import { HeldInput } from "./hold";
import { markdownRules } from "./inputrules";
import { keysPlugin } from "./keymap";
import { languagePlugin } from "./language";
import { linkDocument, linkingPlugin } from "./linking";
import { setLink } from "./marking";
import { outlinePlugin } from "./outline";
import { caretsTransaction, checksumIn, corePlugins, freshState, itemsIn, make, stateOf, updateTransaction } from "./page";
import { HUGE, pastePlugin, type BigPaste } from "./paste";
import { isRemote } from "./patches";
import { placeholderPlugin } from "./placeholder";
import { indexOf } from "./position";
import { holdingScroll } from "./scroll";
import { Session, type SessionPage, type StateName } from "./session";
import { chooseSlash, closeSlash, slashKeys, slashPlugin } from "./slash";
import { SlicedPaste, slicesPlugin, type SliceHost } from "./slices";
import { snapshotOf, type Snapshot } from "./snapshot";
import { Trail } from "./trail";
import { watchPlugin } from "./watch";
import { remoteEditIn, whereaboutsIn } from "./whereabouts";

export type { Editor, EditorOptions, RemoteEdit, Whereabouts } from "./api";

/** What is done a little later. */
type Timer = "hold" | "select" | "composition" | "documents";

const SELECT_EVERY = 40;
/** ProseMirror reads the last of a composition from the DOM this long after the browser ends it. */
const COMPOSITION_SETTLES = 50;

/** Opens an editor in an element. */
export function createEditor(mount: HTMLElement, link: CoreLink, options: EditorOptions = {}): Editor {
  return new PageEditor(mount, link, options);
}

class PageEditor implements Editor, SessionPage {
  readonly view: EditorView;
  readonly finder: Finder;
  private readonly session: Session;
  private readonly trail = new Trail();
  private readonly held: HeldInput;
  private readonly listeners = new Set<(snapshot: Snapshot) => void>();
  private readonly timers = new Map<Timer, ReturnType<typeof setTimeout>>();
  private editable: boolean;
  private title: string;
  private spellcheck: boolean;
  private typewriter = false;
  private isComposing = false;
  private lastSnapshot: Snapshot | null = null;
  /** What is to be said when the session has done what it is doing. */
  private unsaid: (() => void)[] | null = null;
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
      handleScrollToSelection: (view) => this.typewriter && centreCaret(view),
    });
    this.finder = new Finder(this.view);
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
      watchPlugin({
        onFocus: () => { this.select(); this.changed(); },
        onCompositionStart: () => { this.clear("composition"); this.isComposing = true; },
        onCompositionEnd: () => { this.compositionEnded(); },
        onOpenLink: (href) => options.onOpenLink?.(href),
      }),
      slashKeys((event) => options.onSlashKey?.(event) ?? false),
      linkingPlugin((event) => options.onLinkingKey?.(event) ?? false),
      blockSelectionPlugin(),
      slashPlugin(),
      keysPlugin({ onLink: () => options.onLinkWanted?.() ?? false, onOpenLink: (href) => options.onOpenLink?.(href) }),
      markdownRules(),
      history(),
      pastePlugin((paste) => { this.bigPaste(paste); }),
      slicesPlugin(),
      findPlugin(),
      outlinePlugin(),
      countsPlugin(),
      colouringPlugin(),
      languagePlugin(),
      documentsPlugin(new Linker(options.documents ?? (() => null))),
      herePlugin(),
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
    if (onRemoteEdit && tr.docChanged) {
      const edit = remoteEditIn(this.view.state, tr);
      this.unsaid?.push(() => { outside(() => { onRemoteEdit(edit); }); });
    }
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
    else if (!this.view.isDestroyed) this.whole(() => { this.session.receive(message, performance.now()); });
  }

  /** Does something with the session whole, before anyone hears of it: who listens may want to write at once. */
  private whole(act: () => void): void {
    const outer = this.unsaid;
    this.unsaid ??= [];
    try {
      act();
    } finally {
      if (outer === null) {
        const { unsaid } = this;
        this.unsaid = null;
        for (const say of unsaid ?? []) say();
      }
    }
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
      this.whole(() => { this.session.compositionEnded(); });
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

  private attributes(): Record<string, string> {
    return {
      class: this.typewriter ? "page typewriter" : "page",
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
    if (this.unsaid !== null) {
      if (!this.unsaid.includes(this.tell)) this.unsaid.push(this.tell);
    } else this.tell();
  }

  private readonly tell = (): void => {
    for (const listener of this.listeners) outside(() => { listener(this.snapshot); });
  };

  private later(name: Timer, after: number, then: () => void): void {
    this.clear(name);
    this.timers.set(name, setTimeout(() => {
      this.timers.delete(name);
      if (!this.view.isDestroyed) then();
    }, after));
  }

  private clear(name: Timer): void {
    clearTimeout(this.timers.get(name));
    this.timers.delete(name);
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

  linkDocument(id: string, title: string, letters?: number): boolean {
    return this.run(linkDocument(id, title, letters));
  }

  documentsChanged(): void {
    // An input method keeps its words to itself until it is done.
    if (this.composing()) this.later("documents", COMPOSITION_SETTLES, () => { this.documentsChanged(); });
    else documentsChanged(this.view);
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

  setManner({ focus, typewriter }: { focus: boolean; typewriter: boolean }): void {
    if (focus !== inFocusMode(this.view.state)) this.view.dispatch(setFocusMode(this.view.state.tr, focus));
    if (typewriter === this.typewriter) return;
    this.typewriter = typewriter;
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
    return whereaboutsIn(this.view.state);
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
