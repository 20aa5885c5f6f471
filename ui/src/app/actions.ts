/** What the palette can do besides opening documents. */
import type { Component } from "svelte";

/** One command. */
export interface Action {
  id: string;
  label: string;
  /** Words by which it is also found. */
  words?: string;
  /** Its key, where there is one. */
  key: string;
  icon: Component;
  run: () => void;
}
