/** The status line as it is shown: it changes at most once a second, and at once where something is wrong. */
import { statusLine, type Status } from "./status";

type Facts = Omit<Parameters<typeof statusLine>[0], "now">;

export class StatusKeeper {
  now = $state(Date.now());
  shown: Status = $state.raw({ text: "", tone: "busy" });
  #shownAt = Number.NEGATIVE_INFINITY;
  readonly #facts: () => Facts;
  readonly #warn: (words: string) => void;

  /** `facts` are asked for whenever the line is worked out; `warn` says at once that something is wrong. */
  constructor(facts: () => Facts, warn: (words: string) => void) {
    this.#facts = facts;
    this.#warn = warn;
  }

  refresh(force = false): void {
    this.now = Date.now();
    const next = statusLine({ ...this.#facts(), now: this.now });
    if (next.text === this.shown.text && next.tone === this.shown.tone) return;
    if (!force && this.shown.text !== "" && next.tone !== "wrong" && this.now - this.#shownAt < 1000) return;
    if (next.tone === "wrong" && this.shown.tone !== "wrong") this.#warn(next.text);
    this.shown = next;
    this.#shownAt = this.now;
  }
}
