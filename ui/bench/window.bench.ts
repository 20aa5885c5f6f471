/**
 * The window side of a keystroke, as one line of JSON: `npm run bench`.
 *
 * `state` is the page without a screen; `view` adds drawing into a simulated DOM, which is slower than a real one;
 * `finding` is the same while something is looked for.
 * In a real browser: `vite`, then open `bench/window.html`.
 */
import { JSDOM } from "jsdom";
import { measureState, measureView } from "./measure";

const SIZES = [10_000, 100_000, 500_000];

const { window } = new JSDOM("<!doctype html><body></body>", { pretendToBeVisual: true });
for (const name of ["document", "Node", "Element", "HTMLElement", "MutationObserver", "getComputedStyle", "DOMParser", "Range", "requestAnimationFrame", "cancelAnimationFrame"] as const) {
  Object.defineProperty(globalThis, name, { value: window[name], configurable: true });
}
Object.defineProperty(globalThis, "window", { value: window, configurable: true });

// Once for the compiler, then for the clock.
measureState(10_000, 200);
const state = SIZES.map((size) => measureState(size));
const page = () => window.document.body.appendChild(window.document.createElement("div"));
const view = SIZES.map((size) => measureView(page(), size, 100));
// What has no layout cannot scroll.
window.Element.prototype.scrollIntoView = () => undefined;
const finding = SIZES.map((size) => measureView(page(), size, 100, true));
process.stdout.write(`${JSON.stringify({ bench: "window", state, view, finding })}\n`);
process.exit(0);
