/** What the tests of the editor share: pages from a short notation, and a link that is driven by hand. */
import type { CoreLink } from "../../core/transport";
import type { Item } from "../../core/types/Item";
import type { Scalar } from "../../core/types/Scalar";
import type { ToCore } from "../../core/types/ToCore";
import type { ToWindow } from "../../core/types/ToWindow";
import { createEditor, type EditorOptions } from "../editor";
import { KINDS } from "../schema";
import { checksumOf } from "../checksum";
import { pageOf } from "../items";

/** Text with the marks named: `t("words", "strong")`. */
export function t(text: string, ...marks: string[]): Item {
  if (marks.length === 0) return { t: "text", text };
  return { t: "text", text, marks: Object.fromEntries(marks.map((name) => [name, true as Scalar])) };
}

/** A marker: `b("heading", { level: 2 })`. */
export function b(type: string = KINDS.paragraph, attrs: Record<string, Scalar> = {}, parents: string[] = []): Item {
  return { t: "block", block: { type, parents, attrs, isEmbed: false } };
}

/** An embed. */
export function e(type = "image", attrs: Record<string, Scalar> = {}): Item {
  return { t: "embed", block: { type, parents: [], attrs, isEmbed: true } };
}

/** Paragraphs of plain text. */
export function paragraphs(...texts: string[]): Item[] {
  return texts.flatMap((text) => (text === "" ? [b()] : [b(), t(text)]));
}

/** A link whose other end is the test. */
export class HandLink implements CoreLink {
  readonly sent: ToCore[] = [];
  closed = false;
  private handler: ((message: ToWindow) => void) | null = null;

  send(message: ToCore): void {
    this.sent.push(message);
  }

  onMessage(handler: (message: ToWindow) => void): void {
    this.handler = handler;
  }

  close(): void {
    this.closed = true;
  }

  /** The core says something. */
  say(message: ToWindow): void {
    this.handler?.(message);
  }

  /** What was sent of one kind. */
  of<M extends ToCore["m"]>(kind: M): (ToCore & { m: M })[] {
    return this.sent.filter((message): message is ToCore & { m: M } => message.m === kind);
  }
}

/** The first message of a session. */
export function firstReset(items: Item[], number = 1): ToWindow {
  return { m: "reset", number, items, refused: null, checksum: checksumOf(pageOf(items)), forced: false };
}

/** An editor on a document, in a page of its own. */
export function open(items: Item[], options: EditorOptions = {}) {
  const mount = document.body.appendChild(document.createElement("div"));
  const link = new HandLink();
  const faults: string[] = [];
  const editor = createEditor(mount, link, { onFault: (fault) => faults.push(JSON.stringify(fault)), ...options });
  link.say(firstReset(items));
  return { editor, link, faults, view: editor.view, mount };
}
