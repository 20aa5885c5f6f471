/** The four roles: what they are called, and what they let a person do, in the words of the window. */

/** A role, by the core's word for it. */
export type RoleName = "owner" | "editor" | "commenter" | "viewer";

/** One role as a person reads it. */
export interface Role {
  role: RoleName;
  name: string;
  /** “reads and writes”: what someone with it does. */
  can: string;
}

/** All of them, the one that may do most first. */
export const ROLES: readonly Role[] = [
  { role: "owner", name: "Owner", can: "reads, writes, invites and removes people" },
  { role: "editor", name: "Editor", can: "reads and writes" },
  { role: "commenter", name: "Commenter", can: "reads and comments" },
  { role: "viewer", name: "Viewer", can: "reads" },
];

/** A role by the core's word; one this window does not know is shown as it is. */
export function roleOf(word: string): Role {
  const known = ROLES.find(({ role }) => role === word);
  return known ?? { role: "viewer", name: word.charAt(0).toLocaleUpperCase() + word.slice(1), can: "reads" };
}

/** “an editor”, “a viewer”. */
export function withArticle(word: string): string {
  const { name } = roleOf(word);
  const lower = name.toLocaleLowerCase();
  return `${/^[aeio]/u.test(lower) ? "an" : "a"} ${lower}`;
}

/** Whether someone with this role may change documents. None: not a member, or not yet. */
export function writes(role: string | null): boolean {
  return role === "owner" || role === "editor";
}
