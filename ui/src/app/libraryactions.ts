/** What the palette can do with documents as wholes. */
import AppWindow from "@lucide/svelte/icons/app-window";
import Copy from "@lucide/svelte/icons/copy";
import CopyPlus from "@lucide/svelte/icons/copy-plus";
import Pin from "@lucide/svelte/icons/pin";
import Tag from "@lucide/svelte/icons/tag";
import Trash from "@lucide/svelte/icons/trash-2";
import type { Action } from "./actions";
import type { Librarian } from "./librarian.svelte";
import type { Library } from "./library.svelte";
import { writes } from "./roles";
import { documentLabel } from "./tree";

/** The commands, as they fit what is on the page. */
export function libraryActions(library: Library, librarian: Librarian): Action[] {
  const here = library.document;
  const mayWrite = library.space !== null && writes(library.space.role);
  const list: Action[] = [];
  if (mayWrite) {
    for (const template of librarian.templates) {
      const label = `New from “${documentLabel(template)}”`;
      list.push({ id: `from-${template.id}`, label, words: "template", key: "", icon: CopyPlus, run: () => librarian.createFrom(template) });
    }
  }
  if (here) {
    const pin = here.pinned === null ? "Pin this document" : "Unpin this document";
    list.push(
      { id: "beside", label: "Open this document in a new window", words: "second", key: "", icon: AppWindow, run: () => librarian.openBeside(here) },
      { id: "pin", label: pin, words: "favourite", key: "", icon: Pin, run: () => librarian.pin(here) },
    );
  }
  if (here && mayWrite) {
    list.push(
      { id: "tags", label: "Tags of this document", words: "label", key: "", icon: Tag, run: () => (librarian.tagging = here) },
      { id: "duplicate", label: "Duplicate this document", words: "copy", key: "", icon: Copy, run: () => librarian.duplicate(here) },
      {
        id: "template",
        label: here.template ? "Do not use this document as a template" : "Use this document as a template",
        key: "",
        icon: CopyPlus,
        run: () => librarian.template(here),
      },
      { id: "to-trash", label: "Move this document to the trash", words: "delete remove", key: "", icon: Trash, run: () => librarian.trash(here) },
    );
  }
  list.push({ id: "trash", label: "Open the trash", words: "restore deleted bin", key: "", icon: Trash, run: () => (librarian.trashOpen = true) });
  return list;
}
