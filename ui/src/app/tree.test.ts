import { expect, test } from "vitest";
import type { DocumentInfo } from "../core/types/DocumentInfo";
import type { SpaceInfo } from "../core/types/SpaceInfo";
import { inOrder, move, rows, typeAhead } from "./tree";

const space = (id: string, name: string, isPrivate = false): SpaceInfo => ({
  id,
  name,
  role: "owner",
  people: 1,
  private: isPrivate,
  ended: null,
});
const document = (id: string, of: string, title: string, parent: string | null = null): DocumentInfo => ({
  id,
  space: of,
  title,
  parent,
  depth: parent === null ? 0 : 1,
  created: 0,
  tags: [],
  template: false,
  pinned: null,
});

const spaces = [space("p", "Private", true), space("f", "Field station"), space("a", "Allotment")];
const documents = new Map([
  ["f", [document("f1", "f", "Season plan"), document("f2", "f", "Spring visit"), document("f3", "f", " ")]],
  ["a", [document("a1", "a", "Seeds")]],
  ["p", []],
]);
const list = rows(spaces, documents, new Set(["a"]));
const ids = (all: typeof list): string[] => all.map((row) => row.id);

test("shared spaces by name, the private one last", () => {
  expect(inOrder(spaces).map((each) => each.id)).toEqual(["a", "f", "p"]);
});

test("a folded space hides its documents, an empty one says so", () => {
  expect(ids(list)).toEqual(["a", "f", "f1", "f2", "f3", "p", "p/none"]);
});

test("a document without a title is Untitled, a space on its way is arriving", () => {
  expect(list.find((row) => row.id === "f3")?.label).toBe("Untitled");
  expect(rows([space("x", "")], new Map(), new Set())[0]?.label).toBe("Arriving…");
});

test("arrows walk the rows that can be chosen", () => {
  expect(move(list, "a", "ArrowDown")).toEqual({ do: "focus", id: "f" });
  expect(move(list, "f", "ArrowUp")).toEqual({ do: "focus", id: "a" });
  expect(move(list, "p", "ArrowDown")).toBeNull();
  expect(move(list, "f2", "Home")).toEqual({ do: "focus", id: "a" });
  expect(move(list, "f2", "End")).toEqual({ do: "focus", id: "p" });
});

test("right opens and goes in, left goes out and folds", () => {
  expect(move(list, "a", "ArrowRight")).toEqual({ do: "open", id: "a" });
  expect(move(list, "f", "ArrowRight")).toEqual({ do: "focus", id: "f1" });
  expect(move(list, "p", "ArrowRight")).toBeNull();
  expect(move(list, "f2", "ArrowLeft")).toEqual({ do: "focus", id: "f" });
  expect(move(list, "f", "ArrowLeft")).toEqual({ do: "close", id: "f" });
  expect(move(list, "a", "ArrowLeft")).toBeNull();
  // Right to left, the arrows trade places.
  expect(move(list, "a", "ArrowLeft", true)).toEqual({ do: "open", id: "a" });
});

test("Enter chooses a document and folds a space", () => {
  expect(move(list, "f2", "Enter")).toEqual({ do: "choose", id: "f2" });
  expect(move(list, "f", "Enter")).toEqual({ do: "close", id: "f" });
  expect(move(list, "f2", "x")).toBeNull();
  expect(move(list, "gone", "ArrowDown")).toBeNull();
});

test("typing leads to the next row that begins so, round the end", () => {
  expect(typeAhead(list, "a", "s")).toBe("f1");
  expect(typeAhead(list, "f1", "s")).toBe("f2");
  expect(typeAhead(list, "f2", "s")).toBe("f1");
  expect(typeAhead(list, "f1", "spr")).toBe("f2");
  expect(typeAhead(list, "f2", "spr")).toBe("f2");
  expect(typeAhead(list, "a", "zz")).toBeNull();
});

test("what is under a document is shown behind it, one level in, until it is folded away", () => {
  const nested = new Map([["f", [document("a", "f", "A"), document("b", "f", "B", "a"), document("c", "f", "C")]]]);
  const one = [space("f", "Field station")];
  const open = rows(one, nested, new Set());
  expect(open.map((row) => [row.id, row.level])).toEqual([["f", 1], ["a", 2], ["b", 3], ["c", 2]]);
  expect(open.filter((row) => row.kind === "document").map((row) => [row.open, row.at, row.of])).toEqual([
    [true, 1, 2],
    [null, 1, 1],
    [null, 2, 2],
  ]);
  expect(move(open, "a", "ArrowRight")).toEqual({ do: "focus", id: "b" });
  expect(move(open, "b", "ArrowLeft")).toEqual({ do: "focus", id: "a" });
  expect(move(open, "a", "ArrowLeft")).toEqual({ do: "close", id: "a" });
  const folded = rows(one, nested, new Set(["a"]));
  expect(ids(folded)).toEqual(["f", "a", "c"]);
  expect(move(folded, "a", "ArrowRight")).toEqual({ do: "open", id: "a" });
  expect(move(folded, "a", "ArrowLeft")).toEqual({ do: "focus", id: "f" });
});
