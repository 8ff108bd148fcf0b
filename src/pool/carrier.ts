/**
 * What the children of a pool live in: processes or threads. Everything else about children
 * (who gets which job, limits, replacement) is the same for both and lies in `parent/`.
 */

import type { LedgerMemory } from './ledger.ts';
import type { Batch, FromChild, ToChild } from './messages.ts';

export interface Carrier {
  /** Undefined when there is no process, not even a failed one. */
  readonly pid: number | undefined;
  readonly ledger: LedgerMemory;
  /**
   * Nothing happens when it is gone, which `onGone` tells. @throws when something in the batch
   * cannot be cloned
   */
  send(batch: Batch<ToChild>): void;
  /**
   * Send bytes as `part` messages, one parcel at a time. What is sent meanwhile does not wait behind
   * them. Nothing is called when the child is gone.
   *
   * @param bytes not to be used afterwards
   */
  sendParcel(bytes: Uint8Array<ArrayBuffer>, events: ParcelEvents): Parcel;
  /**
   * What its main thread executes now, the innermost call first; undefined when that is no JavaScript.
   * Missing where nobody can tell.
   */
  stack?(): Promise<readonly string[] | undefined>;
  /** A thread knows no signals: whichever it is, the thread ends. */
  kill(signal: NodeJS.Signals): void;
}

export interface ParcelEvents {
  /** The child takes it in, so that it is not given up. */
  onMoved(): void;
  onSent(): void;
}

export interface Parcel {
  /** Send no more of it; nothing is called afterwards. */
  cancel(): void;
}

export interface CarrierEvents {
  onBatch(batch: Batch<FromChild>): void;
  /** It is gone and everything it said was heard. Called once. */
  onGone(exit: CarrierExit): void;
}

export interface CarrierExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What made it die or kept it from starting, when that is known. */
  readonly error?: { readonly message: string; readonly stack: string } | undefined;
}

export interface Launcher {
  readonly childKind: 'Process' | 'Thread';
  /** First part of the children's names, as Celery's logs have them: `ForkPoolWorker`. */
  readonly childName: string;
  start(): void;
  /** @param ledgerSize numbers in its ledger @throws when nothing can be started */
  launch(ledgerSize: number, events: CarrierEvents): Carrier;
  /**
   * Those that are alive now, for who has to kill them when the parent was killed; called after
   * each change.
   */
  noteAlive(carriers: readonly Carrier[]): void;
  stop(): Promise<void>;
}
