/** What the palette offers of the window itself, and of the page that is open in it. */
import AppWindow from "@lucide/svelte/icons/app-window";
import Download from "@lucide/svelte/icons/download";
import Focus from "@lucide/svelte/icons/focus";
import Info from "@lucide/svelte/icons/info";
import List from "@lucide/svelte/icons/list";
import Mail from "@lucide/svelte/icons/mail-open";
import MapPin from "@lucide/svelte/icons/map-pin";
import Moon from "@lucide/svelte/icons/moon";
import PanelLeft from "@lucide/svelte/icons/panel-left";
import Pilcrow from "@lucide/svelte/icons/pilcrow";
import Plus from "@lucide/svelte/icons/plus";
import Search from "@lucide/svelte/icons/search";
import Sliders from "@lucide/svelte/icons/sliders-horizontal";
import Sun from "@lucide/svelte/icons/sun";
import Users from "@lucide/svelte/icons/users";
import { ACTIONS, keyOfAction, type ActionName } from "../editor/commands";
import type { Editor } from "../editor/api";
import type { Action } from "./actions";
import { isMac, keyName } from "./keys";
import type { Library } from "./library.svelte";
import type { Opened } from "./opened.svelte";
import { prefs } from "./prefs.svelte";
import { spaceLabel } from "./tree";

/** What the window lends. */
export interface Desk {
  library: Library;
  opened: Opened;
  /** Whether the sidebar is shown. */
  sidebar: boolean;
  dark: boolean;
  toggleSidebar: () => void;
  toggleTheme: () => void;
  newWindow: () => void;
}

/** What the window can do. */
export function windowActions({ library, opened, sidebar, dark, toggleSidebar, toggleTheme, newWindow }: Desk): Action[] {
  return [
    { id: "space", label: "New space", key: "", icon: Plus, run: () => (opened.newSpace = true) },
    { id: "join", label: "Open an invitation", key: "", icon: Mail, run: () => opened.openInvitation() },
    ...(library.space
      ? [{ id: "share", label: `Share ${spaceLabel(library.space)}`, key: "", icon: Users, run: () => (opened.share = true) }]
      : []),
    ...(library.open === null
      ? []
      : [{ id: "where", label: "Where this document is", key: keyName("where"), icon: MapPin, run: () => (opened.where = true) }]),
    { id: "sidebar", label: sidebar ? "Hide the sidebar" : "Show the sidebar", key: keyName("sidebar"), icon: PanelLeft, run: toggleSidebar },
    { id: "theme", label: dark ? "Use the light theme" : "Use the dark theme", key: "", icon: dark ? Sun : Moon, run: toggleTheme },
    { id: "window", label: "New window", key: keyName("newWindow"), icon: AppWindow, run: newWindow },
    { id: "settings", label: "Settings", key: keyName("settings"), icon: Sliders, run: () => opened.openSettings() },
    { id: "about", label: "About Sheaf", words: "version licences diagnostics help", key: "", icon: Info, run: () => (opened.about = true) },
  ];
}

/** The page, as far as the palette goes. */
export interface PageDesk {
  current: () => Editor | null;
  find: (replace: boolean) => void;
  toggleOutline: () => void;
  focus: () => void;
}

/** What can be done round the page, and to it, just now. */
export function pageActions(page: PageDesk | undefined, readOnly: boolean, exportOpen: () => void): Action[] {
  const editor = page?.current() ?? null;
  return page && editor ? [...(editor.ready ? round(page, readOnly, exportOpen) : []), ...onPage(editor)] : [];
}

function round(at: PageDesk, readOnly: boolean, exportOpen: () => void): Action[] {
  return [
    { id: "find", label: "Find in this document", words: "search", key: keyName("find"), icon: Search, run: () => at.find(false) },
    ...(readOnly ? [] : [{ id: "replace", label: "Find and replace", key: keyName("replace"), icon: Search, run: () => at.find(true) }]),
    {
      id: "outline",
      label: prefs.chosen.outline ? "Hide the outline and counts" : "Show the outline and counts",
      words: "headings contents word count panel",
      key: keyName("panel"),
      icon: List,
      run: () => at.toggleOutline(),
    },
    {
      id: "focus",
      label: prefs.chosen.focus ? "Leave focus mode" : "Focus mode",
      words: "quiet distraction",
      key: "",
      icon: Focus,
      run: () => {
        prefs.choose({ focus: !prefs.chosen.focus });
        at.focus();
      },
    },
    { id: "export", label: "Export this document", key: "", icon: Download, run: exportOpen },
  ];
}

function onPage(editor: Editor): Action[] {
  return (Object.keys(ACTIONS) as ActionName[])
    .filter((name) => editor.can(name))
    .map((name) => ({
      id: name,
      label: ACTIONS[name].label,
      words: ACTIONS[name].words,
      key: keyOfAction(name, isMac),
      icon: Pilcrow,
      run: () => {
        editor.focus();
        editor.run(name);
      },
    }));
}
