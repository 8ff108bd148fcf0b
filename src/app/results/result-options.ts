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
  /** Called with each stored state while waiting, also those that are not final. */
  readonly onMessage?: (meta: ResultMeta) => void;
  /** Called every `interval` seconds while waiting; what it throws ends the wait. */
  readonly onInterval?: () => void | Promise<void>;
  /** Seconds, default 0.5. */
  readonly interval?: number;
}

export const BOUNDS: Kinds<ResultBounds> = { timeout: wait, signal: abortSignal };

export const GET: Kinds<GetOptions> = {
  ...BOUNDS,
  propagate: flag,
  onMessage: code,
  onInterval: code,
  interval: seconds,
};

const REVOKE_RESULT = { ...REVOKE_TARGET, timeout: wait };

/** @throws TypeError naming the option, the value and the nearest known option */
export function checkGetOptions(options: GetOptions): void {
  checkOptions(options, GET, 'get');
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
