/**
 * Decorations by block instead of by place: blocks never change, they are replaced, so what is drawn over one is kept as
 * long as it is there, wherever it moves, and a key maps none of it.
 */
import type { Node } from "prosemirror-model";
import { DecorationSet, type Decoration, type DecorationSource } from "prosemirror-view";

/** What is drawn over each block that has something, at places in the block. */
export type Painted = ReadonlyMap<Node, DecorationSet>;

/**
 * To ProseMirror this is one more set of decorations. The members beyond the published interface are those that its group
 * of sets asks of each set; `colouring.test.ts` and `documents.test.ts` draw it beside others and hold it to that.
 */
export class PaintedBlocks implements DecorationSource {
  readonly members: readonly PaintedBlocks[] = [this];

  constructor(private readonly painted: Painted) {}

  /** What ProseMirror is given: nothing at all where nothing is drawn, for it asks for each block of the page. */
  get orNothing(): PaintedBlocks | null {
    return this.painted.size === 0 ? null : this;
  }

  map(): PaintedBlocks {
    return this;
  }

  forChild(_offset: number, child: Node): DecorationSet {
    return this.painted.get(child) ?? DecorationSet.empty;
  }

  forEachSet(visit: (set: DecorationSet) => void): void {
    for (const set of this.painted.values()) visit(set);
  }

  eq(other: unknown): boolean {
    return this === other || (other instanceof PaintedBlocks && other.painted === this.painted);
  }

  locals(): readonly Decoration[] {
    return [];
  }

  localsInner(): readonly Decoration[] {
    return [];
  }
}
