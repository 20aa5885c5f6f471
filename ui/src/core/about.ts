/** Asking the app what it is: its version, what it is made of, and how it stands, for whoever is to help. */
import { call } from "./commands";
import type { About } from "./types/About";

/** The version, and everything that is part of it. */
export const about = (): Promise<About> => call("about");
/** The text of one licence, by its place in the list. */
export const licenceText = (text: number): Promise<string> => call("licence_text", { text });
/** How Sheaf stands here, without a word of any document or a name. */
export const diagnostics = (): Promise<string> => call("diagnostics");
/** Asks where, and writes that there. False if the person thought better of it. */
export const saveDiagnostics = (): Promise<boolean> => call("save_diagnostics");
