/**
 * The window's half of rules W2, W3, W7, W8 and W11: which batch comes next, which update fits, when to hold.
 *
 * A state machine without a clock, a view or a wire: the page is an interface of five verbs, time is passed in, messages
 * go to a callback. The editor drives it in life, tests drive it by the thousand.
 *
 * The window stands at (`seen`, `made`): the last update or reset it applied, and the last batch it made. That pair
 * names one state of the document that the core holds too. An update says which pair it builds on, and is applied only
 * there; so there is nothing to rebase, and nothing can diverge.
 */
import type { Caret } from "../core/types/Caret";
import type { Edit } from "../core/types/Edit";
import type { Item } from "../core/types/Item";
import type { Patch } from "../core/types/Patch";
import type { Refused } from "../core/types/Refused";
import type { ToCore } from "../core/types/ToCore";
import type { ToWindow } from "../core/types/ToWindow";

/** What a session needs of the page it keeps. */
export interface SessionPage {
  /** Whether an input method is composing: then nothing may touch the page. */
  composing(): boolean;
  /** Applies an update's patches, which lead to the state `to`; throws, having changed nothing, when they do not fit. */
  update(patches: readonly Patch[], to: StateName): void;
  /** Shows a whole new document, the state `to`, and forgets what could be undone. */
  reset(items: readonly Item[], to: StateName): void;
  /** The checksum of what is shown (W11). */
  checksum(): number;
  /** Shows where others are, as positions in the present state. */
  carets(people: readonly Caret[], at: StateName): void;
}

/** The name of a state that the window was in. */
export interface StateName {
  /** The last update or reset applied. */
  seen: number;
  /** The last batch made. */
  made: number;
}

/** What the person should hear of. */
export interface SessionEvents {
  /** A document is shown and can be written in. */
  onReady?(): void;
  /** Everything up to this batch is safe (S1). */
  onSaved?(made: number): void;
  /** The last save failed; what is on screen is not on disk. */
  onSaveFailed?(reason: string): void;
  /** Some of what was written was not taken: the words, for copying, and a sentence. */
  onRefused?(lost: Lost): void;
  /** Input is to be queued (true), or let go (false) (W8). */
  onHold?(holding: boolean): void;
  /** Something that should never happen has; for the log. */
  onFault?(fault: Fault): void;
}

/** Words that the core did not take. */
export interface Lost {
  /** The words, in the order they were written; may be empty when something was only removed or formatted. */
  text: string;
  /** Why, and what to do; null when the core did not say. */
  reason: string | null;
}

/** A broken promise between window and core. */
export interface Fault {
  /** What kind: the sums differ, an update does not fit, or a message makes no sense. */
  kind: "checksum" | "patch" | "protocol";
  /** For the log. */
  detail: string;
}

/** How a session behaves. */
export interface SessionOptions {
  /** How many updates go by between two comparisons of the checksum: 1 compares always, 0 never. */
  checkEvery: number;
  /** How long input is held at most, in milliseconds (W8). */
  holdFor: number;
  /** How long after asking for a reset the next one may be asked for, in milliseconds. */
  askAgainAfter: number;
}

/** The numbers of production. */
export const SESSION_DEFAULTS: SessionOptions = { checkEvery: 1, holdFor: 250, askAgainAfter: 5_000 };

/** How much text of batches that are not yet safe is kept for offering, in UTF-16 units. */
const KEPT_TEXT = 1_000_000;

/** One window's session on one document. */
export class Session {
  private at: StateName = { seen: 0, made: 0 };
  private isReady = false;
  private savedUpTo = 0;
  /** The core has surely processed every batch up to this one. */
  private known = 0;
  /** An update was dropped, and nothing sent since tells the core so. */
  private owed = false;
  private heldUntil: number | null = null;
  private waiting: (ToWindow & { m: "reset" }) | null = null;
  private checked = 0;
  private askedAt = -Infinity;
  private kept: { made: number; text: string }[] = [];
  private keptSize = 0;
  private readonly options: SessionOptions;

  constructor(
    private readonly page: SessionPage,
    private readonly send: (message: ToCore) => void,
    private readonly events: SessionEvents = {},
    options: Partial<SessionOptions> = {},
  ) {
    this.options = { ...SESSION_DEFAULTS, ...options };
  }

  /** The name of the present state. */
  get state(): StateName {
    return this.at;
  }

  /** Whether there is a document to write in. */
  get ready(): boolean {
    return this.isReady;
  }

  /** The last batch that is known to be safe. */
  get saved(): number {
    return this.savedUpTo;
  }

  /** Whether input is to be queued (W8). */
  get holding(): boolean {
    return this.heldUntil !== null;
  }

  /** When `tick` wants to be called, if at all. */
  get deadline(): number | null {
    return this.heldUntil;
  }

  /** The page was painted from the view cache (W9), as update `seen` of this session: keys may be typed at once. */
  resume(seen: number): void {
    this.at = { seen, made: 0 };
    this.becomeReady();
  }

  /** A person changed the page: the change is numbered and sent at once (W2). */
  batch(edits: Edit[]): void {
    if (edits.length === 0) return;
    this.at = { seen: this.at.seen, made: this.at.made + 1 };
    this.owed = false;
    this.keep(textOf(edits));
    this.send({ m: "batch", made: this.at.made, seen: this.at.seen, edits });
  }

  /** This person's caret is here now; nulls when the window has no focus. */
  select(anchor: number | null, head: number | null): void {
    if (this.isReady) this.send({ m: "select", ...this.at, anchor, head });
  }

