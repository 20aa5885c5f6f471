/** Small numbers and names as they stand in sentences. */

const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"] as const;

/** “One”, “Twelve”, “13”: a number at the beginning of a sentence. */
export function capitalNumber(n: number): string {
  return NUMBERS[n] ?? n.toLocaleString("en-GB");
}

/** “one”, “twelve”, “13”. */
export function smallNumber(n: number): string {
  return capitalNumber(n).toLocaleLowerCase();
}

/** “one device”, “3 devices”: the number in digits from two on, for captions. */
export function counted(n: number, one: string, many: string): string {
  return n === 1 ? `1 ${one}` : `${n.toLocaleString("en-GB")} ${many}`;
}
