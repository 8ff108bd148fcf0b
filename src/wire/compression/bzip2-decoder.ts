/** Reads bzip2, also several streams one after the other, as Python's bz2 does. */

import { BLOCK_MAGIC, bzip2Crc, END_MAGIC } from './bzip2-crc.ts';

const MAX_TABLES = 6;
const GROUP_SIZE = 50;
const LONGEST_CODE = 20;

/** Throws RangeError for damaged data and for output beyond the limit. */
export function bzip2Decompress(data: Uint8Array, maxOutputLength: number): Buffer {
  const bits = new BitReader(data);
  const output = new Output(maxOutputLength);
  do readStream(bits, output);
  while (bits.alignToByte());
  return output.finish();
}

function readStream(bits: BitReader, output: Output): void {
  const level = bits.read(24) === 0x425a68 ? bits.read(8) - 0x30 : 0;
  if (level < 1 || level > 9) throw damaged('no bzip2 header');
  let streamCrc = 0;
  for (;;) {
    const magic = bits.read48();
    if (magic === END_MAGIC) break;
    if (magic !== BLOCK_MAGIC) throw damaged('no block where one should be');
    const crc = bits.read32();
    const start = output.length;
    expandRuns(unsort(readBlock(bits, level * 100_000)), output);
    if (bzip2Crc(output.since(start)) !== crc) throw damaged('wrong checksum');
    streamCrc = ((streamCrc << 1) | (streamCrc >>> 31)) ^ crc;
  }
  if (bits.read32() !== streamCrc) throw damaged('wrong checksum');
}

/** The last column of the sorted rotations, and the row of the block itself. */
interface Sorted {
  readonly last: Uint8Array;
  readonly origin: number;
}

function readBlock(bits: BitReader, capacity: number): Sorted {
  if (bits.read(1) !== 0) throw damaged('a format given up before version 1.0');
  const origin = bits.read(24);
  const front = readUsed(bits);
  const end = front.length + 1;
  const nextSymbol = symbolReader(bits, front.length + 2);
  const last = new Uint8Array(capacity);
  let length = 0;
  let run = 0;
  let weight = 1;
  for (let symbol = nextSymbol(); ; symbol = nextSymbol()) {
    if (symbol <= 1) {
      run += weight * (symbol + 1);
      weight *= 2;
      if (run > capacity) throw damaged('a run longer than the block');
      continue;
    }
    if (length + run > capacity) throw damaged('more than the block holds');
    last.fill(front[0]!, length, length + run);
    length += run;
    run = 0;
    weight = 1;
    if (symbol === end) break;
    if (length === capacity) throw damaged('more than the block holds');
    const byte = front[symbol - 1]!;
    front.copyWithin(1, 0, symbol - 1);
    front[0] = byte;
    last[length++] = byte;
  }
  if (origin >= length) throw damaged('a start outside of the block');
  return { last: last.subarray(0, length), origin };
}

function readUsed(bits: BitReader): Uint8Array {
  const used: number[] = [];
  const groups = bits.read(16);
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue;
    const word = bits.read(16);
    for (let i = 0; i < 16; i++) if (word & (0x8000 >> i)) used.push(group * 16 + i);
  }
  if (used.length === 0) throw damaged('a block without bytes');
  return Uint8Array.from(used);
}

/** Reads the tables; the function returned reads one symbol after the other. */
function symbolReader(bits: BitReader, alphabet: number): () => number {
  const count = bits.read(3);
  if (count < 2 || count > MAX_TABLES) throw damaged('a wrong number of tables');
  const selectors = readSelectors(bits, count);
  const tables = Array.from({ length: count }, () => new Table(readLengths(bits, alphabet)));
  let group = 0;
  let left = 0;
  let table = tables[0]!;
  return () => {
    if (left === 0) {
      if (group === selectors.length) throw damaged('more symbols than announced');
      table = tables[selectors[group++]!]!;
      left = GROUP_SIZE;
    }
    left--;
    return table.read(bits);
  };
}

