/** What ProseMirror leaves to its host: focus, compositions, the boxes of tasks, the names of languages, and links. */
import { Plugin } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { tickAt } from "./blocks";
import { isMac } from "./keymap";
import { chooseLanguageAt } from "./language";
import { hrefOf } from "./links";
import { linkAround } from "./marking";

/** Whom it tells. */
export interface Watcher {
  /** The page got the focus, or lost it. */
  onFocus: () => void;
  /** An input method begins to compose. */
  onCompositionStart: () => void;
  /** It has ended, as far as the browser goes. */
  onCompositionEnd: () => void;
  /** A link is to be followed. */
  onOpenLink: (href: string) => void;
}

/** Listens. */
export function watchPlugin(watcher: Watcher): Plugin {
  const tell = (what: () => void) => () => {
    what();
    return false;
  };
  return new Plugin({
    props: {
      handleDOMEvents: {
        focus: tell(watcher.onFocus),
        blur: tell(watcher.onFocus),
        compositionstart: tell(watcher.onCompositionStart),
        compositionend: tell(watcher.onCompositionEnd),
        // A click on a box, or on the name of a language, leaves the caret where it is.
        mousedown: (_view, event) => (boxOf(event) ?? languageOf(event)) !== null && (event.preventDefault(), true),
        click: (view, event) => tickBox(view, event) || pickLanguage(view, event) || followLink(view, event, watcher.onOpenLink),
        keydown: (view, event) => {
          if ((boxOf(event) ?? languageOf(event)) === null) return false;
          if (event.key === "Escape") view.focus();
          if (event.key !== " " && event.key !== "Enter") return event.key !== "Tab";
          return tickBox(view, event) || pickLanguage(view, event);
        },
      },
    },
  });
}

/** The box of a task that an event is on. */
function boxOf(event: Event): HTMLElement | null {
  const box = event.target instanceof Element ? event.target.closest(".box[role=checkbox]") : null;
  return box instanceof HTMLElement ? box : null;
}

/** The name of a block's language that an event is on. */
function languageOf(event: Event): HTMLElement | null {
  const name = event.target instanceof Element ? event.target.closest("button.lang") : null;
  return name instanceof HTMLElement ? name : null;
}

function pickLanguage(view: EditorView, event: Event): boolean {
  const name = languageOf(event);
  if (name === null) return false;
  event.preventDefault();
  if (view.editable) chooseLanguageAt(blockAt(view, name))(view.state, (tr) => { view.dispatch(tr); });
  return true;
}

/** The position before the block that something drawn belongs to. */
function blockAt(view: EditorView, drawn: HTMLElement): number {
  const $pos = view.state.doc.resolve(view.posAtDOM(drawn, 0));
  return $pos.depth === 0 ? $pos.pos : $pos.before(1);
}

function tickBox(view: EditorView, event: Event): boolean {
  const box = boxOf(event);
  if (box === null) return false;
  event.preventDefault();
  const pos = blockAt(view, box);
  const had = box === view.dom.ownerDocument.activeElement;
  const ticked = view.editable && tickAt(pos)(view.state, (tr) => { view.dispatch(tr); });
  if (ticked && had) {
    // The block is drawn anew; whoever goes by keyboard stays on its box.
    const drawn = view.nodeDOM(pos);
    if (drawn instanceof HTMLElement) drawn.querySelector<HTMLElement>(".box")?.focus();
  }
  return true;
}

/** With Mod, or where nothing can be written, a click on a link follows it. The window itself never goes anywhere. */
function followLink(view: EditorView, event: MouseEvent, open: (href: string) => void): boolean {
  const anchor = event.target instanceof Element ? event.target.closest("a") : null;
  if (anchor === null) return false;
  event.preventDefault();
  if (view.editable && !(isMac ? event.metaKey : event.ctrlKey)) return false;
  const link = linkAround(view.state.doc.resolve(view.posAtDOM(anchor, 0)));
  const href = link === null ? null : hrefOf(link.href);
  if (href !== null) open(href);
  return true;
}
