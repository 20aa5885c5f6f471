/** Invitations in the words of the window: what can be chosen when one is made, and how an open one stands. */
import type { InvitationInfo } from "../core/types/InvitationInfo";
import { roleOf } from "./roles";
import { clock } from "./time";

const DAY = 24 * 60 * 60;

/** Something that can be chosen for an invitation. */
export interface Choice {
  /** In seconds, or persons; null: no end. */
  value: number | null;
  name: string;
}

/** For how long a link can be good. */
export const LASTS: readonly Choice[] = [
  { value: DAY, name: "1 day" },
  { value: 7 * DAY, name: "1 week" },
  { value: 30 * DAY, name: "30 days" },
  { value: null, name: "Until cancelled" },
];

/** For how many. */
export const USES: readonly Choice[] = [
  { value: 1, name: "1 person" },
  { value: 5, name: "5 people" },
  { value: 20, name: "20 people" },
  { value: null, name: "Any number" },
];

/** “Friday 24 April, 16:00”. */
export function day(ms: number): string {
  const at = new Date(ms);
  return `${at.toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long" }).replace(",", "")}, ${clock(ms)}`;
}

/** Whether it can still be used. The core says so; its time may have come since it did. */
export function isOpen(invitation: Pick<InvitationInfo, "state" | "expires">, now: number): boolean {
  return invitation.state === "open" && (invitation.expires === null || invitation.expires > now);
}

/** “Until Friday 24 April, 16:00 · 1 of 3 used · by Ana”: how an invitation stands. */
export function standing(invitation: InvitationInfo, now: number): string {
  const { expires, uses, used, state } = invitation;
  const parts: string[] = [];
  if (state === "usedUp") parts.push("Used up");
  else if (!isOpen(invitation, now)) parts.push(expires === null ? "Ended" : `Ended ${day(expires)}`);
  else parts.push(expires === null ? "Until cancelled" : `Until ${day(expires)}`);
  if (uses !== null) parts.push(`${used}\u00a0of\u00a0${uses}\u00a0used`);
  else if (used > 0) parts.push(`used ${used === 1 ? "once" : `${used} times`}`);
  if (!invitation.byYou && invitation.by.trim() !== "") parts.push(`by ${invitation.by.trim()}`);
  return parts.join(" · ");
}

/** What happened to an invitation that cannot be used, as one would write it to whoever sent it. */
const FATES: Readonly<Record<string, string>> = {
  "invitation-expired": "had expired when I opened it",
  "invitation-used-up": "was used up when I opened it",
  "invitation-cancelled": "had been cancelled when I opened it",
  "invitation-cut-short": "reached me cut short",
};

/** A note to whoever sent an invitation, for a refusal of this code; none where another one would not help. */
export function askAgain(code: string): string | null {
  const fate = FATES[code];
  return fate === undefined ? null : `The invitation to Sheaf that you sent me ${fate}. Could you make me a new link?`;
}

/** What tells one invitation from another when it is read aloud. */
export function invitationName(invitation: InvitationInfo, now: number): string {
  return `${roleOf(invitation.role).name}, ${standing(invitation, now)}`;
}
