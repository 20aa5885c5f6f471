/** Writing in the window: finding, the outline, settings of the page, blocks. */
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import App from "../src/App.svelte";
import type { Item } from "../src/core/types/Item";
import { StandIn } from "./app";
import { fillIn, seriousFaults } from "./screen";

let app: StandIn;

beforeAll(fillIn);
beforeEach(() => {
  app = new StandIn();
});
afterEach(() => {
  cleanup();
  localStorage.clear();
  app.end();
});

const press = (key: string, more: KeyboardEventInit = {}) => fireEvent.keyDown(document.activeElement ?? document.body, { key, ...more });
const block = (type: string, text: string, attrs: Record<string, number> = {}): Item[] => [
  { t: "block", block: { type, parents: [], attrs, isEmbed: false } },
  { t: "text", text },
];

async function open(...items: Item[][]): Promise<HTMLElement> {
  render(App);
  const page = await screen.findByRole("textbox", { name: /Season plan|Untitled/u });
  app.toPage({ m: "reset", number: 2, items: items.flat(), refused: null, checksum: null, forced: true });
  return page;
}

describe("finding", () => {
  test("Ctrl+F finds, Enter goes on, Escape selects what was found", async () => {
    const page = await open(block("paragraph", "a cat"), block("paragraph", "cat, Cat"));
    await press("f", { ctrlKey: true });
    const bar = await screen.findByRole("search", { name: "Find in this document" });
    const field = within(bar).getByRole("textbox", { name: "Find" });
    await waitFor(() => expect(document.activeElement).toBe(field));
    await fireEvent.input(field, { target: { value: "cat" } });
    expect(within(bar).getByRole("status").textContent).toBe("1 of 3");
    await fireEvent.keyDown(field, { key: "Enter" });
    expect(within(bar).getByRole("status").textContent).toBe("2 of 3");
    await press("F3", { shiftKey: true });
    expect(within(bar).getByRole("status").textContent).toBe("1 of 3");
    await fireEvent.click(within(bar).getByRole("button", { name: "Match case" }));
    expect(within(bar).getByRole("status").textContent).toBe("1 of 2");
    expect(page.querySelectorAll(".found")).toHaveLength(2);
    expect(await seriousFaults()).toEqual([]);
    await fireEvent.keyDown(field, { key: "Escape" });
    expect(screen.queryByRole("search")).toBeNull();
    expect(page.querySelectorAll(".found")).toHaveLength(0);
  });

  test("Ctrl+H replaces, all in one batch, and says how many", async () => {
    await open(block("paragraph", "a cat"), block("paragraph", "cat"));
    await press("h", { ctrlKey: true });
    const bar = await screen.findByRole("search");
    await fireEvent.input(within(bar).getByRole("textbox", { name: "Find" }), { target: { value: "cat" } });
    await fireEvent.input(within(bar).getByRole("textbox", { name: "Replace with" }), { target: { value: "dog" } });
    await fireEvent.click(within(bar).getByRole("button", { name: "Replace all" }));
    await waitFor(() =>
      expect(app.sent.filter(({ m }) => m === "batch")).toMatchObject([
        { edits: [{ e: "splice", at: 7, delete: 3 }, { e: "splice", at: 3, delete: 3 }] },
      ]),
    );
    await screen.findByText("2 matches were replaced.");
    expect(within(bar).getByText("Not found")).toBeTruthy();
  });

  test("a regular expression is looked for as it is written, and that is said", async () => {
    await open(block("paragraph", "a [a-z]+ b"));
    await press("f", { ctrlKey: true });
    const bar = await screen.findByRole("search");
    await fireEvent.input(within(bar).getByRole("textbox", { name: "Find" }), { target: { value: "[a-z]+" } });
    expect(within(bar).getByText("1 of 1")).toBeTruthy();
    expect(within(bar).getByText(/Regular expressions are not understood here/u)).toBeTruthy();
  });

  test("who may only read is offered no replacing", async () => {
    app.spaces = [{ id: "s1", name: "Field station", role: "viewer", people: 2, private: false, ended: null }];
    await open(block("paragraph", "a cat"));
    await press("h", { ctrlKey: true });
    const bar = await screen.findByRole("search");
    expect(within(bar).queryByRole("button", { name: "Replace" })).toBeNull();
    expect(within(bar).queryByRole("textbox", { name: "Replace with" })).toBeNull();
  });
});

test("the settings list every key", async () => {
  await open(block("paragraph", "words"));
  await press(",", { ctrlKey: true });
  const dialog = await screen.findByRole("dialog", { name: "Settings" });
  await fireEvent.click(within(dialog).getByRole("tab", { name: "Shortcuts" }));
  const row = within(dialog).getByRole("row", { name: /Find in this document/u });
  expect(row.textContent).toContain("Ctrl+F");
  expect(await seriousFaults()).toEqual([]);
});

