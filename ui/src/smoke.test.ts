import { render } from "@testing-library/svelte";
import { expect, test } from "vitest";
import App from "./App.svelte";

test("the window mounts", () => {
  const { container } = render(App);
  expect(container.querySelector("main")).not.toBeNull();
});
