import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
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

const link = "sheaf://join/aebagbafaydqqcikbmga2dqpcaireeyu";
const look = { role: "viewer", from: "Ana Ferreira", yours: false, here: false, space: "" };

describe("a link that was opened outside", () => {
  test("comes filled in, says what it is, and joins only when the person says so", async () => {
    app.answers.take_link = () => link;
    app.answers.look_at = () => look;
    app.answers.join = () => "s1";
    render(App);
    await screen.findByRole("dialog", { name: "Open an invitation" });
    expect(await screen.findByDisplayValue(link)).toBeTruthy();
    const says = await screen.findByText(/You would join as/u);
    expect(says.textContent).toContain("a viewer, who reads");
    expect(says.textContent).toContain("Ana Ferreira made this link");
    expect(app.count("join")).toBe(0);
    expect(await seriousFaults()).toEqual([]);
    await fireEvent.click(screen.getByRole("button", { name: "Join" }));
    await waitFor(() => expect(app.count("join")).toBe(1));
  });

  test("is shown at once when one is opened later", async () => {
    app.answers.look_at = () => ({ ...look, from: "" });
    render(App);
    await screen.findByRole("tree");
    await waitFor(() => expect(app.count("take_link")).toBe(1));
    app.answers.take_link = () => link;
    app.say({ event: "link" });
    expect((await screen.findByText(/You would join as/u)).textContent).toContain("the link does not say");
  });
});

describe("an invitation", () => {
  beforeEach(() => {
    app.answers.take_link = () => link;
  });

  test("made on this device is not joined", async () => {
    app.answers.look_at = () => ({ ...look, yours: true });
    render(App);
    await screen.findByText("This link was made on this laptop. Give it to someone else.");
    expect(screen.getByRole("button", { name: "Join" }).hasAttribute("disabled")).toBe(true);
  });

  test("to a space that is here already leads there", async () => {
    app.answers.look_at = () => ({ ...look, here: true, space: "Field station" });
    render(App);
    expect((await screen.findByText(/You are in/u)).textContent).toContain("Field station already");
    expect(screen.getByRole("button", { name: "Go there" })).toBeTruthy();
  });

  test("that is wrong says so before anyone is asked, and after, in the words of the core", async () => {
    app.answers.look_at = () => {
      throw { code: "invitation-cut-short", message: "This invitation was cut short on its way: its end is missing." };
    };
    render(App);
    await screen.findByText(/cut short on its way/u);
    app.answers.look_at = () => look;
    await fireEvent.input(screen.getByLabelText("Invitation link"), { target: { value: `${link}b` } });
    await screen.findByText(/You would join as/u);
    app.answers.join = () => {
      throw { code: "invitation-refused", message: "this invitation expired on 3 May. Ask Ana for a new one" };
    };
    await fireEvent.click(screen.getByRole("button", { name: "Join" }));
    await screen.findByText("This invitation expired on 3 May. Ask Ana for a new one.");
    expect(screen.getByLabelText("Invitation link").getAttribute("aria-invalid")).toBe("true");
  });

  test("that nobody can answer now is remembered, and is no fault of the link", async () => {
    app.answers.look_at = () => look;
    app.answers.join = () => {
      throw { code: "unreachable", message: "whoever invited you cannot be reached now. The invitation is remembered" };
    };
    render(App);
    await screen.findByText(/You would join as/u);
    await fireEvent.click(screen.getByRole("button", { name: "Join" }));
    await screen.findByText("Whoever invited you cannot be reached now. The invitation is remembered.");
    expect(screen.getByLabelText("Invitation link").getAttribute("aria-invalid")).toBe("false");
    expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
  });
});
