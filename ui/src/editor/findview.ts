/** The search on the screen: which matches are near what is seen, and the keys that are its own while it is open. */
import { Plugin } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { begin, findKey, findingIn, follow, MOST_DRAWN, say, type Finding, type Span } from "./find";
import type { Query } from "./search";
import { firstVisible, scrollerOf } from "./scroll";

/** Blocks drawn above and below what is seen, so that a short scroll finds them drawn. */
const MARGIN = 30;

/** The plugin of the search. A page that is shown anew is searched anew, from about where the current match was. */
export function findPlugin(): Plugin<Finding | null> {
  let span: Span = { first: 0, end: MOST_DRAWN };
  let looking: { query: Query; from: number } | null = null;
  return new Plugin<Finding | null>({
    key: findKey,
    state: {
      init: (_config, { doc }) => (looking === null ? null : begin(doc, looking.query, Math.min(looking.from, doc.content.size), span)),
      apply: (tr, was) => {
        const now = follow(tr, was, span);
        looking = now === null ? null : { query: now.searcher.query, from: now.current?.from ?? now.from };
        if (now !== null) span = now.span;
        return now;
      },
    },
    props: { decorations: (state) => findingIn(state)?.drawn },
    view: (view) => new Watch(view),
  });
}

/** Moves what is drawn along as the page is scrolled. */
class Watch {
  private readonly scroller: HTMLElement | null;
  private frame: number | null = null;
  private open = false;

  constructor(private readonly view: EditorView) {
    this.scroller = scrollerOf(view.dom);
    this.scroller?.addEventListener("scroll", this.later, { passive: true });
  }

  update(): void {
    const open = findingIn(this.view.state) !== null;
    if (open && !this.open) this.later();
    this.open = open;
  }

  destroy(): void {
    this.scroller?.removeEventListener("scroll", this.later);
    if (this.frame !== null) cancelAnimationFrame(this.frame);
  }

  private readonly later = (): void => {
    if (this.frame !== null || findingIn(this.view.state) === null) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.look();
    });
  };

  private look(): void {
    const { view, scroller } = this;
    const finding = findingIn(view.state);
    if (finding === null || scroller === null || view.isDestroyed || view.composing) return;
    const { top, bottom } = scroller.getBoundingClientRect();
    const [first, last] = [firstVisible(view.dom, top), firstVisible(view.dom, bottom)];
    const { span } = finding;
    const { childCount } = view.state.doc;
    if (first - MARGIN / 2 >= span.first && last + MARGIN / 2 <= span.end) return;
    if (span.first === 0 && span.end >= childCount) return;
    const start = Math.max(0, first - MARGIN);
    const end = Math.min(last + 1 + MARGIN, start + MOST_DRAWN);
    if (start === span.first && end === span.end) return;
    view.dispatch(say(view.state.tr, { do: "span", span: { first: start, end } }));
  }
}
