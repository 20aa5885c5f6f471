/** What a person does with documents in the sidebar: moving, tagging, throwing away, bringing back. */
import { newWindow } from "../core/commands";
import * as core from "../core/library";
import type { DocumentInfo } from "../core/types/DocumentInfo";
import type { Announcer } from "./announce.svelte";
import { stepped, type Spot, type Step } from "./arrange";
import type { Library } from "./library.svelte";
import { documentLabel, spaceLabel } from "./tree";

/** What the window lends the librarian. */
export interface Desk {
  library: Library;
  announcer: Announcer;
  /** Runs something, and says under the top bar what goes wrong. */
  attempt: (work: () => Promise<unknown>) => void;
  /** Puts a document on the page. */
  choose: (document: string) => void;
  /** Puts nothing on the page. */
  leave: () => void;
}

/** One window's librarian: which of its dialogs are open, and the acts. */
export class Librarian {
  /** Whether the trash is shown. */
  trashOpen = $state(false);
  /** Whose tags are being written. */
  tagging: DocumentInfo | null = $state.raw(null);
  /** What was thrown away last, and can be brought back at once. */
  thrown: DocumentInfo | null = $state.raw(null);
  readonly #desk: Desk;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** The documents that this person keeps at hand, the first pinned first. */
  get pinned(): DocumentInfo[] {
    return this.#desk.library.all
      .filter((document) => document.pinned !== null)
      .sort((a, b) => (a.pinned ?? 0) - (b.pinned ?? 0));
  }

  /** The documents that others are made after. */
  get templates(): DocumentInfo[] {
    return this.#desk.library.all.filter((document) => document.template);
  }

  /** Puts a document somewhere else in its space. */
  move(document: DocumentInfo, spot: Spot): void {
    const { library, announcer, attempt } = this.#desk;
    attempt(async () => {
      await core.moveDocument(document.id, spot.under, spot.before);
      await library.readDocuments(document.space);
      const place = spot.before === null ? "last" : `before ${this.#name(spot.before)}`;
      const where = spot.under === null ? "at the top" : `under ${this.#name(spot.under)}`;
      announcer.say(`${documentLabel(document)} is ${where} now, ${place}.`);
    });
  }

  /** Moves a document by one step; says so if there is none. */
  step(document: DocumentInfo, step: Step): void {
    const spot = stepped(this.#desk.library.documents.get(document.space) ?? [], document, step);
    if (spot) this.move(document, spot);
    else this.#desk.announcer.say("It cannot go further that way.");
  }

  /** Makes an empty document under another one, and puts it on the page. */
  createUnder(document: DocumentInfo): void {
    this.#make(document.space, () => core.createUnder(document.id), "New document.");
  }

  /** Makes a document after a template, in the space the window is in. */
  createFrom(template: DocumentInfo): void {
    const space = this.#desk.library.space?.id ?? template.space;
    this.#make(space, () => core.createFrom(template.id, space), `New document, made after ${documentLabel(template)}.`);
  }

  /** Makes a document that says the same, and puts it on the page. */
  duplicate(document: DocumentInfo): void {
    this.#make(document.space, () => core.duplicate(document.id), `${documentLabel(document)} is duplicated.`);
  }

  /** Opens a document in a window of its own. */
  openBeside(document: DocumentInfo): void {
    this.#desk.attempt(() => newWindow(document.id));
  }

  /** Keeps a document at hand, or does not any more. */
  pin(document: DocumentInfo): void {
    const { library, announcer, attempt } = this.#desk;
    const pinned = document.pinned === null;
    attempt(async () => {
      await core.setPinned(document.id, pinned);
      await library.readDocuments(document.space);
      announcer.say(pinned ? `${documentLabel(document)} is pinned.` : `${documentLabel(document)} is not pinned any more.`);
    });
  }

  /** Lets others be made after a document, or does not any more. */
  template(document: DocumentInfo): void {
    const { library, announcer, attempt } = this.#desk;
    attempt(async () => {
      await core.setTemplate(document.id, !document.template);
      await library.readDocuments(document.space);
      announcer.say(`${documentLabel(document)} is ${document.template ? "not a template any more" : "a template"}.`);
    });
  }

  /**
   * Throws a document away; it can be brought back at once, or from the trash. `stay` is called where the page keeps what it
   * shows: the row that had the focus is gone.
   */
  trash(document: DocumentInfo, stay: () => void = () => undefined): void {
    const { library, announcer, attempt, choose, leave } = this.#desk;
    attempt(async () => {
      const all = library.all;
      const at = all.findIndex((each) => each.id === document.id);
      await core.trash(document.id);
      await library.readDocuments(document.space);
      this.thrown = document;
      announcer.say(`${documentLabel(document)} is in the trash.`);
      if (library.open === null || library.find(library.open) !== null) {
        stay();
        return;
      }
      // What was on the page has gone: what stood nearest takes its place.
      const left = (each: DocumentInfo): boolean => library.find(each.id) !== null;
      const next = all.slice(at + 1).find(left) ?? all.slice(0, at).reverse().find(left);
      if (next) choose(next.id);
      else leave();
    });
  }

  /** Brings back what was thrown away, and puts it on the page. */
  restore(document: Pick<DocumentInfo, "id" | "space">): void {
    this.#make(document.space, () => core.restore(document.id), "It is back.");
    if (this.thrown?.id === document.id) this.thrown = null;
  }

  /** What an owner may do here besides. */
  owns(space: string): boolean {
    return this.#desk.library.spaces.find((each) => each.id === space)?.role === "owner";
  }

  /** What a space is called. */
  spaceName(id: string): string {
    const space = this.#desk.library.spaces.find((each) => each.id === id);
    return space ? spaceLabel(space) : "";
  }

  #make(space: string, make: () => Promise<DocumentInfo>, said: string): void {
    const { library, announcer, attempt, choose } = this.#desk;
    attempt(async () => {
      const made = await make();
      await library.readDocuments(space);
      choose(made.id);
      announcer.say(said);
    });
  }

  #name(id: string): string {
    const document = this.#desk.library.find(id);
    return document ? documentLabel(document) : "another document";
  }
}
