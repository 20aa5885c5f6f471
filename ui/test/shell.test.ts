import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import App from "../src/App.svelte";
import { listed, StandIn } from "./app";
import { fillIn, seriousFaults } from "./screen";

let app: StandIn;

beforeAll(fillIn);
beforeEach(() => {
  app = new StandIn();
});
afterEach(() => {
  cleanup();
  app.end();
});

const press = (key: string, more: KeyboardEventInit = {}) => fireEvent.keyDown(document.body, { key, ...more });
const status = () => screen.findByTestId("status");

async function open(): Promise<void> {
  render(App);
  await screen.findByRole("tree");
  await screen.findByRole("textbox", { name: /Season plan|Untitled/u });
}

describe("first run", () => {
  beforeEach(() => {
    app.startup = { state: "welcome", home: "/h" };
  });

  test("a name is asked for, and seen on a caret at once", async () => {
    const { container } = render(App);
    const name = await screen.findByLabelText("Name");
    await waitFor(() => expect(document.activeElement).toBe(name));
    await fireEvent.input(name, { target: { value: "Mara Lindqvist" } });
    expect(container.querySelector(".sample .caret")?.textContent).toBe("Mara");
    expect(await seriousFaults()).toEqual([]);
  });

  test("without a name it says what is missing, and asks nothing of the app", async () => {
    render(App);
    await fireEvent.click(await screen.findByRole("button", { name: "Start writing" }));
    expect(screen.getByText("Write a name first. It can be changed later.")).toBeTruthy();
    expect(app.count("begin")).toBe(0);
  });

  test("then a page is open, without another question", async () => {
    app.documents = [];
    app.spaces = [{ id: "sp", name: "Private", role: "owner", people: 1, private: true, ended: null }];
    app.answers.begin = ({ name, colour }) => ({
      state: "ready",
      home: "/h",
      me: { person: "p", device: "d", name, colour },
      notices: [],
    });
    render(App);
    await fireEvent.input(await screen.findByLabelText("Name"), { target: { value: " Mara " } });
    await fireEvent.click(screen.getByRole("radio", { name: "Plum" }));
    await fireEvent.click(screen.getByRole("button", { name: "Start writing" }));
    await screen.findByRole("textbox", { name: "Untitled" });
    expect(app.calls.find(([command]) => command === "begin")?.[1]).toEqual({ name: "Mara", colour: 7 });
    expect(app.calls.find(([command]) => command === "create_document")?.[1]).toEqual({ space: "sp" });
    expect((await status()).textContent).toContain("Saved here · only on this laptop");
  });
});

test("a folder that another process holds is said in plain words, with two ways on", async () => {
  app.startup = { state: "blocked", home: "/h", code: "home-in-use", message: "process 4711 holds it" };
  render(App);
  await screen.findByRole("alertdialog", { name: "This folder is in use by another Sheaf" });
  expect(screen.getByText("Process 4711 holds it.")).toBeTruthy();
  expect(await seriousFaults()).toEqual([]);
  await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await screen.findByText("It is still as it was.");
  app.startup = new StandIn().startup;
  app.end();
  const next = new StandIn();
  app = next;
  await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await screen.findByRole("tree");
});

