/**
 * Where the caret was in each document, between one look at it and the next: numbers alone, and not a letter of what is
 * written. What others have written above meanwhile may have moved the words; then it is near them.
 */

const KEPT = "sheaf.places";
/** So many documents are remembered; the one that was left longest ago goes first. */
const MOST = 200;

type Places = Array<[document: string, at: number]>;

function readAll(storage: Storage): Places {
  try {
    const parsed: unknown = JSON.parse(storage.getItem(KEPT) ?? "[]");
    if (!Array.isArray(parsed)) return [];
    return parsed.filter((one): one is [string, number] => Array.isArray(one) && typeof one[0] === "string" && Number.isSafeInteger(one[1]) && one[1] >= 0);
  } catch {
    // What cannot be read is as if it were not there.
    return [];
  }
}

/** Where the caret was; null if that is not known. */
export function placeOf(document: string, storage: Storage = localStorage): number | null {
  return readAll(storage).find(([id]) => id === document)?.[1] ?? null;
}

/** Keeps where it is. */
export function keepPlace(document: string, at: number, storage: Storage = localStorage): void {
  const others = readAll(storage).filter(([id]) => id !== document);
  try {
    storage.setItem(KEPT, JSON.stringify([...others, [document, at]].slice(-MOST)));
  } catch {
    // A webview without storage begins at the title.
  }
}
