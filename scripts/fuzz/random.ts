/** Random choices that depend on seed and index alone: client and worker make the same ones. */

/** What people do not think of when they write text. */
const PIECES = [
  'a',
  'Z9',
  ' ',
  'é',
  '漢字',
  '😀',
  '\ud83d',
  '\ude00',
  '\u0000',
  '\u001b[31m',
  '\n',
  '\u2028',
  '\ufeff',
  '"',
  "'",
  '\\',
  '%s',
  '{}',
  '__type__',
  '</x>',
  '$&',
];
const LONGEST_TEXT = 300_000;

export class Random {
  #state: number;

  constructor(seed: number, index: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
    // neighbours look alike at first
    for (let i = 0; i < 4; i++) this.next();
  }

  /** From 0 to 1, without 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  text(): string {
    if (this.chance(0.01)) return this.pick(PIECES).repeat(this.below(LONGEST_TEXT / 6));
    return Array.from({ length: this.below(6) }, () => this.pick(PIECES)).join('');
  }

  bytes(): Buffer {
    const length = this.below(24);
    return Buffer.from(Array.from({ length }, () => this.below(this.chance(0.5) ? 128 : 256)));
  }
}
