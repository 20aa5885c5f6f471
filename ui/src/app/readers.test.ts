import { expect, test } from "vitest";
import type { InvitationInfo } from "../core/types/InvitationInfo";
import type { MemberInfo } from "../core/types/MemberInfo";
import { askAgain } from "./invitations";
import { inOrder, isOwnerless, lastOwner, whoCanRead } from "./readers";

const NOW = 1_000_000;
const member = (name: string, more: Partial<MemberInfo> = {}): MemberInfo => ({
  id: name,
  name,
  colour: 1,
  role: "editor",
  devices: 1,
  you: false,
  founder: false,
  verified: false,
  canChange: true,
  ...more,
});
const you = member("Mara", { you: true, role: "owner", devices: 2 });
const link = (more: Partial<InvitationInfo> = {}): InvitationInfo => ({
  id: "i",
  role: "viewer",
  by: "Mara",
  byYou: true,
  opened: 0,
  expires: null,
  uses: null,
  used: 0,
  link: null,
  state: "open",
  ...more,
});
const gone = (name: string) => ({ id: name, name, ended: { by: "Mara", left: false, when: 5 } });

test("who can read: people and their devices", () => {
  expect(whoCanRead({ members: [you], former: [], invitations: [], relays: 0 }, NOW)).toBe("Only you, on two devices, hold the key. No invitation is open.");
  expect(whoCanRead({ members: [you, member("Ana")], former: [], invitations: [], relays: 0 }, NOW)).toBe(
    "Two people, on three devices, hold the key. No invitation is open. Someone who is removed keeps what they already have and receives nothing more.",
  );
});

test("who can read: a link that is open reads, and so does one whose time is over until it is put away", () => {
  const says = whoCanRead({ members: [you], former: [], invitations: [link(), link({ expires: NOW - 1 })], relays: 0 }, NOW);
  expect(says).toContain("One link is open: whoever holds it can read everything here, also what was written before.");
  expect(says).toContain("One link lets nobody in any more, but its key still opens what is written here until it is put away.");
  const used = whoCanRead({ members: [you], former: [], invitations: [link({ state: "usedUp" }), link({ state: "expired" })], relays: 0 }, NOW);
  expect(used).toContain("Two links let nobody in any more, but their keys still open what is written here until they are put away.");
  expect(used).not.toContain("No invitation is open");
});

test("who can read: those who went keep what they had, and are named", () => {
  expect(whoCanRead({ members: [you], former: [gone("Kofi")], invitations: [], relays: 0 }, NOW)).toContain(
    "Kofi is no longer here, and can still read what had reached their devices by then; nothing more comes to them.",
  );
  expect(whoCanRead({ members: [you], former: [gone("Kofi"), gone("")], invitations: [], relays: 0 }, NOW)).toContain(
    "Kofi and Someone new are no longer here",
  );
});

test("the one who looks stands first, then those who may do most", () => {
  const list = [member("Zoe"), member("Ana"), member("Yuki", { role: "owner" }), you];
  expect(inOrder(list).map((each) => each.name)).toEqual(["Mara", "Yuki", "Ana", "Zoe"]);
  expect(lastOwner([you, member("Ana")])).toBe(true);
});

test("another invitation is asked for only where that helps", () => {
  expect(askAgain("invitation-used-up")).toContain("was used up when I opened it");
  expect(askAgain("unreachable")).toBeNull();
});

test("a relay carries what it cannot read", () => {
  const says = (relays: number): string => whoCanRead({ members: [you], former: [], invitations: [], relays }, NOW);
  expect(says(1)).toBe(
    "Only you, on two devices, hold the key. No invitation is open. A relay keeps it and passes it on, and has no key: what is written here cannot be read there.",
  );
  expect(says(2)).toContain("Two relays keep it and pass it on, and have no key");
});

test("a space in which nobody is an owner is known as such, and one that is still arriving is not", () => {
  expect(isOwnerless([member("Ana"), member("Kofi", { role: "viewer" })])).toBe(true);
  expect(isOwnerless([member("Ana"), member("Kofi", { role: "owner" })])).toBe(false);
  expect(isOwnerless([])).toBe(false);
});
