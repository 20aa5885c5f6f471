import { afterEach, expect, it, vi } from "vitest";

import { onceFreed } from "./freed";

afterEach(() => {
  document.body.replaceChildren();
});

function dialog(role: string): HTMLElement {
  const shown = document.createElement("div");
  shown.setAttribute("role", role);
  document.body.append(shown);
  return shown;
}

it("does not wait where no dialog is", () => {
  const then = vi.fn();
  onceFreed(then);
  expect(then).toHaveBeenCalledOnce();
});

it("waits for the last of them to be gone, and says so once", async () => {
  const [one, other] = [dialog("dialog"), dialog("alertdialog")];
  const then = vi.fn();
  onceFreed(then);
  one.remove();
  await Promise.resolve();
  expect(then).not.toHaveBeenCalled();
  other.remove();
  await vi.waitFor(() => {
    expect(then).toHaveBeenCalledOnce();
  });
  dialog("dialog").remove();
  await Promise.resolve();
  expect(then).toHaveBeenCalledOnce();
});

it("gives up when it is told to", async () => {
  const shown = dialog("dialog");
  const then = vi.fn();
  onceFreed(then)();
  shown.remove();
  await Promise.resolve();
  expect(then).not.toHaveBeenCalled();
});
