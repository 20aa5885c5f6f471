/** Light, dark, or as the system has it. */
import type { Theme } from "../core/types/Theme";

/** Shows a theme from now on. */
export function showTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
