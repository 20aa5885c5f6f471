/** What a link is: the text the document holds for it, and which addresses may be followed. */
import type { Scalar } from "../core/types/Scalar";

/** A link's address and its title; a title is often empty. */
export interface Link {
  /** Where it leads. */
  href: string;
  /** What it says under the pointer. */
  title: string;
}

/** The value of a `link` mark: JSON text, as the published schema says. */
export function linkOf(href: string, title = ""): string {
  return JSON.stringify({ href, title });
}

/** Reads a link's value: JSON text as the published schema says, or, leniently, a bare address. */
export function readLink(value: Scalar): Link {
  if (typeof value !== "string") return { href: "", title: "" };
  try {
    const read: unknown = JSON.parse(value);
    if (typeof read === "object" && read !== null) {
      const { href, title } = read as Record<string, unknown>;
      return { href: typeof href === "string" ? href : "", title: typeof title === "string" ? title : "" };
    }
  } catch {
    // Not JSON: another program wrote the address alone.
  }
  return { href: value, title: "" };
}

const FOLLOWED = new Set(["http:", "https:", "mailto:", "tel:", "sheaf:"]);

/** The address to follow, or null for one that may not be followed (a script, a file, something unreadable). */
export function hrefOf(address: string): string | null {
  const trimmed = address.trim();
  try {
    return FOLLOWED.has(new URL(trimmed).protocol) ? trimmed : null;
  } catch {
    return null;
  }
}

/** What a person typed or pasted as an address, made whole: `example.org` is a web address, `a@b.org` a mailbox. */
export function addressFrom(typed: string): string | null {
  const trimmed = typed.trim();
  if (trimmed === "" || /\s/.test(trimmed)) return null;
  if (/^[^\s@/:]+@[^\s@/]+\.[a-z]{2,}$/i.test(trimmed)) return `mailto:${trimmed}`;
  if (/^[a-z][a-z0-9+.-]*:/i.test(trimmed) && !/^[^/]+:\d+(\/|$)/.test(trimmed)) return hrefOf(trimmed);
  if (/^(localhost|[^\s/]+\.[a-z]{2,})(:\d+)?(\/|\?|#|$)/i.test(trimmed)) return hrefOf(`https://${trimmed}`);
  return null;
}

const TO_DOCUMENT = "sheaf://doc/";

/** The address of a document. */
export function addressOf(document: string): string {
  return TO_DOCUMENT + document;
}

/** The id of the document that an address leads to; null for any other address. */
export function documentAt(address: string): string | null {
  const trimmed = address.trim();
  if (trimmed.slice(0, TO_DOCUMENT.length).toLowerCase() !== TO_DOCUMENT) return null;
  const id = trimmed.slice(TO_DOCUMENT.length);
  return /^[a-z2-7]{52}$/.test(id) ? id : null;
}

/** The value of a link to a document: its title then is kept beside, so that a new one can be shown. */
export function linkTo(document: string, title: string): string {
  return linkOf(addressOf(document), title);
}
