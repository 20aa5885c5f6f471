/** A window without a screen: the editor's page and session, driven by hand. */
import { history } from "prosemirror-history";
import type { EditorState } from "prosemirror-state";
import type { Caret } from "../../core/types/Caret";
import type { Item } from "../../core/types/Item";
import type { Patch } from "../../core/types/Patch";
import type { ToCore } from "../../core/types/ToCore";
import type { ToWindow } from "../../core/types/ToWindow";
import { isBare } from "../bare";
import { othersIn } from "../carets";
import { caretsTransaction, checksumIn, corePlugins, freshState, itemsIn, make, stateOf, updateTransaction } from "../page";
import { Session, type Fault, type Lost, type SessionEvents, type SessionPage, type StateName } from "../session";
import { Trail } from "../trail";
import { transactionOf, type Act } from "./acts";

/** One window. */
export class HeadlessWindow implements SessionPage {
  readonly toCore: ToCore[] = [];
  readonly toWindow: ToWindow[] = [];
  readonly faults: Fault[] = [];
  readonly lost: Lost[] = [];
  readonly session: Session;
  state: EditorState = stateOf([], [history(), ...corePlugins()]);
  isComposing = false;
  resets = 0;
  updates = 0;
  private readonly trail = new Trail();

  constructor(readonly id: number, events: SessionEvents = {}) {
    this.session = new Session(this, (message) => this.toCore.push(message), {
      onFault: (fault) => this.faults.push(fault),
      onRefused: (lost) => this.lost.push(lost),
      ...events,
    });
  }

  composing(): boolean {
    return this.isComposing;
  }

  update(patches: readonly Patch[], to: StateName): void {
    const tr = updateTransaction(this.state, patches);
    this.state = this.state.apply(tr);
    this.trail.step(to, this.state.doc, isBare(this.state), [tr.mapping]);
    this.updates++;
  }

  reset(items: readonly Item[], to: StateName): void {
    this.state = freshState(this.state, items);
    this.trail.start(to, this.state.doc, isBare(this.state));
    this.resets++;
  }

  checksum(): number {
    return checksumIn(this.state);
  }

  carets(people: readonly Caret[], at: StateName): void {
    const tr = caretsTransaction(this.state, this.trail, people, at);
    if (tr !== null) this.state = this.state.apply(tr);
  }

  /** The person does something; answers whether the document changed. */
  act(act: Act): boolean {
    if (!this.session.ready || this.session.holding) return false;
    const tr = transactionOf(this.state, act);
    if (tr === null) return false;
    const made = make(this.state, tr);
    this.session.batch(made.edits);
    if (made.transactions.some((each) => each.docChanged)) {
      this.trail.step(this.session.state, made.state.doc, isBare(made.state), made.transactions.map((each) => each.mapping));
    }
    this.state = made.state;
    return made.edits.length > 0;
  }

  /** Where others are, as positions. */
  others(): (number | null)[] {
    return othersIn(this.state).map(({ head }) => head);
  }

  items(): Item[] {
    return itemsIn(this.state);
  }

  compose(on: boolean): void {
    if (this.isComposing === on) return;
    this.isComposing = on;
    if (!on) this.session.compositionEnded();
  }
}
