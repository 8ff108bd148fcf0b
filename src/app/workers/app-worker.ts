/**
 * A worker that a program starts itself. The code that does the work is above the app and is
 * loaded when a worker is started: whoever has it gives it here.
 */

import { deferred } from '../../base/deferred.ts';
import { ImproperlyConfigured } from '../../base/errors.ts';
import { processWide } from '../../base/process/process-wide.ts';
import { systemClock } from '../../base/time/clock.ts';
import { ConnectionClosed } from '../../drivers/errors.ts';
import {
  checkStopOptions,
  checkWorkerOptions,
  type StopOptions,
  type WorkerOptions,
} from './worker-options.ts';

export interface WorkerEngine {
  readonly hostname: string;
  /** Resolves when the worker cannot go on by itself. */
  readonly failed: Promise<Error>;
  start(): Promise<void>;
  /** `now` ends what runs. */
  stop(how: 'warm' | 'now'): Promise<void>;
}

type MakeEngine = (app: object, options: WorkerOptions) => Promise<WorkerEngine>;

let loadMaker: (() => Promise<MakeEngine>) | undefined;

/** Where workers come from, since the app must not import what is above it. */
export function provideWorkers(load: () => Promise<MakeEngine>): void {
  loadMaker = load;
}

const place = processWide('pool-child', () => ({ isChild: false }));

/** This process, or thread, was started by a pool, and must not start a worker of its own. */
export function markPoolChild(): void {
  place.isChild = true;
}

/** What `app.worker` gives. Celery: `app.Worker`. */
export class AppWorker {
  readonly #app: object;
  readonly #options: WorkerOptions;
  readonly #over = deferred();
  #engine: WorkerEngine | undefined;
  #making: Promise<WorkerEngine> | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws TypeError for an option that does not exist */
  constructor(app: object, options: WorkerOptions) {
    checkWorkerOptions(options);
    this.#app = app;
    this.#options = options;
    this.#over.promise.catch(() => {});
  }

  /** Node name; undefined until it is started. */
  get hostname(): string | undefined {
    return this.#engine?.hostname;
  }

  /**
   * Resolves when the worker consumes. No signal handlers are installed, and nothing is printed.
   *
   * @throws whatever keeps it from starting, with nothing left running: ImproperlyConfigured,
   *   OperationalError, PoolError; ConnectionClosed when it is stopped before it is ready
   */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Take nothing new, wait for what runs and give the rest back to the broker. Idempotent; a later
   * call can only make it quicker. Connections of the app itself stay open.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    checkStopOptions(options);
    const { timeout } = options;
    this.#stopping ??= this.#stop();
    const isLimited = timeout != null && Number.isFinite(timeout);
    const hurry = isLimited && systemClock.after(timeout, () => void this.#engine?.stop('now'));
    try {
      await this.#stopping;
    } finally {
      if (hurry) hurry.cancel();
    }
  }

  /** Resolves when the worker has stopped; rejects with the error that ended it. */
  whenStopped(): Promise<void> {
    return this.#over.promise;
  }

  /** `start`, and then until it is stopped. Celery: `Worker.start`. */
  async run(): Promise<void> {
    await this.start();
    await this.whenStopped();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #start(): Promise<void> {
    try {
      this.#assertGoesOn();
      this.#making = this.#make();
      const engine = await this.#making;
      this.#engine = engine;
      this.#assertGoesOn();
      await engine.start();
      this.#assertGoesOn();
      void engine.failed.then(error => this.#fail(engine, error));
    } catch (error) {
      this.#over.reject(error);
      await this.#engine?.stop('now');
      throw error;
    }
  }

  async #make(): Promise<WorkerEngine> {
    if (place.isChild) {
      throw new ImproperlyConfigured(
        'A child of a pool loads the module of the app, and that starts a worker: keep the app and its tasks in a module of their own, and start the worker in another.',
      );
    }
    if (!loadMaker) {
      throw new ImproperlyConfigured(
        'Workers need the app of "tscelery": import Celery from there.',
      );
    }
    return (await loadMaker())(this.#app, this.#options);
  }

  async #stop(): Promise<void> {
    const engine = await this.#making?.catch(() => undefined);
    try {
      await engine?.stop('warm');
      this.#over.resolve();
    } catch (error) {
      this.#over.reject(error);
      throw error;
    }
  }

  async #fail(engine: WorkerEngine, error: Error): Promise<void> {
    if (this.#stopping) return;
    this.#over.reject(error);
    this.#stopping = engine.stop('now');
    await this.#stopping.catch(() => {});
  }

  #assertGoesOn(): void {
    if (this.#stopping) throw new ConnectionClosed('The worker was stopped before it was ready.');
  }
}