  /** A message came. */
  receive(message: ToWindow, now: number): void {
    switch (message.m) {
      case "update":
        this.update(message, now);
        break;
      case "reset":
        if (this.page.composing() && !message.forced) this.waiting = message;
        else this.reset(message);
        break;
      case "hold":
        if (!this.page.composing()) this.hold(now);
        break;
      case "saved":
        this.savedUpTo = Math.max(this.savedUpTo, message.made);
        this.processed(message.made);
        this.forget(this.savedUpTo);
        this.events.onSaved?.(this.savedUpTo);
        break;
      case "saveFailed":
        this.events.onSaveFailed?.(message.reason);
        break;
      case "presence":
        this.processed(message.after);
        this.page.carets(message.people, { seen: message.number, made: message.after });
        break;
    }
  }

  /** An input method has finished: what waited for that happens now. */
  compositionEnded(): void {
    const { waiting } = this;
    if (waiting !== null) this.reset(waiting);
    else if (this.owed) this.refresh();
  }

  /** Time has passed. */
  tick(now: number): void {
    if (this.heldUntil !== null && now >= this.heldUntil) this.release();
  }

  /** Lets input go before its time, when something comes that cannot be queued. */
  release(): void {
    if (this.heldUntil === null) return;
    this.heldUntil = null;
    this.events.onHold?.(false);
  }

  private update(message: ToWindow & { m: "update" }, now: number): void {
    this.processed(message.after);
    const { seen, made } = this.at;
    if (message.after > made) {
      this.fault({ kind: "protocol", detail: `Update after batch ${String(message.after)}, made ${String(made)}` }, now);
      return;
    }
    // A batch that the core had not read when it wrote the update tells it that the update was dropped.
    if (message.after < made) return;
    if (message.base !== seen || !this.isReady) {
      // An older one, from before a reset, is void; the core knows.
      if (message.number > seen && this.waiting === null) this.refresh();
      return;
    }
    if (this.page.composing()) {
      this.owed = true;
      return;
    }
    try {
      this.page.update(message.patches, { seen: message.number, made });
    } catch (error) {
      this.fault({ kind: "patch", detail: `Update ${String(message.number)}: ${String(error)}` }, now);
      return;
    }
    this.at = { seen: message.number, made };
    this.owed = false;
    if (!this.matches(message.checksum)) {
      this.fault({ kind: "checksum", detail: `After update ${String(message.number)}` }, now);
      return;
    }
    this.send({ m: "seen", ...this.at });
    this.release();
  }

  private reset(message: ToWindow & { m: "reset" }): void {
    this.waiting = null;
    this.owed = false;
    const to = { seen: message.number, made: this.at.made };
    this.page.reset(message.items, to);
    this.at = to;
    this.send({ m: "seen", ...this.at });
    const lost = this.lost(message.refused, message.items);
    this.forget(this.at.made);
    this.processed(this.at.made);
    this.release();
    if (message.checksum !== null && message.checksum !== this.page.checksum()) {
      // Asking again would bring the same document: this is for the log.
      this.events.onFault?.({ kind: "checksum", detail: `After reset ${String(message.number)}` });
    }
    this.becomeReady();
    if (lost !== null) this.events.onRefused?.(lost);
  }

  private becomeReady(): void {
    if (this.isReady) return;
    this.isReady = true;
    this.events.onReady?.();
  }

  private hold(now: number): void {
    const before = this.heldUntil;
    this.heldUntil = now + this.options.holdFor;
    if (before === null) this.events.onHold?.(true);
  }

  private refresh(): void {
    this.owed = false;
    this.send({ m: "refresh", ...this.at });
  }

  /** The page is not what the core means it to be: a reset is asked for, by saying that nothing was seen. */
  private fault(fault: Fault, now: number): void {
    this.events.onFault?.(fault);
    if (now - this.askedAt < this.options.askAgainAfter) return;
    this.askedAt = now;
    this.send({ m: "refresh", seen: 0, made: this.at.made });
  }

  private matches(checksum: number | null): boolean {
    if (checksum === null || this.options.checkEvery === 0) return true;
    this.checked += 1;
    if (this.checked < this.options.checkEvery) return true;
    this.checked = 0;
    return checksum === this.page.checksum();
  }

  private processed(made: number): void {
    this.known = Math.max(this.known, made);
  }

  private keep(text: string): void {
    if (text === "") return;
    this.kept.push({ made: this.at.made, text });
    this.keptSize += text.length;
    while (this.keptSize > KEPT_TEXT && this.kept.length > 1) this.keptSize -= this.kept.shift()?.text.length ?? 0;
  }

  private forget(upTo: number): void {
    while ((this.kept[0]?.made ?? Infinity) <= upTo) this.keptSize -= this.kept.shift()?.text.length ?? 0;
  }

  /**
   * The words a reset leaves out: those of the batches it names and of all after them, and, of batches that were still
   * on their way, those that the new document does not hold.
   */
  private lost(refused: Refused | null, items: readonly Item[]): Lost | null {
    const named = refused === null ? [] : this.kept.filter(({ made }) => made >= refused.from);
    const first = refused?.from ?? Infinity;
    const onTheWay = this.kept.filter(({ made }) => made > this.known && made < first);
    const unsure = onTheWay.map(({ text }) => text).join("");
    const shown = unsure === "" ? "" : items.map((item) => (item.t === "text" ? item.text : "\n")).join("");
    const text = (shown.includes(unsure) ? "" : unsure) + named.map(({ text: words }) => words).join("");
    return refused === null && text === "" ? null : { text, reason: refused?.reason ?? null };
  }
}

/** The words that edits put in. */
export function textOf(edits: readonly Edit[]): string {
  let text = "";
  for (const edit of edits) {
    if (edit.e !== "splice") continue;
    for (const item of edit.insert) {
      if (item.t === "text") text += item.text;
      else if (item.t === "block") text += "\n";
    }
  }
  return text;
}
