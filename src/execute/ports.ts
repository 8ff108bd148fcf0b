import type { ResultBackend } from '../backends/contract.ts';
import type { Logger } from '../base/logger.ts';
import type { Clock } from '../base/time/clock.ts';
import type { TimeZone } from '../base/time/time-zone.ts';
import type { SignatureRoute } from '../canvas/signature.ts';
import type { PackingOptions } from '../canvas/stored.ts';
import type { Tracing } from '../tracing/contract.ts';
import type { TaskCall } from '../wire/messages/task-message.ts';
import type { ResultMeta } from '../wire/results/result-meta.ts';
import type { ExecutionSignals, TaskHandlers } from './handlers.ts';
import type { AutoRetry } from './retry-policy.ts';
import type { TaskContext } from './task-context.ts';

/** Gets `(request, error, traceback, ...)`, and the arguments of its signature after that. */
export type Errback = (
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
) => Promise<unknown>;

/** What workflows need of a result store. */
export type WorkflowStore = Pick<ResultBackend, 'chords' | 'storeGroup' | 'fetchGroup'>;

/** What running a task needs from the outside; given by the app to workers and eager calls alike. */
export interface ExecutionPorts {
  /** Keep a result document, or send it to who asked for it (`reply_to`). Resolves when it is safe. */
  store(meta: ResultMeta, replyTo?: string | null): Promise<void>;
  /** What is stored of a task; missing where results cannot be read here. */
  fetch?(taskId: string): Promise<ResultMeta | undefined>;
  /** The worker stops: a store that cannot be reached is not waited for much longer. */
  hurry?(): void;
  /** Counts the parts of chords; undefined where results are not kept for everybody. */
  readonly workflows?: WorkflowStore | undefined;
  /** Undefined: messages carry whatever follows. */
  readonly packing?: PackingOptions | undefined;
  /** Publish a message: a retry, a callback, the next step of a chain. Resolves when the broker has it. */
  publish(call: TaskCall, route: SignatureRoute): Promise<void>;
  /** Send an event in the name of the node; undefined where nobody could hear it. */
  sendEvent?(type: string, fields: Readonly<Record<string, unknown>>): void;
  newId(): string;
  readonly clock: Clock;
  /** In which times are written, and those without offset are read; undefined is UTC. */
  readonly zone?: TimeZone | undefined;
  readonly logger: Logger;
  /**
   * For what tasks log, since workers of one program have logs of their own; undefined: the log of
   * the process.
   */
  readonly taskLog?: Logger | undefined;
  readonly hostname: string;
  /** False when there is no result backend, so that nothing is stored. */
  readonly storesResults: boolean;
  /** `result_extended`. */
  readonly extended: boolean;
  /** Content types that may be decoded. */
  readonly accept: ReadonlySet<string>;
  /** The task of that name when it is an errback that is called here, with the error. */
  errback?(name: string): Errback | undefined;
  /** Undefined while `task_tracing` is off. */
  readonly tracing?: Tracing | undefined;
  /** Undefined when nobody listens to any signal of a run. */
  readonly signals?: ExecutionSignals | undefined;
}

export interface RunnableTask {
  readonly name: string;
  readonly maxRetries: number | null;
  readonly defaultRetryDelay: number;
  readonly ignoreResult: boolean;
  readonly trackStarted: boolean;
  /** Whether its message is acknowledged after the run, and can still be given back until then. */
  readonly acksLate?: boolean;
  readonly storeErrorsEvenIfIgnored: boolean;
  /** Whether a result lists the calls that the task made; undefined is true. */
  readonly trail?: boolean;
  readonly resultReprMaxsize: number;
  /** Module under which Python will know the task's own error classes. */
  readonly excModule: string;
  /** Undefined for a task without handlers. */
  readonly handlers?: TaskHandlers | undefined;
  /** Undefined for a task that only retries when its code says so. */
  readonly autoRetry?: AutoRetry | undefined;
  /** Whether the error is one that the task announced (`throws`): logged without fuss. */
  isExpected(error: Error): boolean;
  invoke(
    context: TaskContext,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
  ): unknown;
}
