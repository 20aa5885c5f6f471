/** What an event of the node's has to say to the person, as a sentence under the top bar. Pure. */
import { sentence } from "../core/commands";
import type { NodeEvent } from "../core/types/NodeEvent";

const COPIED = "This home was copied or put back, and both copies have written as one device. What counts is the same for everyone; the rest is set aside. Is the other copy still in use? Then pair it as a device of its own.";
const COPIED_ELSEWHERE = "A home was copied or put back, and both copies have written here as one device. What counts is the same for everyone; the rest is set aside.";

/** The sentence; null if the event is nothing to read. `device` is this one; `joining`: a dialog says what becomes of joining. */
export function noticeOf(event: NodeEvent, device: string, joining: boolean): string | null {
  switch (event.event) {
    case "forked":
      return event.device === device ? COPIED : COPIED_ELSEWHERE;
    case "joinFailed":
      return joining ? null : sentence(event.reason);
    case "relayRefused":
      return sentence(event.reason);
    case "quarantined":
      return `An entry from another device was set aside: ${event.reason} The document is unaffected.`;
    default:
      return null;
  }
}
