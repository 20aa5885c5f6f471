/** How someone's time in a space ended, and what they can do there: sentences for the banner. */
import type { SpaceInfo } from "../core/types/SpaceInfo";
import { day } from "./invitations";

/** Why this space cannot be written in; null if it can. */
export function whyReadOnly(space: Pick<SpaceInfo, "role" | "ended">): string | null {
  if (space.ended) {
    const when = day(space.ended.when);
    const who = space.ended.by.trim() === "" ? "An owner" : space.ended.by.trim();
    if (space.ended.late === true) {
      return "Your invitation to this space had been closed before anyone heard that you had joined by it. What you wrote is still here, and can be read and exported. Ask an owner for a new invitation.";
    }
    if (space.ended.device === true) {
      return "This device was removed from your devices. What is here stays, and can be read and exported.";
    }
    const how = space.ended.left ? `You left this space on ${when}.` : `${who} removed you from this space on ${when}.`;
    return `${how} What had reached this laptop stays here, and can be read and exported. Nothing new comes, and nothing you write goes out.`;
  }
  switch (space.role) {
    case "owner":
    case "editor":
      return null;
    case "commenter":
      return "As a commenter you do not write in documents. Ask an owner to change your role.";
    case "viewer":
      return "You can read here, not write. Ask an owner to change your role.";
    default:
      return "You are not in this space yet. It can be written in once your invitation is accepted.";
  }
}
