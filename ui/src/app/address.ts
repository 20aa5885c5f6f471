/**
 * The address of a window's page: it ends in the id of the document on it, so that a window opens on the document it was
 * opened for, and shows the same again when its page is loaded again.
 */

/** The document this window was opened for, or shows; null if the address names none. */
export function shownHere(): string | null {
  const id = location.hash.slice(1);
  return /^[0-9a-zA-Z]{1,100}$/u.test(id) ? id : null;
}

/** Says in the address which document this window shows. */
export function showHere(document: string): void {
  history.replaceState(null, "", `#${document}`);
}
