/**
 * Which blocks are near what is seen: what is drawn over blocks is drawn for these, whatever the page is long.
 *
 * A stretch of blocks moves along as blocks come and go in front of it, and anew as the page is scrolled.
 */
import type { EditorView } from "prosemirror-view";
import type { ChangedBlocks } from "./changed";
import { firstVisible, scrollerOf } from "./scroll";

/** Some blocks in a row. */
export interface Span {
  /** The first. */
  first: number;
  /** Where they end, exclusively. */
  end: number;
}

/**
 * At the most so many blocks are drawn over, however high the screen is: drawing a page, ProseMirror asks for each of its
 * blocks whether it is among them.
 */
export const MOST_DRAWN = 160;

/** Blocks drawn above and below what is seen, so that a short scroll finds them drawn. */
const MARGIN = 30;

/** The stretch after a change. */
export function shiftSpan(span: Span, { first, oldEnd, newEnd }: ChangedBlocks): Span {
  const by = newEnd - oldEnd;
  if (span.end <= first) return span;
  if (span.first > first && span.first >= oldEnd) return { first: span.first + by, end: span.end + by };
  const start = Math.min(span.first, first);
  return { first: start, end: Math.min(Math.max(start, span.end + by, newEnd), start + MOST_DRAWN) };
}

/** Moves a stretch along as the page is scrolled. */
export class NearWatch {
  private readonly scroller: HTMLElement | null;
  private frame: number | null = null;

  /** `span` says what is drawn, null while nothing is; `move` draws another stretch. */
  constructor(
    private readonly view: EditorView,
    private readonly span: () => Span | null,
    private readonly move: (span: Span) => void,
  ) {
    this.scroller = scrollerOf(view.dom);
    this.scroller?.addEventListener("scroll", this.later, { passive: true });
  }

  /** Looks where the page is, soon. */
  readonly later = (): void => {
    if (this.frame !== null || this.span() === null) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.look();
    });
  };

  /** Stops watching. */
  destroy(): void {
    this.scroller?.removeEventListener("scroll", this.later);
    if (this.frame !== null) cancelAnimationFrame(this.frame);
  }

  private look(): void {
    const { view, scroller } = this;
    const span = this.span();
    if (span === null || scroller === null || view.isDestroyed || view.composing) return;
    const { top, bottom } = scroller.getBoundingClientRect();
    const [first, last] = [firstVisible(view.dom, top), firstVisible(view.dom, bottom)];
    if (first - MARGIN / 2 >= span.first && last + MARGIN / 2 <= span.end) return;
    if (span.first === 0 && span.end >= view.state.doc.childCount) return;
    const start = Math.max(0, first - MARGIN);
    const end = Math.min(last + 1 + MARGIN, start + MOST_DRAWN);
    if (start === span.first && end === span.end) return;
    this.move({ first: start, end });
  }
}
