/** What a backup, and putting one back, come to: sentences for the settings. */
import type { BackupReport } from "../core/types/BackupReport";
import type { RestoreReport } from "../core/types/RestoreReport";
import { day } from "./invitations";
import { counted } from "./words";

/** “48 kB”, “1.2 MB”. */
export function size(bytes: number): string {
  if (bytes < 1000) return counted(bytes, "byte", "bytes");
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 10 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit]}`;
}

/** What was backed up, and who can read it. */
export function backedUp(report: BackupReport): string {
  const guarded = report.passphrase
    ? "Your passphrase opens it."
    : "No passphrase guards it: whoever has the file can read it, so keep it where you keep what matters.";
  return `${counted(report.spaces, "space", "spaces")}, ${size(report.bytes)}, in ${report.file}. ${guarded}`;
}

/** What was put back, and how it is opened. */
export function restored(report: RestoreReport): string {
  return `The backup of ${day(report.made)} is in ${report.home}. Start Sheaf with that folder: sheaf-desktop --home "${report.home}".`;
}

/** Why a backup was not put back, as a sentence. */
export function whyNotPutBack(error: { code: string; message: string }): string {
  if (error.code === "locked") return "A passphrase opens this backup: the one that was set when it was made.";
  if (error.code === "wrong-passphrase") return "This is not the passphrase of that backup. Try again.";
  return error.message;
}
