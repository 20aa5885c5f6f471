import { expect, test } from "vitest";
import { relayName, relayState } from "./relays";

test("a relay is called by where it is, and by its id where that is not known", () => {
  expect(relayName({ id: "abcdefghijklmnop", addresses: ["192.0.2.1:4433", "[2001:db8::1]:4433"] })).toBe("192.0.2.1:4433");
  expect(relayName({ id: "abcdefghijklmnop", addresses: [] })).toBe("abcdefghijkl");
});

test("how it stands is said as it is", () => {
  expect(relayState({ connected: true })).toBe("Connected");
  expect(relayState({ connected: false })).toContain("called again");
});
