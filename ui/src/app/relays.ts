/** The relays of a space: what each is called, and how it stands with it. */
import type { RelayInfo } from "../core/types/RelayInfo";

/** Where it is; or, if it has not said, the beginning of its id. */
export function relayName(relay: Pick<RelayInfo, "id" | "addresses">): string {
  return relay.addresses[0] ?? relay.id.slice(0, 12);
}

/** A sentence without a subject, for a line below its name. */
export function relayState(relay: Pick<RelayInfo, "connected">): string {
  return relay.connected ? "Connected" : "Not connected; it is called again by itself";
}
