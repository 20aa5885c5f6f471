/** The habits of other programs' clipboards: what in their HTML is no part of what was copied, and what stands for something else. */

/** Whether an element is furniture: comments and their anchors, buttons, the signs that lead to a heading. */
export function isFurniture(element: HTMLElement, tag: string, style: string): boolean {
  if (tag === "BUTTON" || element.hidden) return true;
  if (/display\s*:\s*none|mso-list\s*:\s*Ignore|mso-element\s*:\s*comment/i.test(style)) return true;
  return tag === "A" && (element.classList.contains("msocomanchor") || element.getAttribute("aria-hidden") === "true");
}

/** Whether the hard spaces in an element are ordinary ones, as Apple's programs and Word write runs of spaces. */
export function hasSoftSpaces(element: HTMLElement, style: string): boolean {
  return element.classList.contains("Apple-converted-space") || /mso-spacerun\s*:\s*yes/i.test(style);
}

/** Whether an element is one of Word's that keep an empty paragraph open: a hard space in it is no word. */
export function isFiller(element: HTMLElement, tag: string): boolean {
  return tag === "O:P" && (element.textContent ?? "").trim() === "";
}

/** The level of the heading that a paragraph of Word is without saying so in its tag; null when it is none. */
export function wordHeading(element: HTMLElement): number | null {
  return element.classList.contains("MsoTitle") ? 1 : null;
}

/** Where a link leads, past the page by which Google Docs counts who follows it. */
export function pastRedirect(href: string): string {
  if (!/^https?:\/\/www\.google\.com\/url\?/i.test(href)) return href;
  try {
    return new URL(href).searchParams.get("q") ?? href;
  } catch {
    return href;
  }
}
