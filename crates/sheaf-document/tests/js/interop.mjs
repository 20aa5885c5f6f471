// The other side of tests/javascript.rs: the real @automerge/automerge. One command as argument, JSON in on stdin, JSON
// out on stdout. Documents travel as base64.
import * as Automerge from "@automerge/automerge"
import { readFileSync } from "node:fs"

const PATH = ["content"]

/** Blocks and marks as plain values: Automerge wraps texts that are not collaborative. */
function plain(value) {
  if (value instanceof Automerge.ImmutableString) return value.val
  if (Array.isArray(value)) return value.map(plain)
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
  }
  return value
}

function report(doc) {
  return {
    saved: Buffer.from(Automerge.save(doc)).toString("base64"),
    content: doc.content,
    spans: Automerge.spans(doc, PATH).map(plain),
  }
}

const load = (input) => Automerge.load(Buffer.from(input.saved, "base64"))

/** Puts spans in the row, one operation after another, as a program with no notion of Sheaf would. */
function append(draft, spans) {
  for (const span of spans) {
    const at = draft.content.length
    if (span.type === "block") Automerge.splitBlock(draft, PATH, at, span.value)
    else {
      Automerge.splice(draft, PATH, at, 0, span.value)
      // Marks that end where this text starts may reach into it.
      const end = at + span.value.length
      for (const name of ["strong", "em", "code", "strike", "link", "__ext__comment"]) {
        if (span.marks?.[name] === undefined) Automerge.unmark(draft, PATH, { start: at, end, expand: "none" }, name)
      }
      for (const [name, value] of Object.entries(span.marks ?? {})) {
        Automerge.mark(draft, PATH, { start: at, end, expand: "none" }, name, value)
      }
    }
  }
}

const commands = {
  write(input) {
    let doc = Automerge.from({ content: "" })
    doc = Automerge.change(doc, (draft) => append(draft, input.spans))
    return { ...report(doc), at: input.find.map((needle) => doc.content.indexOf(needle)) }
  },

  read(input) {
    const doc = load(input)
    return { ...report(doc), at: input.find.map((needle) => doc.content.indexOf(needle)) }
  },

  /** Changes a document that Sheaf wrote, in each of the ways there are. */
  edit(input) {
    let doc = load(input)
    doc = Automerge.change(doc, (draft) => {
      const at = draft.content.indexOf("middle")
      Automerge.splice(draft, PATH, at, "middle".length, "centre 🎯")
      Automerge.mark(draft, PATH, { start: at, end: at + 6, expand: "both" }, "__ext__comment", "look")
      Automerge.unmark(draft, PATH, { start: 0, end: at, expand: "none" }, "strong")
      Automerge.splitBlock(draft, PATH, draft.content.length, {
        type: new Automerge.ImmutableString("__ext__aside"),
        parents: [new Automerge.ImmutableString("blockquote")],
        attrs: { tone: new Automerge.ImmutableString("calm"), depth: 2, more: { nested: true } },
        isEmbed: false,
      })
      Automerge.splice(draft, PATH, draft.content.length, 0, "from JavaScript")
    })
    return report(doc)
  },
}

const [name] = process.argv.slice(2)
const input = JSON.parse(readFileSync(0, "utf8"))
process.stdout.write(JSON.stringify(commands[name](input)))
