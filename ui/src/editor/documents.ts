/**
 * Links between documents, as they are drawn. The words of a link stay as they were written; where they are the title that
 * the document had then, its title now is drawn in their place.
 *
 * What a document is called, and whether it is there at all, the shell knows. The page draws it over the links near what
 * is seen, by block, and looks again only at blocks that changed, or at all near when a title did.
 */
import type { Mark, Node } from "prosemirror-model";
import { Plugin, PluginKey, type EditorState, type Transaction } from "prosemirror-state";
import { Decoration, DecorationSet, type EditorView } from "prosemirror-view";
import { changedBlocks, overBlocks, posOfBlock, type ChangedBlocks } from "./changed";
import { documentAt } from "./links";
import { MOST_DRAWN, NearWatch, shiftSpan, type Span } from "./near";
import { PaintedBlocks, type Painted } from "./painted";
import { linkIn, schema } from "./schema";

/** A document as a link shows it. */
export interface Known {
  /** What it is called now. */
  title: string;
  /** Whether it is in the trash. */
  trashed: boolean;
}

/** Says what a document is called; null when there is no such document here. */
export type Documents = (id: string) => Known | null;

interface Linked {
  span: Span;
  painted: Painted;
  drawn: PaintedBlocks;
}

const key = new PluginKey<Linked>("documents");

/** Looks up anew what the linked documents are called. */
export function documentsChanged(view: EditorView): void {
  view.dispatch(view.state.tr.setMeta(key, "again"));
}

/** What is drawn over the links of a block, at places in the block; for tests. */
export function linkedIn(state: EditorState, block: Node): Decoration[] {
  return key.getState(state)?.painted.get(block)?.find() ?? [];
}

/** How links to documents are drawn. */
export class Linker {
  /** How many blocks were looked at: what links cost. */
  looked = 0;

  constructor(private readonly documents: Documents) {}

  /** What is drawn over the links of a block; null when it has none. */
  paint(block: Node): DecorationSet | null {
    this.looked++;
    let drawn: Decoration[] | null = null;
    for (const { from, to, text, document, title } of linksIn(block)) {
      drawn ??= [];
      const known = this.documents(document);
      const attrs: Record<string, string> = { "data-document": document };
      if (known === null) attrs.class = "to-document missing";
      else if (known.trashed) attrs.class = "to-document trashed";
      else if (text === title && known.title !== title) Object.assign(attrs, { class: "to-document renamed", "data-title": known.title });
      else attrs.class = "to-document";
      drawn.push(Decoration.inline(from, to, attrs));
    }
    return drawn === null ? null : DecorationSet.create(block, drawn);
  }
}

interface LinkInBlock {
  from: number;
  to: number;
  text: string;
  document: string;
  title: string;
}

/** The links to documents in a block; one goes on over a change of its other marks. */
function linksIn(block: Node): LinkInBlock[] {
  const links: LinkInBlock[] = [];
  let before: Mark | undefined;
  let at = 0;
  for (const child of block.children) {
    const [from, to, text] = [at, at + child.nodeSize, child.text ?? "\n"];
    at = to;
    const mark = schema.marks.link.isInSet(child.marks);
    const document = mark === undefined ? null : documentAt(linkIn(mark).href);
    const last = links.at(-1);
    if (mark !== undefined && document !== null) {
      if (last !== undefined && before?.eq(mark) === true) Object.assign(last, { to, text: last.text + text });
      else links.push({ from, to, text, document, title: linkIn(mark).title });
    }
    before = mark;
  }
  return links;
}

function drawAll(linker: Linker, doc: Node, span: Span): Linked {
  const first = Math.min(span.first, doc.childCount);
  const painted = new Map<Node, DecorationSet>();
  overBlocks(doc, { first, end: Math.min(span.end, first + MOST_DRAWN), pos: posOfBlock(doc, first) }, (block) => {
    const drawn = linker.paint(block);
    if (drawn !== null) painted.set(block, drawn);
  });
  return { span, painted, drawn: new PaintedBlocks(painted) };
}

function redraw(linker: Linker, tr: Transaction, was: Linked, { first, oldEnd, newEnd, pos }: ChangedBlocks): Linked {
  const span = shiftSpan(was.span, { first, oldEnd, newEnd, pos });
  let painted: Map<Node, DecorationSet> | null = null;
  overBlocks(tr.before, { first, end: oldEnd, pos }, (block) => {
    if (was.painted.has(block)) (painted ??= new Map(was.painted)).delete(block);
  });
  overBlocks(tr.doc, { first, end: Math.min(newEnd, span.end), pos }, (block, _at, index) => {
    const drawn = index < span.first ? null : linker.paint(block);
    if (drawn !== null) (painted ??= new Map(was.painted)).set(block, drawn);
  });
  return painted === null ? { ...was, span } : { span, painted, drawn: new PaintedBlocks(painted) };
}

/** Draws links to documents as what they lead to. */
export function documentsPlugin(linker: Linker): Plugin<Linked> {
  let span: Span = { first: 0, end: MOST_DRAWN };
  return new Plugin<Linked>({
    key,
    state: {
      init: (_config, { doc }) => drawAll(linker, doc, span),
      apply: (tr, was) => {
        const said = tr.getMeta(key) as { span: Span } | "again" | undefined;
        const changed = changedBlocks(tr);
        let now = changed === null ? was : redraw(linker, tr, was, changed);
        if (said !== undefined) now = drawAll(linker, tr.doc, said === "again" ? now.span : said.span);
        span = now.span;
        return now;
      },
    },
    props: { decorations: (state) => key.getState(state)?.drawn.orNothing },
    view: (view) => {
      const near = new NearWatch(
        view,
        () => key.getState(view.state)?.span ?? null,
        (to) => { view.dispatch(view.state.tr.setMeta(key, { span: to })); },
      );
      return { destroy: () => { near.destroy(); } };
    },
  });
}
