/** What a screen reader is told of others' edits: who and where, never what was typed. */
import type { RemoteEdit, Whereabouts } from "../editor/api";
import { shownName } from "./people";
import { firstName } from "./status";

/** One sentence; null when it is far from one's own caret and only what is near is wanted. */
export function remoteLine(edit: RemoteEdit, others: readonly Whereabouts[], far: boolean): string | null {
  const near = others.find((each) => each.near);
  // An edit does not say whose it is: next to one's own block it is theirs who is there, if nobody else is here.
  if (near && (edit.where === "here" || others.length === 1)) {
    const who = firstName(shownName(near.other.name));
    return near.heading ? `${who} is writing under ${near.heading}.` : `${who} is writing near you.`;
  }
  const paragraphs = edit.blocks === 1 ? "1 paragraph" : `${String(edit.blocks)} paragraphs`;
  if (edit.where === "here") {
    return edit.blocks === 1 ? "The paragraph you are in was changed." : `${paragraphs} were changed here.`;
  }
  if (!far) return null;
  const [only] = others;
  const who = only !== undefined && others.length === 1 ? firstName(shownName(only.other.name)) : null;
  if (who !== null) return `${who} changed ${paragraphs} ${edit.where} you.`;
  return `${paragraphs} ${edit.where} you ${edit.blocks === 1 ? "was" : "were"} changed.`;
}
