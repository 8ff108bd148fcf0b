/**
 * Writes bzip2 as any reader of it understands. Simpler than the original where that only
 * costs size: one Huffman table instead of up to six.
 */

import { BLOCK_MAGIC, BZIP2_LEVEL, bzip2Crc, END_MAGIC } from './bzip2-crc.ts';

/** What a reader of level 9 has room for, less the original's margin. */
const BLOCK_BYTES = BZIP2_LEVEL * 100_000 - 19;
/** Symbols that share a table; the tables are equal here, the format wants two. */
const GROUP_SIZE = 50;
const TABLES = 2;
const LONGEST_CODE = 17;
/** Runs of four and more are written as four and the number of the rest. */
const RUN_HEAD = 4;
const LONGEST_RUN = RUN_HEAD + 251;

export function bzip2Compress(data: Uint8Array): Buffer {
  const bits = new BitWriter(data.length);
  for (const char of `BZh${BZIP2_LEVEL}`) bits.write(8, char.charCodeAt(0));
  let streamCrc = 0;
  for (let at = 0; at < data.length; ) {
    const { block, end } = shortenRuns(data, at);
    const crc = bzip2Crc(data.subarray(at, end));
    streamCrc = ((streamCrc << 1) | (streamCrc >>> 31)) ^ crc;
    writeBlock(bits, block, crc);
    at = end;
  }
  bits.write48(END_MAGIC);
  bits.write32(streamCrc);
  return bits.finish();
}

function shortenRuns(data: Uint8Array, start: number): { block: Uint8Array; end: number } {
  const block = new Uint8Array(Math.min(BLOCK_BYTES, Math.ceil((data.length - start) * 1.25) + 8));
  let length = 0;
  let at = start;
  while (at < data.length && length + RUN_HEAD + 1 <= BLOCK_BYTES) {
    const byte = data[at]!;
    let run = 1;
    while (run < LONGEST_RUN && data[at + run] === byte) run++;
    for (let i = 0; i < Math.min(run, RUN_HEAD); i++) block[length++] = byte;
    if (run >= RUN_HEAD) block[length++] = run - RUN_HEAD;
    at += run;
  }
  return { block: block.subarray(0, length), end: at };
}

function writeBlock(bits: BitWriter, block: Uint8Array, crc: number): void {
  const { last, origin } = sortRotations(block);
  const { symbols, used } = moveToFront(last);
  const lengths = codeLengths(symbols, used.length + 2);
  bits.write48(BLOCK_MAGIC);
  bits.write32(crc);
  bits.write(1, 0);
  bits.write(24, origin);
  writeUsed(bits, used);
  bits.write(3, TABLES);
  const selectors = Math.ceil(symbols.length / GROUP_SIZE);
  bits.write(15, selectors);
  for (let i = 0; i < selectors; i++) bits.write(1, 0);
  for (let i = 0; i < TABLES; i++) writeLengths(bits, lengths);
  const codes = canonicalCodes(lengths);
  for (const symbol of symbols) bits.write(lengths[symbol]!, codes[symbol]!);
}

/**
 * The last column of the sorted rotations, and the row of the block itself. Rotations are
 * sorted by their first 1, 2, 4 … bytes, so repetitive blocks are no slower than others.
 */
function sortRotations(block: Uint8Array): { last: Uint8Array; origin: number } {
  const n = block.length;
  let rank: Int32Array = Int32Array.from(block);
  let byFirst = countingSort(rank, identity(n), 256);
  let classes = 0;
  [rank, classes] = ranks(byFirst, (a, b) => block[a] === block[b]);
  for (let width = 1; width < n && classes < n; width *= 2) {
    const previous = rank;
    const next = (i: number) => (i + width < n ? i + width : i + width - n);
    const bySecond = byFirst.map(i => (i >= width ? i - width : i - width + n));
    byFirst = countingSort(previous, bySecond, classes);
    [rank, classes] = ranks(
      byFirst,
      (a, b) => previous[a] === previous[b] && previous[next(a)] === previous[next(b)],
    );
  }
  const last = new Uint8Array(n);
  for (let i = 0; i < n; i++) last[i] = block[(byFirst[i]! + n - 1) % n]!;
  return { last, origin: byFirst.indexOf(0) };
}

function identity(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

/** `items` sorted by their key, and stably: their order by what follows the key must last. */
function countingSort(keys: Int32Array, items: Int32Array, keyCount: number): Int32Array {
  const sorted = new Int32Array(items.length);
  const starts = new Int32Array(keyCount + 1);
  for (let i = 0; i < keys.length; i++) starts[keys[i]! + 1]!++;
  for (let key = 0; key < keyCount; key++) starts[key + 1]! += starts[key]!;
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    sorted[starts[keys[item]!]!++] = item;
  }
  return sorted;
}

