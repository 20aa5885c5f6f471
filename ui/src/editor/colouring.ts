/**
 * Code in colours: drawn over the code blocks near what is seen, never part of the document.
 *
 * A key costs what it changes: the lines of its block that may read differently are read again (`lexing.ts`), and what is
 * drawn over other blocks stays as it is (`painted.ts`). A language's rules are fetched when a block first needs them. A
 * long block is read in parts, and one that is longer than anyone reads is left in ink.
 */
import type { Node } from "prosemirror-model";
import { Plugin, PluginKey, type EditorState, type Transaction } from "prosemirror-state";
import { Decoration, DecorationSet, type EditorView } from "prosemirror-view";
import { changedBlocks, overBlocks, posOfBlock, type ChangedBlocks } from "./changed";
import { languageOf, type Language } from "./languages";
import { Lexer, type Code, type Token } from "./lexing";
import { MOST_DRAWN, NearWatch, shiftSpan, type Span } from "./near";
import { PaintedBlocks, type Painted } from "./painted";
import { blockAttrs, isCode } from "./schema";

/** A block longer than this is left in ink. */
export const LARGEST = 50_000;
/** Lines that are read at once; the rest is read in the pauses. */
export const AT_ONCE = 300;
/** A pause: long enough for a key to come first. */
const PAUSE = 16;

const SHADE_CLASS: Record<Token["shade"], string> = { quiet: "code-quiet", name: "code-name", value: "code-value" };

interface Coloured {
  span: Span;
  painted: Painted;
  drawn: PaintedBlocks;
  /** Whether something near is not read to its end. */
  unread: boolean;
}

const key = new PluginKey<Coloured>("colouring");

/** What is drawn over a block of code, at places in the block; for tests. */
export function colouredIn(state: EditorState, block: Node): Decoration[] {
  return key.getState(state)?.painted.get(block)?.find() ?? [];
}

/** The word for the language of a block of code. */
export function languageIn(block: Node): string {
  const { language } = blockAttrs(block).attrs;
  return typeof language === "string" ? language : "";
}

/** Reads blocks of code, and remembers what it read of each for as long as the block is as it is. */
export class Colourist {
  private readonly lexers = new Map<Language, Lexer | "coming" | "lost">();
  private readonly read = new WeakMap<Node, { code: Code; drawn: DecorationSet }>();
  /** Called when rules have come. */
  onRules: () => void = () => undefined;

  /** How many lines were read so far: what colouring has cost. */
  get lines(): number {
    return [...this.lexers.values()].reduce((sum, each) => sum + (each instanceof Lexer ? each.read : 0), 0);
  }

  /**
   * What is to be drawn over a block, as far as it is read, and whether that is all of it; null when it is left in ink.
   * `was` is what stood there before a change. At the most `budget` lines are read.
   */
  paint(block: Node, was: Node | null, budget: number): { drawn: DecorationSet; complete: boolean } | null {
    if (!isCode(block) || block.content.size > LARGEST) return null;
    const language = languageOf(languageIn(block));
    const lexer = language === null ? null : this.lexer(language);
    if (lexer === null) return null;
    const known = this.read.get(block);
    if (known?.code.complete === true || (known && budget === 0)) return { drawn: known.drawn, complete: known.code.complete };
    const before = was !== null && languageOf(languageIn(was)) === language ? this.read.get(was)?.code : undefined;
    const code = known ? lexer.more(known.code, budget) : lexer.follow(before ?? null, wordsOf(block), budget);
    const drawn = DecorationSet.create(block, drawCode(code));
    this.read.set(block, { code, drawn });
    return { drawn, complete: code.complete };
  }

  private lexer(language: Language): Lexer | null {
    const known = this.lexers.get(language);
    if (known === undefined) {
      this.lexers.set(language, "coming");
      language.load().then(
        (rules) => {
          this.lexers.set(language, new Lexer(rules));
          this.onRules();
        },
        () => {
          // Without its rules code stays in ink; it is as true that way.
          this.lexers.set(language, "lost");
        },
      );
    }
    return known instanceof Lexer ? known : null;
  }
}

function wordsOf(block: Node): string {
  return block.textBetween(0, block.content.size, undefined, (leaf) => leaf.type.spec.leafText?.(leaf) ?? "\ufffc");
}

