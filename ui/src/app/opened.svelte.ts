/** Which of the window's dialogs are open, and what they begin with. One window has one of these. */
export class Opened {
  /** Where the document is. */
  where = $state(false);
  palette = $state(false);
  share = $state(false);
  join = $state(false);
  /** Whether the invitation's dialog awaits an answer, and says it. */
  joinWaiting = $state(false);
  /** The link that the invitation's dialog begins with. */
  joinLink = $state("");
  newSpace = $state(false);
  settings = $state(false);
  /** The code of a new device that was opened outside. */
  pairing = $state("");
  about = $state(false);
  renew = $state(false);
  unsaved = $state(false);
  asides = $state(false);
  forget = $state(false);

  /** Whether one of them lies over the window. */
  get modal(): boolean {
    return (
      this.palette || this.share || this.join || this.newSpace || this.settings || this.about || this.renew || this.unsaved || this.asides || this.forget
    );
  }

  /** The settings; on the devices, with the code of a new one. */
  openSettings(pairing = ""): void {
    this.pairing = pairing;
    this.settings = true;
  }

  openInvitation(link = ""): void {
    this.joinLink = link;
    this.join = true;
  }
}
