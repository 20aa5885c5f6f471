/**
 * Keeps the line being read where it is while others write above it: the caret's block if it is in sight, else the
 * first block in sight, stays at the same height on the screen.
 */
import type { EditorView } from "prosemirror-view";

/** What scrolls an element; null when nothing does. */
export function scrollerOf(element: HTMLElement): HTMLElement | null {
  for (let parent = element.parentElement; parent !== null; parent = parent.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(parent).overflowY)) return parent;
  }
  return null;
}

/** The block to hold on to. */
function anchorIn(view: EditorView, top: number, bottom: number): Element | null {
  const { $head } = view.state.selection;
  const own = $head.depth === 0 ? null : view.nodeDOM($head.before(1));
  if (own instanceof Element) {
    const box = own.getBoundingClientRect();
    if (box.bottom > top && box.top < bottom) return own;
  }
  return view.dom.children[firstVisible(view.dom, top)] ?? null;
}

/** The number of the first block that ends below a height on the screen. */
export function firstVisible(page: HTMLElement, top: number): number {
  const blocks = page.children;
  let [low, high] = [0, blocks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const block = blocks[middle];
    if (block !== undefined && block.getBoundingClientRect().bottom <= top) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Does something to the page without moving what is being read. */
export function holdingScroll(view: EditorView, change: () => void): void {
  const scroller = scrollerOf(view.dom);
  if (scroller === null || scroller.scrollTop === 0) {
    change();
    return;
  }
  // One hand on the page is enough: the browser's own anchoring keeps out of it. ProseMirror's, where the browser has none,
  // has done its part when the difference is taken.
  view.dom.style.setProperty("overflow-anchor", "none");
  const { top, bottom } = scroller.getBoundingClientRect();
  const anchor = anchorIn(view, top, bottom);
  const before = anchor?.getBoundingClientRect().top;
  change();
  if (anchor === null || before === undefined || !anchor.isConnected) return;
  const by = anchor.getBoundingClientRect().top - before;
  if (by !== 0) scroller.scrollTop += by;
}
