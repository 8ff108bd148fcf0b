/** An app on a broker and a result store in memory, for the time of a test. */

import { randomUUID } from 'node:crypto';
import { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import type { CeleryConfig } from '../app/settings/tables/table.ts';
import type { TaskFunction } from '../app/tasks/definition.ts';
import type { Task } from '../app/tasks/task.ts';
import { forgetMemory } from '../backends/memory.ts';
import type { Clock } from '../base/time/clock.ts';
import { forgetMemoryBroker, type MemoryBroker, memoryBroker } from '../messaging/memory/broker.ts';
import { Recorder, type SentTask, type TaskRun } from './recorder.ts';
import type { TestWorkerOptions } from './test-worker.ts';
import { TestWorker } from './test-worker.ts';

/** Functions by the names of the tasks they become. */
export interface TestTasks<F extends Readonly<Record<string, TaskFunction>>> {
  readonly tasks: F;
}

export type TasksOf<F> = {
  readonly [Name in keyof F]: F[Name] extends (...args: infer A) => infer R
    ? Task<A, Awaited<R>>
    : never;
};

/** Tasks that run at once: enough for tasks that wait for others. */
const CONCURRENCY = 10;

export interface TestAppOptions {
  /**
   * Settings for the time of the test, over all others. Workers have the pool `async` with ten
   * places; `worker_pool: 'solo'` runs one task at a time.
   */
  readonly settings?: CeleryConfig;
  /** A `FakeClock` lets the test decide about time. Default: the app's own. */
  readonly clock?: Clock;
}

/**
 * Put an app on memory: what it sends stays in this process until `stop`, whatever broker and
 * result backend it is configured for. Nothing is run before `startWorker`.
 */
export async function createTestApp(app: Celery, options?: TestAppOptions): Promise<TestApp>;
/** The same with an app of its own, made from functions. */
export async function createTestApp<const F extends Readonly<Record<string, TaskFunction>>>(
  functions: TestTasks<F>,
  options?: TestAppOptions,
): Promise<TestApp<F>>;
export async function createTestApp<F extends Readonly<Record<string, TaskFunction>>>(
  source: Celery | TestTasks<F>,
  options: TestAppOptions = {},
): Promise<TestApp<F>> {
  const app = 'conf' in source ? source : await appOf(source.tasks);
  const testApp = new TestApp<F>(app, options);
  await testApp.start();
  return testApp;
}

async function appOf(functions: Readonly<Record<string, TaskFunction>>): Promise<Celery> {
  const app = new Celery('test');
  await app.configFromObject({}); // no config file of the working directory
  for (const [name, run] of Object.entries(functions)) app.task(name, run);
  return app;
}

export class TestApp<F = Readonly<Record<never, never>>> {
  readonly app: Celery;
  readonly #options: TestAppOptions;
  readonly #name = `test-${randomUUID()}`;
  readonly #undo: (() => void)[] = [];
  readonly #workers = new Set<TestWorker>();
  #recorder!: Recorder;

  constructor(app: Celery, options: TestAppOptions) {
    this.app = app;
    this.#options = options;
  }

  /** The app's tasks by name; typed when the app was made from functions. */
  get tasks(): TasksOf<F> {
    return Object.fromEntries(this.app.tasks) as TasksOf<F>;
  }

  get clock(): Clock {
    return this.app.clock;
  }

  /** Every message sent since the start, or since `clear`: calls, retries, callbacks. */
  get sent(): readonly SentTask[] {
    return this.#recorder.sent;
  }

  /** What became of every call, in the order in which they were sent. */
  get runs(): readonly TaskRun[] {
    return this.#recorder.runs;
  }

  /** Number of messages that wait in a queue; without a name, in all of them. */
  queued(queue?: string): number {
    const names = queue === undefined ? this.broker.names : [queue];
    return names.reduce((sum, name) => sum + this.broker.size(name), 0);
  }

  /** Forget what was sent so far and delete what waits. */
  clear(): void {
    this.#recorder.sent = [];
    for (const name of this.broker.names) this.broker.purge(name);
  }

  /** Run a worker for the app in this process. Resolves when it takes messages. */
  async startWorker(options: TestWorkerOptions = {}): Promise<TestWorker> {
    const worker = new TestWorker(this, this.#recorder, options);
    this.#workers.add(worker);
    try {
      await worker.start();
    } catch (error) {
      await worker.halt();
      throw error;
    }
    return worker;
  }

  /** Stop the workers and give the app its own broker, results, settings and clock back. Idempotent. */
  async stop(): Promise<void> {
    for (const worker of this.#workers) await worker.halt();
    this.#workers.clear();
    this.#recorder?.close();
    await this.app.close();
    for (const undo of this.#undo.splice(0).reverse()) undo();
    forgetMemoryBroker(this.#name);
    forgetMemory(this.#resultUrl);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal */
  get broker(): MemoryBroker {
    return memoryBroker(this.#name);
  }

  /** @internal */
  async start(): Promise<void> {
    const { app } = this;
    await app.load();
    await app.close(); // connections to the real broker
    const url = `memory://${this.#name}`;
    this.#undo.push(
      app.conf.override({
        result_backend: this.#resultUrl,
        broker_transport_options: {},
        result_backend_transport_options: {},
        ...{ worker_pool: 'async', worker_concurrency: CONCURRENCY },
        worker_prefetch_multiplier: 0, // what waits, waits in the worker
        ...this.#options.settings,
        ...{ broker_url: url, broker_read_url: url, broker_write_url: url },
      }),
      () => app[INTERNALS].resetQueues(),
    );
    app[INTERNALS].resetQueues();
    const { clock } = app;
    app.clock = this.#options.clock ?? clock;
    this.#undo.push(() => {
      app.clock = clock;
    });
    this.#recorder = new Recorder(app);
  }

  get #resultUrl(): string {
    return `cache+memory://${this.#name}`;
  }
}
