/** Where others are and what they did, for words about it: under which heading, and how near one's own caret. */
import type { EditorState, Transaction } from "prosemirror-state";
import type { RemoteEdit, Whereabouts } from "./api";
import { othersIn } from "./carets";
import { touchedBy } from "./tidy";

/** Where everyone else is. */
export function whereaboutsIn(state: EditorState): Whereabouts[] {
  const { doc, selection } = state;
  const own = selection.$head.index(0);
  return othersIn(state).map((other) => {
    if (other.head === null || other.head > doc.content.size) return { other, heading: null, near: false };
    const at = doc.resolve(other.head).index(0);
    let k = Math.min(at, doc.childCount - 1);
    while (k >= 0 && doc.child(k).type.name !== "heading") k--;
    return { other, heading: k < 0 ? null : doc.child(k).textContent, near: Math.abs(at - own) <= 1 };
  });
}

/** What others' transaction did to the page, which shows it already. */
export function remoteEditIn({ doc, selection }: EditorState, tr: Transaction): RemoteEdit {
  const own = selection.$head.index(0);
  const blocks = new Set<number>();
  for (const { from, to } of touchedBy([tr])) {
    const last = doc.resolve(Math.min(to, doc.content.size)).index(0);
    for (let k = doc.resolve(Math.min(from, doc.content.size)).index(0); k <= last; k++) blocks.add(k);
  }
  const first = Math.min(...blocks);
  return { blocks: blocks.size, where: blocks.has(own) ? "here" : first < own ? "above" : "below" };
}
