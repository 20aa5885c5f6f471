/**
 * The one wire between a window's editor and the core, for one open document.
 *
 * In the app it is Tauri's IPC; in tests it is a child process that runs the real core. The editor takes a link and
 * nothing else, so that no test needs a back door.
 */
import type { ToCore } from "./types/ToCore";
import type { ToWindow } from "./types/ToWindow";

/** One session's line to the core. Messages arrive whole, once, and in the order they were sent, in both directions. */
export interface CoreLink {
  /** Sends at once; never waits, never throws for a core that has gone away. */
  send(message: ToCore): void;
  /**
   * Says who takes the core's messages. There is one taker at a time; messages that arrived before the first one are
   * kept for it.
   */
  onMessage(handler: (message: ToWindow) => void): void;
  /** Ends the session; nothing is sent or received afterwards. */
  close(): void;
}
