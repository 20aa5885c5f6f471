/** What the palette can do with files. */
import Download from "@lucide/svelte/icons/download";
import FolderInput from "@lucide/svelte/icons/folder-input";
import FolderOutput from "@lucide/svelte/icons/folder-output";
import Import from "@lucide/svelte/icons/import";
import { exportDocument, type Format } from "../core/transfer";
import type { Action } from "./actions";
import type { Announcer } from "./announce.svelte";
import type { Library } from "./library.svelte";
import { writes } from "./roles";
import type { Transfer } from "./transfer.svelte";
import { documentLabel } from "./tree";

/** The ways a document is written, besides Markdown, which has a command of its own. */
const WAYS: Array<[Format, string, string]> = [
  ["docx", "Export this document for Word", "docx libreoffice file"],
  ["html", "Export this document as a web page", "html file"],
  ["automerge", "Export this document with its history", "automerge file"],
];

/** The commands, as they fit where the window is. */
export function transferActions(
  library: Library,
  transfer: Transfer,
  announcer: Announcer,
  attempt: (work: () => Promise<unknown>) => void,
): Action[] {
  const { space, document } = library;
  const list: Action[] = [];
  if (space && writes(space.role)) {
    list.push(
      { id: "import", label: "Import files", words: "markdown html word docx automerge open", key: "", icon: Import, run: () => transfer.import(space, false) },
      { id: "import-folder", label: "Import a folder", words: "obsidian vault markdown", key: "", icon: FolderInput, run: () => transfer.import(space, true) },
    );
  }
  if (space) {
    list.push({ id: "export-space", label: "Export this space as a folder", words: "markdown files backup", key: "", icon: FolderOutput, run: () => transfer.export(space) });
  }
  if (document) {
    for (const [format, label, words] of WAYS) {
      const run = (): void =>
        attempt(async () => {
          if (await exportDocument(document.id, documentLabel(document), format)) announcer.say("The document is exported.");
        });
      list.push({ id: `export-${format}`, label, words, key: "", icon: Download, run });
    }
  }
  return list;
}
