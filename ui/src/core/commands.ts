/**
 * Everything the window may ask of the app, typed. Each is one Tauri command; each fails with a {@link CoreError} whose
 * message is a sentence for the person.
 */
import { Channel, invoke } from "@tauri-apps/api/core";
import { plainly } from "./plain";
import type { DocumentInfo } from "./types/DocumentInfo";
import type { InvitationLook } from "./types/InvitationLook";
import type { Me } from "./types/Me";
import type { Placement } from "./types/Placement";
import type { Settings } from "./types/Settings";
import type { SpaceInfo } from "./types/SpaceInfo";
import type { Startup } from "./types/Startup";
import type { WindowEvent } from "./types/WindowEvent";

/** Something the app could not do: a stable code, and a sentence that says what happened and what to do. */
export class CoreError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "CoreError";
    this.code = code;
  }
}

/** What was thrown, as a {@link CoreError}, whatever it was. */
export function asCoreError(thrown: unknown): CoreError {
  if (thrown instanceof CoreError) return thrown;
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
    const code = String(thrown.code);
    // What stands between backticks for the command line stands between quotation marks here.
    const words = String(thrown.message).replaceAll(/`([^`]*)`/gu, "“$1”");
    return new CoreError(code, plainly(code) ?? sentence(words));
  }
  return new CoreError("internal", sentence(thrown instanceof Error ? thrown.message : String(thrown)));
}

/** The same words with a capital at the start and a full stop at the end. */
export function sentence(words: string): string {
  const trimmed = words.trim();
  if (trimmed === "") return trimmed;
  const first = trimmed.charAt(0).toLocaleUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

/** Calls a command of the app. */
export async function call<T>(command: string, args?: Record<string, unknown>): Promise<T> {
  try {
    return await invoke<T>(command, args);
  } catch (thrown) {
    throw asCoreError(thrown);
  }
}

/** How the app stands, asked once when the window loads. Sessions of an earlier load of this window end here. */
export const start = (): Promise<Startup> => call("start");
/** Tries to open the home again. */
export const retry = (): Promise<Startup> => call("retry");
/** Ends the app. */
export const quit = (): Promise<void> => call("quit");
/** Makes the person of this home. */
export const begin = (name: string, colour: number): Promise<Startup> => call("begin", { name, colour });
/** Changes the name and colour others see. */
export const setMe = (name: string, colour: number): Promise<Me> => call("set_me", { name, colour });

/** The spaces of this person, their own first one at the end. */
export const spaces = (): Promise<SpaceInfo[]> => call("spaces");
/** The documents of a space. */
export const documents = (space: string): Promise<DocumentInfo[]> => call("documents", { space });
/** Where a document is, from receipts. */
export const placement = (document: string): Promise<Placement> => call("placement", { document });
/** Makes a space. */
export const createSpace = (name: string): Promise<SpaceInfo> => call("create_space", { name });
/** Makes an empty document in a space. */
export const createDocument = (space: string, title?: string): Promise<DocumentInfo> =>
  call("create_document", title === undefined ? { space } : { space, title });
/** Makes a document of what was pasted. */
export const importText = (space: string, kind: "text" | "html", data: string): Promise<DocumentInfo> =>
  call("import_text", { space, kind, data });
/** What an invitation says of itself; nothing is sent. */
export const lookAt = (link: string): Promise<InvitationLook> => call("look_at", { link });
/** Redeems an invitation; gives the space it leads to. */
export const join = (link: string): Promise<string> => call("join", { link });

/** Calls the other devices now instead of at the next turn. */
export const tryNow = (): Promise<void> => call("try_now");

/** What this window remembers between runs. */
export const settings = (): Promise<Settings> => call("settings");
/** Changes some of it; the other windows hear of it. */
export const putSettings = (change: Partial<Settings>): Promise<void> => call("put_settings", { change });
/** Asks where, and writes the text there. False if the person thought better of it. */
export const saveCopy = (name: string, text: string): Promise<boolean> => call("save_copy", { name, text });
/** Puts text on the clipboard. */
export const copyText = (text: string): Promise<void> => call("copy_text", { text });
/** Opens a web or mail address in the system's own program. */
export const openLink = (url: string): Promise<void> => call("open_link", { url });
/** The `sheaf://` link that was opened outside, if one waits. It is given once. */
export const takeLink = (): Promise<string | null> => call("take_link");
/** Opens another window: on a document, or on what was open last. */
export const newWindow = (document: string | null = null): Promise<void> => call("new_window", { document });
/** Says that this window has heard that it should close. */
export const closing = (): Promise<void> => call("closing");
/** Says that this window has sent everything: the app saves the last words, then the window closes. */
export const readyToClose = (): Promise<void> => call("ready_to_close");
/** Closes this window although the last words could not be saved. */
export const closeAnyway = (): Promise<void> => call("close_anyway");

/** Hears what changes, from now on. */
export async function listen(hear: (event: WindowEvent) => void): Promise<void> {
  const events = new Channel<WindowEvent>();
  events.onmessage = hear;
  await call("listen", { events });
}
