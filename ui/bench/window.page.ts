/**
 * The same measurement in a real browser, with layout: each key is dispatched, drawn, and the page laid out.
 *
 * `?show` shows a page with something of everything instead, for looking at.
 */
import "../src/styles/tokens.css";
import "../src/styles/page.css";
import { TextSelection } from "prosemirror-state";
import type { Item } from "../src/core/types/Item";
import { createEditor } from "../src/editor";
import { documentOf, measureView, quietLink, times, type Times } from "./measure";

const scroll = document.getElementById("scroll") ?? document.body;

function measureLayout(characters: number, keys: number): { characters: number; key: Times } {
  const editor = createEditor(scroll, quietLink(documentOf(characters)), { checkEvery: 0 });
  const { view } = editor;
  view.focus();
  view.dispatch(view.state.tr.setSelection(TextSelection.near(view.state.doc.resolve(Math.floor(view.state.doc.content.size / 2)))).scrollIntoView());
  const samples: number[] = [];
  for (let i = 0; i < keys; i++) {
    const before = performance.now();
    // As a key does it: into the DOM, which ProseMirror then reads.
    document.execCommand("insertText", false, "x");
    scroll.getBoundingClientRect();
    void view.dom.offsetHeight;
    samples.push(performance.now() - before);
  }
  editor.destroy();
  return { characters, key: times(samples.slice(keys / 4)) };
}

function show(): void {
  const block = (type: string, attrs: Record<string, string | number | boolean> = {}, ...parents: string[]): Item => ({ t: "block", block: { type, attrs, parents, isEmbed: false } });
  const text = (words: string, ...marks: string[]): Item => ({ t: "text", text: words, marks: Object.fromEntries(marks.map((name) => [name, name === "link" ? '{"href":"https://example.org","title":""}' : true])) });
  const bullet = "unordered-list-item";
  const ordered = "ordered-list-item";
  const items: Item[] = [
    block("heading", { level: 1 }), text("Spring visit to Skerry Point"),
    block("paragraph"), text("Four days on the island, and "), text("one working gauge", "strong"), text(" at the end of them. The boat leaves "), text("Ardvane", "em"), text(" on the morning tide. Past the headland there is no signal, so everything below has to be readable without one. See "), text("the tables", "link"), text(", "), text("gauge pull", "code"), text(" and "), text("last year", "strike"), text("."),
    block("heading", { level: 2 }), text("Before the boat"),
    block(bullet, { checked: true }), text("Charge both loggers and write down their serial numbers"),
    block(bullet, { checked: false }), text("Pack the spare float and two metres of stainless cable"),
    block(bullet, { checked: false }), text("Leave a copy of this page on the hut laptop"),
    block("heading", { level: 3 }), text("Lists"),
    block(ordered), text("First"), block(ordered), text("Second"), block(ordered, {}, ordered), text("nested"), block(ordered, {}, ordered), text("nested too"), block(ordered), text("Third"),
    block(bullet), text("A bullet"), block(bullet, {}, bullet), text("under it"), block(bullet, {}, bullet, bullet), text("under that"), block(bullet), text("and back"),
    block("paragraph"), text("Words between."),
    block(ordered), text("Begins again"), block(ordered), text("and goes on"),
    block("blockquote"), text("The float sticks below 0.4 m and the curve stops falling."), block("blockquote"), text("The autumn photographs suggest silt."),
    block("code-block", { language: "Shell" }), text("# take the record off\ngauge pull --port usb0 --out skerry-2026-04.csv\ngauge check skerry-2026-04.csv"),
    block("paragraph"), text("שלום עולם, מימין לשמאל"),
    block("paragraph"), text("The end."),
  ];
  const link = quietLink(items);
  const editor = createEditor(scroll, link, { title: "Spring visit" });
  link.say({ m: "presence", number: 1, after: 0, people: [
    { id: "a", name: "Ana", colour: 1, anchor: 34, head: 62 },
    { id: "k", name: "Kofi", colour: 6, anchor: 420, head: 420 },
  ] });
  Object.assign(window, { editor, link });
  document.title = "shown";
}

function run(): void {
  const sizes = [10_000, 100_000, 500_000];
  const view = sizes.map((size) => measureView(scroll, size));
  const layout = sizes.map((size) => measureLayout(size, 100));
  const result = JSON.stringify({ bench: "window", agent: navigator.userAgent, view, layout });
  scroll.textContent = result;
  document.title = "done";
}

if (location.search.includes("show")) show();
else setTimeout(run, 200);
