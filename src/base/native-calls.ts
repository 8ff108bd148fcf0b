/**
 * Keeps a thread from being ended in the middle of a native call. Addons in C++ take the end of
 * their thread for an error that nobody catches, and the whole process aborts.
 *
 * One word in shared memory: whoever ends the thread writes there, too, and each side sees what
 * the other wrote first.
 */

const OUTSIDE = 0;
const INSIDE = 1;
/** The thread makes no further call, and may be ended. */
const ENDED = 2;
/** It is to be ended, as soon as the call has come back. */
const INSIDE_TO_END = 3;
const POLL_MS = 5;

let word: Int32Array | undefined;

/** In the thread, before the first call. */
export function guardNativeCalls(memory: SharedArrayBuffer): void {
  word = new Int32Array(memory);
}

/** Whether this is such a thread: elsewhere nothing needs to be called by `nativeCall`. */
export const hasGuardedCalls = (): boolean => word !== undefined;

export const newGuard = (): SharedArrayBuffer =>
  new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);

/** Calls this, unless the thread is being ended: then it stands still until it is. */
export function nativeCall<T>(call: () => T): T {
  if (word === undefined) return call();
  const before = Atomics.compareExchange(word, 0, OUTSIDE, INSIDE);
  if (before === ENDED) standStill(word);
  try {
    return call();
  } finally {
    // a call within a call leaves it to the outer one
    if (before === OUTSIDE) leave(word);
  }
}

function leave(guard: Int32Array): void {
  if (Atomics.compareExchange(guard, 0, INSIDE, OUTSIDE) === INSIDE) return;
  Atomics.store(guard, 0, ENDED);
  standStill(guard);
}

function standStill(guard: Int32Array): void {
  for (;;) Atomics.wait(guard, 0, ENDED);
}

/** Outside of the thread: calls `end` once it makes no native call and will make none, perhaps at once. */
export function endOutsideNativeCalls(memory: SharedArrayBuffer, end: () => void): void {
  const guard = new Int32Array(memory);
  Atomics.compareExchange(guard, 0, OUTSIDE, ENDED);
  Atomics.compareExchange(guard, 0, INSIDE, INSIDE_TO_END);
  // between the two the call may have come back
  Atomics.compareExchange(guard, 0, OUTSIDE, ENDED);
  if (Atomics.load(guard, 0) === ENDED) {
    end();
    return;
  }
  setTimeout(() => endOutsideNativeCalls(memory, end), POLL_MS);
}
