/** A real worker in the test's own process. */

import type { Celery } from '../app/app.ts';
import { INTERNALS } from '../app/app-internals.ts';
import type { AsyncResult } from '../app/results/async-result.ts';
import { TimeoutError } from '../backends/errors.ts';
import type { Logger, LogLevel } from '../base/logger.ts';
import { timerMs } from '../base/time/seconds.ts';
import { queue } from '../messaging/entities.ts';
import { taskRunner } from '../worker/child/child.ts';
import type { Request } from '../worker/request.ts';
import { Worker } from '../worker/worker.ts';
import { FakeClock, milliseconds } from './fake-clock.ts';
import { isFinal, type Recorder, type SentTask, type TaskRun } from './recorder.ts';

export interface TestWorkerOptions {
  /** Consume only these. Default: the app's queues, and any other that something is sent to. */
  readonly queues?: readonly string[];
  /** Node name. Default `celery@test`. */
  readonly hostname?: string;
}

export interface WaitOptions {
  /** Seconds of real time, default 10. */
  readonly timeout?: number;
}

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

export interface TestWorkerHost {
  readonly app: Celery;
  readonly sent: readonly SentTask[];
  readonly runs: readonly TaskRun[];
  readonly broker: {
    readonly names: readonly string[];
    size(queue: string): number;
    isServed(queue: string): boolean;
  };
  clear(): void;
  stop(): Promise<void>;
}

interface TaskOf<R> {
  readonly name: string;
  delay(...args: never[]): Promise<AsyncResult<R>>;
}

interface CallOf<R> {
  readonly id: string;
  get?(): Promise<R>;
}

const DEFAULT_TIMEOUT = 10;
/** Seconds that running tasks are waited for when the worker stops, so that none hangs the test. */
const WARM_SECONDS = 5;
/** Turns of the event loop after which a task that waits for the clock has done what it can. */
const SETTLED_TURNS = 20;
/** Turns that are waited for without a pause; a longer wait must not keep a processor busy. */
const QUICK_TURNS = 200;

export class TestWorker {
  readonly app: Celery;
  readonly #host: TestWorkerHost;
  readonly #recorder: Recorder;
  readonly #options: TestWorkerOptions;
  readonly #worker: Worker;
  readonly #seen = new Set<string>();
  readonly #undo: (() => void)[] = [];
  readonly #lines: LogLine[] = [];
  #stopping: Promise<void> | undefined;
  /** Started together with its test app, it ends that too. @internal */
  ownsApp = false;

