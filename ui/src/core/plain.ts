/**
 * What the core refuses, in the words of the window. The core's own sentences name commands for whoever types them; here
 * the same is said with what can be done in the window.
 */
const PLAIN: Readonly<Record<string, string>> = {
  copied: "This home was copied from another machine. It can be read here; to write, make it a device of its own first.",
  founder: "Nobody can remove the founder of a space, or change what they may do; only they themselves can.",
  "last-owner": "A space without an owner can never change its members again. Make someone else an owner first.",
  "no-such-device": "This is not one of your devices any more.",
  "no-such-document": "This document is not here any more.",
  "no-such-invitation": "This invitation is closed already.",
  "no-such-person": "They are not in this space any more.",
  "no-such-piece": "This is not set aside any more.",
  "no-such-space": "This space is not here any more.",
  "not-a-member": "They are not in this space any more.",
};

/** The window's words for a refusal of this code, if it has its own. */
export function plainly(code: string): string | null {
  return PLAIN[code] ?? null;
}
