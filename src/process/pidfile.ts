/** The file that says which process runs, and keeps a second one from starting. Rules are Celery's. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { CeleryError } from '../base/errors.ts';
import { mayBeCelery, statusOf } from './running.ts';
import { startedBy } from './started-by.ts';

const MODE = 0o644;

/** Milliseconds after which a file that holds no pid yet is one that its writer has left so. */
const WRITING_MS = 100;

type Holder = number | 'broken' | undefined;

/** The pidfile belongs to a process that is alive. */
export class PidfileInUse extends CeleryError {
  readonly code = 'PIDFILE_IN_USE';
  readonly pid: number;
  constructor(path: string, pid: number) {
    super(`Pidfile (${path}) already exists.\nSeems we're already running? (pid: ${pid})`);
    this.pid = pid;
  }
}

/** The pidfile cannot be written. */
export class PidfileError extends CeleryError {
  readonly code = 'PIDFILE';
}

export class Pidfile {
  readonly path: string;
  #isOurs = false;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Write our pid. A file that a dead process left, or that holds no pid, is replaced; `warn`
   * hears of that.
   *
   * @throws PidfileInUse when the process in it is alive, PidfileError when it cannot be written
   */
  acquire(warn: (line: string) => void): void {
    const holder = this.#settled();
    if (typeof holder === 'number' && holder !== process.pid && isHeld(holder)) {
      if (startedBy?.pid === holder) return;
      throw new PidfileInUse(this.path, holder);
    }
    if (holder === 'broken') this.#replace(holder, 'Broken pidfile found - Removing it.', warn);
    else if (holder === process.pid) rmSync(this.path, { force: true });
    else if (holder !== undefined)
      this.#replace(holder, 'Stale pidfile exists - Removing it.', warn);
    this.#write();
    this.#isOurs = true;
    process.on('exit', this.release);
  }

  /** Remove the file if we wrote it, and nobody else since. Idempotent. */
  readonly release = (): void => {
    if (!this.#isOurs) return;
    this.#isOurs = false;
    process.off('exit', this.release);
    try {
      if (pidIn(this.path) === process.pid) rmSync(this.path, { force: true });
    } catch {
      // Its folder is not ours any more; the next start finds a stale file and removes it.
    }
  };

  /** What the file holds when nobody is writing it: whoever makes it writes into it at once. */
  #settled(): Holder {
    const holder = this.#read();
    if (holder !== 'broken') return holder;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WRITING_MS);
    return this.#read();
  }

  /**
   * Take a file away that belongs to nobody. Of several that do that at once one takes it; what
   * another has written meanwhile is put back.
   */
  #replace(holder: Holder, why: string, warn: (line: string) => void): void {
    const taken = `${this.path}.${process.pid}`;
    try {
      renameSync(this.path, taken);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw this.#error(error);
    }
    const isMeant = contentOf(taken) === holder;
    if (!isMeant) this.#putBack(taken);
    rmSync(taken, { force: true });
    // the file that there is now is refused when ours is written
    if (isMeant) warn(why);
  }

  #putBack(taken: string): void {
    try {
      linkSync(taken, this.path);
    } catch (error) {
      // a file system without links, unless a third process was faster
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') renameSync(taken, this.path);
    }
  }

  #read(): Holder {
    try {
      return contentOf(this.path);
    } catch (error) {
      throw this.#error(error);
    }
  }

  #write(): void {
    const text = `${process.pid}\n`;
    try {
      const file = openSync(this.path, 'wx', MODE);
      writeSync(file, text);
      fsyncSync(file);
      closeSync(file);
    } catch (error) {
      // somebody was faster
      const holder =
        (error as NodeJS.ErrnoException).code === 'EEXIST' ? this.#settled() : undefined;
      if (typeof holder === 'number') throw new PidfileInUse(this.path, holder);
      throw this.#error(error);
    }
    if (this.#read() !== process.pid) {
      throw new PidfileError(
        `Inconsistency: Pidfile content doesn't match at re-read: ${this.path}`,
      );
    }
  }

  #error(error: unknown): PidfileError {
    return new PidfileError(
      `The pidfile ${JSON.stringify(this.path)} cannot be used: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/**
 * The process id that a pidfile holds; undefined when there is none.
 *
 * @throws the system's error when the file cannot be read
 */
export function pidIn(path: string): number | undefined {
  const holder = contentOf(path);
  return holder === 'broken' ? undefined : holder;
}

function contentOf(path: string): Holder {
  let text: string;
  try {
    text = textOf(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return /^\s*\d+\n$/.test(text) ? Number(text) : 'broken';
}

/** A pipe would be waited on for ever. */
function textOf(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error(`it is no regular file: ${path}`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** As Celery: a process that is not ours to signal counts as gone. */
const isHeld = (pid: number) => statusOf(pid) === 'alive' && mayBeCelery(pid);
