/** Asking the app where documents are, and changing it. */
import { call } from "./commands";
import type { BacklinkInfo } from "./types/BacklinkInfo";
import type { DocumentInfo } from "./types/DocumentInfo";
import type { DocumentPreview } from "./types/DocumentPreview";
import type { SearchReport } from "./types/SearchReport";
import type { TrashedInfo } from "./types/TrashedInfo";

/** Puts a document under another one (null: at the top), and there before a third (null: last). */
export const moveDocument = (document: string, under: string | null, before: string | null): Promise<DocumentInfo> =>
  call("move_document", { document, under, before });
/** Makes an empty document under another one. */
export const createUnder = (under: string): Promise<DocumentInfo> => call("create_under", { under });
/** Makes a document that says the same. */
export const duplicate = (document: string): Promise<DocumentInfo> => call("duplicate", { document });
/** Makes a document after a template. */
export const createFrom = (template: string, space: string): Promise<DocumentInfo> => call("create_from", { template, space });
/** Says whether others are made after a document. */
export const setTemplate = (document: string, template: boolean): Promise<void> => call("set_template", { document, template });
/** Gives a document tags, and takes others off. */
export const setTags = (document: string, on: string[], off: string[]): Promise<DocumentInfo> =>
  call("set_tags", { document, on, off });
/** Keeps a document at hand on all devices of this person, or does not any more. */
export const setPinned = (document: string, pinned: boolean): Promise<void> => call("set_pinned", { document, pinned });
/** The documents that were opened on this device, the last first. */
export const recent = (): Promise<DocumentInfo[]> => call("recent");

/** The beginning of a document, for whoever is about to follow a link to it; also of one in the trash. */
export const preview = (document: string): Promise<DocumentPreview> => call("preview", { document });
/** The documents that link to one, with the words around their links. */
export const backlinks = (document: string): Promise<BacklinkInfo[]> => call("backlinks", { document });
/** Documents with these words in them, the best first, as far as they have been read. */
export const search = (words: string, limit: number): Promise<SearchReport> => call("search", { words, limit });

/** Puts a document into the trash, with all that is under it. */
export const trash = (document: string): Promise<void> => call("trash", { document });
/** What is in the trash of all spaces, the last first. */
export const trashed = (): Promise<TrashedInfo[]> => call("trashed");
/** Takes a document out of the trash. */
export const restore = (document: string): Promise<DocumentInfo> => call("restore_document", { document });
/** Destroys a document that is in the trash, for everyone; gives how many. */
export const destroy = (document: string): Promise<number> => call("destroy", { document });
