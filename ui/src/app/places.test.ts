import { beforeEach, expect, test } from "vitest";
import { keepPlace, placeOf } from "./places";

beforeEach(() => localStorage.clear());

test("the place in a document is kept, the latest one, and so many at most", () => {
  expect(placeOf("d1")).toBeNull();
  keepPlace("d1", 12);
  keepPlace("d2", 0);
  keepPlace("d1", 40);
  expect([placeOf("d1"), placeOf("d2")]).toEqual([40, 0]);
  for (let n = 0; n < 300; n += 1) keepPlace(`n${n}`, n);
  expect([placeOf("d1"), placeOf("n99"), placeOf("n100"), placeOf("n299")]).toEqual([null, null, 100, 299]);
});

test("what cannot be read is as if it were not there", () => {
  for (const kept of ["{", "{}", "[1, [2], [\"d1\", -1], [\"d1\", \"x\"], null]"]) {
    localStorage.setItem("sheaf.places", kept);
    expect(placeOf("d1")).toBeNull();
  }
});
