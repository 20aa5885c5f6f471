/**
 * The last few states of the page, by name, so that a position the core gave in one of them can be found in the present
 * one. Pages share their blocks, so remembering some costs little.
 */
import type { Node } from "prosemirror-model";
import type { Mappable } from "prosemirror-transform";
import { posOf } from "./position";
import type { StateName } from "./session";

interface Stop {
  name: StateName;
  doc: Node;
  bare: boolean;
  /** From this state to the next one; null in the present. */
  onwards: readonly Mappable[] | null;
}

/** How many states are remembered: about ten seconds of fast typing. */
const LONGEST = 64;

/** Where the page has been. */
export class Trail {
  private stops: Stop[] = [];

  /** Starts anew at a state. */
  start(name: StateName, doc: Node, bare: boolean): void {
    this.stops = [{ name, doc, bare, onwards: null }];
  }

  /** The page went on to another state. */
  step(name: StateName, doc: Node, bare: boolean, mappings: readonly Mappable[]): void {
    const last = this.stops.at(-1);
    if (last !== undefined) last.onwards = mappings;
    this.stops.push({ name, doc, bare, onwards: null });
    if (this.stops.length > LONGEST) this.stops.shift();
  }

  /** The page is as it was, and the core has a new name for it. */
  rename(name: StateName): void {
    const last = this.stops.at(-1);
    if (last !== undefined && (last.name.seen !== name.seen || last.name.made !== name.made)) {
      this.step(name, last.doc, last.bare, []);
    }
  }

  /** The positions, in the present page, of indices in a state that is still remembered; null when it is not. */
  find(name: StateName, indices: readonly (number | null)[]): (number | null)[] | null {
    const at = this.stops.findLastIndex((stop) => stop.name.seen === name.seen && stop.name.made === name.made);
    const stop = this.stops[at];
    if (stop === undefined) return null;
    return indices.map((index) => {
      if (index === null) return null;
      try {
        let pos = posOf(stop.doc, index, stop.bare);
        for (const { onwards } of this.stops.slice(at)) for (const mapping of onwards ?? []) pos = mapping.map(pos);
        return pos;
      } catch {
        return null;
      }
    });
  }
}
