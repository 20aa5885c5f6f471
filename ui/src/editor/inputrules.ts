/**
 * Markdown as it is typed: at the start of a block it says what the block is, round words what they are.
 *
 * Backspace right after takes the rule back and leaves what was typed.
 */
import { InputRule, inputRules } from "prosemirror-inputrules";
import type { EditorState, Plugin } from "prosemirror-state";
import type { Scalar } from "../core/types/Scalar";
import { isBlock, isItem, type Wanted } from "./blocks";
import { addressFrom, linkOf } from "./links";
import { attrsFor, blockAttrs, KINDS, schema, typeOf, type MarkName } from "./schema";

/** At the start of a paragraph, or of an item where `where` says so: the block becomes what is wanted. */
function blockRule(sign: RegExp, wanted: (match: RegExpMatchArray) => Wanted, where: "text" | "item" = "text"): InputRule {
  return new InputRule(sign, (state, match, start, end) => {
    const $start = state.doc.resolve(start);
    const block = $start.parent;
    const { kind, attrs = {} } = wanted(match);
    const plain = isBlock(block, { kind: KINDS.paragraph });
    if ($start.depth !== 1 || !(plain || (where === "item" && isItem(block)))) return null;
    const { parents } = blockAttrs(block);
    return state.tr
      .delete(start, end)
      .setNodeMarkup($start.before(1), typeOf(kind), attrsFor(kind, isItem(block) ? parents : [], attrs));
  });
}

function inLanguage(language: string): Record<string, Scalar> {
  return language === "" ? {} : { language };
}

/** Whether a position comes after a backtick that nothing has closed yet: what is typed there is going to be code. */
function inOpenCode(state: EditorState, pos: number): boolean {
  const $pos = state.doc.resolve(pos);
  return ($pos.parent.textBetween(0, $pos.parentOffset, undefined, "\ufffc").match(/`/g)?.length ?? 0) % 2 === 1;
}

/** Words between signs get a mark; the signs go. What is typed next is without it. */
function markRule(sign: RegExp, name: Exclude<MarkName, "link">): InputRule {
  return new InputRule(
    sign,
    (state, match, start, end) => {
      const [whole, before = "", words] = match;
      if (words === undefined || (name !== "code" && inOpenCode(state, start + before.length))) return null;
      const open = start + before.length;
      const inner = open + whole.indexOf(words, before.length) - before.length;
      const mark = schema.marks[name].create();
      // The last sign was only being typed: what is on the page is everything but it.
      const tr = state.tr;
      if (inner + words.length < end) tr.delete(inner + words.length, end);
      return tr
        .delete(open, inner)
        .addMark(open, open + words.length, mark)
        .removeStoredMark(mark);
    },
    { inCodeMark: false },
  );
}

const link = new InputRule(/\[([^[\]]+)\]\(([^()\s]+)\)$/, (state, match, start, end) => {
  const [, words, address = ""] = match;
  const href = addressFrom(address);
  if (words === undefined || href === null) return null;
  const mark = schema.marks.link.create({ value: linkOf(href) });
  return state.tr
    .delete(start + 1 + words.length, end)
    .delete(start, start + 1)
    .addMark(start, start + words.length, mark)
    .removeStoredMark(mark);
});

/** An address followed by a space is a link. */
const address = new InputRule(/(^|\s)((?:https?:\/\/|www\.)[^\s]+[^\s.,;:!?)\]'"])(\s)$/, (state, match, start, end) => {
  const [, before = "", typed = "", space = " "] = match;
  const href = addressFrom(typed);
  const from = start + before.length;
  if (href === null || state.doc.rangeHasMark(from, end, schema.marks.link)) return null;
  // The space comes after the link's end, and a link does not go on.
  return state.tr
    .addMark(from, from + typed.length, schema.marks.link.create({ value: linkOf(href) }))
    .insertText(space, end);
});

/** The Markdown that is understood while typing. */
export function markdownRules(): Plugin {
  return inputRules({
    rules: [
      blockRule(/^(#{1,6})\s$/, ([, signs = "#"]) => ({ kind: KINDS.heading, attrs: { level: signs.length } })),
      blockRule(/^(?:[-*+]\s)?\[( ?|x|X)\]\s$/, ([, sign = ""]) => ({
        kind: KINDS.bullet,
        attrs: { checked: sign.toLowerCase() === "x" },
      }), "item"),
      blockRule(/^[-*+]\s$/, () => ({ kind: KINDS.bullet })),
      blockRule(/^1[.)]\s$/, () => ({ kind: KINDS.ordered })),
      blockRule(/^>\s$/, () => ({ kind: KINDS.quote })),
      blockRule(/^```([\w+#.-]*)\s$/, ([, language = ""]) => ({
        kind: KINDS.code,
        attrs: inLanguage(language),
      })),
      markRule(/(^|[^*])\*\*([^\s*](?:[^*]*[^\s*])?)\*\*$/, "strong"),
      markRule(/(^|[^_\p{L}\p{N}])__([^\s_](?:[^_]*[^\s_])?)__$/u, "strong"),
      markRule(/(^|[^*])\*([^\s*](?:[^*]*[^\s*])?)\*$/, "em"),
      markRule(/(^|[^_\p{L}\p{N}])_([^\s_](?:[^_]*[^\s_])?)_$/u, "em"),
      markRule(/(^|[^`])`([^`]+)`$/, "code"),
      markRule(/(^|[^~])~~([^\s~](?:[^~]*[^\s~])?)~~$/, "strike"),
      link,
      address,
    ],
  });
}
