/** The language of a code block, chosen in the window. */
import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import App from "../src/App.svelte";
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

const sentBlock = () => app.sent.flatMap((message) => (message.m === "batch" ? message.edits : [])).at(-1);

async function open(): Promise<HTMLElement> {
  render(App);
  const page = await screen.findByRole("textbox", { name: /Season plan|Untitled/u });
  const code = { t: "block" as const, block: { type: "code-block", parents: [], attrs: { language: "rs" }, isEmbed: false } };
  app.toPage({ m: "reset", number: 2, items: [code, { t: "text", text: "let a = 1;" }], refused: null, checksum: null, forced: true });
  return page;
}

test("by key: the list opens at the language it is in, is narrowed by what is typed, and Enter chooses", async () => {
  const page = await open();
  await fireEvent.keyDown(page, { key: "L", code: "KeyL", keyCode: 76, ctrlKey: true, shiftKey: true });
  const dialog = await screen.findByRole("dialog", { name: "Language of the code" });
  const field = within(dialog).getByRole("combobox", { name: "Language" });
  await waitFor(() => { expect(document.activeElement).toBe(field); });
  expect(within(dialog).getByRole("option", { selected: true }).textContent).toContain("Rust");
  expect(await seriousFaults()).toEqual([]);
  await fireEvent.input(field, { target: { value: "ts" } });
  expect(within(dialog).getByRole("option", { selected: true }).textContent?.trim()).toBe("TypeScript");
  await fireEvent.keyDown(field, { key: "ArrowDown" });
  await fireEvent.keyDown(field, { key: "ArrowUp" });
  await fireEvent.keyDown(field, { key: "Enter" });
  await waitFor(() => { expect(screen.queryByRole("dialog", { name: "Language of the code" })).toBeNull(); });
  expect(sentBlock()).toEqual({ e: "setBlock", at: 0, attrs: { language: "typescript" } });
  expect(within(page).getByRole("button", { name: "Language: TypeScript" })).toBeTruthy();
});

test("by hand: the name on the block opens it, and Escape leaves everything as it is", async () => {
  const page = await open();
  await fireEvent.click(within(page).getByRole("button", { name: "Language: Rust" }));
  const field = await screen.findByRole("combobox", { name: "Language" });
  await fireEvent.input(field, { target: { value: "no such" } });
  expect(screen.getByText("No language is called “no such”.")).toBeTruthy();
  await fireEvent.keyDown(field, { key: "Escape" });
  await waitFor(() => { expect(screen.queryByRole("combobox", { name: "Language" })).toBeNull(); });
  expect(sentBlock()).toBeUndefined();
  await fireEvent.click(within(page).getByRole("button", { name: "Language: Rust" }));
  await fireEvent.click(await screen.findByRole("option", { name: "Plain text" }));
  expect(sentBlock()).toEqual({ e: "setBlock", at: 0, attrs: { language: null } });
});
