import { expect, test } from "vitest";
import { showHere, shownHere } from "./address";

test("a window's address says which document is on it, and nothing else is taken for one", () => {
  history.replaceState(null, "", "#");
  expect(shownHere()).toBeNull();
  showHere("3f9c01ab");
  expect(shownHere()).toBe("3f9c01ab");
  for (const other of ["#a/b", "#a b", `#${"a".repeat(101)}`]) {
    history.replaceState(null, "", other);
    expect(shownHere()).toBeNull();
  }
  history.replaceState(null, "", "#");
});