function readSelectors(bits: BitReader, tables: number): Uint8Array {
  const selectors = new Uint8Array(bits.read(15));
  const front = Uint8Array.from({ length: tables }, (_, i) => i);
  for (let i = 0; i < selectors.length; i++) {
    let position = 0;
    while (bits.read(1) === 1) if (++position === tables) throw damaged('an unknown table');
    const table = front[position]!;
    front.copyWithin(1, 0, position);
    front[0] = table;
    selectors[i] = table;
  }
  return selectors;
}

function readLengths(bits: BitReader, alphabet: number): Uint8Array {
  const lengths = new Uint8Array(alphabet);
  let length = bits.read(5);
  for (let symbol = 0; symbol < alphabet; symbol++) {
    while (bits.read(1) === 1) length += bits.read(1) === 0 ? 1 : -1;
    if (length < 1 || length > LONGEST_CODE) throw damaged('a code of an impossible length');
    lengths[symbol] = length;
  }
  return lengths;
}

/** A canonical Huffman code. */
class Table {
  readonly #symbols: Uint16Array;
  readonly #counts = new Uint16Array(LONGEST_CODE + 1);

  constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    let at = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue;
        this.#symbols[at++] = symbol;
        this.#counts[length]!++;
      }
    }
  }

  read(bits: BitReader): number {
    let code = 0;
    let first = 0;
    let at = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      code |= bits.read(1);
      const count = this.#counts[length]!;
      if (code - first < count) return this.#symbols[at + code - first]!;
      at += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw damaged('an unknown code');
  }
}

/** Undoes the sorting of the rotations. */
function unsort({ last, origin }: Sorted): Uint8Array {
  const starts = new Int32Array(257);
  for (let i = 0; i < last.length; i++) starts[last[i]! + 1]!++;
  for (let byte = 0; byte < 256; byte++) starts[byte + 1]! += starts[byte]!;
  const next = new Int32Array(last.length);
  for (let i = 0; i < last.length; i++) next[starts[last[i]!]!++] = i;
  const block = new Uint8Array(last.length);
  for (let i = 0, row = next[origin]!; i < block.length; i++, row = next[row]!) {
    block[i] = last[row]!;
  }
  return block;
}

/** After four equal bytes follows how many more there are. */
function expandRuns(block: Uint8Array, output: Output): void {
  let run = 0;
  let previous = -1;
  for (let i = 0; i < block.length; i++) {
    const byte = block[i]!;
    if (run === 4) {
      output.fill(previous, byte);
      run = 0;
      previous = -1;
    } else {
      run = byte === previous ? run + 1 : 1;
      previous = byte;
      output.fill(byte, 1);
    }
  }
}

class BitReader {
  readonly #data: Uint8Array;
  #at = 0;
  #pending = 0;
  #pendingBits = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  /** At most 24 bits: up to 7 are left over from before, and the operators take 32. */
  read(count: number): number {
    while (this.#pendingBits < count) {
      if (this.#at === this.#data.length) throw damaged('it ends early');
      this.#pending = (this.#pending << 8) | this.#data[this.#at++]!;
      this.#pendingBits += 8;
    }
    this.#pendingBits -= count;
    return (this.#pending >>> this.#pendingBits) & ((1 << count) - 1);
  }

  read32(): number {
    return (this.read(16) << 16) | this.read(16);
  }

  read48(): number {
    return this.read(24) * 2 ** 24 + this.read(24);
  }

  /** Whether there is more after this byte. */
  alignToByte(): boolean {
    this.#pendingBits = 0;
    return this.#at < this.#data.length;
  }
}

class Output {
  readonly #limit: number;
  #bytes = Buffer.allocUnsafe(4096);
  length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  fill(byte: number, count: number): void {
    const end = this.length + count;
    if (end > this.#limit) throw new RangeError(`more than ${this.#limit} bytes`);
    if (end > this.#bytes.length) this.#grow(end);
    if (count === 1) this.#bytes[this.length] = byte;
    else this.#bytes.fill(byte, this.length, end);
    this.length = end;
  }

  since(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.length);
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  #grow(needed: number): void {
    const bytes = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(bytes, 0, 0, this.length);
    this.#bytes = bytes;
  }
}

function damaged(how: string): RangeError {
  return new RangeError(`damaged data (${how})`);
}
