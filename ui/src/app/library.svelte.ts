/**
 * What the window knows of the library: the spaces, their documents, who is where, and where the open document is
 * kept. The node is the truth; this asks again whenever it says that something changed.
 */
import { SvelteMap } from "svelte/reactivity";
import * as commands from "../core/commands";
import { recent } from "../core/library";
import { setAside } from "../core/people";
import type { DocumentInfo } from "../core/types/DocumentInfo";
import type { Me } from "../core/types/Me";
import type { NodeEvent } from "../core/types/NodeEvent";
import type { Placement } from "../core/types/Placement";
import type { Present } from "../core/types/Present";
import type { SetAside } from "../core/types/SetAside";
import type { SpaceInfo } from "../core/types/SpaceInfo";
import { inOrder } from "./tree";

/** The library of one person, live. */
export class Library {
  me: Me = $state.raw({ person: "", device: "", name: "", colour: 1 });
  spaces: SpaceInfo[] = $state.raw([]);
  /** The documents of each space; a space that is missing here has not answered yet. */
  readonly documents = new SvelteMap<string, DocumentInfo[]>();
  /** Who else has a document open. */
  readonly present = new SvelteMap<string, Present[]>();
  /** Work that was set aside, by space; only of spaces that were asked about. */
  readonly asides = new SvelteMap<string, SetAside[]>();
  /** The document on the page. */
  open: string | null = $state(null);
  /** The documents that were opened on this device, the last first. */
  recent: string[] = $state.raw([]);
  /** Where it is kept; null before the node has answered. */
  placement: Placement | null = $state.raw(null);

  constructor(me: Me) {
    this.me = me;
  }

  /** The open document, as the library lists it. */
  get document(): DocumentInfo | null {
    return this.open === null ? null : this.find(this.open);
  }

  /** The space of the open document, else the one a new document would go to. */
  get space(): SpaceInfo | null {
    const id = this.document?.space;
    return (
      this.spaces.find((space) => space.id === id) ?? this.spaces.find((space) => space.private) ?? this.spaces[0] ?? null
    );
  }

  /** A document by id, wherever it is. */
  find(id: string): DocumentInfo | null {
    for (const inside of this.documents.values()) {
      const found = inside.find((document) => document.id === id);
      if (found) return found;
    }
    return null;
  }

  /** All documents, in the order of the tree. */
  get all(): DocumentInfo[] {
    return inOrder(this.spaces).flatMap((space) => this.documents.get(space.id) ?? []);
  }

  /** Reads everything once. */
  async load(): Promise<void> {
    this.spaces = await commands.spaces();
    await Promise.all(this.spaces.map((space) => this.readDocuments(space.id)));
  }

  /** Takes in what the node says. */
  async hear(event: NodeEvent): Promise<void> {
    switch (event.event) {
      case "spaces":
      case "joined":
        await this.load();
        break;
      case "documents":
        await this.readDocuments(event.space);
        break;
      case "placement":
      case "synced":
        if (event.space === this.document?.space) await this.readPlacement();
        break;
      case "connected":
      case "disconnected":
        await this.readPlacement();
        break;
      case "setAside":
      case "forked":
        await this.readAsides(event.space);
        break;
      case "removed":
        await this.load();
        break;
      case "present":
        this.present.set(event.document, event.people);
        break;
      default:
    }
  }

  /** Asks where the open document is. */
  async readPlacement(): Promise<void> {
    const id = this.open;
    if (id === null) {
      this.placement = null;
      return;
    }
    const placement = await commands.placement(id);
    if (this.open === id) this.placement = placement;
  }

  /** Asks which documents were opened last. */
  async readRecent(): Promise<void> {
    this.recent = (await recent()).map((document) => document.id);
  }

  /** Asks what was set aside in a space. */
  async readAsides(space: string): Promise<void> {
    this.asides.set(space, await setAside(space));
  }

  /** Puts a document on the page. */
  show(id: string | null): void {
    if (this.open === id) return;
    this.open = id;
    this.placement = null;
    void this.readPlacement().catch(() => undefined);
  }

  /** Makes a document in a space, and puts it on the page. */
  async create(space: string): Promise<DocumentInfo> {
    const made = await commands.createDocument(space);
    await this.readDocuments(space);
    this.show(made.id);
    return made;
  }

  /** Asks which documents a space has. */
  async readDocuments(space: string): Promise<void> {
    this.documents.set(space, await commands.documents(space));
  }
}
