/** What an empty page says, drawn by the style sheet (`page.css`) so that it is never part of the text. */
import { Plugin } from "prosemirror-state";
import { Decoration, DecorationSet } from "prosemirror-view";

/** Marks the only block of an empty document, and an empty first heading, with what to write there. */
export function placeholderPlugin(words: { page: string; title: string }): Plugin {
  return new Plugin({
    props: {
      decorations: ({ doc }) => {
        const first = doc.firstChild;
        if (first === null || first.content.size > 0) return null;
        const title = first.type.name === "heading";
        if (!title && (doc.childCount > 1 || first.type.name !== "paragraph")) return null;
        const attrs = { class: "empty", "data-placeholder": title ? words.title : words.page };
        return DecorationSet.create(doc, [Decoration.node(0, first.nodeSize, attrs)]);
      },
    },
  });
}
