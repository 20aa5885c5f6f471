/** Importing and exporting: one piece of long work at a time, how far it is, and what came of it. */
import { asCoreError } from "../core/commands";
import * as core from "../core/transfer";
import type { ExportReport } from "../core/types/ExportReport";
import type { ImportReport } from "../core/types/ImportReport";
import type { NodeEvent } from "../core/types/NodeEvent";
import type { SpaceInfo } from "../core/types/SpaceInfo";
import type { Announcer } from "./announce.svelte";
import type { Library } from "./library.svelte";
import { spaceLabel } from "./tree";

/** How far it is. */
export interface Progress {
  done: number;
  total: number;
  file: string;
}

/** What the window lends. */
export interface Desk {
  library: Library;
  announcer: Announcer;
  /** Puts a document on the page. */
  choose: (document: string) => void;
}

/** "1 file", "2 files". */
const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

/** One window's porter. */
export class Transfer {
  /** What is under way, in words; null when nothing is. */
  doing: string | null = $state(null);
  /** How far it is, once it has said so. */
  progress: Progress | null = $state.raw(null);
  /** What came of the last import, until it is put away. */
  imported: ImportReport | null = $state.raw(null);
  /** What came of the last export, until it is put away. */
  exported: ExportReport | null = $state.raw(null);
  /** What went wrong. */
  failed: string | null = $state(null);
  readonly #desk: Desk;
  #errand = "";

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Whether there is something to show: work that has said how far it is, or what came of it. */
  get shows(): boolean {
    return (this.doing !== null && this.progress !== null) || this.imported !== null || this.exported !== null || this.failed !== null;
  }

  /** Takes in what the node says. */
  hear(event: NodeEvent): void {
    if (event.event !== "errand" || event.errand !== this.#errand || this.doing === null) return;
    this.progress = { done: event.done, total: event.total, file: event.file };
  }

  /** Asks for files or a folder, and makes documents of them in a space. */
  import(space: SpaceInfo, folder: boolean): void {
    void this.#run(`Importing into ${spaceLabel(space)}`, async (errand) => {
      const report = await core.importFiles(space.id, folder, errand);
      if (report === null) return;
      await this.#desk.library.readDocuments(space.id);
      this.imported = report;
      this.#desk.announcer.say(`${count(report.documents.length, "document")} imported.`);
      const first = report.documents[0];
      if (first) this.#desk.choose(first.id);
    });
  }

  /** Asks where, and writes a whole space there. */
  export(space: SpaceInfo): void {
    void this.#run(`Exporting ${spaceLabel(space)}`, async (errand) => {
      const report = await core.exportSpace(space.id, spaceLabel(space), errand);
      if (report === null) return;
      this.exported = report;
      this.#desk.announcer.say(`${count(report.documents, "document")} exported.`);
    });
  }

  /** Goes on as a new space of this person's own, with a copy of every document. */
  beginAnew(space: SpaceInfo): void {
    void this.#run(`Copying ${spaceLabel(space)}`, async (errand) => {
      const made = await core.beginAnew(space.id, spaceLabel(space), errand);
      await this.#desk.library.load();
      const first = this.#desk.library.documents.get(made.id)?.[0];
      if (first) this.#desk.choose(first.id);
      this.#desk.announcer.say(`${spaceLabel(made)} is yours now. Invite the others to it.`);
    });
  }

  /** Asks what is under way to stop. */
  stop(): void {
    void core.stopErrand(this.#errand);
  }

  /** Puts away what came of it. What is under way goes on. */
  putAway(): void {
    this.imported = null;
    this.exported = null;
    this.failed = null;
  }

  async #run(doing: string, work: (errand: string) => Promise<void>): Promise<void> {
    if (this.doing !== null) return;
    this.putAway();
    this.progress = null;
    this.doing = doing;
    this.#errand = crypto.randomUUID();
    try {
      await work(this.#errand);
    } catch (thrown) {
      const error = asCoreError(thrown);
      if (error.code === "stopped") this.#desk.announcer.say("Stopped. Nothing was changed.");
      else this.failed = error.message;
    } finally {
      this.doing = null;
      this.progress = null;
    }
  }
}
