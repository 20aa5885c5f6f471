/** Times as the window writes them: 24 hours, no more precision than the reader needs. */

const two = (n: number): string => String(n).padStart(2, "0");

/** “16:40”. */
export function clock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** “16:42:07” today, “Sunday, 19:20” within a week, “12 March, 19:20” before. */
export function moment(ms: number, now: number): string {
  const at = new Date(ms);
  const today = new Date(now);
  if (at.toDateString() === today.toDateString()) return `${clock(ms)}:${two(at.getSeconds())}`;
  const days = Math.abs(now - ms) / 86_400_000;
  const day =
    days < 6
      ? at.toLocaleDateString("en-GB", { weekday: "long" })
      : at.toLocaleDateString("en-GB", { day: "numeric", month: "long", ...(days > 300 ? { year: "numeric" } : {}) });
  return `${day}, ${clock(ms)}`;
}
