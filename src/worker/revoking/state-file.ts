/**
 * What a worker keeps over restarts (`--statedb`): revoked tasks and its logical clock. Written at
 * once when a task is revoked, and in one piece, so that a kill at any moment leaves a whole file.
 */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { isPlainRecord } from '../../base/kind-of.ts';
import type { Logger } from '../../base/logger.ts';
import type { Clock } from '../../base/time/clock.ts';
import type { LamportClock } from '../../base/time/lamport.ts';
import { Pidfile, PidfileInUse } from '../../process/pidfile.ts';
import type { RevokedTasks } from './revoked-tasks.ts';

const FORMAT = 'tscelery worker state';
const BEGINNING = `{"format":"${FORMAT}"`;

export interface StateFileParts {
  readonly revoked: RevokedTasks;
  readonly lamport: LamportClock;
  readonly logger: Logger;
  readonly clock: Clock;
}

export class StateFile {
  readonly #path: string;
  readonly #lock: Pidfile;
  readonly #parts: StateFileParts;
  #writing: Promise<void> | undefined;
  /**
   * The write that begins when the one under way has ended: all who wait share it, since it knows
   * what any of them wants kept.
   */
  #next: Promise<void> | undefined;
  #isLoaded = false;

  constructor(path: string, parts: StateFileParts) {
    this.#path = path;
    this.#lock = new Pidfile(`${path}.lock`);
    this.#parts = parts;
  }

  /** @throws ImproperlyConfigured for a file that cannot be used, is damaged, or another worker's */
  async start(): Promise<void> {
    this.#takeLock();
    const text = await this.#read();
    // an empty one was made to be filled
    if (text) this.#load(text);
    try {
      await this.#replace();
    } catch (error) {
      throw this.#unusable((error as Error).message);
    }
    this.#isLoaded = true;
  }

  async stop(): Promise<void> {
    // one that was never read must not be overwritten
    if (this.#isLoaded) await this.save();
    this.#isLoaded = false;
    this.#lock.release();
  }

  /** Resolves when the file says what is known now, or when the log has told why it does not. */
  save(): Promise<void> {
    if (!this.#writing) {
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
      });
      return this.#writing;
    }
    this.#next ??= this.#writing.then(() => {
      this.#next = undefined;
      return this.save();
    });
    return this.#next;
  }

  async #read(): Promise<string | undefined> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.#unusable((error as Error).message);
    }
  }

  /** Two workers would take from the file what the other has put there. */
  #takeLock(): void {
    try {
      this.#lock.acquire(() => {});
    } catch (error) {
      const reason =
        error instanceof PidfileInUse
          ? `another worker (pid ${error.pid}) uses it; give each a file of its own, for example with %n`
          : (error as Error).message;
      throw this.#unusable(reason);
    }
  }

  #load(text: string): void {
    const state = this.#parsed(text);
    const { lamport, revoked, clock } = this.#parts;
    const passed = Math.max(0, clock.now() - Number(state.saved ?? 0));
    revoked.merge({ ids: aged(state.revoked, passed), stamps: aged(state.stamps, passed) });
    lamport.adjust(state.clock);
  }

  #parsed(text: string): Readonly<Record<string, unknown>> {
    const foreign = 'it is not a state file of tscelery (Python workers have another format)';
    let state: unknown;
    try {
      state = JSON.parse(text);
    } catch (error) {
      if (!text.startsWith(BEGINNING)) throw this.#unusable(foreign);
      const reason = `it is damaged (${(error as Error).message}); remove it to begin anew`;
      throw this.#unusable(reason);
    }
    if (!isPlainRecord(state) || state.format !== FORMAT) throw this.#unusable(foreign);
    return state;
  }

  async #write(): Promise<void> {
    try {
      await this.#replace();
    } catch (error) {
      const text = `The state file ${this.#path} cannot be written: ${(error as Error).message}`;
      this.#parts.logger.error(text);
    }
  }

  async #replace(): Promise<void> {
    const { clock, lamport, revoked } = this.#parts;
    const { ids, stamps } = revoked.record();
    const state = {
      format: FORMAT,
      saved: clock.now(),
      clock: lamport.value,
      revoked: ids,
      stamps,
    };
    const draft = `${this.#path}.new`;
    try {
      const file = await open(draft, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(state));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, this.#path);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => {});
      throw error;
    }
  }

  #unusable(reason: string): ImproperlyConfigured {
    return new ImproperlyConfigured(`worker_state_db: ${this.#path} cannot be used: ${reason}.`);
  }
}

function aged(ages: unknown, passed: number): Record<string, number> {
  if (!isPlainRecord(ages)) return {};
  return Object.fromEntries(
    Object.entries(ages)
      .filter((entry): entry is [string, number] => Number.isFinite(entry[1]))
      .map(([key, age]) => [key, age + passed]),
  );
}
