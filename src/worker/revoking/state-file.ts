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
import type { RevokedTasks } from './revoked-tasks.ts';

const FORMAT = 'tscelery worker state';

export interface StateFileParts {
  readonly revoked: RevokedTasks;
  readonly lamport: LamportClock;
  readonly logger: Logger;
  readonly clock: Clock;
}

export class StateFile {
  readonly #path: string;
  readonly #parts: StateFileParts;
  #writing: Promise<void> | undefined;
  /** The write that begins when the one under way has ended; all who wait share it. */
  #next: Promise<void> | undefined;
  #isLoaded = false;

  constructor(path: string, parts: StateFileParts) {
    this.#path = path;
    this.#parts = parts;
  }

  /** @throws ImproperlyConfigured for a file that cannot be read or is none of ours */
  async start(): Promise<void> {
    const text = await this.#read();
    if (text !== undefined) this.#load(text);
    this.#isLoaded = true;
  }

  async stop(): Promise<void> {
    // one that was never read must not be overwritten
    if (this.#isLoaded) await this.save();
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

  #load(text: string): void {
    let state: unknown;
    try {
      state = JSON.parse(text);
    } catch {}
    if (!isPlainRecord(state) || state.format !== FORMAT) {
      throw this.#unusable(
        'it is not a state file of tscelery (Python workers have another format)',
      );
    }
    const { lamport, revoked, clock } = this.#parts;
    const passed = Math.max(0, clock.now() - Number(state.saved ?? 0));
    revoked.merge({ ids: aged(state.revoked, passed), stamps: aged(state.stamps, passed) });
    lamport.adjust(state.clock);
  }

  async #write(): Promise<void> {
    const { clock, lamport, logger, revoked } = this.#parts;
    const { ids, stamps } = revoked.record();
    const state = {
      format: FORMAT,
      saved: clock.now(),
      clock: lamport.value,
      revoked: ids,
      stamps,
    };
    const draft = `${this.#path}.${process.pid}.new`;
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
      logger.error(`The state file ${this.#path} cannot be written: ${(error as Error).message}`);
      await rm(draft, { force: true }).catch(() => {});
    }
  }

  #unusable(reason: string): ImproperlyConfigured {
    return new ImproperlyConfigured(`worker_state_db: ${this.#path} cannot be used: ${reason}.`);
  }
}

/** Ages as they are now. */
function aged(ages: unknown, passed: number): Record<string, number> {
  if (!isPlainRecord(ages)) return {};
  return Object.fromEntries(
    Object.entries(ages)
      .filter((entry): entry is [string, number] => Number.isFinite(entry[1]))
      .map(([key, age]) => [key, age + passed]),
  );
}
