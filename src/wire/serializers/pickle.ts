/**
 * Reads Python pickles of plain data without running anything: the opcodes move data on a
 * stack, and the classes they name become data as well (pickle-values.ts) or a SecurityError.
 * The writer is in pickle-writer.ts.
 */

import { CeleryError } from '../../base/errors.ts';
import { DecodeError } from '../errors.ts';
import { assertWithinLimits } from './decode-limits.ts';
import { buildUuid, Inert, PyGlobal, pyGlobal, reduce, refused } from './pickle-values.ts';
import { TypedValue } from './typed-value.ts';

export { pickleEncode, pickleGroup } from './pickle-writer.ts';

const HIGHEST_PROTOCOL = 5;

/**
 * The value of a pickle of protocol 2 to 5. Tuples and lists become arrays, dicts objects,
 * sets Sets, exceptions `{exc_type, exc_message, exc_module}`, group results result tuples.
 * Throws SecurityError for anything that plain data does not need, DecodeError for what is
 * no pickle.
 */
export function pickleDecode(data: Uint8Array): unknown {
  try {
    return new Unpickler(data).load();
  } catch (error) {
    if (error instanceof CeleryError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DecodeError(`Not readable as a pickle: ${reason}`, { cause: error });
  }
}

const MARK = Symbol('mark');
type Step = (machine: Unpickler) => void;

class Unpickler {
  readonly #data: Buffer;
  #at = 0;
  #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #namedClasses = false;

  constructor(data: Uint8Array) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  load(): unknown {
    if (this.#data[0] !== 0x80)
      throw new DecodeError('Not readable as a pickle: no protocol byte.');
    for (;;) {
      const code = this.uint(1);
      if (code === 0x2e) break;
      const step = STEPS.get(code);
      if (step === undefined) {
        throw new DecodeError(`Not readable as a pickle: opcode 0x${code.toString(16)}.`);
      }
      step(this);
    }
    const value = this.pop();
    assertWithinLimits(value, 'a pickle');
    if (this.#namedClasses) assertPlain(value, new Set());
    return value;
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#data.length) throw new DecodeError('Not readable as a pickle: it ends early.');
    const part = this.#data.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  uint(size: number): number {
    const part = this.take(size);
    return size <= 6 ? part.readUIntLE(0, size) : Number(part.readBigUInt64LE());
  }

  line(): string {
    const end = this.#data.indexOf(0x0a, this.#at);
    if (end < 0) throw new DecodeError('Not readable as a pickle: it ends early.');
    const text = this.take(end - this.#at).toString('utf8');
    this.#at++;
    return text;
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  pop(): unknown {
    if (this.#stack.length === 0) throw new DecodeError('Not readable as a pickle: stack empty.');
    return this.#stack.pop();
  }

  top(): unknown {
    const value = this.pop();
    this.push(value);
    return value;
  }

  popToMark(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw new DecodeError('Not readable as a pickle: no mark.');
    const items = this.#stack.splice(at);
    return items.slice(1);
  }

  put(index: number): void {
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): void {
    if (!this.#memo.has(index)) throw new DecodeError('Not readable as a pickle: empty memo.');
    this.push(this.#memo.get(index));
  }

  global(module: unknown, name: unknown): void {
    this.#namedClasses = true;
    if (typeof module !== 'string' || typeof name !== 'string') throw refused('a nameless class');
    this.push(pyGlobal(module, name));
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    if (!(target instanceof Inert && target.kind === 'uuid')) return;
    const uuid = buildUuid(state);
    this.pop();
    this.push(uuid);
    for (const [index, value] of this.#memo) if (value === target) this.#memo.set(index, uuid);
  }
}

/** A class or a zone left over in the data would be no plain data. */
function assertPlain(value: unknown, seen: Set<object>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  if (value instanceof PyGlobal) throw refused(value.path);
  if (value instanceof Inert) throw refused(`a ${value.kind}`);
  if (value instanceof TypedValue || value instanceof Uint8Array || value instanceof Date) return;
  seen.add(value);
  const items = value instanceof Set ? value : Object.values(value);
  for (const item of items) assertPlain(item, seen);
}

function integer(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  const digits = Buffer.from(bytes).reverse().toString('hex');
  const value = BigInt.asIntN(bytes.length * 8, BigInt(`0x${digits}`));
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function append(machine: Unpickler, items: unknown[]): void {
  const list = machine.top();
  if (!Array.isArray(list)) throw refused('a list of its own class');
  for (const item of items) list.push(item);
}

function setItems(machine: Unpickler, items: unknown[]): void {
  const dict = machine.top();
  if (typeof dict !== 'object' || dict === null || Array.isArray(dict) || isSpecial(dict)) {
    throw refused('a mapping of its own class');
  }
  for (let i = 0; i + 1 < items.length; i += 2) {
    const key = items[i];
    Object.defineProperty(dict, typeof key === 'string' ? key : String(key), {
      value: items[i + 1],
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
}

function isSpecial(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype;
}

function addItems(machine: Unpickler, items: unknown[]): void {
  const set = machine.top();
  if (!(set instanceof Set)) throw refused('a set of its own class');
  for (const item of items) set.add(item);
}

function reduceTop(machine: Unpickler): void {
  const args = machine.pop();
  machine.push(reduce(machine.pop(), args));
}

function tuple(machine: Unpickler, size: number): void {
  const items: unknown[] = [];
  for (let i = 0; i < size; i++) items.unshift(machine.pop());
  machine.push(items);
}

const text = (machine: Unpickler, length: number) => machine.take(length).toString('utf8');
const bytes = (machine: Unpickler, length: number) => Buffer.from(machine.take(length));

/** Opcodes by their byte; names as in Python's pickletools. */
const STEPS: ReadonlyMap<number, Step> = new Map<number, Step>([
  [0x80, proto],
  [0x95, m => void m.take(8)], // FRAME
  [0x4e, m => m.push(null)], // NONE
  [0x88, m => m.push(true)], // NEWTRUE
  [0x89, m => m.push(false)], // NEWFALSE
  [0x4b, m => m.push(m.uint(1))], // BININT1
  [0x4d, m => m.push(m.uint(2))], // BININT2
  [0x4a, m => m.push(m.take(4).readInt32LE())], // BININT
  [0x8a, m => m.push(integer(m.take(m.uint(1))))], // LONG1
  [0x8b, m => m.push(integer(m.take(m.uint(4))))], // LONG4
  [0x47, m => m.push(m.take(8).readDoubleBE())], // BINFLOAT
  [0x8c, m => m.push(text(m, m.uint(1)))], // SHORT_BINUNICODE
  [0x58, m => m.push(text(m, m.uint(4)))], // BINUNICODE
  [0x8d, m => m.push(text(m, m.uint(8)))], // BINUNICODE8
  [0x43, m => m.push(bytes(m, m.uint(1)))], // SHORT_BINBYTES
  [0x42, m => m.push(bytes(m, m.uint(4)))], // BINBYTES
  [0x8e, m => m.push(bytes(m, m.uint(8)))], // BINBYTES8
  [0x96, m => m.push(bytes(m, m.uint(8)))], // BYTEARRAY8
  [0x5d, m => m.push([])], // EMPTY_LIST
  [0x61, m => append(m, [m.pop()])], // APPEND
  [0x65, m => append(m, m.popToMark())], // APPENDS
  [0x29, m => m.push([])], // EMPTY_TUPLE
  [0x74, m => m.push(m.popToMark())], // TUPLE
  [0x85, m => tuple(m, 1)], // TUPLE1
  [0x86, m => tuple(m, 2)], // TUPLE2
  [0x87, m => tuple(m, 3)], // TUPLE3
  [0x7d, m => m.push({})], // EMPTY_DICT
  [0x73, setItem], // SETITEM
  [0x75, m => setItems(m, m.popToMark())], // SETITEMS
  [0x8f, m => m.push(new Set())], // EMPTY_SET
  [0x90, m => addItems(m, m.popToMark())], // ADDITEMS
  [0x91, m => m.push(new Set(m.popToMark()))], // FROZENSET
  [0x28, m => m.push(MARK)], // MARK
  [0x30, m => void m.pop()], // POP
  [0x31, m => void m.popToMark()], // POP_MARK
  [0x32, m => m.push(m.top())], // DUP
  [0x94, m => m.memoize()], // MEMOIZE
  [0x71, m => m.put(m.uint(1))], // BINPUT
  [0x72, m => m.put(m.uint(4))], // LONG_BINPUT
  [0x68, m => m.get(m.uint(1))], // BINGET
  [0x6a, m => m.get(m.uint(4))], // LONG_BINGET
  [0x63, m => m.global(m.line(), m.line())], // GLOBAL
  [0x93, stackGlobal], // STACK_GLOBAL
  [0x52, reduceTop], // REDUCE
  [0x81, reduceTop], // NEWOBJ
  [0x62, m => m.build()], // BUILD
]);

function proto(machine: Unpickler): void {
  const version = machine.uint(1);
  if (version <= HIGHEST_PROTOCOL) return;
  throw new DecodeError(`Not readable as a pickle: protocol ${version}.`);
}

function setItem(machine: Unpickler): void {
  const value = machine.pop();
  const key = machine.pop();
  setItems(machine, [key, value]);
}

function stackGlobal(machine: Unpickler): void {
  const name = machine.pop();
  machine.global(machine.pop(), name);
}
