/** Task states and their order, as in `celery.states`. */

export const PENDING = 'PENDING';
export const RECEIVED = 'RECEIVED';
export const STARTED = 'STARTED';
export const SUCCESS = 'SUCCESS';
export const FAILURE = 'FAILURE';
export const REVOKED = 'REVOKED';
export const REJECTED = 'REJECTED';
export const RETRY = 'RETRY';
export const IGNORED = 'IGNORED';

/** Final states. */
export const READY_STATES: ReadonlySet<string> = new Set([SUCCESS, FAILURE, REVOKED]);
export const UNREADY_STATES: ReadonlySet<string> = new Set([
  PENDING,
  RECEIVED,
  STARTED,
  REJECTED,
  RETRY,
]);
/** States whose result is an exception. */
export const EXCEPTION_STATES: ReadonlySet<string> = new Set([RETRY, FAILURE, REVOKED]);
/** States that `get()` throws; it waits on after a RETRY. */
export const PROPAGATE_STATES: ReadonlySet<string> = new Set([FAILURE, REVOKED]);

/** Highest first; null stands for every custom state. */
const PRECEDENCE = [SUCCESS, FAILURE, null, REVOKED, STARTED, RECEIVED, REJECTED, RETRY, PENDING];

/** Position in the order of states; smaller is further along. */
export function precedence(state: string): number {
  const at = PRECEDENCE.indexOf(state);
  return at < 0 ? PRECEDENCE.indexOf(null) : at;
}
