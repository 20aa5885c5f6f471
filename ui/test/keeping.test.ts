import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
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
  app.end();
});

const input = (label: string | RegExp, value: string) => fireEvent.input(screen.getByLabelText(label), { target: { value } });
const click = (name: string | RegExp) => fireEvent.click(screen.getByRole("button", { name }));

describe("a home under a passphrase", () => {
  test("shows nothing before it is opened, and says when the passphrase is another", async () => {
    const open = app.startup;
    app.startup = { state: "locked", home: "/home/mara/sheaf" };
    app.answers.unlock = ({ passphrase }) => {
      if (passphrase !== "gauge silt cable") throw { code: "wrong-passphrase", message: "this is not the passphrase of this home" };
      return open;
    };
    render(App);
    await screen.findByRole("heading", { name: "Sheaf is locked" });
    expect(app.count("spaces")).toBe(0);
    expect(await seriousFaults()).toEqual([]);
    await input("Passphrase", "gauge");
    await click("Open");
    await screen.findByText("This is not the passphrase. Try again.");
    expect(screen.getByLabelText("Passphrase").getAttribute("aria-invalid")).toBe("true");
    expect(app.count("spaces")).toBe(0);
    await input("Passphrase", "gauge silt cable");
    await click("Open");
    await screen.findByRole("tree");
  });
});

describe("keys, in the settings", () => {
  const protection = { keyring: false, passphrase: false, phraseWritten: false, phraseHere: true, copied: false };
  const words = Array.from({ length: 24 }, (_, k) => `word${String.fromCharCode(97 + k)}`);

  async function keys(): Promise<void> {
    render(App);
    await screen.findByRole("tree");
    await fireEvent.keyDown(document.body, { key: ",", ctrlKey: true });
    await fireEvent.click(await screen.findByRole("tab", { name: "Keys and backup" }));
    await screen.findByRole("heading", { name: "Passphrase" });
  }

  test("a passphrase is set only when it would do, and is told to the core once", async () => {
    app.answers.protection = () => protection;
    app.answers.set_passphrase = () => ({ ...protection, passphrase: true });
    await keys();
    expect(await seriousFaults()).toEqual([]);
    await click("Set a passphrase…");
    await screen.findByRole("dialog", { name: "Set a passphrase" });
    await input("New passphrase", "gauge silt cable");
    await input("The same again", "gauge silt");
    await click("Set it");
    await screen.findByText("This is not the same as above.");
    expect(app.count("set_passphrase")).toBe(0);
    await input("The same again", "gauge silt cable");
    await click("Set it");
    await screen.findByRole("button", { name: "Change…" });
    expect(app.calls.find(([command]) => command === "set_passphrase")?.[1]).toEqual({ old: null, new: "gauge silt cable" });
  });

  test("removing it asks for it", async () => {
    app.answers.protection = () => ({ ...protection, passphrase: true });
    app.answers.set_passphrase = ({ old }) => {
      if (old !== "gauge silt cable") throw { code: "wrong-passphrase", message: "this is not the passphrase" };
      return protection;
    };
    await keys();
    await click("Remove…");
    await input("Passphrase until now", "silt");
    await click("Remove it");
    await screen.findByText("This is not the passphrase until now.");
    await input("Passphrase until now", "gauge silt cable");
    await click("Remove it");
    await screen.findByRole("button", { name: "Set a passphrase…" });
  });

  test("the recovery phrase counts as written down only when two of its words come back", async () => {
    app.answers.protection = () => protection;
    app.answers.recovery_phrase = () => words;
    app.answers.phrase_written = () => ({ ...protection, phraseWritten: true, phraseHere: false });
    await keys();
    await click("Write it down…");
    const list = await screen.findByRole("list", { name: "Recovery phrase" });
    expect(within(list).getAllByRole("listitem").map((item) => item.textContent?.trim())).toHaveLength(24);
    expect(await seriousFaults()).toEqual([]);
    await click("I have written it down");
    const fields = await screen.findAllByLabelText(/^Word \d+$/u);
    expect(fields).toHaveLength(2);
    await fireEvent.input(fields[0]!, { target: { value: "nothing" } });
    await click("Done");
    await screen.findByText(/Look at your paper again\./u);
    expect(app.count("phrase_written")).toBe(0);
    expect(screen.queryByText("worda")).toBeNull();
    for (const field of fields) {
      const place = Number(/\d+/u.exec(document.querySelector(`label[for="${field.id}"]`)?.textContent ?? "")?.[0]);
      await fireEvent.input(field, { target: { value: ` ${words[place - 1]!.toUpperCase()}` } });
    }
    await click("Done");
    await screen.findByText("You have written it down. It is no longer kept on this laptop.");
    await waitFor(() => expect(screen.queryByText("worda")).toBeNull());
  });
});
