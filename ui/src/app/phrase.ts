/** The recovery phrase: asking for it back, and taking it in. Pure. */

/** How many words a phrase has. */
export const WORDS = 24;

/** Which two words are asked back, by their places from 0, in order. `random` gives numbers from 0 up to 1. */
export function askBack(random: () => number, of = WORDS): [number, number] {
  const first = Math.floor(random() * of);
  // One of the others: the places after the first move up by one.
  const other = Math.floor(random() * (of - 1));
  const second = other >= first ? other + 1 : other;
  return first < second ? [first, second] : [second, first];
}

/** Whether two writings are the same word: capitals and spaces do not count. */
export function sameWord(one: string, other: string): boolean {
  const plain = (word: string): string => word.trim().toLowerCase().normalize("NFKD");
  return plain(one) === plain(other);
}

/** The words of a text, however they are set out: numbers, commas and line breaks are left aside. */
export function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .normalize("NFKD")
    .split(/[^a-z]+/u)
    .filter((word) => word !== "");
}

/** The words of the list that begin so; the word itself first, if it is one. */
export function completions(start: string, list: readonly string[], most = 6): string[] {
  const plain = start.trim().toLowerCase();
  if (plain === "") return [];
  const found = list.filter((word) => word.startsWith(plain));
  return found.sort((a, b) => Number(b === plain) - Number(a === plain)).slice(0, most);
}

/** The one word that is meant: it is written out, or no other begins so. */
export function meant(start: string, list: readonly string[]): string | null {
  const plain = start.trim().toLowerCase();
  if (list.includes(plain)) return plain;
  const [first, second] = completions(plain, list, 2);
  return first !== undefined && second === undefined ? first : null;
}
