/** Importing and exporting, as the window shows them. */
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import App from "../src/App.svelte";
import { listed, StandIn } from "./app";
import { fillIn, seriousFaults } from "./screen";

let app: StandIn;

beforeAll(fillIn);
beforeEach(() => {
  app = new StandIn();
  app.documents = [listed("d1", "s1", "Season plan")];
});
afterEach(() => {
  cleanup();
  app.end();
});

const called = (command: string): Record<string, unknown> | undefined => app.calls.findLast(([name]) => name === command)?.[1];

/** Runs a command of the palette. */
async function run(words: string, name: RegExp): Promise<void> {
  await fireEvent.keyDown(window, { key: "k", ctrlKey: true });
  await fireEvent.input(await screen.findByRole("combobox"), { target: { value: words } });
  await fireEvent.click(await screen.findByRole("option", { name }));
}

/** An answer that is given later. */
function later(): { answer: (value: unknown) => void; fail: (error: unknown) => void; promise: Promise<unknown> } {
  let answer: (value: unknown) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const promise = new Promise((yes, no) => {
    answer = yes;
    fail = no;
  });
  return { answer, fail, promise };
}

async function open(): Promise<void> {
  render(App);
  await screen.findByRole("textbox", { name: "Season plan" });
}

test("an import says how far it is, what came of it, and what was left out", async () => {
  const import_ = later();
  app.answers.import_files = () => import_.promise;
  await open();
  await run("import", /^Import a folder/u);
  await waitFor(() => expect(called("import_files")).toMatchObject({ space: "s1", folder: true }));
  const errand = String(called("import_files")?.errand);
  expect(screen.queryByRole("dialog", { name: /Importing/u })).toBeNull();
  app.say({ event: "errand", errand: "another", done: 1, total: 3, file: "b.md" });
  app.say({ event: "errand", errand, done: 2, total: 7, file: "a/b.md" });
  const dialog = await screen.findByRole("dialog", { name: /^Importing into/u });
  within(dialog).getByText("2 of 7");
  within(dialog).getByText("a/b.md");
  expect(within(dialog).getByRole("progressbar").getAttribute("value")).toBe("2");
  expect(await seriousFaults()).toEqual([]);
  await fireEvent.click(within(dialog).getByRole("button", { name: "Stop" }));
  await waitFor(() => expect(called("stop_errand")).toEqual({ errand }));
  const made = listed("d9", "s1", "Gauge");
  app.documents = [...app.documents, made];
  import_.answer({ documents: [made], leftOut: [{ file: "post.png", why: "not yet" }], pictures: 2 });
  const report = await screen.findByRole("dialog", { name: "Imported" });
  within(report).getByText("1 document made.");
  within(report).getByText(/^2 pictures in them/u);
  within(report).getByText("post.png");
  await screen.findByText("1 document imported.");
  expect(await seriousFaults()).toEqual([]);
});

test("one that is stopped, or chosen nothing for, leaves nothing on the screen", async () => {
  app.answers.import_files = () => null;
  await open();
  await run("import", /^Import files/u);
  await waitFor(() => expect(called("import_files")).toMatchObject({ folder: false }));
  expect(screen.queryByRole("dialog", { name: /Import/u })).toBeNull();
  app.answers.import_files = () => Promise.reject(Object.assign(new Error("x"), { code: "stopped", message: "stopped." }));
  await run("import", /^Import files/u);
  await screen.findByText("Stopped. Nothing was changed.");
  expect(screen.queryByRole("dialog", { name: /Import|work/u })).toBeNull();
});

test("a space and a document are exported as what was asked for", async () => {
  app.answers.export_space = () => ({ folder: "/home/mara/Notes", documents: 3 });
  app.answers.export_document = () => true;
  await open();
  await run("export", /^Export this space/u);
  const dialog = await screen.findByRole("dialog", { name: "Exported" });
  within(dialog).getByText("/home/mara/Notes");
  await fireEvent.click(within(dialog).getAllByRole("button", { name: "Close" })[0] as HTMLElement);
  await run("word", /^Export this document for Word/u);
  await waitFor(() => expect(called("export_document")).toMatchObject({ document: "d1", format: "docx" }));
});
