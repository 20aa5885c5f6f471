import { expect, test } from "vitest";
import { commandOf, keyName, type Press } from "./keys";

const press = (key: string, change: Partial<Press> = {}): Press => ({
  key,
  code: "",
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  altKey: false,
  ...change,
});

test("the map of the guide, on Windows and Linux", () => {
  const of = (key: string, change: Partial<Press> = {}) => commandOf(press(key, change), false);
  expect(of("k", { ctrlKey: true })).toBe("goTo");
  expect(of("P", { ctrlKey: true, shiftKey: true })).toBe("palette");
  expect(of("n", { ctrlKey: true })).toBe("newDocument");
  expect(of("N", { ctrlKey: true, shiftKey: true })).toBe("newWindow");
  expect(of("s", { ctrlKey: true })).toBe("where");
  expect(of(",", { ctrlKey: true })).toBe("settings");
  expect(of("F9")).toBe("sidebar");
  expect(of("F6")).toBe("nextRegion");
  expect(of("F6", { shiftKey: true })).toBe("previousRegion");
});

test("the map of the guide, on macOS", () => {
  const of = (key: string, change: Partial<Press> = {}) => commandOf(press(key, change), true);
  expect(of("k", { metaKey: true })).toBe("goTo");
  expect(of("s", { metaKey: true, ctrlKey: true })).toBe("sidebar");
  expect(of("s", { metaKey: true })).toBe("where");
  expect(of("k", { ctrlKey: true })).toBeNull();
});

test("AltGr is never a command, and plain letters are text", () => {
  expect(commandOf(press("k", { ctrlKey: true, altKey: true }), false)).toBeNull();
  expect(commandOf(press("k"), false)).toBeNull();
  expect(commandOf(press("s", { ctrlKey: true, shiftKey: true }), false)).toBeNull();
});

test("keys are written as the platform writes them", () => {
  expect(keyName("newWindow", false)).toBe("Ctrl+Shift+N");
  expect(keyName("newWindow", true)).toBe("⇧⌘N");
  expect(keyName("sidebar", false)).toBe("F9");
  expect(keyName("sidebar", true)).toBe("⌃⌘S");
  expect(keyName("settings", false)).toBe("Ctrl+,");
});
