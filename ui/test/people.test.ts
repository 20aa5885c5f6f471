import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import App from "../src/App.svelte";
import type { InvitationInfo } from "../src/core/types/InvitationInfo";
import type { MemberInfo } from "../src/core/types/MemberInfo";
import type { SetAside } from "../src/core/types/SetAside";
import { StandIn } from "./app";
import { fillIn, seriousFaults } from "./screen";

let app: StandIn;
let members: MemberInfo[];
let invitations: InvitationInfo[];
beforeAll(fillIn);
beforeEach(() => {
  app = new StandIn();
  members = [
    { id: "pm", name: "Mara Lindqvist", colour: 7, role: "owner", devices: 2, you: true, founder: true, verified: true, canChange: false },
    { id: "pa", name: "Ana Ferreira", colour: 1, role: "owner", devices: 1, you: false, founder: false, verified: true, canChange: true },
    { id: "pk", name: "Kofi Mensah", colour: 6, role: "editor", devices: 1, you: false, founder: false, verified: false, canChange: true },
  ];
  invitations = [];
  app.answers.members = () => members;
  app.answers.invitations = () => invitations;
});
afterEach(() => {
  cleanup();
  app.end();
});

const link = "sheaf://join/aebagbafaydqqcikbmga2dqpcaireeyu";
const invitation = (more: Partial<InvitationInfo> = {}): InvitationInfo => ({
  id: "i1",
  role: "viewer",
  by: "Mara Lindqvist",
  byYou: true,
  opened: 0,
  expires: null,
  uses: 3,
  used: 1,
  link,
  state: "open",
  ...more,
});
const given = (command: string) => app.calls.findLast(([name]) => name === command)?.[1];

async function share(): Promise<HTMLElement> {
  render(App);
  await screen.findByRole("tree");
  await fireEvent.click(await screen.findByRole("button", { name: "Share" }));
  const dialog = await screen.findByRole("dialog", { name: "Share Field station" });
  await within(dialog).findByText("Kofi Mensah");
  return dialog;
}

/** Chooses in a menu, by keyboard. */
async function choose(menu: RegExp, item: RegExp, role: "menuitem" | "menuitemradio" = "menuitemradio"): Promise<void> {
  await fireEvent.keyDown(await screen.findByRole("button", { name: menu }), { key: "Enter" });
  const found = await screen.findByRole(role, { name: item });
  found.focus();
  await fireEvent.keyDown(found, { key: "Enter" });
}

