/**
 * The keys of headers as texts. The same twenty stand in every message: found again by their bytes
 * they cost no call into the engine, and are names that it knows as such already.
 */

const SLOTS = 256;
const LONGEST = 64;

interface Key {
  readonly bytes: Uint8Array;
  readonly text: string;
}

export class KnownKeys {
  /** By a few of their bytes; whoever comes later has the place, so that ever new keys take no more memory. */
  readonly #slots: (Key | undefined)[] = new Array(SLOTS).fill(undefined);

  text(bytes: Buffer, start: number, end: number): string {
    const length = end - start;
    if (length === 0 || length > LONGEST) return bytes.toString('utf8', start, end);
    const middle = bytes[start + (length >> 1)]!;
    const slot = (length * 37 + bytes[start]! * 7 + middle * 3 + bytes[end - 1]!) % SLOTS;
    const known = this.#slots[slot];
    if (known && isAt(known.bytes, bytes, start, length)) return known.text;
    const text = bytes.toString('utf8', start, end);
    this.#slots[slot] = { bytes: new Uint8Array(bytes.subarray(start, end)), text };
    return text;
  }
}

function isAt(key: Uint8Array, bytes: Buffer, start: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let i = 0; i < length; i++) if (key[i] !== bytes[start + i]) return false;
  return true;
}
