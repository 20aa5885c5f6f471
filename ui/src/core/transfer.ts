/** Asking the app for files and folders: to be read, or written. */
import { call } from "./commands";
import type { ExportReport } from "./types/ExportReport";
import type { ImportReport } from "./types/ImportReport";
import type { SpaceInfo } from "./types/SpaceInfo";

/** What a document can be written as. */
export type Format = "md" | "html" | "docx" | "automerge";

/** Asks for files, or for a folder, and makes documents of them. Null if the person thought better of it. */
export const importFiles = (space: string, folder: boolean, errand: string): Promise<ImportReport | null> =>
  call("import_files", { space, folder, errand });
/** Asks where, and writes all documents of a space there. Null if the person thought better of it. */
export const exportSpace = (space: string, name: string, errand: string): Promise<ExportReport | null> =>
  call("export_space", { space, name, errand });
/** Begins a space of this person's own with a copy of every document of another. */
export const beginAnew = (space: string, name: string, errand: string): Promise<SpaceInfo> =>
  call("begin_anew", { space, name, errand });
/** Asks long work to stop. */
export const stopErrand = (errand: string): Promise<void> => call("stop_errand", { errand });
/** Asks where, and writes a document there. False if the person thought better of it. */
export const exportDocument = (document: string, name: string, format: Format): Promise<boolean> =>
  call("export_document", { document, name, format });
