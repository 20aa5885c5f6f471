import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Place } from "../core/types/Place";
import type { Placement } from "../core/types/Placement";
import { cause, entriesWaiting, placeName, SLOW_SAVE_MS, statusLine, waiting } from "./status";

const NOW = new Date(2026, 3, 13, 16, 42, 7).getTime();

function place(change: Partial<Place> = {}): Place {
  return {
    device: "d1",
    name: "Ana Ferreira",
    colour: 1,
    yours: false,
    link: "live",
    confirmed: NOW,
    signed: null,
    waiting: 0,
    ...change,
  };
}

function kept(places: Place[], change: Partial<Placement> = {}): Placement {
  return { saved: NOW, failing: null, shared: places.length > 0, places, ...change };
}

const line = (placement: Placement | null, unsavedSince: number | null = null): string =>
  statusLine({ placement, unsavedSince, now: NOW }).text;

describe("the sentences of the guide, word for word", () => {
  test("a space of one, one device", () => {
    expect(line(kept([]))).toBe("Saved here · only on this laptop");
  });
  test("flushed to disk, one other device has it", () => {
    expect(line(kept([place()]))).toBe("Saved here · on Ana’s laptop");
  });
  test("two or more other devices have it", () => {
    const two = [place(), place({ device: "d2", name: "Kofi Mensah" }), place({ device: "d3", waiting: 4 })];
    expect(line(kept(two))).toBe("Saved here · on 2 devices");
  });
  test("a relay has it, or is behind", () => {
    const relay = (change: Partial<Place> = {}): Place => place({ device: "r", name: "", relay: true, ...change });
    expect(line(kept([place(), relay()]))).toBe("Saved here · on Ana’s laptop · on relay");
    expect(line(kept([place(), relay({ waiting: 3 })]))).toBe("Saved here · on Ana’s laptop · 3 entries waiting for relay");
    expect(line(kept([place({ waiting: 2, link: "away" }), relay()]))).toBe("Saved here · on relay");
    expect(line(kept([relay({ waiting: 3 })]))).toBe("Saved here · 3 entries waiting for the relay");
    expect(line(kept([relay(), relay({ waiting: 3 })]))).toBe("Saved here · on 1 of 2 relays");
    expect(line(kept([relay(), relay()]))).toBe("Saved here · on 2 relays");
    expect(placeName(relay({ name: "relay.example.org" }))).toBe("relay relay.example.org");
  });
  test("no connection", () => {
    expect(line(kept([place({ link: "away", waiting: 23, confirmed: null })]))).toBe(
      "Saved here · no connection · 23 entries waiting",
    );
  });
  test("no connection, and nothing waits", () => {
    expect(line(kept([place({ link: "away", confirmed: null })]))).toBe("Saved here · no connection");
  });
  test("the other device is behind", () => {
    expect(line(kept([place({ link: "syncing", waiting: 3 })]))).toBe("Saved here · 3 entries waiting for Ana’s laptop");
  });
  test("the flush takes over a second", () => {
    expect(line(kept([]), NOW - SLOW_SAVE_MS)).toBe("Saving");
    expect(line(kept([]), NOW - SLOW_SAVE_MS + 1)).toBe("Saved here · only on this laptop");
  });
  test("the flush failed", () => {
    const failing = { since: new Date(2026, 3, 13, 16, 40).getTime(), reason: "The disk is full. Free some space." };
    expect(statusLine({ placement: kept([]), unsavedSince: null, ended: true, now: NOW }).text).toBe("Saved here · nothing more goes out");
    const status = statusLine({ placement: kept([], { failing }), unsavedSince: NOW - 5000, now: NOW });
    expect(status).toEqual({ text: "Not saved since 16:40 · disk full", tone: "wrong" });
  });
});

test("nothing is claimed before the node has answered", () => {
  expect(line(null)).toBe("");
  expect(line(null, NOW - 2000)).toBe("Saving");
});

test("the line never says that another device has it without a receipt for the last word", () => {
  const places = fc.array(
    fc.record({
      link: fc.constantFrom("live", "syncing", "dialing", "away"),
      confirmed: fc.option(fc.nat(), { nil: null }),
      waiting: fc.nat({ max: 50 }),
    }),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(places, (list) => {
      const all = list.map((each, index) => place({ ...each, device: String(index) }));
      const text = line(kept(all));
      const holding = all.filter((each) => each.confirmed !== null && each.waiting === 0).length;
      expect(/ · on /u.test(text)).toBe(holding > 0);
      expect(text.includes("no connection")).toBe(
        all.length > 0 && holding === 0 && all.every((each) => each.link === "away" || each.link === "dialing"),
      );
    }),
  );
});

test("what waits is what no other device has", () => {
  expect(waiting(kept([place({ waiting: 9 }), place({ waiting: 2 })]))).toBe(2);
  expect(waiting(kept([]))).toBe(0);
});

test("one entry is one entry, and thousands are readable", () => {
  expect(entriesWaiting(1)).toBe("1 entry waiting");
  expect(entriesWaiting(1208)).toBe("1,208 entries waiting");
});

test("a place is named after its person", () => {
  expect(placeName(place())).toBe("Ana’s laptop");
  expect(placeName(place({ yours: true }))).toBe("your other laptop");
  expect(placeName(place({ name: " " }))).toBe("another laptop");
});

test("a reason is cut to what fits the line", () => {
  expect(cause("No space left on device (os error 28)")).toBe("disk full");
  expect(cause("Read-only file system")).toBe("folder is read-only");
  expect(cause("The journal /x/y is gone. Put it back.")).toBe("the journal /x/y is gone");
  expect(cause("")).toBe("the disk refuses");
});
