/** The editor, as the shell and the tests use it. Start reading at `README.md`. */
export { createEditor } from "./editor";
export type { Editor, EditorOptions, RemoteEdit, Whereabouts } from "./api";
export { ACTIONS, insertions, type Action, type ActionName } from "./commands";
export type { Other } from "./carets";
export { addressFrom, hrefOf, type Link } from "./links";
export type { PlacedLink } from "./marking";
export type { BigPaste } from "./paste";
export type { Fault, Lost } from "./session";
export type { Slash } from "./slash";
export type { Snapshot } from "./snapshot";
