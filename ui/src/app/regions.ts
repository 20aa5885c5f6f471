/** F6: round the regions of the window, in the order in which they stand. */

/** The visible regions. Each element marked `data-region` is one. */
export function regions(root: ParentNode = document): HTMLElement[] {
  return [...root.querySelectorAll<HTMLElement>("[data-region]")].filter((element) => element.offsetParent !== null || element.isConnected && getComputedStyle(element).display !== "none");
}

/** Moves the focus to the next region, or the one before. */
export function stepRegion(step: 1 | -1, root: ParentNode = document): void {
  const all = regions(root);
  if (all.length === 0) return;
  const at = all.findIndex((region) => region.contains(document.activeElement));
  const from = at < 0 && step < 0 ? 0 : at;
  const next = all[(from + step + all.length) % all.length];
  if (next) focusIn(next);
}

/** Puts the focus on what a region says is its first place, else on the first thing in it that takes focus. */
export function focusIn(region: HTMLElement): void {
  const first =
    region.querySelector<HTMLElement>("[data-region-focus]") ??
    region.querySelector<HTMLElement>("[contenteditable='true'], [role='treeitem'][tabindex='0']") ??
    region.querySelector<HTMLElement>("button:not(:disabled), input, [tabindex='0']");
  (first ?? region).focus();
}
