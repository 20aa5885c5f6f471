// @vitest-environment jsdom
import axe from "axe-core";
import { afterEach, expect, test } from "vitest";
import { documentFrom } from "./test/acts";
import { b, open, t } from "./test/window";

afterEach(() => {
  document.body.replaceChildren();
});

test("axe finds nothing wrong with a page that has everything on it", async () => {
  const everything = [b("heading", { level: 1 }), t("Title"), ...documentFrom(Array.from({ length: 80 }, (_, i) => i))];
  const { link, mount, view } = open(everything, { title: "Spring visit" });
  link.say({ m: "presence", number: 1, after: 0, people: [{ id: "a", name: "Ana", colour: 1, anchor: 2, head: 5 }] });
  expect(view.dom.querySelectorAll("[role=checkbox]").length).toBeGreaterThan(3);
  const { violations } = await axe.run(mount, {
    // jsdom has no layout to judge colours by; the page is a part of a window, not one by itself.
    rules: { "color-contrast": { enabled: false }, region: { enabled: false }, "heading-order": { enabled: false }, "empty-heading": { enabled: false } },
  });
  expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
});

test("every block says its own direction, and the page that it is read-only when it is", () => {
  const { view, editor } = open([b(), t("left"), b(), t("שלום")]);
  expect([...view.dom.children].map((block) => block.getAttribute("dir"))).toEqual(["auto", "auto"]);
  expect(view.dom.getAttribute("aria-readonly")).toBe("false");
  editor.setEditable(false);
  expect(view.dom.getAttribute("aria-readonly")).toBe("true");
  expect(view.dom.getAttribute("contenteditable")).toBe("false");
});
