/**
 * The way between one editor and the core: a session on one document. What the editor sends goes out at once (W2), as
 * raw bytes, each message with its place in the sequence, because two calls in flight may overtake each other. What the
 * core sends comes through an ordered channel, as raw bytes too.
 */
import { Channel, invoke } from "@tauri-apps/api/core";
import { asCoreError, type CoreError } from "./commands";
import type { CoreLink } from "./transport";
import type { ToCore } from "./types/ToCore";
import type { ToWindow } from "./types/ToWindow";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A session of this window on one document. */
export class DocumentLink implements CoreLink {
  /** The document it is on. */
  readonly document: string;
  /** Called with every message before the editor gets it: the shell reads saves and refusals here. */
  watchIn: ((message: ToWindow) => void) | null = null;
  /** Called with every message the editor sends. */
  watchOut: ((message: ToCore) => void) | null = null;
  /** Called when the session can no longer be used. */
  onFailed: ((error: CoreError) => void) | null = null;

  readonly #id: number;
  #next = 1;
  #handler: ((message: ToWindow) => void) | null = null;
  #early: ToWindow[] = [];
  #closed = false;
  readonly #inFlight = new Set<Promise<unknown>>();

  private constructor(document: string, id: number) {
    this.document = document;
    this.#id = id;
  }

  /** Opens a session. The first message is a Reset with the document as it is. */
  static async open(document: string): Promise<DocumentLink> {
    const early: ToWindow[] = [];
    let session: DocumentLink | null = null;
    const messages = new Channel<ArrayBuffer>();
    messages.onmessage = (bytes) => {
      const message = JSON.parse(decoder.decode(bytes)) as ToWindow;
      if (session) session.#receive(message);
      else early.push(message);
    };
    try {
      const id = await invoke<number>("open_session", { document, messages });
      session = new DocumentLink(document, id);
      for (const message of early) session.#receive(message);
      return session;
    } catch (thrown) {
      throw asCoreError(thrown);
    }
  }

  send(message: ToCore): void {
    if (this.#closed) return;
    this.watchOut?.(message);
    const headers = { "sheaf-session": String(this.#id), "sheaf-number": String(this.#next++) };
    const sent = invoke("session_message", encoder.encode(JSON.stringify(message)), { headers })
      .catch((thrown: unknown) => {
        if (!this.#closed) this.onFailed?.(asCoreError(thrown));
      })
      .finally(() => this.#inFlight.delete(sent));
    this.#inFlight.add(sent);
  }

  onMessage(handler: (message: ToWindow) => void): void {
    this.#handler = handler;
    const waiting = this.#early;
    this.#early = [];
    for (const message of waiting) handler(message);
  }

  /** Everything sent so far has reached the app. */
  async sent(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  close(): void {
    if (this.#closed) return;
    void this.sent().then(() => invoke("close_session", { session: this.#id }).catch(() => undefined));
    this.#closed = true;
    this.#handler = null;
  }

  #receive(message: ToWindow): void {
    if (this.#closed) return;
    this.watchIn?.(message);
    if (this.#handler) this.#handler(message);
    else this.#early.push(message);
  }
}
