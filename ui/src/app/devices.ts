/** This person's devices in the words of the window. */
import type { DeviceInfo } from "../core/types/DeviceInfo";

/** What a device is called; one that has no name yet is told by the beginning of its id. */
export function deviceName(device: Pick<DeviceInfo, "id" | "name">): string {
  const name = device.name.trim();
  return name === "" ? `Device ${device.id.slice(0, 6)}` : name;
}

/** “This laptop, added 3 May 2026”. */
export function deviceStanding(device: DeviceInfo): string {
  const added =
    device.added === 0 ? "" : `added ${new Date(device.added).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" })}`;
  const parts = [device.this ? "This laptop" : "", device.removed ? "removed: it gets nothing any more" : added].filter((part) => part !== "");
  const line = parts.join(", ");
  return line.charAt(0).toLocaleUpperCase() + line.slice(1);
}

/** Whether a link is a pairing code, and no invitation. */
export function isPairingCode(link: string): boolean {
  return /^\s*sheaf:\/\/pair\//iu.test(link);
}
