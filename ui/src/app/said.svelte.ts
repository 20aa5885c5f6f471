/** What the window has to say under its top bar, until it is put away. */
import { asCoreError, sentence } from "../core/commands";
import type { BigPaste } from "../editor/paste";

export class Said {
  /** What went wrong of what the person asked for. */
  trouble = $state("");
  /** Something worth knowing that stops nothing. */
  notice: string | null = $state(null);
  /** Since when something has not been saved, and why. */
  unsavedSince: number | null = $state(null);
  failure: { since: number; reason: string } | null = $state.raw(null);
  /** Words that the core did not take. */
  lost: { text: string; reason: string | null } | null = $state.raw(null);
  /** What was too much to paste into the page. */
  pasted: BigPaste | null = $state.raw(null);

  constructor(notices: readonly string[]) {
    if (notices.length > 0) this.notice = notices.map(sentence).join(" ");
  }

  /** Runs something the person asked for; what goes wrong is said. */
  readonly attempt = (work: () => Promise<unknown>): void => {
    this.trouble = "";
    work().catch((thrown: unknown) => this.wrong(thrown));
  };

  wrong(thrown: unknown): void {
    this.trouble = asCoreError(thrown).message;
  }

  /** Another document is on the page: what was said of the one before is over. */
  turn(): void {
    this.lost = null;
    this.failure = null;
    this.unsavedSince = null;
  }
}