/** For each position the number of its class among the sorted, and how many classes there are. */
function ranks(
  sorted: Int32Array,
  isSame: (a: number, b: number) => boolean,
): [Int32Array, number] {
  const rank = new Int32Array(sorted.length);
  let current = 0;
  for (let i = 1; i < sorted.length; i++) {
    if (!isSame(sorted[i]!, sorted[i - 1]!)) current++;
    rank[sorted[i]!] = current;
  }
  return [rank, current + 1];
}

interface Symbols {
  /** 0 and 1 spell the length of a run of zeros, the rest are positions plus one, the last ends. */
  readonly symbols: Uint16Array;
  /** The bytes that occur, ascending. */
  readonly used: readonly number[];
}

function moveToFront(last: Uint8Array): Symbols {
  const used = [...new Set(last)].sort((a, b) => a - b);
  const front = Uint8Array.from(used);
  const symbols = new Uint16Array(last.length + 1);
  let length = 0;
  let zeros = 0;
  const flushZeros = () => {
    for (; zeros > 0; zeros = (zeros - 1) >> 1) symbols[length++] = zeros % 2 === 1 ? 0 : 1;
  };
  for (const byte of last) {
    if (front[0] === byte) {
      zeros++;
      continue;
    }
    flushZeros();
    const position = front.indexOf(byte);
    front.copyWithin(1, 0, position);
    front[0] = byte;
    symbols[length++] = position + 1;
  }
  flushZeros();
  symbols[length++] = used.length + 1;
  return { symbols: symbols.subarray(0, length), used };
}

/** Huffman code lengths, none longer than readers allow. */
function codeLengths(symbols: Uint16Array, alphabet: number): Uint8Array {
  let weights = new Array<number>(alphabet).fill(0);
  for (const symbol of symbols) weights[symbol]!++;
  weights = weights.map(weight => Math.max(1, weight));
  for (;;) {
    const lengths = huffmanLengths(weights);
    if (Math.max(...lengths) <= LONGEST_CODE) return lengths;
    weights = weights.map(weight => 1 + (weight >> 1));
  }
}

function huffmanLengths(weights: readonly number[]): Uint8Array {
  interface Tree {
    readonly weight: number;
    readonly leaves: readonly number[];
  }
  const lengths = new Uint8Array(weights.length);
  const leaves: Tree[] = weights
    .map((weight, symbol) => ({ weight, leaves: [symbol] }))
    .sort((a, b) => a.weight - b.weight);
  const joined: Tree[] = [];
  // Both lists stay sorted, so the lightest tree is at the head of one of them.
  const lightest = () =>
    joined[0] === undefined || (leaves[0] !== undefined && leaves[0].weight <= joined[0].weight)
      ? leaves.shift()!
      : joined.shift()!;
  while (leaves.length + joined.length > 1) {
    const [a, b] = [lightest(), lightest()];
    const both = [...a.leaves, ...b.leaves];
    for (const symbol of both) lengths[symbol]!++;
    joined.push({ weight: a.weight + b.weight, leaves: both });
  }
  return lengths;
}

function canonicalCodes(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(lengths.length);
  let code = 0;
  for (let length = 1; length <= LONGEST_CODE; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] === length) codes[symbol] = code++;
    }
    code <<= 1;
  }
  return codes;
}

/** Which bytes occur: sixteen bits for the sixteens, then sixteen for each of those. */
function writeUsed(bits: BitWriter, used: readonly number[]): void {
  const words = new Uint16Array(16);
  let groups = 0;
  for (const byte of used) {
    words[byte >> 4]! |= 0x8000 >> (byte & 15);
    groups |= 0x8000 >> (byte >> 4);
  }
  bits.write(16, groups);
  for (const word of words) if (word !== 0) bits.write(16, word);
}

/** The first length, then steps: 0 this one, 10 one more, 11 one less. */
function writeLengths(bits: BitWriter, lengths: Uint8Array): void {
  let current = lengths[0]!;
  bits.write(5, current);
  for (const length of lengths) {
    for (; current < length; current++) bits.write(2, 0b10);
    for (; current > length; current--) bits.write(2, 0b11);
    bits.write(1, 0);
  }
}

class BitWriter {
  #bytes: Buffer;
  #length = 0;
  #pending = 0;
  #pendingBits = 0;

  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes + 1024);
  }

  /** At most 24 bits: up to 7 are left over from before, and the operators take 32. */
  write(count: number, value: number): void {
    this.#pending = (this.#pending << count) | value;
    this.#pendingBits += count;
    while (this.#pendingBits >= 8) {
      this.#pendingBits -= 8;
      this.#push((this.#pending >>> this.#pendingBits) & 0xff);
    }
  }

  write32(value: number): void {
    this.write(16, value >>> 16);
    this.write(16, value & 0xffff);
  }

  write48(value: number): void {
    this.write(24, Math.floor(value / 2 ** 24));
    this.write(24, value % 2 ** 24);
  }

  finish(): Buffer {
    if (this.#pendingBits > 0) this.write(8 - this.#pendingBits, 0);
    return this.#bytes.subarray(0, this.#length);
  }

  #push(byte: number): void {
    if (this.#length === this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
    }
    this.#bytes[this.#length++] = byte;
  }
}
