/** Asking the app for what keeps the home: its passphrase, and the person's recovery phrase. */
import { call } from "./commands";
import type { BackupReport } from "./types/BackupReport";
import type { Protection } from "./types/Protection";
import type { RestoreReport } from "./types/RestoreReport";
import type { Startup } from "./types/Startup";

/** Opens a locked home. */
export const unlock = (passphrase: string): Promise<Startup> => call("unlock", { passphrase });
/** How the home is protected. */
export const protection = (): Promise<Protection> => call("protection");
/** Sets, changes or removes (`fresh` is null) the passphrase; `old` is the one until now. */
export const setPassphrase = (old: string | null, fresh: string | null): Promise<Protection> =>
  call("set_passphrase", { old, new: fresh });
/** The words that restore this person elsewhere. */
export const recoveryPhrase = (passphrase: string | null): Promise<string[]> => call("recovery_phrase", { passphrase });
/** Says that they are written down. */
export const phraseWritten = (): Promise<Protection> => call("phrase_written");
/** Asks where, and backs everything up. Null if the person thought better of it. */
export const backUp = (): Promise<BackupReport | null> => call("back_up");
/** Asks for a backup and an empty folder, and puts it back there. */
export const restoreBackup = (passphrase: string | null): Promise<RestoreReport | null> => call("restore_backup", { passphrase });
/** On an empty home: asks for a backup to put back here; its name, or null if the person thought better of it. */
export const chooseBackup = (): Promise<string | null> => call("choose_backup");
/** On an empty home: puts the chosen backup here. */
export const restoreHere = (passphrase: string | null): Promise<Startup> => call("restore_here", { passphrase });
