/**
 * Which jobs a child has started, readable by the parent although the child is blocked or
 * dead; and how far the parent took jobs back, readable by a child whose event loop hears no
 * messages. It lies in memory that both see: a file without a name, or shared memory.
 *
 * Numbers: [0] the mark, written by the parent: jobs up to this ticket that have not started
 * are the parent's again; [1] turns of the child's event loop, counted now and then; [2…] a
 * ring of started tickets, both written by the child. Each side
 * writes first and reads the other's part afterwards, so at least one of them sees a
 * collision; then the job is not run and the child says `dropped`.
 */

import { randomUUID } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LedgerMemory {
  read(place: number): number;
  write(place: number, value: number): void;
  readFrom(place: number): Iterable<number>;
  /** Parent only; idempotent. */
  close(): void;
}

const MARK = 0;
const BEATS = 1;
const FIRST_TICKET = 2;

export function ledgerSize(entries: number): number {
  return FIRST_TICKET + entries;
}

/** The parent's side. Has to be closed, or else each child that is gone leaves a file open. */
export class ParentLedger {
  readonly #memory: LedgerMemory;

  /** `memory` has the `ledgerSize` of the jobs that a child can start without the parent hearing of any. */
  constructor(memory: LedgerMemory) {
    this.#memory = memory;
  }

  takeBackUpTo(ticket: number): void {
    this.#memory.write(MARK, ticket);
  }

  started(): ReadonlySet<number> {
    return new Set(this.#memory.readFrom(FIRST_TICKET));
  }

  /**
   * How often the child's event loop was seen to turn while jobs ran: then it could answer, too.
   */
  get beats(): number {
    return this.#memory.read(BEATS);
  }

  close(): void {
    this.#memory.close();
  }
}

export class ChildLedger {
  readonly #memory: LedgerMemory;
  readonly #entries: number;
  #mark = 0;
  #count = 0;
  #beats = 0;

  constructor(memory: LedgerMemory, entries: number) {
    this.#memory = memory;
    this.#entries = entries;
  }

  beat(): void {
    this.#memory.write(BEATS, ++this.#beats);
  }

  /** Whether the job may run. When not, it is the parent's again. */
  claim(ticket: number): 'run' | 'taken' | 'dropped' {
    if (ticket <= this.#mark) return 'taken';
    this.#memory.write(FIRST_TICKET + (this.#count++ % this.#entries), ticket);
    this.#mark = this.#memory.read(MARK);
    return ticket <= this.#mark ? 'dropped' : 'run';
  }
}

const BYTES = 8;
/** Memory first: on a disk each write also dirties the inode. */
const FOLDERS = ['/dev/shm', tmpdir()];

function openNameless(): number {
  let failure: unknown;
  for (const folder of FOLDERS) {
    const path = join(folder, `tscelery-${process.pid}-${randomUUID()}`);
    try {
      const fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return fd;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** For processes. The file has no name, so nothing is left of it when both are gone. */
export class LedgerFile implements LedgerMemory {
  readonly fd: number;
  readonly #numbers: number;
  readonly #cell = new Float64Array(1);
  #isOpen = true;

  /** @param fd an open file, or undefined for a new one */
  constructor(numbers: number, fd?: number) {
    this.#numbers = numbers;
    this.fd = fd ?? openNameless();
    if (fd === undefined) ftruncateSync(this.fd, numbers * BYTES);
  }

  read(place: number): number {
    readSync(this.fd, this.#cell, 0, BYTES, place * BYTES);
    return this.#cell[0]!;
  }

  write(place: number, value: number): void {
    this.#cell[0] = value;
    writeSync(this.fd, this.#cell, 0, BYTES, place * BYTES);
  }

  readFrom(place: number): Float64Array {
    const numbers = new Float64Array(this.#numbers - place);
    readSync(this.fd, numbers, 0, numbers.byteLength, place * BYTES);
    return numbers;
  }

  close(): void {
    if (this.#isOpen) closeSync(this.fd);
    this.#isOpen = false;
  }
}

export class LedgerBuffer implements LedgerMemory {
  readonly #cells: BigInt64Array<SharedArrayBuffer>;

  constructor(shared: SharedArrayBuffer) {
    this.#cells = new BigInt64Array(shared);
  }

  static share(numbers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(numbers * BYTES);
  }

  read(place: number): number {
    return Number(Atomics.load(this.#cells, place));
  }

  write(place: number, value: number): void {
    Atomics.store(this.#cells, place, BigInt(value));
  }

  readFrom(place: number): number[] {
    const numbers: number[] = [];
    for (let i = place; i < this.#cells.length; i++) numbers.push(this.read(i));
    return numbers;
  }

  close(): void {}
}
