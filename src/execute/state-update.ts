/** What `self.updateState` stores, by name and kind: JavaScript has no compiler that finds a typo. */
import { any, checkArgument, checkOptions, type Kinds, name } from '../base/option-kinds.ts';
import { saferepr } from '../base/text/saferepr.ts';

export interface StateUpdate {
  /** Any word; `PROGRESS` is customary. */
  readonly state: string;
  readonly meta?: unknown;
  /** Default: this task. */
  readonly taskId?: string;
}

const KINDS: Kinds<StateUpdate> = { state: name, meta: any, taskId: name };

/** @throws TypeError naming the option, the value and the nearest known option */
export function checkStateUpdate(update: StateUpdate): void {
  if (typeof update === 'string') {
    const call = `updateState({ state: ${saferepr(update)}, meta: … })`;
    throw new TypeError(`updateState takes an object, got ${saferepr(update)}; write ${call}`);
  }
  checkOptions(update, KINDS, 'updateState');
  checkArgument(update.state, name, 'The state of updateState');
}
