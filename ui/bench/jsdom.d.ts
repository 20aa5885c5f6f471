/** As much of jsdom as the bench uses. */
declare module "jsdom" {
  /** A window without a screen. */
  export class JSDOM {
    constructor(html: string, options?: { pretendToBeVisual?: boolean });
    readonly window: Window & typeof globalThis;
  }
}
