/** Find and replace, as the shell uses it. */
import { TextSelection, type EditorState } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { findingIn, say } from "./find";
import { MOST_REPLACED, replaceAll, replaceCurrent } from "./replace";
import type { Query } from "./search";

/** What is found, for the shell to say. */
export interface Found {
  /** How many matches there are. */
  total: number;
  /** The number of the current one, from 1; null when there is none. */
  ordinal: number | null;
}

/** Finds and replaces on one page. */
export class Finder {
  constructor(private readonly view: EditorView) {}

  /** Looks for something, from the current match on, or else from the selection; nothing wanted, nothing found. */
  look(query: Query): void {
    const { state } = this.view;
    const finding = findingIn(state);
    const from = finding?.current?.from ?? finding?.from ?? state.selection.from;
    if (query.text === "") this.view.dispatch(say(state.tr, { do: "close" }));
    else this.view.dispatch(say(state.tr, { do: "look", query, from }));
    this.reveal();
  }

  /** Goes to the next match, or the one before. */
  step(by: 1 | -1): void {
    if (findingIn(this.view.state) === null) return;
    this.view.dispatch(say(this.view.state.tr, { do: "step", by }));
    this.reveal();
  }

  /** Replaces the current match and goes to the next; answers whether there was one. */
  replace(words: string): boolean {
    const done = this.view.editable && replaceCurrent(words)(this.view.state, this.view.dispatch.bind(this.view));
    if (done) this.reveal();
    return done;
  }

  /** Replaces every match; answers how many. */
  replaceAll(words: string): number {
    const total = Math.min(findingIn(this.view.state)?.total ?? 0, MOST_REPLACED);
    const done = this.view.editable && replaceAll(words)(this.view.state, this.view.dispatch.bind(this.view));
    return done ? total : 0;
  }

  /** Ends the search; the current match is then what is selected on the page. */
  close(): void {
    const { state } = this.view;
    const finding = findingIn(state);
    if (finding === null) return;
    const tr = say(state.tr, { do: "close" });
    const { current } = finding;
    if (current !== null) tr.setSelection(TextSelection.create(tr.doc, current.from, current.to));
    this.view.dispatch(tr);
  }

  private reveal(): void {
    // Only what is asked for moves the page: a change that moves a match does not.
    this.view.dom.querySelector(".found.current")?.scrollIntoView({ block: "nearest" });
  }
}

/** What is found on a page; null when nothing is looked for. */
export function foundIn(state: EditorState): Found | null {
  const finding = findingIn(state);
  return finding === null ? null : { total: finding.total, ordinal: finding.current?.ordinal ?? null };
}