describe("the outline", () => {
  beforeEach(() => {
    localStorage.clear();
  });

  test("Shift+F9 opens it; it goes to headings, marks the section, and counts", async () => {
    const page = await open(block("heading", "One", { level: 1 }), block("paragraph", "a few words"), block("heading", "Two", { level: 2 }));
    await press("F9", { shiftKey: true });
    const panel = await screen.findByRole("complementary", { name: "Outline" });
    const headings = within(panel).getAllByRole("button", { name: /One|Two/u });
    expect(headings.map((each) => each.getAttribute("aria-current"))).toEqual(["location", null]);
    expect(within(panel).getByText("5 words, 17 characters")).toBeTruthy();
    headings[0]?.focus();
    await press("ArrowDown");
    expect(document.activeElement).toBe(headings[1]);
    await fireEvent.click(headings[1]!);
    expect(headings.map((each) => each.getAttribute("aria-current"))).toEqual([null, "location"]);
    await press("a", { ctrlKey: true });
    expect(await within(panel).findByText("Selected: 5 of 5 words, 17 of 17 characters")).toBeTruthy();
    expect(await seriousFaults()).toEqual([]);
    expect(page.textContent).toContain("Two");
    await press("F9", { shiftKey: true });
    await waitFor(() => expect(screen.queryByRole("complementary", { name: "Outline" })).toBeNull());
  });

  test("the settings choose font, width and focus mode, and keep them", async () => {
    const page = await open(block("paragraph", "one"), block("paragraph", "two"));
    await press(",", { ctrlKey: true });
    const dialog = await screen.findByRole("dialog", { name: "Settings" });
    await fireEvent.click(within(dialog).getByRole("tab", { name: "Writing" }));
    await fireEvent.click(within(dialog).getByRole("radio", { name: "Sans" }));
    await fireEvent.keyDown(within(dialog).getByRole("radiogroup", { name: "Width of the page, in characters" }), { key: "ArrowRight" });
    await fireEvent.click(within(dialog).getByRole("checkbox", { name: /Focus mode/u }));
    expect({ ...document.documentElement.dataset }).toMatchObject({ pageFont: "sans", pageWidth: "58" });
    expect(page.classList.contains("focusing")).toBe(true);
    expect(page.querySelectorAll(".here")).toHaveLength(1);
    expect(JSON.parse(localStorage.getItem("sheaf.page") ?? "")).toMatchObject({ font: "sans", width: "58", focus: true });
    expect(await seriousFaults()).toEqual([]);
  });
});

describe("blocks as wholes", () => {
  test("Escape selects the block and says so; Delete takes it, whole", async () => {
    const page = await open(block("paragraph", "one"), block("paragraph", "two"));
    page.focus();
    await fireEvent.keyDown(page, { key: "Escape" });
    await screen.findByText("Block selected.");
    await fireEvent.keyDown(page, { key: "ArrowDown", shiftKey: true });
    await screen.findByText("2 blocks selected.");
    await fireEvent.keyDown(page, { key: "ArrowUp" });
    await fireEvent.keyDown(page, { key: "Delete" });
    await waitFor(() => expect(app.sent.find(({ m }) => m === "batch")).toMatchObject({ edits: [{ e: "splice", at: 0, delete: 4, insert: [] }] }));
    expect(page.textContent).toBe("two");
  });

  test("a block is dragged by its handle to another place", async () => {
    const page = await open(block("paragraph", "one"), block("paragraph", "two"), block("paragraph", "three"));
    Element.prototype.setPointerCapture = () => undefined;
    const heights = Element.prototype.getBoundingClientRect;
    Element.prototype.getBoundingClientRect = function (this: Element) {
      const at = [...page.children].indexOf(this);
      return at < 0 ? new DOMRect(0, 0, 600, 600) : new DOMRect(100, 100 + at * 40, 400, 40);
    };
    try {
      const main = screen.getByRole("main");
      await fireEvent.pointerMove(main, { clientX: 90, clientY: 110 });
      const handle = await waitFor(() => {
        const found = document.querySelector(".block-handle");
        if (!found) throw new Error("no handle");
        return found;
      });
      await fireEvent.pointerDown(handle, { button: 0, clientX: 90, clientY: 110 });
      expect(page.querySelector(".chosen")?.textContent).toBe("one");
      await fireEvent.pointerMove(handle, { clientX: 90, clientY: 175 });
      expect(document.querySelector(".block-drop")).toBeTruthy();
      await fireEvent.pointerUp(handle, { clientX: 90, clientY: 175 });
      expect([...page.children].map((each) => each.textContent)).toEqual(["two", "one", "three"]);
      expect(await seriousFaults()).toEqual([]);
    } finally {
      Element.prototype.getBoundingClientRect = heights;
    }
  });
});

describe("the palette", () => {
  const offered = (): string[] => screen.getAllByRole("option").map((each) => each.textContent.trim());

  test("has documents first, then commands with their keys, and only those that apply", async () => {
    await open(block("paragraph", "words"));
    await press("p", { ctrlKey: true, shiftKey: true });
    const field = await screen.findByRole("combobox");
    expect(offered()[0]).toContain("Season plan");
    await fireEvent.input(field, { target: { value: "find" } });
    expect(offered().slice(0, 2)).toEqual(["Find and replace Ctrl+H", "Find in this document Ctrl+F"]);
    expect(screen.getAllByRole("option")[0]?.querySelector("mark")?.textContent).toBe("Find");
    await fireEvent.input(field, { target: { value: "" } });
    // Nothing to undo, no task here, no list to nest in.
    for (const name of ["Undo", "Redo", "Tick a task", "Nest deeper", "Remove link"]) {
      expect(offered().some((each) => each.startsWith(name))).toBe(false);
    }
    await fireEvent.input(field, { target: { value: "blockquote" } });
    expect(offered()).toEqual(["Quote"]);
    expect(await seriousFaults()).toEqual([]);
  });

  test("offers nothing that writes to who may only read", async () => {
    app.spaces = [{ id: "s1", name: "Field station", role: "viewer", people: 2, private: false, ended: null }];
    await open(block("paragraph", "words"));
    await press("p", { ctrlKey: true, shiftKey: true });
    await screen.findByRole("combobox");
    const names = offered().join("\n");
    for (const name of ["Find and replace", "New document", "Heading 1", "Quote"]) expect(names).not.toContain(name);
    for (const name of ["Find in this document", "Export this document", "Focus mode"]) expect(names).toContain(name);
  });
});