  constructor(host: TestWorkerHost, recorder: Recorder, options: TestWorkerOptions) {
    this.app = host.app;
    this.#host = host;
    this.#recorder = recorder;
    this.#options = options;
    const hostname = options.hostname ?? 'celery@test';
    const logger = collector(this.#lines);
    this.#worker = new Worker(this.app, {
      hostname,
      logger,
      // nobody else is in this process, and a clock that moves on by a year would beat for each second of it
      ...{ gossips: false, mingles: false, heartbeatInterval: null },
      ...(options.queues && { queues: options.queues }),
      child: childOf(hostname),
      createRunner: async () =>
        taskRunner(this.app, await this.app[INTERNALS].executionPorts({ hostname, logger })),
    });
  }

  /** Every message that the app sent since the start, or since `clear`. */
  get sent(): readonly SentTask[] {
    return this.#host.sent;
  }

  /** What became of every call, in the order in which they were sent. */
  get runs(): readonly TaskRun[] {
    return this.#host.runs;
  }

  /** What the worker logged. */
  get log(): readonly LogLine[] {
    return this.#lines;
  }

  /** Requests that wait in the worker for their ETA or for their rate limit. */
  get scheduled(): number {
    return [...this.#worker.state.requests].filter(
      ({ state }) => state === 'scheduled' || state === 'limited',
    ).length;
  }

  /** Forget what was sent and delete what waits in the queues. */
  clear(): void {
    this.#host.clear();
  }

  /**
   * Resolves when nothing is queued, due or running: every call made so far has ended, apart
   * from those whose time has not come.
   *
   * @throws TimeoutError saying what is still there
   */
  async drain(options: WaitOptions = {}): Promise<void> {
    await this.#until(() => this.#isIdle(), options);
  }

  /**
   * Move the fake clock on, step by step: after each ETA, retry or `self.sleep` that falls due,
   * the worker does all it can before the clock moves further.
   *
   * @throws TypeError when the app's clock is not a FakeClock
   */
  async advance(seconds: number, options: WaitOptions = {}): Promise<void> {
    const { clock } = this.app;
    if (!(clock instanceof FakeClock)) {
      throw new TypeError(
        'advance needs a fake clock: startTestWorker(app, { clock: new FakeClock() })',
      );
    }
    const target = clock.date().getTime() + milliseconds(seconds);
    do await this.#settled(clock, options);
    while (clock.fireNext(target));
    clock.advance((target - clock.date().getTime()) / 1000);
  }

  /**
   * The next call of a task that has reached a state, as soon as there is one. Each call of
   * `waitFor` gives another run; a run that was there before counts.
   *
   * @param what a task, its name, or a result (then this very call)
   * @param state default: any final one
   * @throws TimeoutError
   */
  waitFor<R = unknown>(
    what: CallOf<R> | TaskOf<R> | string,
    state?: string,
    options?: WaitOptions,
  ): Promise<TaskRun<R>>;
  async waitFor(
    what: CallOf<unknown> | TaskOf<unknown> | string,
    state?: string,
    { timeout = DEFAULT_TIMEOUT }: WaitOptions = {},
  ): Promise<TaskRun> {
    const matches = matcher(what);
    const isThere = (run: TaskRun) =>
      matches(run) &&
      (state === undefined ? isFinal(run.state) : run.states.includes(state)) &&
      !this.#seen.has(`${run.id} ${state ?? ''}`);
    const run = this.#host.runs.find(isThere) ?? (await this.#nextRun(isThere, timeout, state));
    if (typeof what === 'string' || !('id' in what)) this.#seen.add(`${run.id} ${state ?? ''}`);
    return { ...run, states: [...run.states] };
  }

  /** Stop taking messages; running tasks are waited for, unless they wait for the fake clock. */
  async stop(): Promise<void> {
    await this.halt();
    if (this.ownsApp) await this.#host.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal */
  halt(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** @internal */
  async start(): Promise<void> {
    await this.app.importModules();
    await this.#worker.start();
    if (this.#options.queues) return;
    const serve = () => this.#serveAll();
    this.#undo.push(this.app.signals.afterTaskPublish.connect(serve));
    await serve();
  }

  /** Consume from queues that messages wait in, as a test need not declare what it sends to. */
  async #serveAll(): Promise<void> {
    const { broker } = this.#host;
    for (const name of broker.names) {
      if (!broker.isServed(name)) await this.#worker.addQueue(queue(name));
    }
  }

  async #stop(): Promise<void> {
    for (const undo of this.#undo.splice(0)) undo();
    const impatience = setTimeout(
      () => void this.#worker.stop('cold'),
      this.#sleepers().length > 0 ? 0 : WARM_SECONDS * 1000,
    );
    await this.#worker.stop('warm');
    clearTimeout(impatience);
  }

  #isIdle(): boolean {
    const { broker } = this.#host;
    if (this.#recorder.sending > 0) return false;
    const requests = [...this.#worker.state.requests];
    const later = requests.filter(each => this.#isLater(each)).length;
    return (
      later === requests.length &&
      this.#worker.unsettled <= later &&
      this.#worker.queues.every(each => broker.size(each.name) === 0) &&
      broker.names.every(name => !broker.isServed(name) || broker.size(name) === 0)
    );
  }

  #isLater({ state, headers }: Request): boolean {
    const { clock } = this.app;
    if (state === 'scheduled') return (headers.eta ?? 0) > clock.now();
    return state === 'limited' && clock instanceof FakeClock;
  }

  #sleepers(): string[] {
    const { clock } = this.app;
    if (!(clock instanceof FakeClock)) return [];
    return [...this.#worker.state.requests].map(each => each.id).filter(id => clock.holds(id));
  }

  /** Idle, or nothing goes on before the clock does. */
  async #settled(clock: FakeClock, options: WaitOptions): Promise<void> {
    let still = 0;
    let before = '';
    await this.#until(() => {
      if (this.#isIdle()) return true;
      const now = `${this.#sleepers()} ${clock.pending} ${this.#recorder.sent.length}`;
      still = now === before && this.#sleepers().length > 0 ? still + 1 : 0;
      before = now;
      return still >= SETTLED_TURNS;
    }, options);
  }

  /** True in two turns of the event loop in a row, since once may be a moment between two steps. */
  async #until(isTrue: () => boolean, { timeout = DEFAULT_TIMEOUT }: WaitOptions): Promise<void> {
    const deadline = performance.now() + timeout * 1000;
    for (let turn = 0, inARow = 0; ; turn++) {
      inARow = isTrue() ? inARow + 1 : 0;
      if (inARow === 2) return;
      if (performance.now() > deadline) throw this.#stillBusy(timeout);
      await new Promise<void>(resolve => {
        if (turn < QUICK_TURNS || inARow > 0) setImmediate(resolve);
        else setTimeout(resolve, 1);
      });
    }
  }

  #stillBusy(timeout: number): TimeoutError {
    const { broker } = this.#host;
    const requests = [...this.#worker.state.requests].map(each => `${each.label} ${each.state}`);
    const waiting = broker.names
      .filter(name => broker.size(name) > 0)
      .map(name => `${broker.size(name)} message(s) in the queue ${JSON.stringify(name)}`);
    const sleepers = this.#sleepers();
    const hint =
      sleepers.length > 0 ? ` The code of ${sleepers.join(', ')} waits for the fake clock.` : '';
    const left = [...requests, ...waiting].join(', ') || 'a message that is being sent';
    return new TimeoutError(`Not done after ${timeout} s: ${left}.${hint}`);
  }

  #nextRun(
    isThere: (run: TaskRun) => boolean,
    timeout: number,
    state: string | undefined,
  ): Promise<TaskRun> {
    return new Promise((resolve, reject) => {
      const end = this.#recorder.onState(run => {
        if (!isThere(run)) return;
        end();
        clearTimeout(timer);
        resolve(run);
      });
      const timer = setTimeout(() => {
        end();
        const known = this.#host.runs.map(run => `${run.task}[${run.id}] ${run.state}`);
        const wanted = state === undefined ? 'ended' : `reached ${state}`;
        const calls = known.length === 0 ? 'nothing was sent' : known.join(', ');
        reject(new TimeoutError(`No such call ${wanted} within ${timeout} s: ${calls}.`));
      }, timerMs(timeout));
    });
  }
}

function matcher(what: CallOf<unknown> | TaskOf<unknown> | string): (run: TaskRun) => boolean {
  if (typeof what === 'string') return run => run.task === what;
  if ('id' in what) return run => run.id === what.id;
  return run => run.task === what.name;
}

/** Unused: `createRunner` has the app already. */
function childOf(node: string) {
  const log = { level: 'critical', format: 'text', processName: 'MainProcess' } as const;
  return {
    ...{ app: undefined, cwd: process.cwd(), config: undefined, include: [], settings: {} },
    ...{ node, log },
  };
}

function collector(lines: LogLine[]): Logger {
  const log = (level: LogLevel, message: string) => void lines.push({ level, message });
  return {
    isEnabledFor: () => true,
    log,
    debug: message => log('debug', message),
    info: message => log('info', message),
    warning: message => log('warning', message),
    error: message => log('error', message),
    critical: message => log('critical', message),
  };
}