describe("the window", () => {
  test("has its landmarks, and nothing serious for assistive technology", async () => {
    await open();
    expect(screen.getByRole("complementary", { name: "Spaces and documents" })).toBeTruthy();
    expect(screen.getByRole("banner")).toBeTruthy();
    expect(screen.getByRole("main")).toBeTruthy();
    expect(screen.getByRole("navigation", { name: "Documents" })).toBeTruthy();
    await status();
    expect(await seriousFaults()).toEqual([]);
  });

  test("every control has a name", async () => {
    await open();
    for (const control of screen.getAllByRole("button")) {
      expect(control.getAttribute("aria-label") ?? control.textContent.trim(), control.outerHTML).not.toBe("");
    }
  });

  test("opens the last document, and remembers the next", async () => {
    app.settings = { ...app.settings, document: "d2" };
    render(App);
    await screen.findByRole("textbox", { name: "Spring visit" });
    await fireEvent.click(screen.getByRole("treeitem", { name: /Season plan/u }));
    await waitFor(() => expect(app.calls.findLast(([command]) => command === "put_settings")?.[1]).toMatchObject({ change: { document: "d1" } }));
    await waitFor(() => expect(app.count("close_session")).toBe(1));
  });

  test("Ctrl+N makes a document, F9 puts the sidebar away and back", async () => {
    await open();
    await press("n", { ctrlKey: true });
    await waitFor(() => expect(app.count("create_document")).toBe(1));
    await press("F9");
    await waitFor(() => expect(screen.queryByRole("tree")).toBeNull());
    await fireEvent.click(screen.getByRole("button", { name: "Show sidebar" }));
    await screen.findByRole("tree");
  });

  test("Ctrl+K finds a document by a few letters", async () => {
    await open();
    await press("k", { ctrlKey: true });
    const field = await screen.findByRole("combobox");
    await fireEvent.input(field, { target: { value: "spr" } });
    const [first] = screen.getAllByRole("option");
    expect(first?.textContent).toContain("Spring visit");
    expect(await seriousFaults()).toEqual([]);
    await fireEvent.keyDown(field, { key: "Enter" });
    await screen.findByRole("textbox", { name: "Spring visit" });
  });

  test("the status line follows what the node knows", async () => {
    await open();
    expect((await status()).textContent).toContain("only on this laptop");
    app.placement = {
      ...app.placement,
      shared: true,
      places: [{ device: "da", name: "Ana Ferreira", colour: 1, yours: false, link: "live", confirmed: Date.now(), signed: null, waiting: 0 }],
    };
    app.say({ event: "placement", space: "s1" });
    await waitFor(async () => expect((await status()).textContent).toContain("on Ana’s laptop"), { timeout: 3000 });
    await press("s", { ctrlKey: true });
    const panel = await screen.findByRole("dialog", { name: "Where this document is" });
    expect(within(panel).getByText("Ana’s laptop")).toBeTruthy();
    expect(within(panel).getByText("Connected, live")).toBeTruthy();
  });

  test("a failed save is red, loud, and offers the words", async () => {
    app.answers.copy_text = () => null;
    await open();
    app.toPage({ m: "saveFailed", reason: "The disk is full. Free some space." });
    const banner = (await screen.findByText(/Not saved since/u, { selector: "strong" })).closest("[role=alert]");
    expect(banner?.textContent).toContain("The disk is full.");
    expect((await status()).dataset.tone).toBe("wrong");
    await fireEvent.click(screen.getByRole("button", { name: "Copy text" }));
    await waitFor(() => expect(app.count("copy_text")).toBe(1));
    app.toPage({ m: "saved", made: 0 });
    await waitFor(() => expect(screen.queryByText(/Not saved since .*\./u, { selector: "strong" })).toBeNull());
  });

  test("closing waits for what was sent, and stays when it cannot be saved", async () => {
    await open();
    app.answers.ready_to_close = () => {
      throw { code: "cannot-write", message: "the disk is full" };
    };
    app.say({ event: "closing" });
    await screen.findByRole("dialog", { name: "The last words are not saved" });
    expect(app.count("closing")).toBe(1);
    await fireEvent.click(screen.getByRole("button", { name: "Stay" }));
    delete app.answers.ready_to_close;
    app.say({ event: "closing" });
    await waitFor(() => expect(app.count("ready_to_close")).toBe(2));
  });

  test("a viewer can read, and is told so", async () => {
    app.spaces = [{ id: "s1", name: "Field station", role: "viewer", people: 2, private: false, ended: null }];
    render(App);
    await screen.findByText("You can read here, not write. Ask an owner to change your role.");
    await waitFor(() => expect(screen.getByRole("textbox").getAttribute("aria-readonly")).toBe("true"));
  });
});

describe("sharing", () => {
  test("the private space is not shared; a space for it is", async () => {
    app.spaces = [{ id: "sp", name: "Private", role: "owner", people: 1, private: true, ended: null }];
    app.documents = [listed("d1", "sp", "Season plan")];
    await open();
    await fireEvent.click(screen.getByRole("button", { name: "Share" }));
    const dialog = await screen.findByRole("dialog", { name: "Share Private" });
    expect(within(dialog).queryByRole("button", { name: "Make a link" })).toBeNull();
    await fireEvent.click(within(dialog).getByRole("button", { name: "New space…" }));
    await screen.findByRole("dialog", { name: "New space" });
  });

  test("a link that is cut short is answered in plain words, and can be mended", async () => {
    app.answers.join = () => {
      throw { code: "invitation-cut-short", message: "this link is cut short" };
    };
    await open();
    await press("p", { ctrlKey: true, shiftKey: true });
    await fireEvent.input(await screen.findByRole("combobox"), { target: { value: "invitation" } });
    await fireEvent.keyDown(screen.getByRole("combobox"), { key: "Enter" });
    const field = await screen.findByLabelText("Invitation link");
    await fireEvent.input(field, { target: { value: "sheaf://join/ab" } });
    await fireEvent.click(screen.getByRole("button", { name: "Join" }));
    await screen.findByText("This link is cut short.");
    expect(field.getAttribute("aria-invalid")).toBe("true");
  });
});
