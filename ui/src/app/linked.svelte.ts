/**
 * What the window knows of documents that links lead to: their titles, whether they are in the trash or gone; and which
 * documents a link can be made to.
 */
import { createDocument } from "../core/commands";
import { trashed } from "../core/library";
import type { DocumentInfo } from "../core/types/DocumentInfo";
import type { TrashedInfo } from "../core/types/TrashedInfo";
import type { Known } from "../editor/documents";
import type { Library } from "./library.svelte";
import { match } from "./match";
import { documentLabel, spaceLabel } from "./tree";

/** A document that a link can be made to. */
export interface Target {
  id: string;
  label: string;
  /** The space it is in, where that is not the one of the document with the link. */
  sub: string;
  /** The letters that were typed. */
  ranges: Array<[number, number]>;
}

/** So many are offered. */
const OFFERED = 20;

/** The documents of a library, as links show them. */
export class Linked {
  /** What is in the trash; asked for when a link leads to what is in no list. */
  #trash: readonly TrashedInfo[] = $state.raw([]);
  /** For which lists the trash was asked. */
  #asked: readonly DocumentInfo[][] | null = null;

  constructor(private readonly library: Library) {}

  /** What a document is called; null when it is not here. */
  readonly known = (id: string): Known | null => {
    const listed = this.library.find(id);
    if (listed !== null) return { title: documentLabel(listed), trashed: false };
    this.#ask();
    const thrown = this.#trash.find((each) => each.id === id);
    return thrown === undefined ? null : { title: documentLabel(thrown), trashed: true };
  };

  /** Another object whenever what is known may be something else. */
  get version(): unknown {
    return [this.library.all, this.#trash];
  }

  /** The documents that fit what was typed, the best first: those of the same space before others as good. */
  find(query: string, here: string): Target[] {
    const space = this.library.find(here)?.space;
    const found: Array<Target & { score: number }> = [];
    for (const document of this.library.all) {
      const fit = document.id === here ? null : match(query, documentLabel(document));
      if (fit === null) continue;
      const own = document.space === space;
      const other = own ? undefined : this.library.spaces.find(({ id }) => id === document.space);
      const sub = other ? spaceLabel(other) : "";
      found.push({ id: document.id, label: documentLabel(document), sub, ranges: fit.ranges, score: fit.score + (own ? 0.5 : 0) });
    }
    // What was open last comes first, before anything is typed.
    const opened = (id: string): number => (this.library.recent.includes(id) ? this.library.recent.indexOf(id) : this.library.recent.length);
    found.sort(query.trim() === "" ? (a, b) => opened(a.id) - opened(b.id) : (a, b) => b.score - a.score);
    return found.slice(0, OFFERED);
  }

  /** The document with just this title; the one of the same space, if several have it. */
  exact(query: string, here: string): Target | null {
    const wanted = query.trim().toLocaleLowerCase();
    const all = this.find(query, here).filter(({ label }) => label.toLocaleLowerCase() === wanted);
    return wanted === "" ? null : (all.find(({ sub }) => sub === "") ?? all[0] ?? null);
  }

  /** What a new document would be called, of what was typed; null where one is called so already, or nothing was typed. */
  fresh(query: string, here: string): string | null {
    const title = query.trim();
    return title === "" || this.exact(title, here) !== null ? null : title;
  }

  /** Makes a document of this title, in the space of the one with the link. What is on the page stays there. */
  async make(title: string, here: string): Promise<Target | null> {
    const space = this.library.find(here)?.space;
    if (space === undefined) return null;
    const made = await createDocument(space, title);
    await this.library.readDocuments(space);
    return { id: made.id, label: documentLabel(made), sub: "", ranges: [] };
  }

  #ask(): void {
    const lists = [...this.library.documents.values()];
    const asked = this.#asked;
    if (asked !== null && lists.length === asked.length && lists.every((each, i) => each === asked[i])) return;
    this.#asked = lists;
    trashed().then(
      (found) => (this.#trash = found),
      // Without an answer what is in the trash is shown as not being here.
      () => undefined,
    );
  }
}
