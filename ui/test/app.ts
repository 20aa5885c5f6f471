/** A stand-in for the app behind the window, for tests of the shell: it answers commands and can say things. */
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import type { Channel } from "@tauri-apps/api/core";
import type { DocumentInfo } from "../src/core/types/DocumentInfo";
import type { Placement } from "../src/core/types/Placement";
import type { Settings } from "../src/core/types/Settings";
import type { SpaceInfo } from "../src/core/types/SpaceInfo";
import type { Startup } from "../src/core/types/Startup";
import type { ToCore } from "../src/core/types/ToCore";
import type { ToWindow } from "../src/core/types/ToWindow";
import type { WindowEvent } from "../src/core/types/WindowEvent";

type Answer = (args: Record<string, unknown>) => unknown;

/** A document as the node would list it. */
export const listed = (id: string, space: string, title: string, more: Partial<DocumentInfo> = {}): DocumentInfo => ({
  id,
  space,
  title,
  parent: null,
  depth: 0,
  created: 0,
  tags: [],
  template: false,
  pinned: null,
  ...more,
});

/** What the tests look at and change. */
export class StandIn {
  startup: Startup = {
    state: "ready",
    home: "/home/mara/.local/share/sheaf",
    me: { person: "pm", device: "dm", name: "Mara Lindqvist", colour: 7 },
    notices: [],
  };
  settings: Settings = { theme: "light", sidebar: true, sidebarWidth: null, document: null, closed: [], asidesAway: [] };
  spaces: SpaceInfo[] = [
    { id: "s1", name: "Field station", role: "owner", people: 2, private: false, ended: null },
    { id: "sp", name: "Private", role: "owner", people: 1, private: true, ended: null },
  ];
  documents: DocumentInfo[] = [
    listed("d1", "s1", "Season plan"),
    listed("d2", "s1", "Spring visit"),
  ];
  placement: Placement = { saved: Date.now(), failing: null, shared: false, places: [] };
  /** Every command that was called, with what it was given. */
  readonly calls: Array<[command: string, args: Record<string, unknown>]> = [];
  /** What the page sent. */
  readonly sent: ToCore[] = [];
  /** Answers of the test's own, by command. */
  readonly answers: Record<string, Answer> = {};
  #events: Channel<WindowEvent> | null = null;
  #sessions = new Map<number, Channel<ArrayBuffer>>();

  constructor() {
    mockIPC((command, payload) => {
      if (ArrayBuffer.isView(payload)) {
        const message = JSON.parse(new TextDecoder().decode(payload)) as ToCore;
        this.sent.push(message);
        return null;
      }
      const args = (payload ?? {}) as Record<string, unknown>;
      this.calls.push([command, args]);
      const own = this.answers[command];
      return own ? own(args) : this.#answer(command, args);
    });
  }

  /** How often a command was called. */
  count(command: string): number {
    return this.calls.filter(([name]) => name === command).length;
  }

  /** Says something to the window. */
  say(event: WindowEvent): void {
    this.#events?.onmessage(event);
  }

  /** Says something to the newest page. */
  toPage(message: ToWindow): void {
    const channel = [...this.#sessions.values()].at(-1);
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    channel?.onmessage(bytes.buffer);
  }

  /** Ends it. */
  end(): void {
    history.replaceState(null, "", "#");
    clearMocks();
  }

  #answer(command: string, args: Record<string, unknown>): unknown {
    switch (command) {
      case "start":
      case "retry":
        return this.startup;
      case "settings":
        return this.settings;
      case "listen":
        this.#events = args.events as Channel<WindowEvent>;
        return null;
      case "spaces":
        return this.spaces;
      case "documents":
        return this.documents.filter((each) => each.space === args.space);
      case "placement":
        return this.placement;
      case "protection":
        return { keyring: false, passphrase: false, phraseWritten: false, phraseHere: true, copied: false };
      case "phrase_list":
        return ["abandon", "ability", "able", "about", "above", "absent", "zoo"];
      case "devices":
        return [{ id: "dm", name: "Mara’s laptop", this: true, added: 0, removed: false }];
      case "search":
        return { found: [], unread: 0 };
      case "recent":
      case "backlinks":
      case "trashed":
      case "former_members":
      case "relays":
      case "invitations":
      case "set_aside":
        return [];
      case "members":
        return [{ id: "pm", name: "Mara Lindqvist", colour: 7, role: "owner", devices: 1, you: true, founder: true, verified: true, canChange: false }];
      case "create_document": {
        const made = listed(`d${this.documents.length + 1}`, String(args.space), "");
        this.documents = [...this.documents, made];
        return made;
      }
      case "open_session": {
        const id = this.#sessions.size + 1;
        this.#sessions.set(id, args.messages as Channel<ArrayBuffer>);
        queueMicrotask(() =>
          this.toPage({ m: "reset", number: 1, items: [], refused: null, checksum: null, forced: false }),
        );
        return id;
      }
      case "save_copy":
        return true;
      default:
        return null;
    }
  }
}
