/**
 * How this person likes to write on this device: the page's font, size and width, focus mode, the outline.
 *
 * None of it says anything about what is written, so it is kept by the window itself and not in the home. Whatever is
 * read back is checked: an unknown value is the usual one.
 */

/** What can be chosen. The first of each is the usual. */
export const CHOICES = {
  font: ["serif", "sans", "mono"],
  size: ["usual", "16", "18", "20", "22"],
  width: ["usual", "58", "68", "80"],
  speak: ["near", "all", "off"],
} as const;

/** What a person has chosen. */
export interface Chosen {
  font: (typeof CHOICES.font)[number];
  /** In CSS pixels at the usual size of text. */
  size: (typeof CHOICES.size)[number];
  /** In characters. */
  width: (typeof CHOICES.width)[number];
  /** What of others' edits a screen reader is told. */
  speak: (typeof CHOICES.speak)[number];
  /** Only the block with the caret in full ink. */
  focus: boolean;
  /** The line with the caret stays in the middle. */
  typewriter: boolean;
  /** The outline beside the page. */
  outline: boolean;
}

const KEPT = "sheaf.page";
const USUAL: Chosen = { font: "serif", size: "usual", width: "usual", speak: "near", focus: false, typewriter: false, outline: false };

/** Reads what was kept, whatever it is. */
export function readChosen(kept: string | null): Chosen {
  let read: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(kept ?? "{}");
    if (typeof parsed === "object" && parsed !== null) read = parsed as Record<string, unknown>;
  } catch {
    // What cannot be read is as if it were not there.
  }
  const one = <T extends string>(name: string, of: readonly T[], usual: T): T => of.find((each) => each === read[name]) ?? usual;
  const flag = (name: string): boolean => read[name] === true;
  return {
    font: one("font", CHOICES.font, USUAL.font),
    size: one("size", CHOICES.size, USUAL.size),
    width: one("width", CHOICES.width, USUAL.width),
    speak: one("speak", CHOICES.speak, USUAL.speak),
    focus: flag("focus"),
    typewriter: flag("typewriter"),
    outline: flag("outline"),
  };
}

/** Shows the page as it was chosen, by attributes that the style sheet reads. */
export function showChosen({ font, size, width }: Chosen, root: HTMLElement = document.documentElement): void {
  const show = (name: string, value: string, usual: string): void => {
    if (value === usual) root.removeAttribute(name);
    else root.setAttribute(name, value);
  };
  show("data-page-font", font, USUAL.font);
  show("data-page-size", size, USUAL.size);
  show("data-page-width", width, USUAL.width);
}

/** What is chosen now, in every window alike. */
class Prefs {
  chosen: Chosen = $state.raw(USUAL);

  /** Reads what was kept, and what other windows choose from now on; returns how to stop. */
  begin(): () => void {
    this.#read();
    const heard = (event: StorageEvent): void => {
      if (event.key === KEPT) this.#read();
    };
    window.addEventListener("storage", heard);
    return () => window.removeEventListener("storage", heard);
  }

  /** Chooses. Where nothing can be kept it holds until the window closes. */
  choose(change: Partial<Chosen>): void {
    this.chosen = { ...this.chosen, ...change };
    showChosen(this.chosen);
    try {
      localStorage.setItem(KEPT, JSON.stringify(this.chosen));
    } catch {
      // A webview without storage still shows what was chosen.
    }
  }

  #read(): void {
    let kept: string | null = null;
    try {
      kept = localStorage.getItem(KEPT);
    } catch {
      // As above.
    }
    this.chosen = readChosen(kept);
    showChosen(this.chosen);
  }
}

/** The one there is. */
export const prefs = new Prefs();