function drawCode({ lines }: Code): Decoration[] {
  const drawn: Decoration[] = [];
  let at = 0;
  for (const { text, tokens } of lines) {
    for (const { from, to, shade } of tokens) drawn.push(Decoration.inline(at + from, at + to, { class: SHADE_CLASS[shade] }));
    at += text.length + 1;
  }
  return drawn;
}

/** Draws everything near; what was read is not read again. */
function drawAll(colourist: Colourist, doc: Node, span: Span): Coloured {
  const first = Math.min(span.first, doc.childCount);
  const painted = new Map<Node, DecorationSet>();
  let unread = false;
  const before = colourist.lines;
  overBlocks(doc, { first, end: Math.min(span.end, first + MOST_DRAWN), pos: posOfBlock(doc, first) }, (block) => {
    const paint = colourist.paint(block, null, Math.max(0, AT_ONCE - (colourist.lines - before)));
    if (paint === null) return;
    unread ||= !paint.complete;
    painted.set(block, paint.drawn);
  });
  return { span, painted, drawn: new PaintedBlocks(painted), unread };
}

/** After a change: only the blocks that it touched are looked at. */
function redraw(colourist: Colourist, tr: Transaction, was: Coloured, changed: ChangedBlocks): Coloured {
  const span = shiftSpan(was.span, changed);
  const { first, oldEnd, newEnd, pos } = changed;
  let painted: Map<Node, DecorationSet> | null = null;
  let { unread } = was;
  overBlocks(tr.before, { first, end: oldEnd, pos }, (block) => {
    if (!was.painted.has(block)) return;
    painted ??= new Map(was.painted);
    painted.delete(block);
  });
  const before = colourist.lines;
  overBlocks(tr.doc, { first, end: Math.min(newEnd, span.end), pos }, (block, _at, index) => {
    if (index < span.first) return;
    // As many blocks as before: each is what the one in its place became. Else the first goes on.
    const old = index < oldEnd && (newEnd === oldEnd || index === first) ? tr.before.child(index) : null;
    const paint = colourist.paint(block, old, Math.max(0, AT_ONCE - (colourist.lines - before)));
    if (paint === null) return;
    unread ||= !paint.complete;
    painted ??= new Map(was.painted);
    painted.set(block, paint.drawn);
  });
  return painted === null ? { ...was, span } : { span, painted, drawn: new PaintedBlocks(painted), unread };
}

type Said = { span: Span } | "again";

/** Colours the code on the page. */
export function colouringPlugin(colourist = new Colourist()): Plugin<Coloured> {
  let span: Span = { first: 0, end: MOST_DRAWN };
  return new Plugin<Coloured>({
    key,
    state: {
      init: (_config, { doc }) => drawAll(colourist, doc, span),
      apply: (tr, was) => {
        const said = tr.getMeta(key) as Said | undefined;
        const changed = changedBlocks(tr);
        let now = was;
        if (said !== undefined) {
          const moved = changed === null ? was.span : shiftSpan(was.span, changed);
          now = drawAll(colourist, tr.doc, said === "again" ? moved : said.span);
        } else if (changed !== null) now = redraw(colourist, tr, was, changed);
        span = now.span;
        return now;
      },
    },
    props: { decorations: (state) => key.getState(state)?.drawn.orNothing },
    view: (view) => new ColourWatch(view, colourist),
  });
}

/** Looks on: as the page is scrolled, when rules have come, and where there is more to read. */
class ColourWatch {
  private readonly near: NearWatch;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly view: EditorView,
    colourist: Colourist,
  ) {
    this.near = new NearWatch(view, () => key.getState(view.state)?.span ?? null, (span) => { this.say({ span }); });
    colourist.onRules = () => { this.soon(); };
    this.update();
  }

  update(): void {
    if (key.getState(this.view.state)?.unread === true) this.soon();
  }

  destroy(): void {
    this.near.destroy();
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private soon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      if (this.view.isDestroyed) return;
      // An input method keeps its words to itself until it is done.
      if (this.view.composing) this.soon();
      else this.say("again");
    }, PAUSE);
  }

  private say(said: Said): void {
    this.view.dispatch(this.view.state.tr.setMeta(key, said));
  }
}
