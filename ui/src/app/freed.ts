/** Waiting for a dialog to be gone: as long as one is there, it keeps the focus. */

const DIALOG = "[role=dialog], [role=alertdialog]";

/**
 * Calls `then` as soon as no dialog is on screen, at once if none is. A dialog that closes stays for as long as it takes to
 * fade. Returns what gives up waiting.
 */
export function onceFreed(then: () => void): () => void {
  if (!document.querySelector(DIALOG)) {
    then();
    return () => undefined;
  }
  const watching = new MutationObserver(() => {
    if (document.querySelector(DIALOG)) return;
    watching.disconnect();
    then();
  });
  watching.observe(document.body, { childList: true, subtree: true });
  return () => {
    watching.disconnect();
  };
}
