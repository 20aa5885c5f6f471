/** Asking the app for this person's devices: listing, naming, pairing, removing, and coming back on a new machine. */
import { call } from "./commands";
import type { Me } from "./types/Me";
import type { DeviceInfo } from "./types/DeviceInfo";
import type { PairingCode } from "./types/PairingCode";
import type { PairingPeer } from "./types/PairingPeer";
import type { Recovery } from "./types/Recovery";
import type { Startup } from "./types/Startup";

/** This person's devices: this one first, those that were removed last. */
export const devices = (): Promise<DeviceInfo[]> => call("devices");
/** Calls one of them something else. */
export const renameDevice = (device: string, name: string): Promise<void> => call("rename_device", { device, name });
/** Removes one; the recovery phrase signs for it where the root key is not here. */
export const removeDevice = (device: string, phrase: string | null): Promise<void> =>
  call("remove_device", { device, phrase });
/** Makes a copied home a device of its own. */
export const renewDevice = (phrase: string | null): Promise<Me> => call("renew_device", { phrase });
/** On an empty home: shows a code. What becomes of it is told as events. */
export const pairShow = (): Promise<PairingCode> => call("pair_show");
/** On an empty home, once it was taken in: waits a while for what the person has to arrive. */
export const pairArrive = (): Promise<Startup> => call("pair_arrive");
/** Calls the device that shows this code. */
export const pairLook = (code: string): Promise<PairingPeer> => call("pair_look", { code });
/** Takes the device in that was looked at last. */
export const pairConfirm = (phrase: string | null): Promise<DeviceInfo> => call("pair_confirm", { phrase });
/** Gives the pairing up, on either side. */
export const pairCancel = (): Promise<void> => call("pair_cancel");
/** On an empty home: the person whose recovery phrase this is. */
export const recover = (phrase: string, name: string | null, peer: string | null): Promise<Recovery> =>
  call("recover", { phrase, name, peer });
/** The words that recovery phrases are made of, in the order of the alphabet. */
export const phraseList = (): Promise<string[]> => call("phrase_list");