describe("the people of a space", () => {
  test("are shown with role, devices, founder, and whether words were compared", async () => {
    const dialog = await share();
    expect(dialog.textContent).toContain("You, on 2 devices · founded this space");
    expect(within(dialog).getByText("Verified")).toBeTruthy();
    expect(dialog.textContent).toContain("1 device, not verified.");
    expect(dialog.textContent).toContain("Three people, on four devices, hold the key. No invitation is open.");
    expect(await seriousFaults()).toEqual([]);
  });

  test("get another role from a menu that says what each may do", async () => {
    app.answers.set_role = () => members[2];
    await share();
    await choose(/^Role of Kofi Mensah: Editor$/u, /Viewer/u);
    await waitFor(() => expect(given("set_role")).toEqual({ space: "s1", person: "pk", role: "viewer" }));
    await waitFor(() => expect(app.count("members")).toBeGreaterThan(1));
  });

  test("whose role cannot be changed have none to change, and a refusal is said", async () => {
    members = [members[0]!, { ...members[1]!, canChange: false }, members[2]!];
    app.answers.set_role = () => {
      throw { code: "role", message: "they became an owner before you did" };
    };
    await share();
    expect(screen.queryByRole("button", { name: /^Role of Ana/u })).toBeNull();
    await choose(/^Role of Kofi/u, /Owner/u);
    await screen.findByText("They became an owner before you did.");
  });

  test("an owner who steps down is asked first; the only one cannot", async () => {
    app.answers.set_role = () => members[0];
    await share();
    await choose(/^Role of you: Owner$/u, /Editor/u);
    const dialog = await screen.findByRole("dialog", { name: "Become an editor?" });
    expect(app.count("set_role")).toBe(0);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Change my role" }));
    await waitFor(() => expect(given("set_role")).toEqual({ space: "s1", person: "pm", role: "editor" }));
    cleanup();
    members = [members[0]!, members[2]!];
    await share();
    await choose(/^Role of you/u, /Viewer/u);
    await screen.findByText(/You are the only owner/u);
    expect(screen.getByRole("button", { name: "Change my role" }).hasAttribute("disabled")).toBe(true);
  });

  test("are removed by someone who was told what that does, with the links they could come back by", async () => {
    invitations = [invitation()];
    app.answers.remove_person = () => null;
    app.answers.cancel_invitation = () => null;
    await share();
    await choose(/^Role of Kofi/u, /Remove Kofi Mensah/u, "menuitem");
    const dialog = await screen.findByRole("dialog", { name: "Remove Kofi Mensah from Field station?" });
    expect(dialog.textContent).toContain("Kofi keeps what is already there.");
    expect(dialog.textContent).toContain("Kofi gets nothing new.");
    expect(dialog.textContent).toContain("What Kofi writes from now on is set aside.");
    expect(document.activeElement?.textContent).toBe("Cancel");
    expect(await seriousFaults()).toEqual([]);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Remove Kofi" }));
    await waitFor(() => expect(given("remove_person")).toEqual({ space: "s1", person: "pk" }));
    expect(given("cancel_invitation")).toEqual({ space: "s1", invitation: "i1" });
  });

  test("compare words: the same, and not the same", async () => {
    app.answers.compare_words = () => ["harbour", "lantern", "velvet", "ocean", "pencil", "winter"];
    app.answers.set_verified = () => null;
    await share();
    await fireEvent.click(screen.getByRole("button", { name: "Compare words with Kofi Mensah" }));
    const list = await screen.findByRole("list", { name: "Words to compare" });
    await within(list).findByText("lantern");
    expect(await seriousFaults()).toEqual([]);
    await fireEvent.click(screen.getByRole("button", { name: "They do not match" }));
    await screen.findByText("Then this may not be Kofi.");
    expect(given("set_verified")).toEqual({ person: "pk", verified: false });
    await fireEvent.click(within(screen.getByRole("dialog", { name: /Compare words/u })).getAllByRole("button", { name: "Close" })[1]!);
    await fireEvent.click(await screen.findByRole("button", { name: "Compare words with Kofi Mensah" }));
    await screen.findByText("lantern");
    await fireEvent.click(screen.getByRole("button", { name: "They match" }));
    await waitFor(() => expect(given("set_verified")).toEqual({ person: "pk", verified: true }));
  });

  test("leaving is asked about, and not offered to an owner without another", async () => {
    app.answers.leave_space = () => null;
    await share();
    await fireEvent.click(screen.getByRole("button", { name: "Leave this space…" }));
    await fireEvent.click(await screen.findByRole("button", { name: "Leave" }));
    await waitFor(() => expect(given("leave_space")).toEqual({ space: "s1" }));
    cleanup();
    members = [members[0]!, members[2]!];
    await share();
    await fireEvent.click(screen.getByRole("button", { name: "Leave this space…" }));
    expect((await screen.findByRole("button", { name: "Leave" })).hasAttribute("disabled")).toBe(true);
  });
});

describe("an invitation", () => {
  test("is made for a role, a time and a number, and shown with its code and how it stands", async () => {
    app.answers.invite = () => {
      invitations = [invitation({ role: "commenter", uses: 5, used: 0 })];
      return link;
    };
    const dialog = await share();
    expect(dialog.textContent).toContain("Whoever holds the link can read everything here, also what was written before.");
    await choose(/^Joins as: Editor$/u, /Commenter/u);
    await choose(/^Good for: 1 week$/u, /Until cancelled/u);
    await choose(/^Can be used by: 1 person$/u, /5 people/u);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Make a link" }));
    expect(await within(dialog).findByDisplayValue(link)).toBeTruthy();
    expect(given("invite")).toEqual({ space: "s1", role: "commenter", uses: 5, lasts: null });
    await within(dialog).findByText(/Until cancelled · 0\s+of\s+5\s+used/u);
    expect(within(dialog).getByRole("img", { name: "QR code of the invitation link" })).toBeTruthy();
    await waitFor(() => expect(dialog.textContent).toContain("One link is open: whoever holds it can read everything here"));
    await fireEvent.click(within(dialog).getByRole("button", { name: "Copy link" }));
    await within(dialog).findByRole("button", { name: "Copied" });
    expect(given("copy_text")).toEqual({ text: link });
    expect(await seriousFaults()).toEqual([]);
  });

  test("that is open is listed, shown again where it was made, and cancelled", async () => {
    invitations = [invitation(), invitation({ id: "i2", byYou: false, by: "Ana Ferreira", link: null, state: "usedUp", used: 3 })];
    app.answers.cancel_invitation = ({ invitation: id }) => {
      invitations = invitations.filter((each) => each.id !== id);
      return null;
    };
    const dialog = await share();
    expect(within(dialog).getByText(/Used up · 3\s+of\s+3\s+used · by Ana Ferreira/u)).toBeTruthy();
    await fireEvent.click(within(dialog).getByRole("button", { name: /^Show the link: Viewer/u }));
    await within(dialog).findByDisplayValue(link);
    await fireEvent.click(within(dialog).getByRole("button", { name: "Cancel this invitation" }));
    await within(dialog).findByRole("button", { name: "Make a link" });
    expect(given("cancel_invitation")).toEqual({ space: "s1", invitation: "i1" });
  });

  test("is an owner’s to make", async () => {
    app.spaces = app.spaces.map((space) => (space.id === "s1" ? { ...space, role: "editor" } : space));
    const dialog = await share();
    expect(within(dialog).queryByRole("button", { name: "Make a link" })).toBeNull();
    expect(dialog.textContent).toContain("An owner of this space can invite others.");
  });
});

