import { beforeEach, expect, test } from "vitest";
import { prefs, readChosen, showChosen } from "./prefs.svelte";

beforeEach(() => {
  localStorage.clear();
});

test("whatever was kept, what is read is something that can be chosen", () => {
  const usual = readChosen(null);
  expect(usual).toEqual({ font: "serif", size: "usual", width: "usual", speak: "near", focus: false, typewriter: false, outline: false });
  for (const kept of ["", "null", "[]", "7", "{", '{"font":"comic","size":7,"focus":"yes"}']) expect(readChosen(kept)).toEqual(usual);
  expect(readChosen('{"font":"mono","width":"80","focus":true,"other":1}')).toEqual({ ...usual, font: "mono", width: "80", focus: true });
});

test("what is chosen is shown, kept, and read again by another window", () => {
  const stop = prefs.begin();
  prefs.choose({ font: "sans", size: "20" });
  const { dataset } = document.documentElement;
  expect([dataset.pageFont, dataset.pageSize, dataset.pageWidth]).toEqual(["sans", "20", undefined]);
  localStorage.setItem("sheaf.page", JSON.stringify({ font: "mono" }));
  window.dispatchEvent(new StorageEvent("storage", { key: "sheaf.page" }));
  expect([prefs.chosen.font, dataset.pageFont, dataset.pageSize]).toEqual(["mono", "mono", undefined]);
  showChosen(readChosen(null));
  expect(dataset.pageFont).toBeUndefined();
  stop();
});
