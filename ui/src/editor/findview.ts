/** The search on the screen: which matches are near what is seen, and the keys that are its own while it is open. */
import { Plugin } from "prosemirror-state";
import { begin, findKey, findingIn, follow, say, type Finding } from "./find";
import { MOST_DRAWN, NearWatch, type Span } from "./near";
import type { Query } from "./search";

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
    view: (view) => {
      const near = new NearWatch(
        view,
        () => findingIn(view.state)?.span ?? null,
        (to) => { view.dispatch(say(view.state.tr, { do: "span", span: to })); },
      );
      let open = false;
      return {
        update: () => {
          const opened = findingIn(view.state) !== null;
          if (opened && !open) near.later();
          open = opened;
        },
        destroy: () => { near.destroy(); },
      };
    },
  });
}
