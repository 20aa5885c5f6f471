import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import App from "../src/App.svelte";
import { listed, StandIn } from "./app";
import { fillIn, seriousFaults } from "./screen";

let app: StandIn;

beforeAll(fillIn);
beforeEach(() => {
  app = new StandIn();
  app.documents = [
    listed("d1", "s1", "Season plan"),
    listed("d2", "s1", "Spring visit", { tags: ["trip"] }),
    listed("d3", "s1", "Packing list", { parent: "d2", depth: 1, pinned: 5 }),
  ];
});
afterEach(() => {
  cleanup();
  app.end();
});

const row = (name: RegExp | string): HTMLElement => within(screen.getByRole("tree")).getByRole("treeitem", { name });
const called = (command: string): Record<string, unknown> | undefined => app.calls.findLast(([name]) => name === command)?.[1];

async function open(): Promise<void> {
  render(App);
  await screen.findByRole("tree");
  await screen.findByRole("textbox", { name: "Season plan" });
}

/** Opens the menu of a row by the keyboard. */
async function menu(name: string): Promise<HTMLElement> {
  row(name).focus();
  await fireEvent.keyDown(row(name), { key: "F10", shiftKey: true });
  return screen.findByRole("menu", { name: `What to do with ${name}` });
}

test("documents stand under others, fold away, and what is pinned is at hand", async () => {
  await open();
  expect(row("Packing list").getAttribute("aria-level")).toBe("3");
  expect(row("Spring visit").getAttribute("aria-expanded")).toBe("true");
  row("Spring visit").focus();
  await fireEvent.keyDown(row("Spring visit"), { key: "ArrowLeft" });
  await waitFor(() => expect(screen.queryByRole("treeitem", { name: "Packing list" })).toBeNull());
  expect(app.calls.findLast(([name]) => name === "put_settings")?.[1]).toMatchObject({ change: { closed: ["d2"] } });
  await fireEvent.click(within(screen.getByRole("list", { name: "Pinned" })).getByRole("button", { name: "Packing list" }));
  await screen.findByRole("textbox", { name: "Packing list" });
  expect(await seriousFaults()).toEqual([]);
});

test("a document is moved by keys, by its menu and by hand, and the window says where it is", async () => {
  await open();
  row("Spring visit").focus();
  await fireEvent.keyDown(row("Spring visit"), { key: "ArrowUp", altKey: true, shiftKey: true });
  await waitFor(() => expect(called("move_document")).toEqual({ document: "d2", under: null, before: "d1" }));
  await screen.findByText("Spring visit is at the top now, before Season plan.");
  await fireEvent.click(within(await menu("Packing list")).getByRole("menuitem", { name: /Take out/u }));
  await waitFor(() => expect(called("move_document")).toEqual({ document: "d3", under: null, before: null }));

  // By hand, over the middle of another row.
  document.elementFromPoint = () => row("Spring visit");
  await fireEvent.pointerDown(row("Season plan"), { button: 0, clientX: 5, clientY: 5, pointerType: "mouse" });
  await fireEvent.pointerMove(window, { clientX: 5, clientY: 60 });
  await fireEvent.pointerUp(window, { clientX: 5, clientY: 60 });
  await waitFor(() => expect(called("move_document")).toMatchObject({ document: "d1" }));
});

test("what is thrown away can be brought back at once, and what stood beside it is on the page", async () => {
  app.answers.trash = ({ document }) => {
    app.documents = app.documents.filter((each) => each.id !== document);
    return null;
  };
  app.answers.restore_document = () => {
    const back = listed("d1", "s1", "Season plan");
    app.documents = [back, ...app.documents];
    return back;
  };
  await open();
  row("Season plan").focus();
  await fireEvent.keyDown(row("Season plan"), { key: "Delete" });
  await screen.findByText("“Season plan” is in the trash.");
  await screen.findByRole("textbox", { name: "Spring visit" });
  await fireEvent.click(screen.getByRole("button", { name: "Bring it back" }));
  await screen.findByRole("textbox", { name: "Season plan" });
});

test("the trash says what is there, and an owner destroys only after being asked", async () => {
  app.answers.trashed = () => [{ id: "x", space: "s1", title: "Old boats", since: Date.now(), with: 2 }];
  app.answers.destroy = () => 3;
  await open();
  await fireEvent.click(screen.getByRole("button", { name: "Trash" }));
  const trash = await screen.findByRole("dialog", { name: "Trash" });
  await within(trash).findByText(/Field station · with 2 documents under it/u);
  expect(await seriousFaults()).toEqual([]);
  await fireEvent.click(within(trash).getByRole("button", { name: "Destroy Old boats" }));
  const asked = await screen.findByRole("dialog", { name: "Destroy Old boats?" });
  expect(app.count("destroy")).toBe(0);
  await fireEvent.click(within(asked).getByRole("button", { name: "Destroy it" }));
  await waitFor(() => expect(called("destroy")).toEqual({ document: "x" }));
});

test("tags are written in a dialog and found in the palette", async () => {
  await open();
  await fireEvent.click(within(await menu("Spring visit")).getByRole("menuitem", { name: "Tags…" }));
  const dialog = await screen.findByRole("dialog", { name: "Tags of Spring visit" });
  await fireEvent.input(within(dialog).getByLabelText("Another tag"), { target: { value: "boat" } });
  await fireEvent.click(within(dialog).getByRole("button", { name: "Add it" }));
  await waitFor(() => expect(called("set_tags")).toEqual({ document: "d2", on: ["boat"], off: [] }));
  await fireEvent.click(within(dialog).getByRole("button", { name: "Take off #trip" }));
  await waitFor(() => expect(called("set_tags")).toEqual({ document: "d2", on: [], off: ["trip"] }));
  await fireEvent.click(within(dialog).getByRole("button", { name: "Done" }));
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  await fireEvent.keyDown(document.body, { key: "k", ctrlKey: true });
  await fireEvent.input(await screen.findByRole("combobox"), { target: { value: "#tr" } });
  const documents = await screen.findByRole("group", { name: "Documents" });
  expect(within(documents).getAllByRole("option").map((each) => each.textContent)).toEqual([expect.stringContaining("Spring visit")]);
});

test("the palette finds words in documents, shows where, and says what it has not read", async () => {
  app.answers.search = () => ({
    found: [
      { id: "d1", space: "s1", title: "Season plan", changed: 0, snippet: [{ text: "The ", found: false }, { text: "barnacle", found: true }] },
      { id: "gone", space: "s1", title: "Thrown away", changed: 0, snippet: [] },
    ],
    unread: 3,
  });
  await open();
  await fireEvent.keyDown(document.body, { key: "f", ctrlKey: true, shiftKey: true });
  const field = await screen.findByRole("combobox");
  await fireEvent.input(field, { target: { value: "barnacle" } });
  const words = await screen.findByRole("group", { name: "In the words" });
  const options = within(words).getAllByRole("option");
  expect(options.map((each) => each.querySelector("mark")?.textContent)).toEqual(["barnacle"]);
  expect(called("search")).toEqual({ words: "barnacle", limit: 20 });
  screen.getByText("3 documents have not been read for this yet.");
  expect(await seriousFaults()).toEqual([]);
  await fireEvent.keyDown(field, { key: "Enter" });
  await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
});