describe("someone whose role changes while a document is open", () => {
  test("reads on, and the page takes no more keys at once", async () => {
    render(App);
    await waitFor(() => expect(screen.getByRole("textbox").getAttribute("aria-readonly")).not.toBe("true"));
    app.spaces = app.spaces.map((space) => (space.id === "s1" ? { ...space, role: "viewer" } : space));
    app.say({ event: "spaces" });
    await screen.findByText("You can read here, not write. Ask an owner to change your role.");
    await waitFor(() => expect(screen.getByRole("textbox").getAttribute("aria-readonly")).toBe("true"));
    // Nothing of what stood there was opened anew.
    expect(app.count("open_session")).toBe(1);
  });

  test("and was removed is told by whom and when, and can export", async () => {
    app.answers.export_document = () => true;
    app.spaces = app.spaces.map((space) =>
      space.id === "s1" ? { ...space, role: null, ended: { by: "Ana Ferreira", left: false, when: new Date(2026, 4, 3, 16, 0).getTime() } } : space,
    );
    render(App);
    await screen.findByText(/Ana Ferreira removed you from this space on Sunday 3 May, 16:00\./u);
    await waitFor(() => expect(screen.getByRole("textbox").getAttribute("aria-readonly")).toBe("true"));
    await fireEvent.click(screen.getByRole("button", { name: "Export this document…" }));
    await waitFor(() => expect(given("export_document")).toEqual({ document: "d1", name: "Season plan", format: "md" }));
  });
});

describe("work that was set aside", () => {
  const piece: SetAside = {
    id: "a1",
    person: "pk",
    name: "Kofi Mensah",
    document: "d1",
    title: "Season plan",
    when: 0,
    words: 4,
    reason: "Mara removed Kofi before this was written",
  };

  test("is said in a banner, read, taken over, or put away for good", async () => {
    let pieces = [piece, { ...piece, id: "a2", words: 1 }];
    app.answers.set_aside = () => pieces;
    app.answers.set_aside_text = () => "The cable has frayed.";
    app.answers.adopt = () => {
      pieces = pieces.filter(({ id }) => id !== "a1");
      return null;
    };
    render(App);
    await screen.findByText(/Kofi Mensah wrote 5 words here that do not count\./u);
    await fireEvent.click(screen.getByRole("button", { name: "Look at it…" }));
    const dialog = await screen.findByRole("dialog", { name: "Work that was set aside" });
    expect(dialog.textContent).toContain("Mara removed Kofi before this was written.");
    await fireEvent.click(within(dialog).getAllByRole("button", { name: /^Read: what Kofi/u })[0]!);
    await within(dialog).findByText("The cable has frayed.");
    expect(await seriousFaults()).toEqual([]);
    await fireEvent.click(within(dialog).getAllByRole("button", { name: /^Take it over/u })[0]!);
    await waitFor(() => expect(given("adopt")).toEqual({ space: "s1", id: "a1" }));
    app.say({ event: "setAside", space: "s1", count: 1 });
    await waitFor(() => expect(within(dialog).getAllByRole("button", { name: /^Take it over/u })).toHaveLength(1));
    await fireEvent.click(within(dialog).getByRole("button", { name: /^Put away/u }));
    await waitFor(() => expect(screen.queryByRole("dialog", { name: "Work that was set aside" })).toBeNull());
    expect(screen.queryByRole("button", { name: "Look at it…" })).toBeNull();
    expect(given("put_settings")).toMatchObject({ change: { asidesAway: ["a2"] } });
  });

  test("is not offered to those who could not take it over", async () => {
    app.answers.set_aside = () => [piece];
    app.spaces = app.spaces.map((space) => (space.id === "s1" ? { ...space, role: "viewer" } : space));
    render(App);
    await waitFor(() => expect(app.count("set_aside")).toBe(1));
    expect(screen.queryByRole("button", { name: "Look at it…" })).toBeNull();
  });
});
