/**
 * What a pool's parent and its children say to each other. Messages of one event-loop
 * turn travel as one array behind a marker, because a task may call `process.send` too.
 *
 * A ticket numbers one sending of a job to a child; tickets only grow and are never
 * used twice, also when a job is sent again.
 */

const MARK = 'tscelery-pool';

export interface ChildInit {
  readonly type: 'init';
  readonly runnerUrl: string;
  readonly runnerConfig: unknown;
  readonly slot: number;
  readonly index: number;
  readonly name: string;
  readonly slots: number;
  readonly ledgerEntries: number;
  readonly maxTasks: number | undefined;
  /** KiB */
  readonly maxMemory: number | undefined;
  /** There is a `STACK_FD`. */
  readonly watchesStack: boolean;
}

/** Jobs with the tickets `first`, `first + 1`, … */
export interface JobsMessage {
  readonly type: 'jobs';
  readonly first: number;
  readonly payloads: unknown[];
  /** A hard limit is in force: answer what is done before starting the next one, it may be the last. */
  careful: boolean;
}

/** A piece of a large payload, which `large-job` is sent after: the bytes from `at` on, `of` in all. */
export interface PartMessage {
  readonly type: 'part';
  readonly at: number;
  readonly of: number;
  readonly bytes: Uint8Array;
}

export type ToChild =
  | ChildInit
  | JobsMessage
  | PartMessage
  /** The parts that have come so far are of no use any more. */
  | { readonly type: 'no-parcel' }
  | { readonly type: 'large-job'; readonly ticket: number; readonly careful: boolean }
  | { readonly type: 'soft-limit'; readonly ticket: number; readonly seconds: number }
  | { readonly type: 'hurry' }
  /** Start nothing more, end what runs, stop the runner and exit 0. */
  | { readonly type: 'finish' }
  /** Say what there is to say and die at once. */
  | { readonly type: 'die' }
  /** With what there is to say of itself, when an operator asked. */
  | { readonly type: 'ping'; readonly wantsReport: boolean };

export interface TurnMessage {
  readonly type: 'turn';
  /** Started and still running; of others `done` says as much. */
  readonly started: readonly number[];
  readonly released: readonly number[];
  readonly done: readonly number[];
  /** Answers to `done`, in the same order. */
  readonly replies: readonly unknown[];
  /** Written into the ledger as started, then found to be taken back: not run. */
  readonly dropped: readonly number[];
}

export type FromChild =
  | { readonly type: 'ready' }
  | { readonly type: 'broken'; readonly message: string; readonly stack: string }
  | TurnMessage
  | { readonly type: 'threw'; readonly ticket: number; readonly error: string }
  | { readonly type: 'waits'; readonly ticket: number; readonly what: string | undefined }
  /** Nothing more will be started here; the child exits after what it runs. */
  | { readonly type: 'leaving'; readonly note: string | undefined }
  | { readonly type: 'log'; readonly level: 'warning' | 'error'; readonly message: string }
  | { readonly type: 'pong'; readonly report: readonly string[] | undefined };

export type Batch<M> = [typeof MARK, ...M[]];

export function openBatch<M>(): Batch<M> {
  return [MARK];
}

export function isBatch<M>(value: unknown): value is Batch<M> {
  return Array.isArray(value) && value[0] === MARK;
}

/** Celery's EX_RECYCLE: the child did its share and wants to be replaced. */
export const EXIT_RECYCLE = 0x9b;
export const EXIT_ORPHANED = 70;
/** The descriptor at which a child finds its ledger (0 to 2 stdio, 3 the channel). */
export const LEDGER_FD = 4;
/** The same of the line on which it is asked for its stack; only when that is wanted. */
export const STACK_FD = 5;
