/**
 * The status line: what receipts prove about one document, as a sentence. Pure; the window asks it again whenever a
 * fact changes and shows the answer at most once a second.
 */
import type { Place } from "../core/types/Place";
import type { Placement } from "../core/types/Placement";
import { clock } from "./time";

/** What the line is built from. */
export interface Facts {
  /** What the node knows; null before it has answered. */
  placement: Placement | null;
  /** Since when something typed in this window waits to be on disk; null if nothing does. */
  unsavedSince: number | null;
  /** Whether this device has no part in the space any more. */
  ended?: boolean;
  /** The time now. */
  now: number;
}

/** How the line is to be shown. */
export interface Status {
  /** The sentence. */
  text: string;
  /** `safe`: on disk. `busy`: not yet. `wrong`: the last save failed. */
  tone: "safe" | "busy" | "wrong";
}

/** How long a save may take before the line says so. */
export const SLOW_SAVE_MS = 1000;

/** The sentence for these facts. */
export function statusLine({ placement, unsavedSince, ended = false, now }: Facts): Status {
  if (placement?.failing) {
    const { since, reason } = placement.failing;
    return { tone: "wrong", text: `Not saved since ${clock(since)} · ${cause(reason)}` };
  }
  if (unsavedSince !== null && now - unsavedSince >= SLOW_SAVE_MS) return { tone: "busy", text: "Saving" };
  // Nothing is said before something is known.
  if (!placement) return { tone: "busy", text: "" };
  if (ended) return { tone: "safe", text: "Saved here · nothing more goes out" };
  const rest = elsewhere(placement);
  return { tone: "safe", text: rest === "" ? "Saved here" : `Saved here · ${rest}` };
}

/** Whether any other device can be heard now. */
export function connected(placement: Placement): boolean {
  return placement.places.some((place) => place.link === "live" || place.link === "syncing");
}

/** How many entries are on this device alone. */
export function waiting(placement: Placement): number {
  return placement.places.length === 0 ? 0 : Math.min(...placement.places.map((place) => place.waiting));
}

/** “3 entries waiting”. */
export function entriesWaiting(count: number): string {
  return count === 1 ? "1 entry waiting" : `${count.toLocaleString("en-GB")} entries waiting`;
}

/** “Ana’s laptop”, “your other laptop”, “the relay”; of several, “relay relay.example.org”. */
export function placeName(place: Pick<Place, "name" | "yours" | "relay">): string {
  if (place.relay === true) return place.name === "" ? "the relay" : `relay ${place.name}`;
  if (place.yours) return "your other laptop";
  const first = firstName(place.name);
  if (first === "") return "another laptop";
  return `${first}’s laptop`;
}

/** The first word of a name, as it stands on a flag. */
export function firstName(name: string): string {
  return name.trim().split(/\s+/u)[0] ?? "";
}

function elsewhere(placement: Placement): string {
  if (!placement.shared || placement.places.length === 0) return "only on this laptop";
  const holds = (place: Place): boolean => place.confirmed !== null && place.waiting === 0;
  const relays = placement.places.filter((place) => place.relay === true);
  const holding = placement.places.filter((place) => place.relay !== true && holds(place));
  const [one] = holding;
  const parts = one ? [holding.length === 1 ? `on ${placeName(one)}` : `on ${holding.length} devices`] : [];
  const keeping = relays.filter(holds).length;
  if (keeping > 1) parts.push(`on ${keeping} relays`);
  else if (keeping > 0) parts.push(relays.length > 1 ? `on 1 of ${relays.length} relays` : "on relay");
  else if (one && relays.length > 0) {
    const behind = Math.min(...relays.map((relay) => relay.waiting));
    if (behind > 0) parts.push(`${entriesWaiting(behind)} for relay`);
  }
  if (parts.length > 0) return parts.join(" · ");
  const count = waiting(placement);
  if (!connected(placement)) return count === 0 ? "no connection" : `no connection · ${entriesWaiting(count)}`;
  if (count === 0) return "";
  const only = placement.places.length === 1 ? placement.places[0] : undefined;
  return only ? `${entriesWaiting(count)} for ${placeName(only)}` : entriesWaiting(count);
}

/** The few words of a reason that fit the line: “disk full”, or its first clause. */
export function cause(reason: string): string {
  if (/\b(disk|device|volume)\b.*\bfull\b|no space left/iu.test(reason)) return "disk full";
  if (/read.only/iu.test(reason)) return "folder is read-only";
  const clause = reason.split(/[.;:](?:\s|$)/u)[0]?.trim() ?? "";
  return clause === "" ? "the disk refuses" : clause.charAt(0).toLocaleLowerCase() + clause.slice(1);
}
