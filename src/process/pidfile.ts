/** The file that says which process runs, and keeps a second one from starting. Rules are Celery's. */
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { CeleryError } from '../base/errors.ts';
import { startedBy } from './started-by.ts';

const MODE = 0o644;

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
    const holder = this.#read();
    if (holder !== undefined && startedBy?.pid === holder && isAlive(holder)) return;
    if (holder === 'broken') this.#remove('Broken pidfile found - Removing it.', warn);
    else if (holder === process.pid) rmSync(this.path, { force: true });
    else if (holder !== undefined && isAlive(holder)) throw new PidfileInUse(this.path, holder);
    else if (holder !== undefined) this.#remove('Stale pidfile exists - Removing it.', warn);
    this.#write();
    this.#isOurs = true;
    process.on('exit', this.release);
  }

  /** Remove the file if we wrote it. Idempotent. */
  readonly release = (): void => {
    if (!this.#isOurs) return;
    this.#isOurs = false;
    process.off('exit', this.release);
    try {
      rmSync(this.path, { force: true });
    } catch {
      // Its folder is not ours any more; the next start finds a stale file and removes it.
    }
  };

  #remove(why: string, warn: (line: string) => void): void {
    warn(why);
    rmSync(this.path, { force: true });
  }

  #read(): number | 'broken' | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.#error(error);
    }
    return /^\s*\d+\n$/.test(text) ? Number(text) : 'broken';
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
      const holder = (error as NodeJS.ErrnoException).code === 'EEXIST' ? this.#read() : undefined;
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

/** As Celery: a process that is not ours to signal counts as gone. */
function isAlive(pid: number | 'broken'): boolean {
  // 0 would ask for our own process group
  if (pid === 'broken' || pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
