import { expect, test } from "vitest";
import type { DocumentInfo } from "../core/types/DocumentInfo";
import { dropped, stepOf, stepped } from "./arrange";
import { rows, type Row } from "./tree";

const document = (id: string, parent: string | null = null, space = "s"): DocumentInfo => ({
  id,
  space,
  title: id,
  parent,
  depth: 0,
  created: 0,
  tags: [],
  template: false,
  pinned: null,
});
// a, b (b1, b2), c; and another space with x.
const documents = [document("a"), document("b"), document("b1", "b"), document("b2", "b"), document("c")];
const space = (id: string): Parameters<typeof rows>[0][number] => ({ id, name: id, role: "owner", people: 1, private: false, ended: null });
const list = rows([space("s"), space("t")], new Map([["s", documents], ["t", [document("x", null, "t")]]]), new Set());
const row = (id: string): Row => list.find((each) => each.id === id) as Row;
const of = (id: string): DocumentInfo => documents.find((each) => each.id === id) as DocumentInfo;

test("over the upper edge it goes before, over the middle under, over the lower edge behind", () => {
  expect(dropped(documents, of("c"), row("a"), "before")).toEqual({ under: null, before: "a" });
  expect(dropped(documents, of("c"), row("a"), "in")).toEqual({ under: "a", before: null });
  expect(dropped(documents, of("c"), row("a"), "after")).toEqual({ under: null, before: "b" });
  expect(dropped(documents, of("c"), row("b"), "after")).toEqual({ under: "b", before: "b1" });
  expect(dropped(documents, of("a"), row("b2"), "after")).toEqual({ under: "b", before: null });
  expect(dropped(documents, of("c"), row("s"), "in")).toEqual({ under: null, before: "a" });
});

test("it goes neither under itself, nor to where it is, nor into another space", () => {
  expect(dropped(documents, of("b"), row("b1"), "in")).toBeNull();
  expect(dropped(documents, of("b"), row("b"), "in")).toBeNull();
  expect(dropped(documents, of("a"), row("a"), "before")).toBeNull();
  expect(dropped(documents, of("a"), row("b"), "before")).toBeNull();
  expect(dropped(documents, of("b2"), row("b"), "in")).toBeNull();
  expect(dropped(documents, of("a"), row("x"), "before")).toBeNull();
  expect(dropped(documents, of("a"), row("t"), "in")).toBeNull();
});

test("a step goes past a neighbour, under the one before, or out", () => {
  expect(stepped(documents, of("b"), "up")).toEqual({ under: null, before: "a" });
  expect(stepped(documents, of("a"), "up")).toBeNull();
  expect(stepped(documents, of("a"), "down")).toEqual({ under: null, before: "c" });
  expect(stepped(documents, of("b"), "down")).toEqual({ under: null, before: null });
  expect(stepped(documents, of("c"), "down")).toBeNull();
  expect(stepped(documents, of("c"), "in")).toEqual({ under: "b", before: null });
  expect(stepped(documents, of("b1"), "in")).toBeNull();
  expect(stepped(documents, of("b1"), "out")).toEqual({ under: null, before: "c" });
  expect(stepped(documents, of("c"), "out")).toBeNull();
});

test("the keys of a step are those that move a block", () => {
  const key = (name: string, held: Partial<KeyboardEvent>): Parameters<typeof stepOf>[0] =>
    ({ key: name, altKey: false, shiftKey: false, ctrlKey: false, metaKey: false, ...held });
  const shifted = { altKey: true, shiftKey: true };
  expect(stepOf(key("ArrowUp", shifted), false, false)).toBe("up");
  expect(stepOf(key("ArrowRight", shifted), false, false)).toBe("in");
  expect(stepOf(key("ArrowRight", shifted), false, true)).toBe("out");
  expect(stepOf(key("ArrowUp", {}), false, false)).toBeNull();
  expect(stepOf(key("ArrowDown", { ctrlKey: true, metaKey: true }), true, false)).toBe("down");
  expect(stepOf(key("x", shifted), false, false)).toBeNull();
});
