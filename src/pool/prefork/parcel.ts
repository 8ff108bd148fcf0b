/** Writes a large payload into a child's pipe piece by piece, as fast as the child reads. */

import type { Parcel, ParcelEvents } from '../carrier.ts';
import { type Batch, openBatch, type ToChild } from '../messages.ts';

const PART_BYTES = 1024 * 1024;
/** Parts in the queue of the pipe: whatever else is to be sent waits behind no more than these. */
const PARTS_AHEAD = 2;

export class ParcelInParts implements Parcel {
  readonly #bytes: Uint8Array;
  readonly #events: ParcelEvents;
  readonly #send: (batch: Batch<ToChild>, sent: (error: Error | null) => void) => void;
  #at = 0;
  #unwritten = 0;
  #isCancelled = false;

  /** @param send calls `sent` when the batch has been written */
  constructor(
    bytes: Uint8Array,
    events: ParcelEvents,
    send: (batch: Batch<ToChild>, sent: (error: Error | null) => void) => void,
  ) {
    this.#bytes = bytes;
    this.#events = events;
    this.#send = send;
    this.#sendMore();
  }

  cancel(): void {
    this.#isCancelled = true;
  }

  #sendMore(): void {
    const of = this.#bytes.length;
    while (this.#unwritten < PARTS_AHEAD && this.#at < of) {
      const at = this.#at;
      const bytes = this.#bytes.subarray(at, at + PART_BYTES);
      this.#at += bytes.length;
      this.#unwritten++;
      const batch = openBatch<ToChild>();
      batch.push({ type: 'part', at, of, bytes });
      this.#send(batch, error => this.#onWritten(error));
    }
  }

  #onWritten(error: Error | null): void {
    this.#unwritten--;
    // a child that is gone is reported by its exit
    if (this.#isCancelled || error) return;
    this.#events.onMoved();
    this.#sendMore();
    if (this.#unwritten === 0) this.#events.onSent();
  }
}
