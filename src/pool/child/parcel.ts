import { deserialize } from 'node:v8';
import type { PartMessage } from '../messages.ts';

export class Parcel {
  #bytes: Uint8Array | undefined;
  readonly #size: number;
  #received = 0;

  constructor(size: number) {
    this.#size = size;
  }

  get isComplete(): boolean {
    return this.#received === this.#size;
  }

  add({ at, bytes }: PartMessage): void {
    // a part before it was lost: it never gets complete, and its job is not started here
    if (at !== this.#received) return;
    this.#received += bytes.length;
    if (bytes.length === this.#size) {
      this.#bytes = bytes;
    } else {
      this.#bytes ??= Buffer.allocUnsafeSlow(this.#size);
      this.#bytes.set(bytes, at);
    }
  }

  /** Only once: nothing is kept. */
  open(): unknown {
    const bytes = this.#bytes!;
    this.#bytes = undefined;
    return deserialize(bytes);
  }
}
