/** What the steps of a transaction touch, where their own maps do not say: marks move nothing. */
import { AddMarkStep, AddNodeMarkStep, RemoveMarkStep, RemoveNodeMarkStep, type Step } from "prosemirror-transform";

/** A stretch of the page. */
export interface Stretch {
  /** Where it begins. */
  from: number;
  /** Where it ends. */
  to: number;
}

/**
 * The stretch whose marks a step may change; null for a step that changes no marks.
 *
 * What undoes a mark that lay over others is several mark steps in one, of a class that ProseMirror keeps to itself: it
 * is known by the steps it holds.
 */
export function markStretch(step: Step): Stretch | null {
  if (step instanceof AddMarkStep || step instanceof RemoveMarkStep) return { from: step.from, to: step.to };
  if (step instanceof AddNodeMarkStep || step instanceof RemoveNodeMarkStep) return { from: step.pos, to: step.pos + 1 };
  const { steps } = step as Step & { steps?: unknown };
  if (!Array.isArray(steps)) return null;
  const parts = (steps as Step[]).map(markStretch).filter((part) => part !== null);
  if (parts.length === 0) return null;
  return { from: Math.min(...parts.map(({ from }) => from)), to: Math.max(...parts.map(({ to }) => to)) };
}
