/** Which of a session's batches are not on disk yet, and since when. */
import type { ToCore } from "../core/types/ToCore";
import type { ToWindow } from "../core/types/ToWindow";

/** Follows one session, both ways. */
export class Unsaved {
  #pending: Array<{ made: number; at: number }> = [];
  /** Why the last save failed; null while saving works. */
  failure: { since: number; reason: string } | null = null;

  /** Since when the oldest unsaved batch waits; null if everything is on disk. */
  get since(): number | null {
    return this.#pending[0]?.at ?? null;
  }

  /** A message left the window. */
  sent(message: ToCore, now: number): void {
    if (message.m === "batch") this.#pending.push({ made: message.made, at: now });
  }

  /** A message arrived from the core. True if something changed. */
  received(message: ToWindow, now: number): boolean {
    switch (message.m) {
      case "saved":
        this.#drop(message.made);
        this.failure = null;
        return true;
      case "saveFailed":
        this.failure = { since: this.failure?.since ?? this.since ?? now, reason: message.reason };
        return true;
      case "reset":
        // What was refused will never be saved; it is offered for copying instead.
        if (message.refused) this.#drop(message.refused.to);
        return message.refused !== null;
      default:
        return false;
    }
  }

  #drop(upTo: number): void {
    this.#pending = this.#pending.filter((batch) => batch.made > upTo);
  }
}
