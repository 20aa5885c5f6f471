/** Links between documents in the window: made, looked at, followed. */
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import App from "../src/App.svelte";
import type { Item } from "../src/core/types/Item";
import { Announcer } from "../src/app/announce.svelte";
import { Library } from "../src/app/library.svelte";
import { Linked } from "../src/app/linked.svelte";
import { linkTo } from "../src/editor/links";
import { open as openEditor, paragraphs } from "../src/editor/test/window";
import DocumentMenu from "../src/shell/DocumentMenu.svelte";
import { listed, StandIn } from "./app";
import { fillIn, seriousFaults } from "./screen";

const BOATS = "aebagbafaydqqcikbmga2dqpcaireeyuaebagbafaydqqcikbmga";
const TIDES = "bebagbafaydqqcikbmga2dqpcaireeyuaebagbafaydqqcikbmga";
const GONE = "cebagbafaydqqcikbmga2dqpcaireeyuaebagbafaydqqcikbmga";

let app: StandIn;

beforeAll(fillIn);
beforeEach(() => {
  app = new StandIn();
  app.documents.push(listed(BOATS, "s1", "Boats and engines"));
  app.answers.trashed = () => [{ id: TIDES, space: "s1", title: "Tides", since: 1, with: 0 }];
  app.answers.preview = ({ document }) => ({ id: document, title: "Boats and engines", space: "Field station", trashed: false, lines: ["Two hulls.", "One engine."] });
});
afterEach(() => {
  cleanup();
  localStorage.clear();
  app.end();
});

const link = (text: string, id: string): Item => ({ t: "text", text, marks: { link: linkTo(id, text) } });

async function open(...inside: Item[]): Promise<HTMLElement> {
  render(App);
  const page = await screen.findByRole("textbox", { name: /Season plan|Untitled/u });
  const paragraph: Item = { t: "block", block: { type: "paragraph", parents: [], attrs: {}, isEmbed: false } };
  app.toPage({ m: "reset", number: 2, items: [paragraph, ...inside], refused: null, checksum: null, forced: true });
  return page;
}

const click = async (page: HTMLElement, words: string, more: MouseEventInit = {}) => fireEvent.click(within(page).getByText(words), { ctrlKey: true, ...more });

test("a followed link puts its document on the page; one in the trash, or nowhere, says so", async () => {
  const page = await open(link("Boats", BOATS), { t: "text", text: " " }, link("Tides", TIDES), { t: "text", text: " " }, link("Maps", GONE));
  // What it is called now is drawn; the trash was asked for what is in no list.
  await waitFor(() => { expect(page.querySelector(".trashed")?.textContent).toBe("Tides"); });
  expect(page.querySelector<HTMLElement>(".renamed")?.dataset.title).toBe("Boats and engines");
  expect(page.querySelector(".missing")?.textContent).toBe("Maps");
  expect(await seriousFaults()).toEqual([]);
  await click(page, "Tides");
  expect(await screen.findByText("“Tides” is in the trash. Take it out of there to open it.")).toBeTruthy();
  await click(page, "Maps");
  expect(await screen.findByText(/That document is not here/u)).toBeTruthy();
  await click(page, "Boats");
  await screen.findByRole("textbox", { name: "Boats and engines" });
  expect(app.count("open_link")).toBe(0);
});

test("what a link leads to is shown where the pointer rests", async () => {
  const page = await open(link("Boats", BOATS));
  await waitFor(() => { expect(page.querySelector("[data-document]")).not.toBeNull(); });
  await fireEvent.pointerMove(within(page).getByText("Boats"));
  const shown = await screen.findByRole("tooltip", { name: "What the link leads to" });
  await within(shown).findByText("Two hulls.");
  expect(within(shown).getByText("Boats and engines")).toBeTruthy();
  await fireEvent.keyDown(page, { key: "a" });
  await waitFor(() => { expect(screen.queryByRole("tooltip")).toBeNull(); });
});

