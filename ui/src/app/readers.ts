/** Who can read a space, in whole sentences: people, devices, and whoever holds an open link (I1). */
import type { InvitationInfo } from "../core/types/InvitationInfo";
import type { MemberInfo } from "../core/types/MemberInfo";
import { isOpen } from "./invitations";
import { capitalNumber, smallNumber } from "./words";

/** “Three people, on five devices, hold the key. …” */
export function whoCanRead(members: readonly MemberInfo[], invitations: readonly InvitationInfo[], now: number): string {
  const people = members.length;
  const devices = members.reduce((sum, each) => sum + each.devices, 0);
  const open = invitations.filter((each) => isOpen(each, now)).length;
  const on = `on ${devices === 1 ? "one device" : `${smallNumber(devices)} devices`}`;
  const hold = people <= 1 ? `Only you, ${on}, hold the key.` : `${capitalNumber(people)} people, ${on}, hold the key.`;
  const links =
    open === 0
      ? "No invitation is open."
      : `${open === 1 ? "One link is" : `${capitalNumber(open)} links are`} open: whoever holds ${open === 1 ? "it" : "one"} can read everything here, also what was written before.`;
  const after = people <= 1 ? "" : " Someone who is removed keeps what they already have and receives nothing more.";
  return `${hold} ${links}${after}`;
}

/** Whether this person is the only owner: without one, nobody could invite or remove any more. */
export function lastOwner(members: readonly MemberInfo[]): boolean {
  const owners = members.filter((each) => each.role === "owner");
  return owners.length === 1 && owners[0]?.you === true;
}
