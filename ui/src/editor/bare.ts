/**
 * Whether the first block of the page has no marker in the document.
 *
 * An empty document, and one that another program wrote, may begin with text and no marker; the page then shows an
 * implicit paragraph. That fact is kept beside the page, not in it, because it has no look: were it an attribute of the
 * block, giving the block its marker would draw it anew, in the middle of the first word that an input method composes.
 *
 * A person's first change gives the paragraph its marker (`edits.ts` sends it in front), so only a page that nobody has
 * touched since it was read, or whose first marker someone else removed, is bare.
 */
import { Plugin, PluginKey, type EditorState, type Transaction } from "prosemirror-state";

const key = new PluginKey<boolean>("bare");

/** Whether the first block of the page has no marker in the document. */
export function isBare(state: EditorState): boolean {
  return key.getState(state) === true;
}

/** Says on a transaction that comes from the core how the page begins afterwards. */
export function setBare(tr: Transaction, bare: boolean): Transaction {
  return tr.setMeta(key, bare);
}

/** Keeps the fact; a page begins bare, as an empty document does, until `setBare` says otherwise. */
export function barePlugin(): Plugin<boolean> {
  return new Plugin<boolean>({
    key,
    state: {
      init: () => true,
      apply: (tr, was) => {
        const said: unknown = tr.getMeta(key);
        if (typeof said === "boolean") return said;
        return was && !tr.docChanged;
      },
    },
  });
}