test("the list has the documents that fit, those of the same space first, and keys choose from it", async () => {
  const library = new Library({ person: "pm", device: "dm", name: "Mara", colour: 7 });
  library.spaces = app.spaces;
  library.documents.set("s1", [listed("d1", "s1", "Boat club"), listed(BOATS, "s1", "Boats and engines")]);
  library.documents.set("sp", [listed(GONE, "sp", "Boats and engines"), listed(TIDES, "sp", "A boat")]);
  const { editor, view, mount } = openEditor(paragraphs(""));
  const type = (text: string): void => {
    for (const sign of text) {
      const { from, to } = view.state.selection;
      const insert = () => view.state.tr.insertText(sign, from, to);
      if (view.someProp("handleTextInput", (handle) => handle(view, from, to, sign, insert)) !== true) view.dispatch(insert());
    }
  };
  const press = (key: string): boolean => menu.component.key(new KeyboardEvent("keydown", { key }));
  const props = () => ({ editor, linking: editor.snapshot.linking!, here: "d1", linked: new Linked(library), within: mount, announcer: new Announcer(), ontrouble: () => undefined });
  type("[[boa");
  const menu = render(DocumentMenu, { props: props() });
  const list = screen.getByRole("listbox", { name: "Link to a document" });
  const rows = (): string[] => within(list).getAllByRole("option").map((row) => row.textContent?.trim().replaceAll(/\s+/gu, " ") ?? "");
  expect(rows()).toEqual(["Boats and engines", "Boats and enginesPrivate", "A boatPrivate", "New document “boa”"]);
  expect(press("ArrowDown")).toBe(true);
  await waitFor(() => { expect(within(list).getByRole("option", { selected: true }).textContent).toContain("Private"); });
  expect([press("]"), press("x")]).toEqual([false, false]);

  type("ts and engines");
  await menu.rerender(props());
  expect(press("]")).toBe(true);
  expect(editor.items().at(-1)).toEqual(link("Boats and engines", BOATS));
  expect(editor.snapshot.linking).toBeNull();
  editor.destroy();
  mount.remove();
});

test("a document that is not there yet is made from the list, and what is typed meanwhile stays behind its link", async () => {
  const library = new Library({ person: "pm", device: "dm", name: "Mara", colour: 7 });
  library.spaces = app.spaces;
  library.documents.set("s1", [listed("d1", "s1", "Boat club")]);
  const { editor, view, mount } = openEditor(paragraphs(""));
  const type = (text: string): void => {
    for (const sign of text) {
      const { from, to } = view.state.selection;
      const insert = () => view.state.tr.insertText(sign, from, to);
      if (view.someProp("handleTextInput", (handle) => handle(view, from, to, sign, insert)) !== true) view.dispatch(insert());
    }
  };
  const wrong: string[] = [];
  const ontrouble = (words: string): void => void wrong.push(words);
  const props = () => ({ editor, linking: editor.snapshot.linking!, here: "d1", linked: new Linked(library), within: mount, announcer: new Announcer(), ontrouble });
  type("[[");
  const menu = render(DocumentMenu, { props: props() });
  expect(screen.queryByText(/New document/u)).toBeNull();
  type("Tide tables ");
  await menu.rerender(props());
  expect(screen.getByRole("option", { selected: true }).textContent).toContain("New document “Tide tables”");
  app.answers.create_document = () => Promise.reject({ code: "role", message: "you can read here, not write." });
  expect(menu.component.key(new KeyboardEvent("keydown", { key: "Enter" }))).toBe(true);
  await waitFor(() => { expect(wrong).toEqual(["You can read here, not write."]); });
  app.answers.create_document = ({ title }) => listed(TIDES, "s1", String(title));
  expect(menu.component.key(new KeyboardEvent("keydown", { key: "Enter" }))).toBe(true);
  type("and more");
  await waitFor(() => { expect(editor.items().at(-1)).toEqual({ t: "text", text: "and more" }); });
  expect(editor.items().at(-2)).toEqual(link("Tide tables", TIDES));
  expect(app.calls.findLast(([command]) => command === "create_document")?.[1]).toEqual({ space: "s1", title: "Tide tables" });
  editor.destroy();
  mount.remove();
});

test("what links to the document stands under its outline, and leads there", async () => {
  app.answers.backlinks = ({ document }) => (document === "d1" ? [{ id: BOATS, space: "s1", title: "Boats and engines", lines: ["See the plan."] }] : []);
  const page = await open({ t: "text", text: "Words." });
  await fireEvent.keyDown(page, { key: "F9", shiftKey: true });
  const panel = await screen.findByRole("complementary", { name: "Outline" });
  const from = await within(panel).findByRole("region", { name: "Linked from" });
  expect(within(from).getByText("See the plan.")).toBeTruthy();
  expect(await seriousFaults()).toEqual([]);
  await fireEvent.click(within(from).getByRole("button", { name: /Boats and engines/u }));
  await screen.findByRole("textbox", { name: "Boats and engines" });
  expect(await screen.findByText("No other document links here.")).toBeTruthy();
});
