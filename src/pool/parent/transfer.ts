/** A large payload on its way into a child, which gets the job when it is there. */

import { serialize } from 'node:v8';
import type { Carrier, Parcel } from '../carrier.ts';
import type { HeldJob } from './held-job.ts';

/** Seconds for which a child may take nothing in, or not start what it has got, before another one is tried. */
const PATIENCE = 1;

export class Transfer<C> {
  readonly held: HeldJob<C>;
  readonly #parcel: Parcel;
  #movedAt: number;

  /** @throws when the payload cannot be cloned */
  constructor(held: HeldJob<C>, carrier: Carrier, now: () => number, onSent: () => void) {
    this.held = held;
    this.#movedAt = now();
    // a buffer of its own, with nothing else in it: a thread gets it without a copy
    const bytes = serialize(held.job.payload) as Uint8Array<ArrayBuffer>;
    this.#parcel = carrier.sendParcel(bytes, {
      onMoved: () => {
        this.#movedAt = now();
      },
      onSent,
    });
  }

  isStalled(now: number): boolean {
    return now - this.#movedAt > patienceWith(this.held);
  }

  cancel(): void {
    this.#parcel.cancel();
  }
}

/** Seconds, more each time: on a machine that is slow enough it would never get through otherwise. */
export function patienceWith(held: HeldJob): number {
  return PATIENCE * 2 ** held.parcelsInVain;
}
