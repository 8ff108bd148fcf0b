/**
 * How the tasks that run end when their worker stops: they are waited for, given some time, or
 * killed. A later request can only make it quicker.
 */
import type { Celery } from '../../app/app.ts';
import { deferred } from '../../base/deferred.ts';
import type { Logger } from '../../base/logger.ts';
import { sleep } from '../../base/time/backoff.ts';
import { within } from '../../base/time/within.ts';
import type { ExecutionPorts } from '../../execute/ports.ts';
import { failTask } from '../../execute/run/settle-lost.ts';
import type { Pool } from '../../pool/contract.ts';
import { WorkerLostError } from '../../pool/errors.ts';
import type { Request } from '../request.ts';
import type { Dispatcher } from './dispatcher.ts';
import { Farewell } from './farewell.ts';

/** How a worker is stopped, from patient to not at all. */
export type StopMode = 'warm' | 'cold' | 'now';

/** Seconds for storing that tasks were killed, as the store may be silent. */
const LAST_FAILURES = 5;

export interface RunningTasks {
  readonly pool: Pool;
  readonly dispatcher: Dispatcher;
  readonly execution: ExecutionPorts;
}

export class Stopping {
  readonly #app: Celery;
  readonly #logger: Logger;
  readonly farewell: Farewell;
  #isCold = false;
  readonly #coldRequested = deferred();
  /** The wait of a soft shutdown is over. */
  readonly #now = new AbortController();
  #onKill: (() => void) | undefined;

  constructor(app: Celery, logger: Logger) {
    this.#app = app;
    this.#logger = logger;
    this.farewell = new Farewell(logger, app.clock);
  }

  get how(): 'warm' | 'cold' {
    return this.#isCold ? 'cold' : 'warm';
  }

  /** `onKill` is called when running tasks are about to be killed; that of the last request counts. */
  request(how: StopMode, onKill?: () => void): void {
    if (onKill) this.#onKill = onKill;
    if (how === 'now') this.#now.abort();
    if (how === 'warm' || this.#isCold) return;
    this.#isCold = true;
    this.#coldRequested.resolve();
  }

  /** Resolves when none runs; with a warm stop that may become a cold one meanwhile. */
  async endTasks(running: RunningTasks): Promise<void> {
    if (!this.#isCold) await this.#drain(running);
    if (!this.#isCold) return;
    await this.#soften(running.dispatcher);
    this.#onKill?.();
    await this.#kill(running);
  }

  async #drain({ pool, dispatcher }: RunningTasks): Promise<void> {
    await dispatcher.close();
    pool.hurry();
    const drained = dispatcher.whenIdle().then(() => pool.drain());
    await Promise.race([drained, this.#coldRequested.promise]);
  }

  /** Before a cold shutdown: time in which running tasks may still end. */
  async #soften(dispatcher: Dispatcher): Promise<void> {
    const { conf, clock } = this.#app;
    const seconds = conf.get('worker_soft_shutdown_timeout');
    const waitsIdle = conf.get('worker_enable_soft_shutdown_on_idle');
    await dispatcher.close();
    if (seconds <= 0 || (dispatcher.active === 0 && !waitsIdle)) return;
    this.#logger.warning(`Initiating Soft Shutdown, terminating in ${seconds} seconds`);
    const time = sleep(seconds, clock, this.#now.signal).catch(() => {});
    await (waitsIdle ? time : Promise.race([time, dispatcher.whenIdle()]));
    this.#now.abort();
  }

  async #kill({ pool, dispatcher, execution }: RunningTasks): Promise<void> {
    const { running } = dispatcher;
    await pool.stop();
    const lost = running.filter(request => !request.acksLate && request.state !== 'done');
    const untold = new Set(lost);
    const told = lost.map(async request => {
      await this.#failKilled(request, execution);
      untold.delete(request);
    });
    if (await within(LAST_FAILURES, Promise.all(told), this.#app.clock)) return;
    for (const { id, label } of untold) {
      const text = `${label} was killed, which could not be stored within ${LAST_FAILURES} s.`;
      this.#logger.error(text, { task_id: id });
    }
  }

  /** The message is gone, so its client must hear of it. */
  async #failKilled(request: Request, execution: ExecutionPorts): Promise<void> {
    const error = new WorkerLostError('The worker was stopped before the task ended.', {
      exitCode: null,
      signal: 'SIGKILL',
    });
    this.#logger.error(`Task ${request.label} failed: ${error.message}`);
    await failTask(request.task, request.delivery, execution, error).catch(cause => {
      this.#logger.error(`${request.label}: ${(cause as Error).message}`);
    });
  }
}
