/**
 * What a screen reader is told. One polite region, never keystrokes, and about others at most once in five seconds; an
 * assertive one for what may cost words.
 */

import { untrack } from "svelte";

/** How long one sentence about others keeps the next one away. */
export const QUIET_MS = 5000;

/** The words in the two live regions. */
export class Announcer {
  polite = $state("");
  assertive = $state("");
  #last = Number.NEGATIVE_INFINITY;
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Says what the person just caused, or asked for. */
  say(words: string): void {
    // A region that already holds these words would not be read again. Whoever says something does not watch what is said.
    this.polite = untrack(() => this.polite) === words ? `${words}\u00a0` : words;
  }

  /** Says something about others; dropped if something was said within five seconds. */
  mention(words: string): void {
    const now = this.#now();
    if (now - this.#last < QUIET_MS) return;
    this.#last = now;
    this.say(words);
  }

  /** Says something that cannot wait. */
  warn(words: string): void {
    this.assertive = words;
  }
}
