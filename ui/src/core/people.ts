/** Asking the app who may read and write, and changing it. */
import { call } from "./commands";
import type { FormerInfo } from "./types/FormerInfo";
import type { InvitationInfo } from "./types/InvitationInfo";
import type { MemberInfo } from "./types/MemberInfo";
import type { RelayInfo } from "./types/RelayInfo";
import type { RelaySpace } from "./types/RelaySpace";
import type { SetAside } from "./types/SetAside";

/** Who shares a space. */
export const members = (space: string): Promise<MemberInfo[]> => call("members", { space });
/** Who shared it and does no longer, the last to go first. */
export const formerMembers = (space: string): Promise<FormerInfo[]> => call("former_members", { space });
/** Changes what someone may do; gives how they stand then. */
export const setRole = (space: string, person: string, role: string): Promise<MemberInfo> =>
  call("set_role", { space, person, role });
/** Removes someone: they keep what they have, and get nothing new. */
export const removePerson = (space: string, person: string): Promise<void> => call("remove_person", { space, person });
/** Leaves a space. What is here stays readable. */
export const leaveSpace = (space: string): Promise<void> => call("leave_space", { space });
/** Takes a space that one is not in any more off the list, on all of one's devices. */
export const forgetSpace = (space: string): Promise<void> => call("forget_space", { space });

/** The relays that a space names. */
export const relays = (space: string): Promise<RelayInfo[]> => call("relays", { space });
/** Names the relay of this link in a space. */
export const addRelay = (space: string, link: string): Promise<RelaySpace[]> => call("add_relay", { space, link });
/** Names a relay in a space no more. */
export const removeRelay = (space: string, relay: string): Promise<RelaySpace[]> => call("remove_relay", { space, relay });

/** Makes an invitation and gives its link. `uses`: for how many; `lasts`: for how many seconds; null: no end. */
export const invite = (space: string, role: string, uses: number | null, lasts: number | null): Promise<string> =>
  call("invite", { space, role, uses, lasts });
/** The invitations of a space that have not been cancelled. */
export const invitations = (space: string): Promise<InvitationInfo[]> => call("invitations", { space });
/** Cancels one: its link opens nothing any more. */
export const cancelInvitation = (space: string, invitation: string): Promise<void> =>
  call("cancel_invitation", { space, invitation });
/** The words that this person and another both see, if neither is someone else. */
export const compareWords = (person: string): Promise<string[]> => call("compare_words", { person });
/** Remembers whether the words were the same. */
export const setVerified = (person: string, verified: boolean): Promise<void> => call("set_verified", { person, verified });

/** Work in a space that does not count, and is kept. */
export const setAside = (space: string): Promise<SetAside[]> => call("set_aside", { space });
/** What such work says. */
export const setAsideText = (space: string, id: string): Promise<string> => call("set_aside_text", { space, id });
/** Takes it over, as new words of this person's own. */
export const adopt = (space: string, id: string): Promise<void> => call("adopt", { space, id });
