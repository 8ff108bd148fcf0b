import {
  abortSignal,
  checkArgument,
  checkOptions,
  code,
  flag,
  type Kinds,
  seconds,
  wait,
} from '../../base/option-kinds.ts';
import { REVOKE_TARGET } from '../../control/control-options.ts';
import type { ResultMeta } from '../../wire/results/result-meta.ts';

/** How long a method of a result may ask its backend. */
export interface ResultBounds {
  /** Seconds; default as long as the backend takes. */
  readonly timeout?: number;
  /** Gives up, with the signal's reason, when it aborts. */
  readonly signal?: AbortSignal;
}

export interface GetOptions extends ResultBounds {
  /** Seconds to wait; default for ever. */
  readonly timeout?: number;
  /** Throw the task's error (default). `false` returns the error instead. */
  readonly propagate?: boolean;
  /**
   * Throw the error of a task that this one waits for (`parent`) as soon as that has failed (default);
   * not with `propagate: false`.
   */
  readonly followParents?: boolean;
  /** Throw SyncSubtask when called inside a task. Default false: the worker is told of a long wait. */
  readonly disableSyncSubtasks?: boolean;
  /** Called with each stored state while waiting, also those that are not final. */
  readonly onMessage?: (meta: ResultMeta) => void;
  /** Called every `interval` seconds while waiting; what it throws ends the wait. */
  readonly onInterval?: () => void | Promise<void>;
  /** Seconds, default 0.5. */
  readonly interval?: number;
}

/** Of `get` of several results. */
export interface JoinOptions extends GetOptions {
  /** Called with each value as it comes; nothing is kept then, and `get` gives an empty list. */
  readonly callback?: (id: string, value: unknown) => void;
}

export interface DependencyOptions extends ResultBounds {
  /** Pass by tasks that are not ready instead of throwing IncompleteStream. Default false. */
  readonly intermediate?: boolean;
}

export const BOUNDS: Kinds<ResultBounds> = { timeout: wait, signal: abortSignal };

export const GET: Kinds<GetOptions> = {
  ...BOUNDS,
  propagate: flag,
  followParents: flag,
  disableSyncSubtasks: flag,
  onMessage: code,
  onInterval: code,
  interval: seconds,
};

export const JOIN: Kinds<JoinOptions> = { ...GET, callback: code };

export const DEPENDENCIES: Kinds<DependencyOptions> = { ...BOUNDS, intermediate: flag };

const COLLECT = { ...GET, ...DEPENDENCIES };

const REVOKE_RESULT = { ...REVOKE_TARGET, timeout: wait };

/** @throws TypeError naming the option, the value and the nearest known option */
export function checkGetOptions(options: GetOptions): void {
  checkOptions(options, GET, 'get');
}

export function checkJoinOptions(options: JoinOptions): void {
  checkOptions(options, JOIN, 'get');
}

export function checkDependencyOptions(options: DependencyOptions, method: string): void {
  checkOptions(options, DEPENDENCIES, method);
}

export function checkCollectOptions(options: GetOptions & DependencyOptions): void {
  checkOptions(options, COLLECT, 'collect');
}

export function checkBounds(options: ResultBounds, method: string): void {
  checkOptions(options, BOUNDS, method);
}

export function checkRevokeOptions(options: object): void {
  checkOptions(options, REVOKE_RESULT, 'revoke');
}

export function checkOnReady(callback: unknown, options: ResultBounds): void {
  checkArgument(callback, code, 'The callback of onReady');
  checkBounds(options, 'onReady');
}
