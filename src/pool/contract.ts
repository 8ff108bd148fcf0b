/**
 * What a pool has to offer: places where jobs run. A pool knows nothing about tasks,
 * brokers or acks; jobs and replies are opaque to it. All implementations pass
 * `test/contract/pool.contract.ts`.
 */

import type { Service } from '../base/service.ts';
import type { PoolError } from './errors.ts';

/** Structured-clonable, since it may leave the process; the pool does not look into `payload`. */
export interface Job {
  readonly id: number;
  readonly payload: unknown;
  /** About how many bytes `payload` has; a text tells by itself, and nothing else needs to when it is small. */
  readonly size?: number | undefined;
  /** Seconds; 0 or undefined is no limit. */
  readonly softTimeLimit?: number | undefined;
  readonly timeLimit?: number | undefined;
}

/**
 * What the pool reports about a job. For each submitted job exactly one of `onDone` and
 * `onFailed` is called, `onStarted` at most once and before it.
 */
export interface PoolEvents {
  /** The job's code is about to run in process `pid`. One message has the reports of one turn. */
  onStarted(jobId: number, pid: number): void;
  onDone(jobId: number, reply: unknown): void;
  /** The job got no answer: its process died (WorkerLostError), was killed for its hard limit (TimeLimitExceeded) or on request (Terminated). */
  onFailed(jobId: number, error: PoolError): void;
  onSoftTimeout(jobId: number, seconds: number): void;
  /** An event loop that runs jobs does not turn: one of them computes without a pause. */
  onBlocked(blockage: Blockage): void;
  /** The job has done nothing for long but wait for `what`, and keeps its place; undefined: it goes on. */
  onWaits?(jobId: number, what: string | undefined): void;
  /** There is room again after `free` was 0, or more of it than ever before. */
  onRoom(): void;
  onLog(level: 'debug' | 'info' | 'warning' | 'error' | 'critical', message: string): void;
  onLaunch?(slot: number): void;
  /** The pool cannot go on (children that never start, too many restarts). */
  onFatal(error: Error): void;
}

export interface Blockage {
  /** `ForkPoolWorker-2 pid:123`, `MainProcess` */
  readonly where: string;
  readonly seconds: number;
  /** The loop turns again. Inside the worker's own loop nobody can tell before that. */
  readonly isOver: boolean;
  /** One of these did it; which one cannot be seen from outside. */
  readonly jobs: readonly number[];
}

/** For an operator. */
export interface ChildReport {
  /** `ForkPoolWorker-2` */
  readonly name: string;
  readonly pid: number | undefined;
  readonly lines: readonly string[];
}

/** How the children of a pool are: all 0 in a pool that has none. */
export interface PoolVitals {
  /** Those there are to be. */
  readonly wanted: number;
  /** Those of them that have loaded the code and can take jobs. */
  readonly ready: number;
  /** Those that have not answered for long: what runs in them gives their event loop no pause. */
  readonly blocked: number;
  /** Started so far. */
  readonly launched: number;
  /** Of the started, those that died although nobody wanted them to. */
  readonly lost: number;
}

export interface Pool extends Service {
  /** `prefork`, `solo`, … as in the banner. */
  readonly name: string;
  /** Jobs that may run at once: children × slots, or the concurrency of `async`. */
  readonly size: number;
  /** Jobs run in this process and thread: payloads and replies are handed over, not copied. */
  readonly isInProcess: boolean;
  /** How many more jobs `submit` takes now; may exceed the idle places a little to keep children busy. */
  readonly free: number;
  readonly pids: readonly number[];
  /** Take a job. Call only while `free` > 0. Jobs and replies of one turn travel together. */
  submit(job: Job): void;
  /**
   * Kill what runs the job; it ends with `onFailed(Terminated)`. Returns false when the job is not here or nothing
   * can kill it. @throws TypeError for a signal that does not exist; nothing has changed then
   */
  terminate(jobId: number, signal?: NodeJS.Signals): boolean;
  /** Jobs that were submitted but have not started; they are taken back and nothing is called for them. */
  recall(): Promise<number[]>;
  grow(n: number): Promise<void>;
  /** @throws RangeError when too few children are idle */
  shrink(n: number): Promise<void>;
  /**
   * Let `n` children go, the last too: those that are idle now, with `busy` others as well, which end
   * what they run before. Returns how many.
   */
  letGo(n: number, busy?: boolean): number;
  /**
   * Replace the children one by one, so that they load the code anew. The old ones end what
   * they run; no job is lost or run twice. Resolves when the new ones have taken over.
   *
   * @throws PoolFailure when a new child does not get ready, the remaining old ones stay;
   *   RangeError in a pool that has no children
   */
  restart(): Promise<void>;
  /** Everything stops: runners are told, what runs has its time. Idempotent. */
  hurry(): void;
  /** Wait until all running jobs are done, then stop. */
  drain(): Promise<void>;
  /** Stop now: running jobs are killed and nothing is called for them. */
  stop(): Promise<void>;
  /** What each child says of itself, also the stack of one that is blocked. Resolves within a few seconds. */
  reports(): Promise<readonly ChildReport[]>;
  vitals(): PoolVitals;
  /** For `inspect stats`. */
  info(): Record<string, unknown>;
}

/** Runs jobs inside a child (or inside the worker, for `solo`). Loaded by URL in a child. */
export interface JobRunner {
  /** Resolves with the reply. `release` may be called earlier: the place is free for the next job although the reply is not there yet (its result is still being written). */
  run(payload: unknown, control: JobControl): Promise<unknown>;
  /** The pool is about to stop: what follows a job's own code must not take long any more. */
  hurry?(): void;
  /** Called once before the child exits, to close what it has opened. */
  stop(): Promise<void>;
}

export interface JobControl {
  /**
   * Aborts with SoftTimeLimitExceeded when the soft limit passes, since no code can be interrupted.
   */
  readonly signal: AbortSignal;
  /**
   * The job was reported as failed although its code still runs, because nothing can kill it:
   * its reply goes nowhere and nothing of it should be kept. Only inside the worker's process.
   */
  readonly isAbandoned?: boolean;
  release(): void;
  /** Say for what the job has waited for long, idle; undefined when that is over. */
  waits?(what: string | undefined): void;
}

/**
 * What the module at `runnerUrl` exports: `export const createRunner: RunnerFactory`.
 * In the worker's own process slot and index are 0 and the name is `MainProcess`.
 */
export type RunnerFactory = (
  config: unknown,
  child: {
    readonly slot: number;
    readonly index: number;
    readonly name: string;
    /** Start nothing more and exit after what runs; somebody else takes the place. Not in the worker's own process. */
    readonly retire?: ((note: string) => void) | undefined;
  },
) => Promise<JobRunner>;
