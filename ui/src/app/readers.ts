/** Who can read a space, in whole sentences: people, devices, whoever holds a link (I1), and the copies of those who went. */
import type { FormerInfo } from "../core/types/FormerInfo";
import type { InvitationInfo } from "../core/types/InvitationInfo";
import type { MemberInfo } from "../core/types/MemberInfo";
import { isOpen } from "./invitations";
import { nameList, shownName } from "./people";
import { ROLES } from "./roles";
import { capitalNumber, smallNumber } from "./words";

/** Who is here, who was, and by which links one can come. */
export interface Readers {
  members: readonly MemberInfo[];
  former: readonly FormerInfo[];
  invitations: readonly InvitationInfo[];
  /** How many relays keep it. */
  relays: number;
}

/** “Three people, on five devices, hold the key. …” */
export function whoCanRead({ members, former, invitations, relays }: Readers, now: number): string {
  return [holders(members), links(invitations, now), carriers(relays), copies(former, members.length)].filter((part) => part !== "").join(" ");
}

function holders(members: readonly MemberInfo[]): string {
  const devices = members.reduce((sum, each) => sum + each.devices, 0);
  const on = `on ${devices === 1 ? "one device" : `${smallNumber(devices)} devices`}`;
  return members.length <= 1 ? `Only you, ${on}, hold the key.` : `${capitalNumber(members.length)} people, ${on}, hold the key.`;
}

/** A link is a reader until it is closed, also when nobody can join by it any more. */
function links(invitations: readonly InvitationInfo[], now: number): string {
  const open = invitations.filter((each) => isOpen(each, now)).length;
  const over = invitations.length - open;
  const says: string[] = [];
  if (open > 0) {
    const one = open === 1;
    says.push(
      `${one ? "One link is" : `${capitalNumber(open)} links are`} open: whoever holds ${one ? "it" : "one"} can read everything here, also what was written before.`,
    );
  }
  if (over > 0) {
    const one = over === 1;
    says.push(
      `${one ? "One link lets" : `${capitalNumber(over)} links let`} nobody in any more, but ${one ? "its key still opens" : "their keys still open"} what is written here until ${one ? "it is" : "they are"} put away.`,
    );
  }
  return says.length === 0 ? "No invitation is open." : says.join(" ");
}

/** A relay holds no key. */
function carriers(relays: number): string {
  if (relays === 0) return "";
  return `${relays === 1 ? "A relay keeps it and passes it on, and has" : `${capitalNumber(relays)} relays keep it and pass it on, and have`} no key: what is written here cannot be read there.`;
}

/** What has reached a device cannot be taken back. */
function copies(former: readonly FormerInfo[], members: number): string {
  if (former.length === 0) return members <= 1 ? "" : "Someone who is removed keeps what they already have and receives nothing more.";
  const names = nameList(former.map((each) => shownName(each.name)));
  return `${names} ${former.length === 1 ? "is" : "are"} no longer here, and can still read what had reached ${former.length === 1 ? "their devices" : "the devices of each"} by then; nothing more comes to them.`;
}

/** Whether this person is the only owner: without one, nobody could invite or remove any more. */
export function lastOwner(members: readonly MemberInfo[]): boolean {
  const owners = members.filter((each) => each.role === "owner");
  return owners.length === 1 && owners[0]?.you === true;
}

/** Whether nobody is an owner any more: that stays so, for only an owner makes one (A3). */
export function isOwnerless(members: readonly MemberInfo[]): boolean {
  return members.length > 0 && members.every((each) => each.role !== "owner");
}

/** This person first, then those who may do most, then by name. */
export function inOrder(members: readonly MemberInfo[]): MemberInfo[] {
  const rank = ({ you, role }: MemberInfo): number => (you ? -1 : ROLES.findIndex((each) => each.role === role));
  return [...members].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
}
