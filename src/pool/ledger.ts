/**
 * Which jobs a prefork child has started, readable by the parent although the child is
 * blocked or dead; and how far the parent took jobs back, readable by a child whose
 * event loop hears no messages. A small file without a name, open in both.
 *
 * Layout, float64 each: [0] the mark, written by the parent: jobs up to this ticket that
 * have not started are the parent's again; [1…] a ring of started tickets, written by
 * the child. Each side writes first and reads the other's part afterwards, so at least
 * one of them sees a collision; then the job is not run and the child says `dropped`.
 */

import { randomUUID } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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

/** The parent's side. Has to be closed. */
export class ParentLedger {
  readonly fd: number;
  readonly #view: Float64Array;
  #open = true;

  /** `entries` must exceed the number of jobs a child can start without the parent hearing of any. */
  constructor(entries: number) {
    this.fd = openNameless();
    ftruncateSync(this.fd, (entries + 1) * BYTES);
    this.#view = new Float64Array(entries);
  }

  takeBackUpTo(ticket: number): void {
    writeSync(this.fd, new Float64Array([ticket]), 0, BYTES, 0);
  }

  /** Tickets of the jobs that were started last. */
  started(): ReadonlySet<number> {
    readSync(this.fd, this.#view, 0, this.#view.byteLength, BYTES);
    return new Set(this.#view);
  }

  close(): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}

/** The child's side. */
export class ChildLedger {
  readonly #fd: number;
  readonly #entries: number;
  readonly #ticket = new Float64Array(1);
  readonly #mark = new Float64Array(1);
  #count = 0;

  constructor(fd: number, entries: number) {
    this.#fd = fd;
    this.#entries = entries;
  }

  /** Whether the job may run. When not, it is the parent's again. */
  claim(ticket: number): 'run' | 'taken' | 'dropped' {
    if (ticket <= this.#mark[0]!) return 'taken';
    this.#ticket[0] = ticket;
    const place = this.#count++ % this.#entries;
    writeSync(this.#fd, this.#ticket, 0, BYTES, (place + 1) * BYTES);
    readSync(this.#fd, this.#mark, 0, BYTES, 0);
    return ticket <= this.#mark[0]! ? 'dropped' : 'run';
  }
}
